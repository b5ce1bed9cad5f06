"""Recall by a dendritic memory: its probability, the fold at which a neuron is lost, the capacity.

Recall fails because the fixed inputs of neurons fluctuate around their mean; `drives` gives the
moments of these inputs. Recall starts from the features of a memory, with inhibition at its steady
state.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float
from scipy.special import betaln

from nam_jax._misc import argument_error
from nam_jax._types import Scalar
from nam_jax.theory.dendritic._circuit import (
    Circuit,
    Number,
    Thresholds,
    on_numbers,
)
from nam_jax.theory.dendritic._drives import Drives, drives_at, settled
from nam_jax.theory.dendritic._law import branch_drive_at, branch_outputs, inhibition_rate
from nam_jax.theory.dendritic._moments import gamma_moments

_ZOOMS, _GRID = 4, 8


class Fold(NamedTuple):
    """The point at which one cued neuron falls silent while the others keep firing.

    Attributes:
        offset: The neuron keeps firing if its drive minus the mean drive exceeds this number. It is
            negative if a neuron with the mean drive keeps firing.
        rate: Rate of the neuron at this point in Hz, the lowest rate that is stable.
    """

    offset: Scalar
    rate: Scalar


class Recall(NamedTuple):
    """Logarithms of the probabilities that make up strict recall of k neurons.

    Attributes:
        kept: No cued neuron falls silent.
        unsaturated: No cued neuron is within 1 Hz of rmax.
        quiet: No other neuron is more than 1 Hz above rmin.
    """

    kept: Scalar
    unsaturated: Scalar
    quiet: Scalar

    def total(self) -> Scalar:
        """Returns the logarithm of the probability of strict recall."""
        return self.kept + self.unsaturated + self.quiet


@on_numbers
def fold(circuit: Circuit, thresholds: Thresholds, k: Number) -> Fold:
    """Returns the fold at which one cued neuron falls silent while the k - 1 others keep firing.

    If d is added to the drive of the neuron, its rate nu solves d = nu - rmin + f_t - h_cued(nu).
    The upper solution exists if d is at least the minimum of the right side over nu, the fold.
    """
    return _fold(circuit, thresholds, k, *settled(circuit, thresholds, k))


def _fold(
    c: Circuit,
    thresholds: Thresholds,
    k: Number,
    rate: Scalar,
    drives: Drives,
) -> Fold:
    # `needed(nu)` is the offset d at which the rate is nu. Its minimum is looked for on 8 rates
    # from rmin to rmax, then on 8 rates one step around the lowest of them, and so on. From 1 to
    # 100 Hz the steps are 14.1, 4.0, 1.2 and 0.3 Hz.
    idle = branch_drive_at(c, k, rate)
    square = gamma_moments(c.gamma_shape, c.dendritic_mean)[2]
    gain = jnp.sqrt(c.connectivity * c.num_feature / c.num_branches)
    gain = gain * (square - c.connectivity * c.dendritic_mean**2)
    common = jnp.sqrt(c.connectivity * c.num_feature) / c.num_memory
    common = inhibition_rate(c, common, c.num_memory_inhibitory)
    output = jax.vmap(lambda own: branch_outputs(c, thresholds, idle, own)[0])
    at_rate = c.resting_output + (thresholds.saturation - c.resting_output) * drives.active

    def needed(own: Float[Array, " R"]) -> Float[Array, " R"]:
        change = gain * (output(own) - at_rate) - common * (own - rate)
        return own - c.rmin + thresholds.memory - drives.cued.mean - change

    def zoom(ends: tuple[Scalar, Scalar], _: None) -> tuple[tuple[Scalar, Scalar], Scalar]:
        low, high = ends
        grid = low + (high - low) * jnp.linspace(0.0, 1.0, _GRID)
        step = (high - low) / (_GRID - 1)
        at = grid[jnp.argmin(needed(grid))]
        return (at - step, at + step), at

    _, lowest = jax.lax.scan(zoom, (jnp.asarray(c.rmin), jnp.asarray(c.rmax)), None, length=_ZOOMS)
    # At a minimum the derivative with respect to its place vanishes.
    edge = jax.lax.stop_gradient(lowest[-1:])
    return Fold(needed(edge)[0], edge[0])


def log_recall_at(c: Circuit, thresholds: Thresholds, k: Number) -> Recall:
    """Returns `log_recall` of numbers that are already checked."""
    rate, drives = settled(c, thresholds, k)
    fold = _fold(c, thresholds, k, rate, drives).offset
    cued, others = drives.cued, drives.others
    gap = (thresholds.memory + 1 - others.mean) / others.sd
    return Recall(
        k * _log_below(-fold / cued.sd, -cued.skew),
        k * _log_below((c.rmax - 1 - rate) / cued.sd, cued.skew),
        (c.num_memory - k) * _log_below(gap, others.skew),
    )


def _log_below(z: Scalar, skew: Scalar) -> Scalar:
    """Returns log P(Z < z) of a Pearson-III variable Z of mean 0 and variance 1.

    The cube-root transformation of Wilson and Hilferty turns Z into a nearly normal variable.
    """
    cube = jnp.maximum(1 + skew * z / 2, 1e-3)
    small = jnp.abs(skew) < 1e-3
    safe = jnp.where(small, 1.0, skew)
    normal = 6 / safe * (jnp.cbrt(cube) - 1) + safe / 6
    return log_ndtr(jnp.where(small, z, normal))


@on_numbers
def log_recall(circuit: Circuit, thresholds: Thresholds, k: Number) -> Recall:
    """Returns the logarithm of the probability that a memory of k neurons is recalled, in parts.

        P(k) = [1 - F_c(fold)]^k F_c(rmax - 1 - nu*)^k F_n(f_t + 1 - h_n)^(N1 - k)

    The drive of each neuron has a fixed offset. F_c and F_n are the distribution functions of the
    offsets of cued neurons and of other neurons: Pearson-III, with the moments of `drives`. nu* is
    the mean rate of cued neurons, h_n the mean drive of other neurons. P is a mean over networks;
    networks differ much from each other if P is far from 0 and 1.
    """
    return log_recall_at(circuit, thresholds, k)


@on_numbers
def recall(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """Returns the probability that a memory of k neurons is recalled.

    Recall is strict: no cued neuron falls silent or comes within 1 Hz of rmax, and no other neuron
    fires more than 1 Hz above rmin. `log_recall` gives the equation.

    Args:
        circuit: The network.
        thresholds: Thresholds of branches and memory neurons.
        k: Number of neurons of the memory, at least 1.

    Raises:
        ValueError: If a number is outside its range.
    """
    return jnp.exp(log_recall_at(circuit, thresholds, k).total())


def ignition_margin_at(c: Circuit, thresholds: Thresholds, k: Number, rate: Scalar) -> Scalar:
    """Returns `ignition_margin` of checked numbers; `rate` is the rate of cued neurons in Hz."""
    others = drives_at(c, thresholds, k, rate, c.rmin).others
    return (thresholds.memory - others.mean) / others.sd


@on_numbers
def ignition_margin(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """Returns (f_t - h_n) / s_n at the start of recall, before the cued neurons fire.

    h_n and s_n are mean and standard deviation of the drive of neurons that are not cued, while E2
    shows the features of the memory and E1 and I1 are still at rmin. These neurons are inhibited
    less than later, so that some may be recruited on the way even if the fixed point is stable.
    `recall` describes the fixed point and does not count them. From a margin of 3.5 on, recall
    reaches the prediction of `recall`. If E1 has few neurons, inhibition may come too late already
    at a margin of 2 to 3.
    """
    rate = settled(circuit, thresholds, k)[0]
    return ignition_margin_at(circuit, thresholds, k, rate)


def log_capacity(num_memory: int, recalled: Sequence[float] | np.ndarray) -> float:
    """Returns the natural logarithm of the number of memories of up to K neurons that are recalled.

    The number is sum_k beta_k binom(N1, k). Every set of k memory neurons is an attractor of the
    same fixed connections, whether wanted or not. The number therefore counts combinations of N1
    stored vectors, not memories that can be stored independently. A part of a set is not completed
    to the set, because the part is a memory too.

    Args:
        num_memory: N1, number of memory neurons.
        recalled: beta_k, the measured fraction of sets of k neurons that are recalled, k = 1 .. K.

    Returns:
        The logarithm; minus infinity if nothing is recalled.

    Raises:
        ValueError: If a fraction is outside [0, 1], or there are no fractions or more than N1.
    """
    beta = np.asarray(recalled, float)
    if beta.ndim != 1 or not 1 <= beta.size <= num_memory:
        requirement = f"be a list of 1 to {num_memory} fractions"
        raise argument_error("recalled", requirement, f"shape {beta.shape}")
    if not ((beta >= 0) & (beta <= 1)).all():
        raise argument_error("recalled", "lie in [0, 1]", f"{beta.min():g} to {beta.max():g}")
    k = np.arange(1, beta.size + 1)
    # binom(N, k) = 1 / ((N + 1) B(N - k + 1, k + 1)). The sum is divided by the largest binomial
    # coefficient to avoid overflow; log(0) = -inf is the right result if nothing is recalled.
    subsets = -betaln(num_memory - k + 1, k + 1) - np.log(num_memory + 1)
    largest = subsets.max()
    with np.errstate(divide="ignore"):
        return float(largest + np.log(beta @ np.exp(subsets - largest)))
