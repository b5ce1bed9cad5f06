"""Thresholds of a dendritic memory and the largest size of its memories, by theory alone."""

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
"""Mean number of branches of a feature neuron that exceed g_t while all neurons are at rest."""
_SAFETY = 4.8
"""Standard deviations by which f_t exceeds the mean drive of neurons that are not cued."""
_SCALE = Thresholds(1.0, 10.0, 100.0)
"""Typical sizes of the thresholds; the solvers see thresholds divided by these."""
_STEPS, _POINTS, _PENALTY = 64, 4, 1.0
IGNITION_MARGIN = 3.5
"""From this `ignition_margin` on, no neuron is recruited before inhibition rises."""


def design(
    circuit: Circuit,
    *,
    k: Number = 4,
    rate: Number = 60.0,
    margin: Number = IGNITION_MARGIN,
) -> Thresholds:
    """Returns thresholds by three rules.

    g_t: on average 0.15 branches of a feature neuron exceed it while all neurons are at rest.
    f_t: with k cued neurons, it is at least 4.8 standard deviations above the mean drive of the
    other neurons at the fixed point, and at least `margin` standard deviations above their mean
    drive before the cued neurons fire. The higher of the two values is taken.
    g_max: a memory of one neuron fires at `rate`.

    Derivatives with respect to all numbers, sizes included, come from the implicit function
    theorem. `refined` improves the thresholds, most of all if connections are sparse.

    Args:
        circuit: The network.
        k: Number of cued neurons up to which other neurons must stay quiet.
        rate: Target rate in Hz of a memory of one neuron, between rmin and rmax.
        margin: Smallest allowed `ignition_margin` at k, in standard deviations.

    Raises:
        ValueError: If a number is outside its range.
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
    # The rules are solved in two steps. g_t depends only on the drive at rest: with D = 500
    # branches it is the drive, minus half a width, that 0.15 / 500 of the branches exceed. Newton's
    # method then solves for (g_max, f_t) together: one residual is the rate of a memory of one
    # neuron minus its target, the other is the smaller of the two distances of f_t from its bounds.
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
    # Start as if branches were saturated, with f_t halfway between the drive of neurons that are
    # not cued, -common, and 0.
    start = jnp.stack([(common / 2 + rate) / gain / _SCALE.saturation, -common / 2 / _SCALE.memory])
    tolerance = 1e-8 if start.dtype == jnp.float64 else 1e-5
    newton = optx.Newton(rtol=tolerance, atol=tolerance)
    return at(optx.root_find(residual, newton, start, max_steps=32, throw=False).value)


def _resting_quantile(circuit: Circuit, fraction: Scalar) -> Scalar:
    """Returns the drive that `fraction` of branches exceed when all memory neurons fire at rmin."""
    law = branch_drive_at(circuit, 0, circuit.rmin)
    mean, sd = law.mean(), jnp.sqrt(law.variance())

    def excess(z: Scalar, _: None) -> Scalar:
        return jnp.log(law.survival(mean + z * sd)) - jnp.log(fraction)

    tolerance = 1e-9 if mean.dtype == jnp.float64 else 1e-5
    solver = optx.Bisection(rtol=tolerance, atol=tolerance)
    options = {"lower": jnp.zeros_like(mean), "upper": jnp.full_like(mean, 8)}
    start = jnp.full_like(mean, 3)
    root = optx.root_find(excess, solver, start, options=options, max_steps=64, throw=False)
    return mean + root.value * sd


def refined(
    circuit: Circuit,
    thresholds: Thresholds,
    *,
    k: Number = 4,
    margin: Number = IGNITION_MARGIN,
) -> Thresholds:
    """Returns thresholds that maximise the predicted recall of memories of 1 to k neurons.

    BFGS maximises the sum of the predicted log P over four evenly spaced sizes from 1 to k. The
    optimum is flat in one direction: thresholds whose g_t and g_max are both larger are nearly as
    good.

    Args:
        circuit: The network.
        thresholds: Initial thresholds, such as those of `design`.
        k: Largest number of cued neurons.
        margin: Thresholds whose `ignition_margin` at k is below this number are penalised.

    Raises:
        ValueError: If a number is outside its range.
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
    """The largest size of memories that are recalled, and thresholds for it.

    Attributes:
        k: Number of neurons of such a memory; 0 if not even one neuron is recalled.
        thresholds: Thresholds refined for k, or for one neuron if k is 0.
    """

    k: int
    thresholds: Thresholds


def largest_k(
    circuit: Circuit, *, level: float = 0.95, margin: Number = IGNITION_MARGIN
) -> LargestMemory:
    """Returns the largest k up to which the predicted recall is at least `level`.

    Tries k = 1, 2, 3, ... and refines the thresholds for each k.

    Args:
        circuit: The network.
        level: Smallest allowed probability of recall, between 0 and 1.
        margin: See `refined`.

    Raises:
        ValueError: If a number is outside its range.
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
