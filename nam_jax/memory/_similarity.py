"""Similarities of a query to stored rows, and weightings that turn similarities into weights."""

import abc
import math
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, positive_number
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.memory._separation import AbstractSeparation, LogSumExp, Power

Similarities = Float[Array, " K"]
"""One number for each stored row, (K,)."""


class AbstractSimilarity(eqx.Module):
    """A function that says how similar a query is to each row of a memory; larger is more similar.

    If `visible` is True, entries where the query is NaN are hidden: they are left out of the query
    and of all rows. For distances and norms this differs from filling them with zeros.

    Attributes:
        visible: If True, entries where the query is NaN are left out. If False, a query with NaN
            gives similarities that are NaN.
        linear: Whether the similarity is memory @ query, over the entries that are not hidden.
    """

    visible: eqx.AbstractVar[bool]
    linear: ClassVar[bool]

    @abc.abstractmethod
    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        """Returns one similarity for each row, (K,).

        Args:
            memory: (K, N) finite numbers.
            query: (N,), finite; NaN marks hidden entries if `visible` is True.
        """


class Dot(AbstractSimilarity):
    """The dot product with each row."""

    linear: ClassVar[bool] = True
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        return memory @ _seen(query, self.visible)[0]


class Cosine(AbstractSimilarity):
    """The cosine of the angle between the query and each row; 0 for a row of zeros.

    Each row is divided by its own norm. Division by the norm of the whole memory would give a
    multiple of the dot product.
    """

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        query, seen = _seen(query, self.visible)
        size = jnp.sqrt(_squares(memory, seen) * jnp.sum(query**2))
        return _over(memory @ query, size)


class Pearson(AbstractSimilarity):
    """The correlation coefficient of the query with each row; 0 for a constant row."""

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        query, seen = _seen(query, self.visible)
        count = query.shape[0] if seen is None else jnp.maximum(jnp.sum(seen), 1)
        centred = query - jnp.sum(query) / count
        centred = centred if seen is None else centred * seen
        sums = jnp.sum(memory, axis=1) if seen is None else memory @ seen
        # The query is centred, so the means of rows drop out of the product, but not of variances.
        variance = jnp.maximum(_squares(memory, seen) - sums**2 / count, 0)
        return _over(memory @ centred, jnp.sqrt(variance * jnp.sum(centred**2)))


class Euclidean(AbstractSimilarity):
    """Minus the squared distance to each row; 0 for a row that equals the query.

    The reciprocal of the distance, another usual similarity, would be infinite there.
    """

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        query, seen = _seen(query, self.visible)
        return 2 * memory @ query - _squares(memory, seen) - jnp.sum(query**2)


class Manhattan(AbstractSimilarity):
    """Minus the sum of absolute differences to each row."""

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        query, seen = _seen(query, self.visible)
        # Hidden entries become 0 in the query and in the memory. The plain sum over entries needs
        # no array of differences; |memory - query| @ seen would need one for each query of a batch.
        memory = memory if seen is None else memory * seen[None, :]
        return -jnp.sum(jnp.abs(memory - query[None, :]), axis=1)


class AbstractWeighting(eqx.Module):
    """A function that turns similarities into the weights of the rows in the answer."""

    @abc.abstractmethod
    def __call__(self, similarities: Similarities) -> Similarities:
        """Returns the weights, (K,), for similarities (K,)."""

    @property
    @abc.abstractmethod
    def potential(self) -> Callable[[Similarities], Scalar] | None:
        """A convex function of the similarities whose gradient is the weights; None if none exists.

        At a kink of this function the weights are one of its subgradients.
        """


class Identity(AbstractWeighting):
    """Weights equal to the similarities."""

    def __call__(self, similarities: Similarities) -> Similarities:
        return similarities

    @property
    def potential(self) -> Callable[[Similarities], Scalar]:
        return Power(2)


class Polynomial(AbstractWeighting):
    """Weights similarity^power; the power of the model Minerva 2 is 3.

    Attributes:
        power: Whole number of at least 1.
    """

    power: int = eqx.field(default=3, static=True)

    def __check_init__(self):
        if self.power < 1:
            raise argument_error("power", "be at least 1", self.power)

    def __call__(self, similarities: Similarities) -> Similarities:
        return similarities**self.power

    @property
    def potential(self) -> Callable[[Similarities], Scalar] | None:
        """The sum of z^(power + 1) / (power + 1) if `power` is odd; None if it is even."""
        return Power(self.power + 1) if self.power % 2 else None


