"""The distribution of the drive of a dendritic branch, and the moments of its output.

Source: Kafraj, Krotov, Bicknell & Latham, "A biologically plausible associative memory network",
eqs. 2-7, as `DendriticMemory` implements them. The functions are smooth in all numbers, sizes
included: one compiled program serves all circuits, and thresholds can be differentiated.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfc, gammaln, xlog1py, xlogy
from jaxtyping import Array, Float

from nam_jax._precision import full
from nam_jax._types import Scalar
from nam_jax.theory.dendritic._circuit import (
    Circuit,
    Number,
    Thresholds,
    as_numbers,
)

_EXCITATORY, _INHIBITORY = 32, 24
"""How many values of each input count, from E1 and from I1, are summed over."""
_REACH = 6.0
"""Standard deviations around the mean within which counts are summed over."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_TINY = 1e-6


class BranchDrive(NamedTuple):
    """The distribution of the drive of a branch: a mixture of normal distributions.

    The mixture has one part for each pair of counts (number of E1 neurons, number of I1 neurons) on
    the branch. At given counts, the drive is a sum of uniform weights and nearly normal. The
    mixture is not normal, because inhibition is bounded: one normal distribution of the same mean
    and variance has several times the upper tail.

    Attributes:
        weights: Probability of each pair of counts.
        means: Mean drive at these counts.
        variances: Variance of the drive at these counts.
    """

    weights: Float[Array, "E I"]
    means: Float[Array, "E I"]
    variances: Float[Array, "E I"]

    def mean(self) -> Scalar:
        """Returns the mean drive."""
        return jnp.sum(self.weights * self.means)

    def variance(self) -> Scalar:
        """Returns the variance of the drive over branches."""
        spread = self.variances + (self.means - self.mean()) ** 2
        return jnp.sum(self.weights * spread)

    def survival(self, drive: Number) -> Scalar:
        """Returns the fraction of branches whose drive exceeds `drive`."""
        z = (drive - self.means) / jnp.sqrt(2 * self.variances + _TINY)
        return jnp.sum(self.weights * 0.5 * erfc(z))

    def shifted(self, mean: Number, variance: Number = 0.0) -> "BranchDrive":
        """Returns the distribution with an added independent input of this mean and variance."""
        return self._replace(means=self.means + mean, variances=self.variances + variance)

    @full
    def ramp_moments(self, threshold: Number, width: Number) -> Float[Array, "3"]:
        """Returns the raw moments 1 to 3 of u = clip((drive - threshold) / width, 0, 1).

        E[u^p] is the integral of p s^(p - 1) P(drive > threshold + s width) over s in (0, 1).
        """
        u = 0.5 * (1 + _NODES)
        points = threshold + jnp.asarray(u, self.means.dtype) * width
        above = jax.vmap(self.survival)(points)
        kernel = np.stack([p * u ** (p - 1) for p in (1, 2, 3)]) * 0.5 * _WEIGHTS
        return jnp.asarray(kernel, above.dtype) @ above


def branch_drive(circuit: Circuit, k: Number, rate: Number) -> BranchDrive:
    """Returns the distribution of the drive of a branch without a cued neuron (eqs. 2b, 6, 7).

    The branch is reached by Binomial(N1 - k, c / D) E1 neurons, which fire at rmin, and by
    Binomial(M1, c / D) I1 neurons, whose rates differ if connections are sparse.

    Args:
        circuit: The network.
        k: Number of cued neurons, 0 at rest.
        rate: Rate of the cued neurons in Hz.

    Raises:
        ValueError: If a number of the circuit is outside its range.
    """
    return branch_drive_at(as_numbers(circuit), jnp.asarray(k, float), jnp.asarray(rate, float))


def branch_drive_at(c: Circuit, k: Number, rate: Number) -> BranchDrive:
    """Returns `branch_drive` of numbers that are already checked."""
    probability = jnp.asarray(c.connectivity / c.num_branches)
    load = c.num_memory * probability
    n, excitatory = _counts(jnp.asarray(c.num_memory - k), probability, _EXCITATORY)
    i, inhibitory = _counts(jnp.asarray(c.num_memory_inhibitory), probability, _INHIBITORY)
    inhibition = first_inhibition(c, k, rate)
    squares = (c.num_memory - k) * c.rmin**2 + k * rate**2
    weight = c.spread**2 / 3
    varied = ((1 + weight) / c.connectivity - 1) * squares / c.num_memory**2 / inhibition**2
    up = c.rmin / jnp.sqrt(load)
    down = inhibition * c.num_memory / (c.num_memory_inhibitory * jnp.sqrt(load))
    n, i = n[:, None], i[None, :]
    return BranchDrive(
        excitatory[:, None] * inhibitory[None, :],
        up * n - down * i,
        weight * up**2 * n + ((1 + weight) * (1 + varied) - 1) * down**2 * i,
    )


