"""The law of what a dendritic branch receives, and the law of rates that follows from it.

Source: Kafraj, Krotov, Bicknell & Latham, "A biologically plausible associative memory network",
eqs. 2-7, as `DendriticMemory` reads them. All is smooth in every number, the sizes included, so
that one compiled program serves all circuits, and designs can be differentiated.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfc, gammaln, xlog1py, xlogy
from jaxtyping import Array, Float

from nam_jax._types import Scalar
from nam_jax.theory.dendritic._circuit import (
    Circuit,
    Number,
    Thresholds,
    as_numbers,
)

_EXCITATORY, _INHIBITORY = 32, 24
"""Numbers of inputs to a branch that are summed over."""
_REACH = 6.0
"""Counts run to this many standard deviations beside their mean."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_TINY = 1e-6


class BranchDrive(NamedTuple):
    """The law of the drive of a branch: a mixture of normal laws, one for each pair of counts.

    Given how many E1 and I1 neurons a branch has, its drive is a sum of uniform weights and so
    nearly normal; over counts it is not, because inhibition is bounded: a single normal law of the
    same mean and variance has several times the upper tail.
    """

    weights: Float[Array, "E I"]
    means: Float[Array, "E I"]
    variances: Float[Array, "E I"]

    def mean(self) -> Scalar:
        """The mean drive."""
        return jnp.sum(self.weights * self.means)

    def variance(self) -> Scalar:
        """The variance of the drive over branches."""
        spread = self.variances + (self.means - self.mean()) ** 2
        return jnp.sum(self.weights * spread)

    def survival(self, drive: Number) -> Scalar:
        """The fraction of branches that receive more than `drive`."""
        z = (drive - self.means) / jnp.sqrt(2 * self.variances + _TINY)
        return jnp.sum(self.weights * 0.5 * erfc(z))

    def shifted(self, mean: Number, variance: Number = 0.0) -> "BranchDrive":
        """The law with one more, independent input of this mean and variance."""
        return self._replace(means=self.means + mean, variances=self.variances + variance)

    def ramp_moments(self, threshold: Number, width: Number) -> Float[Array, "3"]:
        """Mean, mean square and mean cube of clip((drive - threshold) / width, 0, 1) over branches.

        E[u^p] is the integral of p u^(p - 1) P(drive > threshold + u width) over u in (0, 1).
        """
        u = 0.5 * (1 + _NODES)
        points = threshold + jnp.asarray(u, self.means.dtype) * width
        above = jax.vmap(self.survival)(points)
        kernel = np.stack([p * u ** (p - 1) for p in (1, 2, 3)]) * 0.5 * _WEIGHTS
        return jnp.asarray(kernel, above.dtype) @ above


def branch_drive(circuit: Circuit, k: Number, rate: Number) -> BranchDrive:
    """The law of the drive of a branch without a cued neuron (eqs. 2b, 6, 7).

    Binomial(N1 - k, c / D) E1 neurons reach it, at rmin, and Binomial(M1, c / D) I1 neurons, whose
    rates differ where connections are sparse.

    Args:
        circuit: The network.
        k: Number of cued neurons, 0 at rest.
        rate: Their rate in Hz.

    Raises:
        ValueError: If a number of the circuit is outside of its range.
    """
    return branch_drive_at(as_numbers(circuit), jnp.asarray(k, float), jnp.asarray(rate, float))


def branch_drive_at(c: Circuit, k: Number, rate: Number) -> BranchDrive:
    """`branch_drive` of checked numbers."""
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
    """Values of a binomial count and their probabilities, on a coarser lattice where it is wide."""
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
    """log of N! / (N - n)!, by Stirling's series where a difference of logs would lose digits."""
    rest = total - n
    large = rest > 20
    few = jnp.where(large, n, 0)
    series = n * jnp.log(total) - (total - few + 0.5) * jnp.log1p(-few / total) - n
    series = series + 1 / (12 * total) - 1 / (12 * (total - few))
    return jnp.where(large, series, gammaln(total + 1) - gammaln(rest + 1))


def inhibition_rate(circuit: Circuit, mean_rate: Number, count: Number) -> Scalar:
    """The rate at which `count` inhibitory neurons settle, just below the mean that drives them."""
    return jnp.asarray(mean_rate / (1 + 1 / (circuit.connectivity * count)))


def first_inhibition(circuit: Circuit, k: Number, rate: Number) -> Scalar:
    """The mean rate of I1 in Hz when k memory neurons fire at `rate` and all others at rmin."""
    mean_rate = circuit.rmin + k * (rate - circuit.rmin) / circuit.num_memory
    return inhibition_rate(circuit, mean_rate, circuit.num_memory_inhibitory)


def branch_outputs(
    circuit: Circuit,
    thresholds: Thresholds,
    idle: BranchDrive,
    rate: Float[Array, ""],
) -> Float[Array, "3"]:
    """E[G], E[G^2], E[G^3] over branches that carry one given E1 neuron at `rate` as well.

    Args:
        circuit: The network.
        thresholds: Of branches.
        idle: The law of their drive without it.
        rate: In Hz; 0 for the branches as they are.
    """
    load = circuit.connectivity * circuit.num_memory / circuit.num_branches
    law = idle.shifted(rate / jnp.sqrt(load), circuit.spread**2 / 3 * rate**2 / load)
    u, low = law.ramp_moments(thresholds.branch, circuit.width), circuit.resting_output
    span = thresholds.saturation - low
    first, second = low + span * u[0], low**2 + 2 * low * span * u[0] + span**2 * u[1]
    third = low**3 + 3 * low**2 * span * u[0] + 3 * low * span**2 * u[1] + span**3 * u[2]
    return jnp.stack([first, second, third])
