"""Times `retrieve` against a fixed-step Euler loop, and pattern tensors against dense tensors."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from benchmarks._problem import released
from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax import retrieve
from nam_jax._types import Pattern, Patterns
from nam_jax.measure import overlap
from nam_jax.memory import DenseTensor
from nam_jax.network import NeuronAstrocyte
from nam_jax.solve import Flow

STEPS, STEP = 1000, 0.05
TOLERANCE = 1e-3
AIM = 5.0
REST, RTOL = 1e-2, 1e-3
"""Residual at rest and relative tolerance of the timed recalls. The defaults are smaller."""
NOTE = (
    f"Problem of the authors' tutorial: released parameters, 10 % of the signs flipped, algebraic "
    f"start. Recall to rest at {REST:g}, with rtol = {RTOL:g} unless stated. Euler: {STEPS} "
    f"compiled steps of {STEP} with the same vector field. Final overlaps agree within "
    f"{TOLERANCE}. Medians [quartiles]; speed-up: time of the baseline over time of `retrieve`."
)


def run(repeats: int) -> Report:
    """Times recall of one cue and of ten cues of the tutorial, and contractions at N = 64."""
    rows, lines = [], []
    compared = (
        _tutorial(one_at_a_time, 1, repeats),
        _tutorial(one_at_a_time, 1, repeats, rtol=1e-2),
        _tutorial(one_at_a_time, 10, repeats),
        _tutorial(all_at_once, 10, repeats),
        _contraction(repeats),
    )
    for row, line in compared:
        rows.append(row)
        lines.append(line)
    columns = ("problem", "retrieve (ms)", "baseline", "baseline (ms)", "speed-up", "solver steps")
    return Report("Recall", NOTE, columns, rows, lines)


def euler(network: NeuronAstrocyte, cue: Pattern) -> Pattern:
    """Returns the read-out after the authors' 1000 Euler steps, as one compiled loop."""

    def step(_: Any, state: Any) -> Any:
        velocity = network.vector_field(0.0, state)
        return jax.tree.map(lambda u, v: u + STEP * v, state, velocity)

    final = jax.lax.fori_loop(0, STEPS, step, network.initial_state(cue))
    return network.readout(final)


class Batching(NamedTuple):
    """A way to recall many cues in one compiled call, for `retrieve` and for the baseline.

    Attributes:
        name: Name in the report.
        apply: Function of (function of one cue, all cues).
    """

    name: str
    apply: Callable[[Callable[[Pattern], Any], Patterns], Any]


one_at_a_time = Batching("`lax.map`", jax.lax.map)
all_at_once = Batching("`vmap`", lambda function, cues: jax.vmap(function)(cues))


@eqx.filter_jit
def recall(
    network: NeuronAstrocyte, cues: Patterns, batching: Batching, rtol: float = RTOL
) -> tuple[Patterns, Array]:
    """Returns read-outs and solver steps of `retrieve`, with an absolute tolerance of rtol / 10."""
    how = Flow(rest=REST, rtol=rtol, atol=rtol / 10)

    def one(cue: Pattern) -> tuple[Pattern, Array]:
        retrieval = retrieve(network, cue, how=how)
        return retrieval.pattern, retrieval.steps

    return batching.apply(one, cues)


@eqx.filter_jit
def recall_by_euler(network: NeuronAstrocyte, cues: Patterns, batching: Batching) -> Patterns:
    """Returns the read-outs of the baseline."""
    return batching.apply(lambda cue: euler(network, cue), cues)


def _tutorial(
    batching: Batching, num_cues: int, repeats: int, rtol: float = RTOL
) -> tuple[tuple[str, ...], Line]:
    network, patterns, cues = released(10, 500)
    patterns, cues = patterns[:num_cues], cues[:num_cues]
    recalled, steps = recall(network, cues, batching, rtol)
    _assert_same_overlap(recalled, recall_by_euler(network, cues, batching), patterns)
    seconds = interleaved(
        {
            "retrieve": lambda: recall(network, cues, batching, rtol),
            "baseline": lambda: recall_by_euler(network, cues, batching),
        },
        repeats,
    )
    what = "1 cue" if num_cues == 1 else f"{num_cues} cues by {batching.name}"
    what += "" if rtol == RTOL else f", rtol = {rtol:g}"
    return _compare(f"N = 500, K = 10, {what}", f"{STEPS} Euler steps", seconds, steps, AIM)


def _contraction(repeats: int) -> tuple[tuple[str, ...], Line]:
    network, patterns, cues = released(10, 64)
    dense = eqx.tree_at(lambda n: n.tensor, network, DenseTensor(network.tensor.to_dense()))
    recalled, steps = recall(network, cues[:1], one_at_a_time)
    _assert_same_overlap(recalled, recall(dense, cues[:1], one_at_a_time)[0], patterns[:1])
    seconds = interleaved(
        {
            "retrieve": lambda: recall(network, cues[:1], one_at_a_time),
            "baseline": lambda: recall(dense, cues[:1], one_at_a_time),
        },
        repeats,
    )
    return _compare("N = 64, K = 10, 1 cue", "dense tensor", seconds, steps, 1.0)


def _assert_same_overlap(answers: Patterns, baseline: Patterns, patterns: Patterns) -> None:
    """Raises an `AssertionError` if answers differ.

    Comparing the speed of different answers would have no meaning.
    """
    ours, theirs = (jax.vmap(overlap)(recalled, patterns) for recalled in (answers, baseline))
    gap = float(jnp.max(jnp.abs(ours - theirs)))
    assert gap <= TOLERANCE, f"final overlaps differ by {gap:.2g}, more than {TOLERANCE}"


def _compare(
    problem: str, baseline: str, seconds: dict[str, np.ndarray], steps: Array, aim: float
) -> tuple[tuple[str, ...], Line]:
    ours, theirs = milliseconds(seconds["retrieve"]), milliseconds(seconds["baseline"])
    speedup = spread(seconds["baseline"] / seconds["retrieve"])
    line = Line(
        f"`retrieve`, {problem}",
        f"{ours} ms",
        f"{baseline}, {theirs} ms",
        f"{speedup} x faster",
        f"at least {aim:g} x faster",
        speedup.median >= aim,
    )
    taken = f"{int(steps.min())} to {int(steps.max())}" if steps.size > 1 else f"{int(steps[0])}"
    return (problem, ours, baseline, theirs, str(speedup), taken), line
