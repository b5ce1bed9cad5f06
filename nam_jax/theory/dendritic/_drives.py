"""Mean-field theory of the dendritic memory: drives, their fluctuations, and fixed points.

Source: Kafraj, Krotov, Bicknell & Latham, "A biologically plausible associative memory network",
appendix, with two corrections. The feedback of feature neuron j to memory neuron i has the weight A
of the branch on which i reaches j (eq. 4); the signal is therefore sqrt(c N2 / D) (E[A^2] - c m^2)
g_max, which is a factor D larger than printed. I1 and I2 fire at the mean rates of E1 and E2, not
at c times these rates. All functions take one number k of cued neurons; use `jax.vmap` for many.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._types import Scalar
from nam_jax.theory.dendritic._circuit import (
    Circuit,
    Number,
    Thresholds,
    on_numbers,
)
from nam_jax.theory.dendritic._law import (
    branch_drive_at,
    branch_outputs,
    first_inhibition,
    inhibition_rate,
)
from nam_jax.theory.dendritic._moments import (
    cumulants,
    feedback_moments,
    gamma_moments,
    inhibition_moments,
    occupancy,
)

_CHORDS = 5


class Moments(NamedTuple):
    """Mean, standard deviation and skewness of a drive over neurons of one kind."""

    mean: Scalar
    sd: Scalar
    skew: Scalar


class Drives(NamedTuple):
    """Drives and rates of a network in which k neurons fire at one rate and all others at rmin.

    Attributes:
        cued: Moments of the drive h of cued memory neurons.
        others: Moments of the drive h of all other memory neurons.
        feature: Mean rate of the feature neurons in Hz.
        inhibition: Mean rates of I1 and of I2 in Hz.
        spurious: Mean of (G - g_min) / (g_max - g_min) over branches without a cued neuron.
        active: Mean of (G - g_min) / (g_max - g_min) over branches with a cued neuron.
    """

    cued: Moments
    others: Moments
    feature: Scalar
    inhibition: tuple[Scalar, Scalar]
    spurious: Scalar
    active: Scalar


def drives_at(c: Circuit, thresholds: Thresholds, k: Number, rate: Number, seen: Number) -> Drives:
    """Returns `drives`, but with I1 driven as if the cued neurons fired at `seen` Hz."""
    p = c.connectivity / c.num_branches
    first = first_inhibition(c, k, seen)
    idle = branch_drive_at(c, k, seen)
    outputs = jax.vmap(lambda own: branch_outputs(c, thresholds, idle, own))
    quiet, with_own, busy = outputs(jnp.stack([jnp.zeros_like(first), c.rmin, rate]))
    shared = -jnp.expm1(k * jnp.log1p(-p))
    output = (1 - shared) * quiet[0] + shared * busy[0]
    feature = c.dendritic_mean * jnp.sqrt(c.num_branches) * output
    second = inhibition_rate(c, feature, c.num_feature_inhibitory)
    inhibited = inhibition_moments(c, feature, first, second)
    # If the branch of a memory neuron is active, one of the k cued neurons is on it, and k - 1 are
    # left for the other branches. If it is not, none of the k is on it, and each of them is on a
    # given other branch with the probability p / (1 - p).
    active = jnp.stack([occupancy(c, k - 1, p), occupancy(c, k, p / (1 - p))])
    cued, apart = jax.vmap(lambda own, active: feedback_moments(c, own, quiet, busy, active))(
        jnp.stack([busy, with_own]), active
    )
    others = (1 - shared) * apart + shared * cued
    span = thresholds.saturation - c.resting_output
    return Drives(
        _standardised(c, cued, inhibited),
        _standardised(c, others, inhibited),
        feature,
        (first, second),
        (quiet[0] - c.resting_output) / span,
        (busy[0] - c.resting_output) / span,
    )


def _standardised(
    circuit: Circuit, raw: Float[Array, "3"], inhibited: Float[Array, "3"]
) -> Moments:
    """Returns the moments of the drive of a memory neuron.

    The drive is (c N2)^-1/2 times a sum of N2 independent terms, plus inhibition.

    Args:
        circuit: The network.
        raw: Raw moments 1 to 3 of a term.
        inhibited: Contribution of inhibition to mean, variance and third central moment.
    """
    c, size = circuit.connectivity, circuit.num_feature
    scale = jnp.sqrt(size / c) / jnp.stack([jnp.ones_like(size), jnp.sqrt(size * c), size * c])
    mean, variance, third = scale * cumulants(raw) + inhibited
    return Moments(mean, jnp.sqrt(variance), third / variance**1.5)


@on_numbers
def drives(circuit: Circuit, thresholds: Thresholds, k: Number, rate: Number) -> Drives:
    """Returns the drives of memory neurons when k of them fire at `rate` and all others at rmin.

    The drive of memory neuron i is a sum over feature neurons j of independent terms
    (C A - c m) v_j. C is 1 if i and j are connected and 0 otherwise, A is the weight of the branch
    on which i reaches j, and -c m v_j is due to I2. The rate of j is v_j = (C A G + R) / sqrt(D),
    where G is the output of that branch and R the weighted output of the other branches. The first
    three moments of the terms assume that branches are driven independently; the random
    connections and weights of I1 and I2 add to them.

    Args:
        circuit: The network.
        thresholds: Thresholds of branches and memory neurons.
        k: Number of cued neurons, at least 1.
        rate: Rate of the cued neurons in Hz.

    Raises:
        ValueError: If a number is outside its range.
    """
    return drives_at(circuit, thresholds, k, rate, rate)


def _signal(circuit: Circuit, saturation: Number) -> Scalar:
    c, m = circuit.connectivity, circuit.dendritic_mean
    square = gamma_moments(circuit.gamma_shape, m)[2]
    scale = jnp.sqrt(c * circuit.num_feature / circuit.num_branches)
    return scale * ((square - c * m**2) * saturation - (1 - c) * m**2 * circuit.resting_output)


@on_numbers
def signal(circuit: Circuit, thresholds: Thresholds) -> Scalar:
    """Returns Delta, the mean drive of a cued neuron minus that of another neuron.

        Delta = sqrt(c N2 / D) ((E[A^2] - c m^2) g_max - (1 - c) m^2 g_min)

    This assumes that each branch is either saturated or silent. Eqs. 18-25, but a factor D larger
    than printed.
    """
    return _signal(circuit, thresholds.saturation)


def _saturated_rate(c: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    common = jnp.sqrt(c.connectivity * c.num_feature)
    driven = _signal(c, thresholds.saturation) - common * c.rmin - thresholds.memory
    return c.rmin + driven / (1 + k * common / c.num_memory)


@on_numbers
def saturated_rate(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """Returns the rate nu* of cued neurons in Hz if their branches saturate and no others fire.

    nu* = rmin + (Delta - sqrt(c N2) rmin - f_t) / (1 + k sqrt(c N2) / N1)      (eqs. 25)
    """
    return _saturated_rate(circuit, thresholds, k)


def settled(c: Circuit, thresholds: Thresholds, k: Number) -> tuple[Scalar, Drives]:
    """Returns the mean rate of k cued neurons in Hz, and the drives at that rate."""
    # The rate nu solves excess(nu) = nu - rmin + f_t - h_cued(nu) = 0. With saturated branches
    # h_cued falls by k sqrt(c N2) / N1 per Hz because I1 follows nu, so the excess is a line with
    # `slope`, and one step from any rate gives the root. Real branches bend the line slightly: each
    # step gains two digits or more, and so do derivatives, which pass through the steps.
    slope = 1 + k * jnp.sqrt(c.connectivity * c.num_feature) / c.num_memory

    def chord(rate: Scalar, _: None) -> tuple[Scalar, tuple[Scalar, Drives]]:
        rate = jnp.maximum(rate, c.rmin)
        drives = drives_at(c, thresholds, k, rate, rate)
        excess = rate - c.rmin + thresholds.memory - drives.cued.mean
        return rate - excess / slope, (rate, drives)

    start = _saturated_rate(c, thresholds, k)
    _, steps = jax.lax.scan(chord, start, None, length=_CHORDS)
    return jax.tree.map(lambda values: values[-1], steps)


@on_numbers
def recalled_rate(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """Returns the mean rate of k cued neurons in Hz: the upper root of nu = F(h_cued(nu)).

    The rate is at least rmin. It may exceed rmax, so that a solver can pass through thresholds with
    such rates.

    Args:
        circuit: The network.
        thresholds: Thresholds of branches and memory neurons.
        k: Number of cued neurons, at least 1.

    Raises:
        ValueError: If a number is outside its range.
    """
    return settled(circuit, thresholds, k)[0]
