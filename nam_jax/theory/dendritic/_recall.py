"""Recall by a dendritic memory: where a neuron is lost, how probable that is, and the capacity.

It fails by fluctuations, not in the mean: of every neuron's fixed input, for which see
`drives`. Recall starts from the features of a memory, inhibition at its steady state.
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
    """Where a single cued neuron falls silent while the others stay.

    Attributes:
        offset: The fixed input that it must exceed to stay up; below 0 where the mean one is up.
        rate: Its rate in Hz there, the lowest that is stable.
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
        """The logarithm of the probability of strict recall."""
        return self.kept + self.unsaturated + self.quiet


@on_numbers
def fold(circuit: Circuit, thresholds: Thresholds, k: Number) -> Fold:
    """Where a single cued neuron falls silent while the k - 1 others stay.

    With an offset d of its drive, its rate solves d = nu - rmin + f_t - h_cued(nu); the upper
    solution exists from the minimum over nu on, a fold.
    """
    return _fold(circuit, thresholds, k, *settled(circuit, thresholds, k))


def _fold(
    c: Circuit,
    thresholds: Thresholds,
    k: Number,
    rate: Scalar,
    drives: Drives,
) -> Fold:
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

    _, found = jax.lax.scan(zoom, (jnp.asarray(c.rmin), jnp.asarray(c.rmax)), None, length=_ZOOMS)
    # At a minimum the derivative with respect to where it lies vanishes.
    edge = jax.lax.stop_gradient(found[-1:])
    return Fold(needed(edge)[0], edge[0])


def log_recall_at(c: Circuit, thresholds: Thresholds, k: Number) -> Recall:
    """`log_recall` of checked numbers."""
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
    """log P(Z < z) of a standardised Pearson-III law, by Wilson and Hilferty's cube root."""
    cube = jnp.maximum(1 + skew * z / 2, 1e-3)
    small = jnp.abs(skew) < 1e-3
    safe = jnp.where(small, 1.0, skew)
    normal = 6 / safe * (jnp.cbrt(cube) - 1) + safe / 6
    return log_ndtr(jnp.where(small, z, normal))


@on_numbers
def log_recall(circuit: Circuit, thresholds: Thresholds, k: Number) -> Recall:
    """The logarithm of the probability that a memory of k neurons is recalled, in its three parts.

    P(k) = [1 - F_c(fold)]^k F_c(rmax - 1 - nu*)^k F_n(f_t + 1 - h_n)^(N1 - k): every neuron has a
    fixed offset of its drive, of a Pearson-III law with the moments of `drives`. This is
    the mean over networks; they differ much where it is far from 0 and 1.
    """
    return log_recall_at(circuit, thresholds, k)


@on_numbers
def recall(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """The probability that a memory of k neurons is recalled; see `log_recall`."""
    return jnp.exp(log_recall_at(circuit, thresholds, k).total())


def ignition_margin_at(c: Circuit, thresholds: Thresholds, k: Number, rate: Scalar) -> Scalar:
    """`ignition_margin` of checked numbers, where cued neurons settle at `rate`."""
    others = drives_at(c, thresholds, k, rate, c.rmin).others
    return (thresholds.memory - others.mean) / others.sd


@on_numbers
def ignition_margin(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """(f_t - h_n) / s_n before the cued neurons fire: E2 at the features, E1 and I1 still at rmin.

    Other neurons are less inhibited then than later, so that some may be recruited on the way
    though the fixed point is sound. It is not in `recall`, which is that of the fixed
    point; from 3.5 on it is met, and where neurons of E1 are few inhibition may come too late
    already at 2 to 3.
    """
    rate = settled(circuit, thresholds, k)[0]
    return ignition_margin_at(circuit, thresholds, k, rate)


def log_capacity(num_memory: int, recalled: Sequence[float] | np.ndarray) -> float:
    """Natural logarithm of sum_k beta_k binom(N1, k), the memories of up to K neurons recalled.

    Any k-subset of E1 is an attractor of the same fixed connections, whether wanted or not, so this
    counts combinations of N1 stored vectors and not memories that can be stored independently; nor
    is a part of a set completed, being a memory of its own.

    Args:
        num_memory: N1.
        recalled: beta_k, the measured fraction of k-subsets recalled, for k = 1 .. K.

    Returns:
        The logarithm; minus infinity if nothing is recalled.

    Raises:
        ValueError: If a fraction is outside [0, 1], or there are more than N1 or none.
    """
    beta = np.asarray(recalled, float)
    if beta.ndim != 1 or not 1 <= beta.size <= num_memory:
        requirement = f"be a list of 1 to {num_memory} fractions"
        raise argument_error("recalled", requirement, f"shape {beta.shape}")
    if not ((beta >= 0) & (beta <= 1)).all():
        raise argument_error("recalled", "lie in [0, 1]", f"{beta.min():g} to {beta.max():g}")
    k = np.arange(1, beta.size + 1)
    # binom(N, k) = 1 / ((N + 1) B(N - k + 1, k + 1)); where nothing is recalled it is -inf.
    subsets = -betaln(num_memory - k + 1, k + 1) - np.log(num_memory + 1)
    largest = subsets.max()
    with np.errstate(divide="ignore"):
        return float(largest + np.log(beta @ np.exp(subsets - largest)))
