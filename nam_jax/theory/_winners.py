"""The law of k winners: the k neurons with the largest fields become active."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nam_jax._precision import full
from nam_jax._types import Scalar
from nam_jax.theory._quadrature import Real, skewed_tail

_PLACES = np.linspace(-5.5, 3.5, 61)
"""Fields of an active neuron, in standard deviations from the mean, that are averaged over."""
_ANGLES = np.pi * (np.arange(48) + 0.5) / 48


class Mixture(NamedTuple):
    """A mixture of nearly Gaussian distributions of a field.

    Attributes:
        mean: Mean of each component.
        spread: Standard deviation of each component.
        skewness: Skewness of each component.
        weights: Probability of each component.
    """

    mean: Float[Array, " C"]
    spread: Float[Array, " C"]
    skewness: Float[Array, " C"]
    weights: Float[Array, " C"]

    def below(self, fields: Float[Array, " P"]) -> Float[Array, " P"]:
        """Returns the probability that a field is below each of the given fields."""
        return skewed_tail(self._deviations(fields), self.skewness[None, :]) @ self.weights

    def density(self, fields: Float[Array, " P"]) -> Float[Array, " P"]:
        """Returns the probability density at each of the given fields."""
        z = self._deviations(fields)
        parts = jax.scipy.stats.norm.pdf(z) * (1 + self.skewness[None, :] * (z**3 - 3 * z) / 6)
        return jnp.maximum(parts, 0) / self.spread[None, :] @ self.weights

    def moments(self) -> tuple[Scalar, Scalar]:
        """Returns mean and standard deviation of the mixture."""
        mean = self.weights @ self.mean
        return mean, jnp.sqrt(self.weights @ ((self.mean - mean) ** 2 + self.spread**2))

    def _deviations(self, fields: Float[Array, " P"]) -> Float[Array, "P C"]:
        return (fields[:, None] - self.mean[None, :]) / self.spread[None, :]


@full
def winners_miss(active: Mixture, silent: Mixture, num_active: Real, num_silent: Real) -> Scalar:
    """Returns the probability that an active neuron is not among the winners.

    There are as many winners as active neurons, and fields are independent. An active neuron of
    field f loses if more silent neurons are above f than active neurons are below it. For example,
    with k winners, two silent neurons above f and one active neuron below it, k neurons are above f
    and the neuron loses. Both numbers are binomial; the probability that the first exceeds the
    second comes from the characteristic function of their difference, which is accurate also if one
    neuron in ten patterns loses.

    Args:
        active: Fields of active neurons.
        silent: Fields of silent neurons.
        num_active: Number of active neurons and of winners; need not be whole.
        num_silent: Number of silent neurons.
    """
    mean, spread = active.moments()
    fields = mean + spread * jnp.asarray(_PLACES, float)
    loses = _more(1 - silent.below(fields), num_silent, active.below(fields), num_active - 1.0)
    density = active.density(fields)
    return jnp.sum(density * loses) / jnp.sum(density)


def _more(
    p: Float[Array, " P"], first: Real, q: Float[Array, " P"], second: Real
) -> Float[Array, " P"]:
    """Returns the probability that a number Bin(first, p) exceeds a number Bin(second, q)."""
    t = jnp.asarray(_ANGLES, float)[None, :]
    lost_p, turn_p = _spin(p[:, None], t)
    lost_q, turn_q = _spin(q[:, None], t)
    size = jnp.exp(first * lost_p + second * lost_q)
    angle = first * turn_p - second * turn_q
    equal = jnp.mean(size * jnp.cos(angle), axis=1)
    sign = jnp.mean(size * jnp.sin(angle) / jnp.tan(t / 2), axis=1)
    # If one number is much larger, the sum over angles is inaccurate, but the answer is certain.
    middle = first * p - second * q
    spread = jnp.sqrt(first * p * (1 - p) + second * q * (1 - q) + 1e-12)
    sure = jnp.abs(middle) > 6 * spread + 2
    return jnp.where(sure, (middle > 0).astype(t.dtype), (1 + sign - equal) / 2)


def _spin(p: Float[Array, "P 1"], t: Float[Array, "1 T"]) -> tuple[Array, Array]:
    """Returns log |1 - p + p exp(it)| and the angle of 1 - p + p exp(it)."""
    lost = 0.5 * jnp.log1p(-jnp.minimum(2 * p * (1 - p) * (1 - jnp.cos(t)), 1 - 1e-6))
    return lost, jnp.arctan2(p * jnp.sin(t), 1 - p + p * jnp.cos(t))
