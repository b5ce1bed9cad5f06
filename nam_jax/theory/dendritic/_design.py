"""Thresholds of a dendritic memory by theory alone, and how many neurons its memories can have."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, is_concrete
from nam_jax._types import Scalar
from nam_jax.theory.dendritic._circuit import (
    Circuit,
    Number,
    Thresholds,
    as_levels,
    as_numbers,
    check_k,
)
from nam_jax.theory.dendritic._drives import settled
from nam_jax.theory.dendritic._law import branch_drive_at
from nam_jax.theory.dendritic._moments import gamma_moments
from nam_jax.theory.dendritic._recall import ignition_margin_at, log_recall_at, recall

_SPURIOUS = 0.15
"""Inactive branches of a feature neuron that fire all the same, on average."""
_SAFETY = 4.8
"""Standard deviations between the drive of other neurons and their threshold."""
_SCALE = Thresholds(1.0, 10.0, 100.0)
"""Sizes of steps."""
_STEPS, _POINTS, _PENALTY = 64, 4, 1.0
IGNITION_MARGIN = 3.5
"""`ignition_margin` from which no neuron is recruited before inhibition rises."""


def design(
    circuit: Circuit,
    *,
    k: Number = 4,
    rate: Number = 60.0,
    margin: Number = IGNITION_MARGIN,
) -> Thresholds:
    """Thresholds by three rules; differentiable, implicitly, in every number, sizes included.

    g_t: 0.15 branches of a feature neuron fire at rest. f_t: 4.8 standard deviations above the mean
    drive of neurons that are not cued while k are, and `margin` of them above that before the cued
    ones fire, whichever is higher. g_max: a memory of one neuron fires at `rate`.
    `refined` improves on them, much so where connections are sparse.

    Args:
        circuit: The network.
        k: Number of cued neurons up to which others must stay quiet.
        rate: Target rate in Hz of a memory of one neuron, between rmin and rmax.
        margin: The least `ignition_margin` at k.

    Raises:
        ValueError: If a number is outside of its range.
    """
    circuit, k, rate = as_numbers(circuit), jnp.asarray(k, float), jnp.asarray(rate, float)
    check_k(k)
    numbers = (rate, circuit.rmin, circuit.rmax)
    if all(map(is_concrete, numbers)) and not circuit.rmin < rate < circuit.rmax:
        requirement = f"be between rmin = {circuit.rmin:g} and rmax = {circuit.rmax:g}"
        raise argument_error("rate", requirement, f"{rate:g}")
    return _design(circuit, k, rate, jnp.asarray(margin, float))


@jax.jit
def _design(circuit: Circuit, k: Scalar, rate: Scalar, margin: Scalar) -> Thresholds:
    fraction = jnp.asarray(_SPURIOUS / circuit.num_branches)
    gt = _resting_quantile(circuit, fraction) - circuit.width / 2

    def at(x: Float[Array, "2"]) -> Thresholds:
        return Thresholds(gt, _SCALE.memory * x[1], _SCALE.saturation * x[0])

    def residual(x: Float[Array, "2"], _: None) -> Float[Array, "2"]:
        counts = jnp.stack([jnp.ones_like(k), k])
        rates, drives = jax.vmap(lambda k: settled(circuit, at(x), k))(counts)
        after = (at(x).memory - drives.others.mean[1]) - _SAFETY * drives.others.sd[1]
        spread = drives.others.sd[1]
        before = (ignition_margin_at(circuit, at(x), k, rates[1]) - margin) * spread
        return jnp.stack([rates[0] - rate, jnp.minimum(after, before)]) / _SCALE.memory

    c, m = circuit.connectivity, circuit.dendritic_mean
    gain = gamma_moments(circuit.gamma_shape, m)[2] - c * m**2
    gain = gain * jnp.sqrt(c * circuit.num_feature / circuit.num_branches)
    common = jnp.sqrt(c * circuit.num_feature) * circuit.rmin
    # Saturated branches, and a threshold halfway between the drive of other neurons and 0.
    start = jnp.stack([(common / 2 + rate) / gain / _SCALE.saturation, -common / 2 / _SCALE.memory])
    tolerance = 1e-8 if start.dtype == jnp.float64 else 1e-5
    newton = optx.Newton(rtol=tolerance, atol=tolerance)
    return at(optx.root_find(residual, newton, start, max_steps=32, throw=False).value)


def _resting_quantile(circuit: Circuit, fraction: Scalar) -> Scalar:
    """The drive that this fraction of branches exceeds when all memory neurons fire at rmin."""
    law = branch_drive_at(circuit, 0, circuit.rmin)
    mean, sd = law.mean(), jnp.sqrt(law.variance())

    def excess(z: Scalar, _: None) -> Scalar:
        return jnp.log(law.survival(mean + z * sd)) - jnp.log(fraction)

    tolerance = 1e-9 if mean.dtype == jnp.float64 else 1e-5
    solver = optx.Bisection(rtol=tolerance, atol=tolerance)
    options = {"lower": jnp.zeros_like(mean), "upper": jnp.full_like(mean, 8)}
    start = jnp.full_like(mean, 3)
    found = optx.root_find(excess, solver, start, options=options, max_steps=64, throw=False)
    return mean + found.value * sd


def refined(
    circuit: Circuit,
    thresholds: Thresholds,
    *,
    k: Number = 4,
    margin: Number = IGNITION_MARGIN,
) -> Thresholds:
    """Thresholds at which memories of 1 .. k neurons are most probably recalled.

    Maximises the sum of the predicted log P over four numbers of neurons from 1 to k by BFGS, from
    given thresholds, as those of `design`. One optimum is nearly as good as another
    along a direction in which g_t and g_max grow together.

    Args:
        circuit: The network.
        thresholds: Where to start.
        k: The largest number of cued neurons.
        margin: `ignition_margin` at k below which thresholds are penalised.

    Raises:
        ValueError: If a number is outside of its range.
    """
    circuit, k = as_numbers(circuit), jnp.asarray(k, float)
    check_k(k)
    return _refined(circuit, as_levels(thresholds), k, jnp.asarray(margin, float))


@jax.jit
def _refined(circuit: Circuit, thresholds: Thresholds, k: Scalar, margin: Scalar) -> Thresholds:
    counts = 1 + (k - 1) * jnp.linspace(0.0, 1.0, _POINTS)

    def at(x: Float[Array, "3"]) -> Thresholds:
        return Thresholds(*(size * x[i] for i, size in enumerate(_SCALE)))

    def loss(x: Float[Array, "3"], _: None) -> Scalar:
        logs = jax.vmap(lambda k: log_recall_at(circuit, at(x), k).total())(counts)
        rate = settled(circuit, at(x), k)[0]
        missing = jnp.maximum(margin - ignition_margin_at(circuit, at(x), k, rate), 0)
        return -jnp.sum(logs) + _PENALTY * missing**2

    start = jnp.stack([value / size for value, size in zip(thresholds, _SCALE, strict=True)])
    solver = optx.BFGS(rtol=1e-3, atol=1e-3)
    return at(optx.minimise(loss, solver, start, max_steps=_STEPS, throw=False).value)


class LargestMemory(NamedTuple):
    """The most neurons of a memory that is recalled, and the thresholds for them."""

    k: int
    thresholds: Thresholds


def largest_k(
    circuit: Circuit, *, level: float = 0.95, margin: Number = IGNITION_MARGIN
) -> LargestMemory:
    """The largest k whose predicted recall is at least `level`, thresholds refined for each k.

    Args:
        circuit: The network.
        level: The least probability of recall.
        margin: As of `refined`.

    Raises:
        ValueError: If a number is outside of its range.
    """
    if not 0 < level < 1:
        raise argument_error("level", "be between 0 and 1", f"{level:g}")
    start = design(circuit, k=1, margin=margin)
    thresholds = refined(circuit, start, k=1, margin=margin)
    best, k = LargestMemory(0, thresholds), 1
    while float(recall(circuit, thresholds, k)) >= level:
        best, k = LargestMemory(k, thresholds), k + 1
        thresholds = refined(circuit, thresholds, k=k, margin=margin)
    return best
