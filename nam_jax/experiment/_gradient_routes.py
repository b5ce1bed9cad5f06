"""Gradient routes put to the test: their gradients, their outcomes, and what they cost."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from nam_jax import solve
from nam_jax.experiment._gradient_reference import COST, Judgement, Reference, judge
from nam_jax.network import NeuronAstrocyte
from nam_jax.train import (
    ROUTES,
    AbstractRoute,
    Effort,
    EquilibriumPropagation,
    ImplicitRoute,
    Sample,
    Truncated,
)

FINE = Effort(rest=1e-9, rtol=1e-10, atol=1e-12, max_steps=2**14)
"""For float64, where a route's own error is looked at and not the solver's."""
ROUTE_NAMES = (
    "implicit", "general", "through_solver", "truncated",
    "equilibrium_propagation", "scaled_nudge",
)  # fmt: skip


def _routes(network: NeuronAstrocyte) -> dict[str, AbstractRoute]:
    """All routes with their defaults, and equilibrium propagation with a nudge of fitting size."""
    scaled = EquilibriumPropagation(0.1 * _unit(network))
    more = {"general": ImplicitRoute(solve.Implicit(general=True)), "scaled_nudge": scaled}
    return {name: (ROUTES | more)[name] for name in ROUTE_NAMES}


def _unit(network: NeuronAstrocyte) -> Any:
    """N times the neural leak: so large a nudge moves a neuron as far as the readout is wrong."""
    return network.tensor.num_neurons * network.leaks.neural


@eqx.filter_jit
def _gradient(route: AbstractRoute, network: NeuronAstrocyte, sample: Sample) -> Any:
    (_, _, info), gradient = route.value_and_grad(COST, network, sample)
    settled = solve.RESULTS.where(info.settled, solve.RESULTS.converged, solve.RESULTS.step_limit)
    ends = jnp.stack([solve.outcome(settled), solve.outcome(info.adjoint.result)])
    return gradient, ends


@eqx.filter_jit
def _forward(network: NeuronAstrocyte, sample: Sample) -> solve.Equilibrium:
    return solve.settle(network, network.initial_state(sample.cue))


def single(
    network: NeuronAstrocyte, sample: Sample, truth: Reference
) -> tuple[list[Judgement], Int[np.ndarray, "route 2"]]:
    """Every route with its defaults: how far it is from the truth, and how it ended."""
    judged, ends = [], []
    for route in _routes(network).values():
        gradient, ended = _gradient(route, network, sample)
        judged.append(judge(gradient, truth))
        ends.append(np.asarray(ended))
    return judged, np.array(ends)


class Cost(NamedTuple):
    """What each route costs: temporary bytes, the same and time over those of one settle."""

    memory: list[float]
    relative_memory: list[float]
    relative_time: list[float]


def cost_of(network: NeuronAstrocyte, sample: Sample, rounds: int) -> Cost:
    """Memory of the compiled programs, and medians of `rounds` timings; 0 for NaN instead."""
    routes = list(_routes(network).values())
    base = _bytes(_forward, network, sample)
    sizes = [_bytes(_gradient, route, network, sample) for route in routes]
    whole = _seconds(lambda: _forward(network, sample), rounds)
    times = [_seconds(lambda r=route: _gradient(r, network, sample), rounds) for route in routes]
    return Cost(sizes, [size / base for size in sizes], [each / whole for each in times])


def _bytes(function: Any, *arguments: Any) -> float:
    compiled = function.lower(*arguments).compile().compiled
    return float(compiled.memory_analysis().temp_size_in_bytes)


def _seconds(function: Callable[[], Any], rounds: int) -> float:
    if not rounds:
        return np.nan
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        jax.block_until_ready(function())
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[1:]))


def nudged(
    network: NeuronAstrocyte, sample: Sample, truth: Reference, nudges: Sequence[float]
) -> tuple[Float[np.ndarray, "2 nudge 3"], Float[np.ndarray, " 2"]]:
    """Judgements of equilibrium propagation, one-sided and centred, and their orders.

    Nudges are in units of N times the neural leak.
    """
    unit = _unit(network)
    judged = np.array(
        [
            [_judged(EquilibriumPropagation(nudge * unit, centred, FINE), network, sample, truth)
             for nudge in nudges]
            for centred in (False, True)
        ]
    )  # fmt: skip
    return judged, np.array([_order(nudges, each[:, 2]) for each in judged])


def truncated(
    network: NeuronAstrocyte, sample: Sample, truth: Reference, steps: Sequence[int]
) -> Float[np.ndarray, "steps 3"]:
    """Judgements of the truncated route."""
    return np.array([_judged(Truncated(count, FINE), network, sample, truth) for count in steps])


def _judged(
    route: AbstractRoute, network: NeuronAstrocyte, sample: Sample, truth: Reference
) -> Judgement:
    return judge(_gradient(route, network, sample)[0], truth)


def _order(nudges: Sequence[float], errors: Float[np.ndarray, " nudge"]) -> float:
    """Exponent of the error in the nudge, by its two smallest values."""
    if len(nudges) < 2:
        return np.nan
    last = np.argsort(nudges)[:2]
    slope = np.diff(np.log(errors[last])) / np.diff(np.log(np.asarray(nudges)[last]))
    return float(slope[0])
