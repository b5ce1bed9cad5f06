"""Similarities of a query to stored rows, and the weights that they become."""

import abc
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
"""One number for each stored row."""


class AbstractSimilarity(eqx.Module):
    """How like a query is to each row of a memory; larger is more alike.

    With `visible`, entries of the query that are NaN are not seen: they count neither in the query
    nor in the memory. That is not the same as filling them with zeros.

    Attributes:
        visible: Whether to look at entries of the query that are not NaN only.
        linear: Whether it is memory @ query, as far as the query is seen.
    """

    visible: eqx.AbstractVar[bool]
    linear: ClassVar[bool]

    @abc.abstractmethod
    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        """One number for each row of `memory`, (K, N), finite where the query is (or `visible`)."""


class Dot(AbstractSimilarity):
    """memory . query."""

    linear: ClassVar[bool] = True
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        return memory @ _seen(query, self.visible)[0]


class Cosine(AbstractSimilarity):
    """The cosine of the angle to each row; 0 to a row of zeros.

    By the norm of each row, and not of the whole memory, with which it is a dot product.
    """

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        query, seen = _seen(query, self.visible)
        size = jnp.sqrt(_squares(memory, seen) * jnp.sum(query**2))
        return _over(memory @ query, size)


class Pearson(AbstractSimilarity):
    """The correlation with each row; 0 to a row that does not vary."""

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(self, memory: Patterns, query: Pattern) -> Similarities:
        query, seen = _seen(query, self.visible)
        count = query.shape[0] if seen is None else jnp.maximum(jnp.sum(seen), 1)
        centred = query - jnp.sum(query) / count
        centred = centred if seen is None else centred * seen
        sums = jnp.sum(memory, axis=1) if seen is None else memory @ seen
        # Rows need no centring in the product with a centred query; their variance does.
        variance = jnp.maximum(_squares(memory, seen) - sums**2 / count, 0)
        return _over(memory @ centred, jnp.sqrt(variance * jnp.sum(centred**2)))


class Euclidean(AbstractSimilarity):
    """Minus the squared distance to each row: 0 at a match, where its reciprocal is infinite."""

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
        # What is not seen is 0 in both; one sum and no product, so that a batch holds no gaps.
        memory = memory if seen is None else memory * seen[None, :]
        return -jnp.sum(jnp.abs(memory - query[None, :]), axis=1)


class AbstractWeighting(eqx.Module):
    """What weight each row has in the answer, from all similarities."""

    @abc.abstractmethod
    def __call__(self, similarities: Similarities) -> Similarities:
        """The weights, (K,)."""

    @property
    @abc.abstractmethod
    def potential(self) -> Callable[[Similarities], Scalar] | None:
        """The convex function of all similarities whose gradient the weights are; None if none is.

        Where it has a kink, the weights are one of its subgradients.
        """


class Identity(AbstractWeighting):
    """The similarities themselves."""

    def __call__(self, similarities: Similarities) -> Similarities:
        return similarities

    @property
    def potential(self) -> Callable[[Similarities], Scalar]:
        return Power(2)


class Polynomial(AbstractWeighting):
    """Similarities to a whole power, such as Minerva 2's 3.

    Attributes:
        power: At least 1.
    """

    power: int = eqx.field(default=3, static=True)

    def __check_init__(self):
        if self.power < 1:
            raise argument_error("power", "be at least 1", self.power)

    def __call__(self, similarities: Similarities) -> Similarities:
        return similarities**self.power

    @property
    def potential(self) -> Callable[[Similarities], Scalar] | None:
        """The next power, which is convex where it is even."""
        return Power(self.power + 1) if self.power % 2 else None


class Threshold(AbstractWeighting):
    """Similarities from a threshold on, 0 below.

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
        """None, as the weights fall at a threshold below 0."""
        return None


class TopQ(AbstractWeighting):
    """The same weight for the q most similar rows.

    Attributes:
        q: At least 1 and at most K.
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
        """The mean of the q largest."""
        return lambda similarities: jnp.mean(jax.lax.top_k(similarities, self.q)[0])


class Softmax(AbstractWeighting):
    """exp(beta similarity) over its sum. One beta does not suit all similarities: cosines span 2.

    Attributes:
        beta: Steepness, above 0.
    """

    beta: Scalar

    def __init__(self, beta: float | Scalar = 1.0):
        self.beta = positive_number("beta", beta)

    def __call__(self, similarities: Similarities) -> Similarities:
        return jax.nn.softmax(self.beta.astype(similarities.dtype) * similarities)

    @property
    def potential(self) -> Callable[[Similarities], Scalar]:
        return LogSumExp(self.beta)


class Max(AbstractWeighting):
    """The most similar row alone; rows as similar as it share the weight, none by its place."""

    def __call__(self, similarities: Similarities) -> Similarities:
        most = (similarities == jnp.max(similarities)).astype(similarities.dtype)
        return most / jnp.sum(most)

    @property
    def potential(self) -> Callable[[Similarities], Scalar]:
        return jnp.max


class Slope(AbstractWeighting):
    """F'(similarities) up to a positive factor: a dense memory's force, as a weighting.

    For dot products of rows and queries of length 1, as its overlaps then have no unit.

    Attributes:
        separation: F.
    """

    separation: AbstractSeparation

    def __call__(self, similarities: Similarities) -> Similarities:
        return self.separation.scaled_slope(similarities, 1.0)

    @property
    def potential(self) -> None:
        """None, as the factor of the weights depends on the similarities."""
        return None


class Normalised(AbstractWeighting):
    """Another weighting of similarities scaled to [0, 1]; the weights sum to 1.

    Then one power, threshold or beta means much the same for every similarity, also for distances,
    whose even powers would otherwise prefer the rows farthest away; and answers are averages of
    rows. The most similar row has the similarity 1, the least similar 0.

    Attributes:
        weighting: One that gives the most similar row a positive weight.
    """

    weighting: AbstractWeighting

    def __call__(self, similarities: Similarities) -> Similarities:
        weights = self.weighting(unit_range(similarities))
        return weights / jnp.sum(weights)

    @property
    def potential(self) -> None:
        """None, as the scale of the weights depends on the similarities."""
        return None


def unit_range(similarities: Similarities) -> Similarities:
    """Similarities moved and scaled to [0, 1]; 1 for all rows if they are all alike."""
    least, most = jnp.min(similarities), jnp.max(similarities)
    spread = jnp.where(most == least, 1, most - least)
    return jnp.where(most == least, 1, (similarities - least) / spread)


def _seen(query: Pattern, visible: bool) -> tuple[Pattern, Pattern | None]:
    """The query with zeros for what is not seen, and 1 where it is seen; None for everywhere."""
    if not visible:
        return query, None
    hidden = jnp.isnan(query)
    return jnp.where(hidden, 0, query), 1 - hidden.astype(query.dtype)


def _squares(memory: Patterns, seen: Pattern | None) -> Similarities:
    return jnp.sum(memory**2, axis=1) if seen is None else memory**2 @ seen


def _over(products: Similarities, sizes: Similarities) -> Similarities:
    # Written so that NaN stays NaN.
    return jnp.where(sizes == 0, 0, products / jnp.where(sizes == 0, 1, sizes))
