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
from nam_jax._types import Key


class AbstractFeatureMap(eqx.Module):
    """Features of one query or key, all above 0, so that sums of overlaps can divide."""

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
    2009.14794.

    Attributes:
        directions: W, (F, D). Its numbers are not trained.
    """

    directions: Float[Array, "F D"]

    def __init__(self, size: int, num_features: int, *, orthogonal: bool = False, key: Key):
        """Draws W, whose rows are normal vectors.

        Args:
            size: D, numbers in a key or query.
            num_features: F.
            orthogonal: Whether each D rows in turn are orthogonal; their lengths stay those of
                normal vectors. They are drawn by NumPy, so that `key` must not be traced.
            key: Random key.

        Raises:
            ValueError: If a number is below 1, or `key` is no random key, or is traced although
                `orthogonal` is True.
        """
        _check_sizes(size, num_features)
        check_key(key)
        if orthogonal and not is_concrete(jr.key_data(key)):
            raise argument_error("orthogonal", "be False inside `jax.vmap` and `jax.jit`", True)
        draw = _orthogonal if orthogonal else jr.normal
        self.directions = draw(key, (num_features, size))

    def __call__(self, x: Float[Array, " D"]) -> Float[Array, " F"]:
        directions = jax.lax.stop_gradient(self.directions).astype(x.dtype)
        features, size = directions.shape
        z = x * size**-0.25
        return jnp.exp(directions @ z - z @ z / 2) * features**-0.5

    def trained(self) -> list[Any]:
        """Returns an empty list: nothing is trained."""
        return []


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
