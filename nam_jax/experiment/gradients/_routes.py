"""Runs gradient routes: their gradients, how they ended, their memory and time."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from nam_jax import solve
from nam_jax.experiment.common import gradient_routes
from nam_jax.experiment.gradients._reference import COST, Judgement, Reference, judge
from nam_jax.network import NeuronAstrocyte
from nam_jax.train import (
    AbstractRoute,
    EquilibriumPropagation,
    ImplicitRoute,
    Sample,
    Truncated,
)

FINE = solve.Flow(rest=1e-9, rtol=1e-10, atol=1e-12, max_steps=2**14)
"""Accuracy of solvers in float64, at which only the error of the route itself is left."""
ROUTE_NAMES = (
    "implicit", "general", "through_solver", "truncated", "equilibrium_propagation",
)  # fmt: skip


def _routes() -> dict[str, AbstractRoute]:
    """All routes with their defaults, and `general`: implicit, as for networks without energy."""
    general = ImplicitRoute(solve.Implicit(general=True))
    return {name: (gradient_routes() | {"general": general})[name] for name in ROUTE_NAMES}


@eqx.filter_jit
def _gradient(route: AbstractRoute, network: NeuronAstrocyte, sample: Sample) -> Any:
    (_, _, info), gradient = route.value_and_grad(COST, network, sample)
    settled = solve.RESULTS.where(info.settled, solve.RESULTS.converged, solve.RESULTS.step_limit)
    ends = jnp.stack([solve.outcome(settled), solve.outcome(info.result)])
    return gradient, ends


@eqx.filter_jit
def _forward(network: NeuronAstrocyte, sample: Sample) -> solve.Equilibrium:
    return solve.settle(network, network.initial_state(sample.cue))


class Programs(NamedTuple):
    """The compiled programs of one settle and of every route, for networks of one size.

    Attributes:
        forward: The settle, without a gradient.
        routes: The routes, by name.
    """

    forward: Any
    routes: dict[str, Any]


def compile_all(network: NeuronAstrocyte, sample: Sample) -> Programs:
    """The programs for networks of the size of `network`."""
    made = {name: _compiled(_gradient, route, network, sample) for name, route in _routes().items()}
    return Programs(_compiled(_forward, network, sample), made)


def _compiled(function: Any, *arguments: Any) -> Any:
    return function.lower(*arguments).compile()


def single(
    programs: Programs, network: NeuronAstrocyte, sample: Sample, truth: Reference
) -> tuple[list[Judgement], Int[np.ndarray, "route 2"]]:
    """Judgements of all routes with their defaults, and outcomes of their settle and adjoint."""
    judged, ends = [], []
    for name, route in _routes().items():
        gradient, ended = programs.routes[name](route, network, sample)
        judged.append(judge(gradient, truth))
        ends.append(np.asarray(ended))
    return judged, np.array(ends)


class Cost(NamedTuple):
    """The cost of each route, in the order of `ROUTE_NAMES`.

    Attributes:
        memory: Temporary bytes.
        relative_memory: Temporary bytes over those of one settle.
        relative_time: Time over that of one settle.
    """

    memory: list[float]
    relative_memory: list[float]
    relative_time: list[float]


def cost_of(programs: Programs, network: NeuronAstrocyte, sample: Sample, rounds: int) -> Cost:
    """Memory of the compiled programs, and medians of `rounds` timings; NaN if `rounds` is 0."""
    base = _bytes(programs.forward)
    whole = _seconds(lambda: programs.forward(network, sample), rounds)
    sizes, times = [], []
    for name, route in _routes().items():
        program = programs.routes[name]
        sizes.append(_bytes(program))
        taken = _seconds(lambda p=program, r=route: p(r, network, sample), rounds)
        times.append(taken / whole)
    return Cost(sizes, [size / base for size in sizes], times)


def _bytes(program: Any) -> float:
    return float(program.compiled.memory_analysis().temp_size_in_bytes)


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
    """Judgements of equilibrium propagation by nudge, and the order of its error in the nudge.

    The first axis of both is (one-sided, centred).
    """

    def one(nudge: float, centred: bool) -> Judgement:
        route = EquilibriumPropagation(jnp.asarray(nudge), centred, FINE)
        return judged_route(route, network, sample, truth)

    judged = np.array([[one(nudge, centred) for nudge in nudges] for centred in (False, True)])
    return judged, np.array([_order(nudges, rows[:, 2]) for rows in judged])


def truncated(
    network: NeuronAstrocyte, sample: Sample, truth: Reference, steps: Sequence[int]
) -> Float[np.ndarray, "steps 3"]:
    """Judgements of the truncated route, for each number of steps."""
    routes = [Truncated(count, FINE) for count in steps]
    return np.array([judged_route(route, network, sample, truth) for route in routes])


def judged_route(
    route: AbstractRoute, network: NeuronAstrocyte, sample: Sample, truth: Reference
) -> Judgement:
    """The judgement of the gradient of one route."""
    return judge(_gradient(route, network, sample)[0], truth)


def _order(nudges: Sequence[float], errors: Float[np.ndarray, " nudge"]) -> float:
    """Exponent of the error in the nudge, from the two smallest nudges; NaN if there is one."""
    if len(nudges) < 2:
        return np.nan
    last = np.argsort(nudges)[:2]
    slope = np.diff(np.log(errors[last])) / np.diff(np.log(np.asarray(nudges)[last]))
    return float(slope[0])