def _counts(
    total: Scalar, probability: Scalar, points: int
) -> tuple[Float[Array, " E"], Float[Array, " E"]]:
    """Returns `points` values of a Binomial(total, probability) count, and their probabilities."""
    # Of 1000 neurons with probability 1/500, the mean is 2 and counts 0, 1, 2, ... are taken. With
    # probability 1/2 the mean is 500 and the standard deviation 15.8; counts within 6 standard
    # deviations are 405 to 595, too many for 32 points, so every 7th is taken: 405, 412, 419, ...
    # The probabilities are divided by their sum. Counts above `total` get the probability 0.
    mean = total * probability
    reach = _REACH * jnp.sqrt(mean * (1 - probability))
    low = jnp.floor(jnp.maximum(mean - reach, 0))
    stride = jnp.ceil(jnp.maximum((mean + reach + 1 - low) / (points - 1), 1))
    count = low + stride * jnp.arange(points, dtype=mean.dtype)
    inside = count <= total
    n = jnp.where(inside, count, mean)
    logs = _log_falling(total, n) - gammaln(n + 1)
    logs = logs + xlogy(n, probability) + xlog1py(total - n, -probability)
    weights = jnp.where(inside, jnp.exp(logs), 0)
    return count, weights / jnp.sum(weights)


def _log_falling(total: Scalar, n: Float[Array, " E"]) -> Float[Array, " E"]:
    """Returns log(N! / (N - n)!), where N is `total`."""
    # A difference of two large log-factorials loses digits; Stirling's series, with N! and (N - n)!
    # combined by hand, does not. It is used for N - n > 20.
    rest = total - n
    large = rest > 20
    few = jnp.where(large, n, 0)
    series = n * jnp.log(total) - (total - few + 0.5) * jnp.log1p(-few / total) - n
    series = series + 1 / (12 * total) - 1 / (12 * (total - few))
    return jnp.where(large, series, gammaln(total + 1) - gammaln(rest + 1))


def inhibition_rate(circuit: Circuit, mean_rate: Number, count: Number) -> Scalar:
    """Returns the mean rate of `count` inhibitory neurons in Hz.

    It is slightly below `mean_rate`, the mean rate of the neurons that drive them, because
    inhibitory neurons also inhibit each other.
    """
    return jnp.asarray(mean_rate / (1 + 1 / (circuit.connectivity * count)))


def first_inhibition(circuit: Circuit, k: Number, rate: Number) -> Scalar:
    """Returns the mean rate of I1 in Hz if k memory neurons fire at `rate`, the others at rmin."""
    mean_rate = circuit.rmin + k * (rate - circuit.rmin) / circuit.num_memory
    return inhibition_rate(circuit, mean_rate, circuit.num_memory_inhibitory)


def branch_outputs(
    circuit: Circuit,
    thresholds: Thresholds,
    idle: BranchDrive,
    rate: Float[Array, ""],
) -> Float[Array, "3"]:
    """Returns E[G], E[G^2], E[G^3] over branches that receive one added E1 neuron.

    Args:
        circuit: The network.
        thresholds: Thresholds of branches.
        idle: Distribution of the drive without the added neuron.
        rate: Rate of the added neuron in Hz; 0 if no neuron is added.
    """
    load = circuit.connectivity * circuit.num_memory / circuit.num_branches
    law = idle.shifted(rate / jnp.sqrt(load), circuit.spread**2 / 3 * rate**2 / load)
    u, low = law.ramp_moments(thresholds.branch, circuit.width), circuit.resting_output
    span = thresholds.saturation - low
    first, second = low + span * u[0], low**2 + 2 * low * span * u[0] + span**2 * u[1]
    third = low**3 + 3 * low**2 * span * u[0] + 3 * low * span**2 * u[1] + span**3 * u[2]
    return jnp.stack([first, second, third])
