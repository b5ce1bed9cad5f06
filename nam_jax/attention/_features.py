"""Feature maps phi of queries and keys; the overlap of x and y is phi(x) . phi(y)."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, check_key, is_concrete
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key


class AbstractFeatureMap(AbstractPrecise):
    """Features of one query or key, whose overlaps weigh values and, as sums, divide answers.

    Sums are above 0 if all features are. Otherwise a sum can be 0 or below; attention then answers
    NaN, because the answer is no mean of values.
    """

    @abc.abstractmethod
    def __call__(self, x: Float[Array, " D"]) -> Float[Array, " F"]:
        """Returns phi(x).

        Args:
            x: A query or key of D numbers.
        """

    @abc.abstractmethod
    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change."""


class FeatureMap(AbstractFeatureMap):
    """Positive features phi(x) = elu(A x + b) + 1.

    As in Katharopoulos et al., arXiv 2006.16236, but A and b are trained.

    Attributes:
        linear: A, shape (F, D), and b, shape (F,).
    """

    linear: eqx.nn.Linear

    def __init__(self, size: int, num_features: int, *, key: Key):
        """Draws random A and b.

        Args:
            size: D, numbers in a key or query.
            num_features: F.
            key: Random key.

        Raises:
            ValueError: If a number is below 1, or `key` is no random key.
        """
        _check_sizes(size, num_features)
        check_key(key)
        self.linear = eqx.nn.Linear(size, num_features, key=key)

    def __call__(self, x: Float[Array, " D"]) -> Float[Array, " F"]:
        return jax.nn.elu(self.linear(x)) + 1

    def trained(self) -> list[Any]:
        """Returns a list with the feature map."""
        return [self]


class RandomFeatures(AbstractFeatureMap):
    """Positive random features, whose overlap is exp(q . k / sqrt(D)) on average over draws.

        phi(x) = exp(W z - |z|^2 / 2) / sqrt(F),   z = x D^(-1/4)

    Linear attention with them is softmax attention with an error that falls as 1 / sqrt(F). The
    error grows fast with the length of queries and keys: at a standard deviation of 1 a number,
    1024 features are too few for D = 16. In float32 the product of two features overflows only if
    |W z| exceeds 44. Source: Choromanski et al., Rethinking attention with Performers, arXiv
    2009.14794, Lemma 1; with `mirrored` the hyperbolic features exp(+-w . z) there.

    Attributes:
        directions: W, (F, D). Its numbers are not trained.
    """

    directions: Float[Array, "F D"]

    def __init__(
        self,
        size: int,
        num_features: int,
        *,
        orthogonal: bool = False,
        mirrored: bool = False,
        key: Key,
    ):
        """Draws W, whose rows are normal vectors.

        Args:
            size: D, numbers in a key or query.
            num_features: F.
            orthogonal: Whether each D rows in turn are orthogonal; their lengths stay those of
                normal vectors. They are drawn by NumPy, so that `key` must not be traced.
            mirrored: Whether the second half of the rows is the first half times -1, so that F / 2
                rows are drawn.
            key: Random key.

        Raises:
            ValueError: If a number is below 1, F is odd although `mirrored` is True, or `key` is no
                random key, or is traced although `orthogonal` is True.
        """
        _check_sizes(size, num_features)
        if mirrored:
            _check_even(num_features)
        drawn = _directions(key, (num_features // (1 + mirrored), size), orthogonal)
        self.directions = jnp.concatenate([drawn, -drawn]) if mirrored else drawn

    def __call__(self, x: Float[Array, " D"]) -> Float[Array, " F"]:
        z, overlaps = _overlaps(self.directions, x)
        return jnp.exp(overlaps - z @ z / 2) * len(self.directions) ** -0.5

    def trained(self) -> list[Any]:
        """Returns an empty list: nothing is trained."""
        return []


class TrigonometricFeatures(AbstractFeatureMap):
    """Random features of either sign, whose overlap is exp(q . k / sqrt(D)) on average over draws.

        phi(x) = exp(|z|^2 / 2) (cos(W z), sin(W z)) / sqrt(F / 2),   z = x D^(-1/4)

    They come nearer to softmax attention than [`nam_jax.attention.RandomFeatures`][] do while
    queries and keys are short. The sum of overlaps that divides an answer need not be above 0;
    attention then answers NaN. The longer queries and keys are, the more often that happens.
    Source: Rahimi & Recht, NeurIPS 2007; Choromanski et al., arXiv 2009.14794, equation 4.

    Attributes:
        directions: W, (F / 2, D). Its numbers are not trained.
    """

    directions: Float[Array, "G D"]

    def __init__(self, size: int, num_features: int, *, orthogonal: bool = False, key: Key):
        """Draws W, whose rows are normal vectors.

        Args:
            size: D, numbers in a key or query.
            num_features: F, an even number.
            orthogonal: As for [`nam_jax.attention.RandomFeatures`][].
            key: Random key.

        Raises:
            ValueError: If a number is below 1, F is odd, or `key` is no random key, or is traced
                although `orthogonal` is True.
        """
        _check_sizes(size, num_features)
        _check_even(num_features)
        self.directions = _directions(key, (num_features // 2, size), orthogonal)

    def __call__(self, x: Float[Array, " D"]) -> Float[Array, " F"]:
        z, overlaps = _overlaps(self.directions, x)
        waves = jnp.concatenate([jnp.cos(overlaps), jnp.sin(overlaps)])
        return jnp.exp(z @ z / 2) * waves * len(self.directions) ** -0.5

    def trained(self) -> list[Any]:
        """Returns an empty list: nothing is trained."""
        return []


def _overlaps(
    directions: Float[Array, "G D"], x: Float[Array, " D"]
) -> tuple[Float[Array, " D"], Float[Array, " G"]]:
    """Returns z = x D^(-1/4) and W z."""
    z = x * directions.shape[1] ** -0.25
    return z, jax.lax.stop_gradient(directions).astype(x.dtype) @ z


def _directions(key: Key, shape: tuple[int, int], orthogonal: bool) -> Float[Array, "G D"]:
    """Returns random rows; see `RandomFeatures`."""
    check_key(key)
    if orthogonal and not is_concrete(jr.key_data(key)):
        raise argument_error("orthogonal", "be False inside `jax.vmap` and `jax.jit`", True)
    return _orthogonal(key, shape) if orthogonal else jr.normal(key, shape)


def _orthogonal(key: Key, shape: tuple[int, int]) -> Float[Array, "F D"]:
    """Returns normal rows, of which each D in turn are orthogonal."""
    # For example, F = 5 and D = 2 need 3 blocks of 2 rows, of which the last loses one row. A row
    # of a random orthogonal matrix points anywhere; it gets the length of another normal vector.
    # JAX's own QR is very slow for many small matrices on CPUs.
    count, size = shape
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    blocks = [np.linalg.qr(random.normal(size=(size, size)))[0].T for _ in range(-(-count // size))]
    lengths = np.linalg.norm(random.normal(size=shape), axis=1, keepdims=True)
    return jnp.asarray(np.concatenate(blocks)[:count] * lengths, jnp.result_type(float))


def _check_sizes(size: int, num_features: int) -> None:
    """Raises a `ValueError` if a number is below 1."""
    for name, value in (("size", size), ("num_features", num_features)):
        if value < 1:
            raise argument_error(name, "be at least 1", value)


def _check_even(num_features: int) -> None:
    """Raises a `ValueError` if the features cannot stand in pairs."""
    if num_features % 2:
        raise argument_error("num_features", "be even, as features stand in pairs", num_features)
