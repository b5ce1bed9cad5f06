"""Weightings: how similarities of rows to a query become the weights of the rows in an answer."""

import abc
import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from nam_jax._misc import argument_error, as_float, positive_number
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Scalar
from nam_jax.memory._separation import AbstractSeparation, LogSumExp, Power
from nam_jax.memory._similarity import Similarities


class AbstractWeighting(AbstractPrecise):
    """A function that turns similarities into the weights of the rows in the answer.

    If a similarity is NaN, because the query holds NaN, so is the answer: no row counts as chosen.
    """

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
        weights = jnp.zeros_like(similarities).at[chosen].set(1 / self.q)
        return _unless_nan(similarities, weights)

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
        return _unless_nan(similarities, is_largest / jnp.sum(is_largest))

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


def _unless_nan(similarities: Similarities, weights: Similarities) -> Similarities:
    """Returns `weights`, or NaN if a similarity is NaN.

    A choice of the largest numbers does not show NaN: compiled programs may even drop NaN from it.
    """
    return jnp.where(jnp.any(jnp.isnan(similarities)), jnp.nan, weights)