class Threshold(AbstractWeighting):
    """Weights equal to the similarities that reach a threshold, and 0 for the others.

    Attributes:
        value: The threshold.
    """

    value: Scalar

    def __init__(self, value: float | Scalar):
        self.value = as_float(value)

    def __call__(self, similarities: Similarities) -> Similarities:
        below = similarities < self.value.astype(similarities.dtype)
        return jnp.where(below, 0, similarities)

    @property
    def potential(self) -> None:
        """None: a weight drops where a similarity passes a threshold below 0."""
        return None


class TopQ(AbstractWeighting):
    """Weights 1 / q for the q most similar rows and 0 for the others.

    Attributes:
        q: Number of rows, at least 1 and at most K.
    """

    q: int = eqx.field(static=True)

    def __check_init__(self):
        if self.q < 1:
            raise argument_error("q", "be at least 1", self.q)

    def __call__(self, similarities: Similarities) -> Similarities:
        if self.q > similarities.shape[0]:
            raise argument_error("q", f"be at most K = {similarities.shape[0]}", self.q)
        _, chosen = jax.lax.top_k(similarities, self.q)
        return jnp.zeros_like(similarities).at[chosen].set(1 / self.q)

    @property
    def potential(self) -> Callable[[Similarities], Scalar]:
        """The mean of the q largest similarities."""
        return lambda similarities: jnp.mean(jax.lax.top_k(similarities, self.q)[0])


class Softmax(AbstractWeighting):
    """Weights exp(beta similarity), divided by their sum.

    A good beta depends on the similarity: cosines lie in [-1, 1], distances grow with N.

    Attributes:
        beta: Steepness, above 0.
    """

    beta: Scalar

    def __init__(self, beta: float | Scalar = 1.0):
        self.beta = positive_number("beta", beta)

    def __call__(self, similarities: Similarities) -> Similarities:
        return LogSumExp(self.beta).slope(similarities)

    @property
    def potential(self) -> Callable[[Similarities], Scalar]:
        return LogSumExp(self.beta)


class Max(AbstractWeighting):
    """Weight 1 for the most similar row; rows that are equally similar share it equally."""

    def __call__(self, similarities: Similarities) -> Similarities:
        is_largest = (similarities == jnp.max(similarities)).astype(similarities.dtype)
        return is_largest / jnp.sum(is_largest)

    @property
    def potential(self) -> Callable[[Similarities], Scalar]:
        return jnp.max


class Slope(AbstractWeighting):
    """Weights F'(similarity) times a positive number: the force of a dense memory as a weighting.

    The positive number depends on the size of the similarities, so that no steep F vanishes.

    Attributes:
        separation: F, a separation function.
    """

    separation: AbstractSeparation

    def __call__(self, similarities: Similarities) -> Similarities:
        return self.separation.scaled_slope(similarities, math.inf)

    @property
    def potential(self) -> None:
        """None: the positive number depends on the similarities."""
        return None


class Normalised(AbstractWeighting):
    """Another weighting, applied to similarities scaled to [0, 1]; its weights are scaled to sum 1.

    The most similar row gets the similarity 1 and the least similar row 0. A power, threshold or
    beta then means much the same for every similarity. Without it, an even power of minus a
    distance would prefer the rows that are farthest away.

    Attributes:
        weighting: A weighting that gives the most similar row a positive weight.
    """

    weighting: AbstractWeighting

    def __call__(self, similarities: Similarities) -> Similarities:
        weights = self.weighting(unit_range(similarities))
        return weights / jnp.sum(weights)

    @property
    def potential(self) -> None:
        """None: the scale of the weights depends on the similarities."""
        return None


def unit_range(similarities: Similarities) -> Similarities:
    """Returns similarities shifted and scaled to [0, 1]; all 1 if all of them are equal."""
    least, most = jnp.min(similarities), jnp.max(similarities)
    spread = jnp.where(most == least, 1, most - least)
    return jnp.where(most == least, 1, (similarities - least) / spread)


def _seen(query: Pattern, visible: bool) -> tuple[Pattern, Pattern | None]:
    """Returns the query with hidden entries set to 0, and a mask: 0 if hidden, 1 otherwise.

    For example, (2, NaN) gives (2, 0) and (1, 0). Entries that are NaN are hidden if `visible` is
    True. If it is False, the result is the unchanged query, and None in place of the mask.
    """
    if not visible:
        return query, None
    hidden = jnp.isnan(query)
    return jnp.where(hidden, 0, query), 1 - hidden.astype(query.dtype)


def _squares(memory: Patterns, seen: Pattern | None) -> Similarities:
    """Returns the squared norm of each row over the entries that are not hidden, (K,)."""
    return jnp.sum(memory**2, axis=1) if seen is None else memory**2 @ seen


def _over(products: Similarities, sizes: Similarities) -> Similarities:
    """Returns products / sizes, and 0 where a size is 0; a size that is NaN gives NaN."""
    return jnp.where(sizes == 0, 0, products / jnp.where(sizes == 0, 1, sizes))
