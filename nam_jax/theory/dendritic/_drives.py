"""Mean-field theory of the dendritic memory: drives, their fluctuations, and fixed points.

Source: Kafraj, Krotov, Bicknell & Latham, "A biologically plausible associative memory network",
appendix, corrected: the feedback of feature neuron j to memory neuron i has the weight A of the
branch on which i reaches j (eq. 4), so that the signal is sqrt(c N2 / D) (E[A^2] - c m^2) g_max and
not a factor D smaller, and I1 and I2 fire at the mean rates of E1 and E2 and not at c times those.
Functions are of one number k of cued neurons; `jax.vmap` takes them over many.
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
    """Mean, standard deviation and skewness over neurons of one kind."""

    mean: Scalar
    sd: Scalar
    skew: Scalar


class Drives(NamedTuple):
    """Where a network with k neurons at one rate, and all others at rmin, finds itself.

    Attributes:
        cued: The drive h of cued memory neurons.
        others: That of all other memory neurons.
        feature: Mean rate of the feature neurons in Hz.
        inhibition: Mean rates of I1 and of I2 in Hz.
        spurious: Mean of (G - g_min) / (g_max - g_min) over branches without a cued neuron.
        active: The same over branches with one.
    """

    cued: Moments
    others: Moments
    feature: Scalar
    inhibition: tuple[Scalar, Scalar]
    spurious: Scalar
    active: Scalar


def drives_at(c: Circuit, thresholds: Thresholds, k: Number, rate: Number, seen: Number) -> Drives:
    """`drives` where I1 sees the cued neurons at another rate, `seen`."""
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
    # Of the k cued neurons one is on the branch of a neuron whose branch is active.
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
    """The moments of (c N2)^-1/2 times a sum of N2 terms with these raw moments, inhibited."""
    c, size = circuit.connectivity, circuit.num_feature
    scale = jnp.sqrt(size / c) / jnp.stack([jnp.ones_like(size), jnp.sqrt(size * c), size * c])
    mean, variance, third = scale * cumulants(raw) + inhibited
    return Moments(mean, jnp.sqrt(variance), third / variance**1.5)


@on_numbers
def drives(circuit: Circuit, thresholds: Thresholds, k: Number, rate: Number) -> Drives:
    """The drives of memory neurons when k of them fire at `rate` and all others at rmin.

    The drive of neuron i is a sum over feature neurons j of independent terms (C A - c m) v_j, C
    the connection and A the weight of the branch of i, the second part due to I2; v_j is itself
    (C A G + R) / sqrt(D) with R from the other branches. Their first three moments are those of
    branches that are driven independently; masks and weights of inhibition add to them.

    Args:
        circuit: The network.
        thresholds: Of branches and memory neurons.
        k: Number of cued neurons.
        rate: Their rate in Hz.

    Raises:
        ValueError: If a number is outside of its range.
    """
    return drives_at(circuit, thresholds, k, rate, rate)


def _signal(circuit: Circuit, saturation: Number) -> Scalar:
    c, m = circuit.connectivity, circuit.dendritic_mean
    square = gamma_moments(circuit.gamma_shape, m)[2]
    scale = jnp.sqrt(c * circuit.num_feature / circuit.num_branches)
    return scale * ((square - c * m**2) * saturation - (1 - c) * m**2 * circuit.resting_output)


@on_numbers
def signal(circuit: Circuit, thresholds: Thresholds) -> Scalar:
    """Delta = sqrt(c N2 / D) ((E[A^2] - c m^2) g_max - (1 - c) m^2 g_min), cued less other.

    Eqs. 18-25, a factor D larger than printed; with saturated and silent branches.
    """
    return _signal(circuit, thresholds.saturation)


def _saturated_rate(c: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    common = jnp.sqrt(c.connectivity * c.num_feature)
    driven = _signal(c, thresholds.saturation) - common * c.rmin - thresholds.memory
    return c.rmin + driven / (1 + k * common / c.num_memory)


@on_numbers
def saturated_rate(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """nu* = rmin + (Delta - sqrt(c N2) rmin - f_t) / (1 + k sqrt(c N2) / N1), explicit.

    The rate of cued neurons in Hz (eqs. 25) if their branches saturate and no other one fires.
    """
    return _saturated_rate(circuit, thresholds, k)


def settled(c: Circuit, thresholds: Thresholds, k: Number) -> tuple[Scalar, Drives]:
    """The rate of k cued neurons in the mean, and the drives there.

    By chords with the slope of saturated branches. That is so nearly exact that each step gains two
    digits or more, and derivatives pass through the steps with the same accuracy.
    """
    slope = 1 + k * jnp.sqrt(c.connectivity * c.num_feature) / c.num_memory

    def chord(rate: Scalar, _: None) -> tuple[Scalar, tuple[Scalar, Drives]]:
        rate = jnp.maximum(rate, c.rmin)
        drives = drives_at(c, thresholds, k, rate, rate)
        excess = rate - c.rmin + thresholds.memory - drives.cued.mean
        return rate - excess / slope, (rate, drives)

    start = _saturated_rate(c, thresholds, k)
    _, found = jax.lax.scan(chord, start, None, length=_CHORDS)
    return jax.tree.map(lambda values: values[-1], found)


@on_numbers
def recalled_rate(circuit: Circuit, thresholds: Thresholds, k: Number) -> Scalar:
    """The rate in Hz of k cued neurons in the mean: the upper root of nu = F(h_cued(nu)).

    At least rmin, but not cut off at rmax, so that designs can be followed through it.
    """
    return settled(circuit, thresholds, k)[0]
