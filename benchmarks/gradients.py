"""Times and measures implicit gradients of a recall against the recall and against other routes."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from benchmarks._gradient import (
    GRADED,
    LOSS,
    SATURATED,
    STEPS,
    Case,
    by_grad,
    forward,
    gradient,
    problem,
    temporary_bytes,
    training,
)
from benchmarks._problem import patterns_and_cues
from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax import solve
from nam_jax.experiment.common import gradient_routes
from nam_jax.network import AbstractNetwork, EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.solve import Flow
from nam_jax.train import AbstractRoute, ImplicitRoute, ThroughSolver

NUM_PATTERNS = 64
TIME_AIM, SPEED_AIM, MEMORY_AIM, GROWTH_AIM = 2.5, 5.0, 3.0, 1.05
HOWS = (Flow(rest=1e-2, max_steps=512), Flow(rest=1e-5, rtol=1e-6, max_steps=4096))
"""Short and long integrations; an implicit gradient must need the same memory for both."""
MEBI = 2**20
NOTE = (
    f"Certified preset, K = {NUM_PATTERNS}, one cue with 10 % flips, squared error, gradient by "
    "all floating-point arrays. forward: `settle` from the cue. backward alone: the adjoint "
    "equation at the state at rest (iterations of conjugate gradients). graded: margin "
    f"{GRADED.margin:g}, gain {GRADED.gain:g}. Memory: temporary buffers of the compiled program. "
    "Training: one step of `fit` on a batch of 2, with the default settings of the route (and the "
    "share of samples that failed). Medians [quartiles]."
)


def run(repeats: int) -> Report:
    """Compares implicit gradients with other routes: time, memory, and training steps."""
    measured = [
        _against_forward(256, SATURATED, repeats),
        _against_forward(256, GRADED, repeats),
        _against_forward(512, SATURATED, repeats),
        _against_solver(repeats),
        _memory(256),
        _memory(512),
        _growth(),
        *(_training(name, repeats) for name in NETWORKS),
    ]
    rows = [row for rows, _ in measured for row in rows]
    lines = [line for _, line in measured]
    columns = ("problem", "measured", "baseline", "ratio", "remark")
    return Report("Gradients through equilibria", NOTE, columns, rows, lines)


Rows = list[tuple[str, ...]]


@eqx.filter_jit
def adjoint(network: NeuronAstrocyte, state: Any, cotangent: Any) -> solve.Adjoint:
    """Returns the backward part of an implicit gradient, without the last product."""
    return solve.adjoint(network, state, cotangent)


def _against_forward(num_neurons: int, case: Case, repeats: int) -> tuple[Rows, Line]:
    network, sample = problem(num_neurons, NUM_PATTERNS, case)
    state = forward(network, sample).state
    cotangent = jax.grad(lambda state: LOSS(network.readout(state), sample))(state)
    route = ImplicitRoute()
    seconds = interleaved(
        {
            "forward": lambda: forward(network, sample),
            "gradient": lambda: gradient(route, network, sample),
            "grad": lambda: by_grad(network, sample),
            "backward": lambda: adjoint(network, state, cotangent),
        },
        repeats,
    )
    base = milliseconds(seconds["forward"])
    ratios = {name: spread(taken / seconds["forward"]) for name, taken in seconds.items()}
    where = f"N = {num_neurons}, {case.name}"
    report = adjoint(network, state, cotangent)
    remarks = {
        "gradient": "",
        "grad": "by `jax.grad` of `settle`",
        "backward": f"backward alone, {int(report.iterations)} iterations",
    }
    rows = [
        (where, f"{milliseconds(seconds[name])} ms", f"{base} ms", str(ratios[name]), remark)
        for name, remark in remarks.items()
    ]
    line = Line(
        f"implicit gradient, three layers, {where}, K = {NUM_PATTERNS}",
        f"{milliseconds(seconds['gradient'])} ms (backward alone "
        f"{milliseconds(seconds['backward'])} ms)",
        f"one forward `settle`, {base} ms",
        str(ratios["gradient"]),
        f"at most {TIME_AIM:g}",
        ratios["gradient"].median <= TIME_AIM,
    )
    return rows, line


def _against_solver(repeats: int) -> tuple[Rows, Line]:
    network, sample = problem(256, NUM_PATTERNS, SATURATED)
    routes: dict[str, AbstractRoute] = {"implicit": ImplicitRoute(), "solver": ThroughSolver()}
    seconds = interleaved(
        {
            name: lambda route=route: gradient(route, network, sample)
            for name, route in routes.items()
        },
        max(3, repeats // 3),
    )
    ratio = spread(seconds["solver"] / seconds["implicit"])
    ours, theirs = (f"{milliseconds(seconds[name])} ms" for name in routes)
    line = Line(
        "the same, N = 256",
        ours,
        f"through the solver with checkpoints, {theirs}",
        f"{ratio} x faster",
        f"at least {SPEED_AIM:g} x faster",
        ratio.median >= SPEED_AIM,
    )
    return [("implicit, N = 256", ours, theirs, f"{ratio} x", "through the solver")], line


def _memory(num_neurons: int) -> tuple[Rows, Line]:
    network, sample = problem(num_neurons, NUM_PATTERNS, SATURATED)
    base = temporary_bytes(forward, network, sample)
    sizes = {
        name: temporary_bytes(gradient, gradient_routes()[name], network, sample)
        for name in ("implicit", "through_solver")
    }
    where = f"memory, N = {num_neurons}"
    rows = [
        (where, _mebi(size), _mebi(base), f"{size / base:.2f}", name.replace("_", " "))
        for name, size in sizes.items()
    ]
    ratio = sizes["implicit"] / base
    line = Line(
        f"memory of the implicit gradient, N = {num_neurons}",
        _mebi(sizes["implicit"]),
        f"one forward `settle`, {_mebi(base)}; through the solver {_mebi(sizes['through_solver'])}",
        f"{ratio:.2f}",
        f"at most {MEMORY_AIM:g}",
        ratio <= MEMORY_AIM,
    )
    return rows, line


def _growth() -> tuple[Rows, Line]:
    network, sample = problem(256, NUM_PATTERNS, SATURATED)
    sizes = {
        name: [temporary_bytes(gradient, kind(how=e), network, sample) for e in HOWS]
        for name, kind in (("implicit", ImplicitRoute), ("through the solver", ThroughSolver))
    }
    limits = " and ".join(f"rest {e.rest:g}, {e.max_steps} steps" for e in HOWS)
    rows = [
        (f"memory, {name}", _mebi(long), _mebi(short), f"{long / short:.2f}", limits)
        for name, (short, long) in sizes.items()
    ]
    short, long = sizes["implicit"]
    line = Line(
        f"the same, N = 256, rest {HOWS[1].rest:g}, up to {HOWS[1].max_steps} steps",
        _mebi(long),
        f"rest {HOWS[0].rest:g}, up to {HOWS[0].max_steps} steps, {_mebi(short)}",
        f"{long / short:.2f}",
        f"at most {GROWTH_AIM}",
        long <= GROWTH_AIM * short,
    )
    return rows, line


def _three_layers(network: NeuronAstrocyte) -> AbstractNetwork:
    return network


NETWORKS = {"effective": EffectiveNeuronAstrocyte.from_full, "three layers": _three_layers}
TRAINING_AIMS = {"effective": 1.0, "three layers": SPEED_AIM}
"""The aim is lower for the effective network: it takes few steps and has no N x N arrays, so that
differentiating through the steps is cheap too."""


def _training(name: str, repeats: int) -> tuple[Rows, Line]:
    patterns, _ = patterns_and_cues(NUM_PATTERNS, 256)
    network = NETWORKS[name](NeuronAstrocyte.certified(patterns))
    steps = {key: training(network, patterns, route) for key, route in gradient_routes().items()}
    failed = {key: float(np.mean(step().failed)) for key, step in steps.items()}
    seconds = {
        key: taken / STEPS for key, taken in interleaved(steps, max(3, repeats // 3)).items()
    }
    times = {key: f"{milliseconds(taken)} ms" for key, taken in seconds.items()}
    base = seconds["through_solver"]
    rows = [
        (
            f"training step, {name}, {key.replace('_', ' ')}",
            times[key],
            times["through_solver"],
            f"{spread(base / taken)} x",
            f"{failed[key]:.0%} failed",
        )
        for key, taken in seconds.items()
    ]
    ratio, aim = spread(base / seconds["implicit"]), TRAINING_AIMS[name]
    line = Line(
        f"training step, {name}, N = 256, K = {NUM_PATTERNS}, batch of 2",
        times["implicit"],
        f"through the solver, {times['through_solver']}",
        f"{ratio} x faster",
        f"at least {aim:g} x faster",
        ratio.median >= aim,
    )
    return rows, line


def _mebi(size: int) -> str:
    return f"{size / MEBI:.1f} MiB"
