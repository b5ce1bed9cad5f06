"""`NeuronAstrocyte.vector_field` against the arithmetic that no implementation can leave out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from benchmarks._problem import random_state, released
from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax._types import Pairs, Patterns

NUM_NEURONS = 768
AIM = 1.25
NOTE = (
    "bound: one jitted call of the two bare products of the pattern contraction (Xi psi and "
    "Xi^T (R Xi), or their transposes where those are faster) and of tanh(5 s), tanh(5 p), nothing "
    "summed or added. ratio: flow over bound. as written: the products exactly as above. no tanh: "
    "s and p copied with the sign changed instead. Medians [quartiles] of the ratios of a round."
)


def run(repeats: int) -> Report:
    """Times the flow at N = 768 for few and many patterns, one cue and eight."""
    cases = [(25, ()), (25, (8,)), (1000, ()), (1000, (8,))]
    rows, lines = [], []
    for num_patterns, batch in cases:
        seconds = interleaved(functions(num_patterns, NUM_NEURONS, batch), repeats)
        row, line = _compare(num_patterns, batch, seconds)
        rows.append(row)
        lines.append(line)
    columns = ("K, cues", "flow (ms)", "bound (ms)", "ratio", "as written", "no tanh")
    return Report(f"Vector field, N = {NUM_NEURONS}", NOTE, columns, rows, lines)


def bound(xi: Patterns, scaled: Patterns, s: Pairs, p: Pairs) -> tuple[Array, ...]:
    """Two bare matrix products and one bare elementwise pass over s and p.

    In it: 4 K N^2 floating-point operations, s and p read, two N x N arrays written with the
    activations that every implementation evaluates, the N x N product written. Not in it: the
    leaks, the neurons and g phi, the sums over a row, and the two N x N arrays of the result,
    which would have to be added to the products' output for free.
    """
    return xi @ p, xi.T @ scaled, jnp.tanh(5 * s), jnp.tanh(5 * p)


def bound_right(xi: Patterns, scaled: Patterns, s: Pairs, p: Pairs) -> tuple[Array, ...]:
    """The bound with both products transposed: vmap then needs no transpose of N x N arrays."""
    return p @ xi.T, scaled.T @ xi, jnp.tanh(5 * s), jnp.tanh(5 * p)


def bound_mixed(xi: Patterns, scaled: Patterns, s: Pairs, p: Pairs) -> tuple[Array, ...]:
    """The bound with the second product transposed."""
    return xi @ p, scaled.T @ xi, jnp.tanh(5 * s), jnp.tanh(5 * p)


FORMS = (bound, bound_right, bound_mixed)
"""The bound is the fastest of these, as vmap makes XLA transpose N x N arrays in the first."""


def no_tanh(xi: Patterns, scaled: Patterns, s: Pairs, p: Pairs) -> tuple[Array, ...]:
    """The bound when activations cost nothing but the traffic of memory."""
    return xi @ p, xi.T @ scaled, -s, -p


def functions(
    num_patterns: int, num_neurons: int, batch: tuple[int, ...] = ()
) -> dict[str, Callable[[], Any]]:
    """The flow and its bounds as functions of nothing; arrays are arguments of the compiled code.

    So XLA folds no constant that a user's changing patterns would not let it fold.
    """
    network, patterns, _ = released(num_patterns, num_neurons)
    state = random_state(num_neurons, batch)
    scaled = jnp.broadcast_to(0.1 * patterns, (*batch, *patterns.shape)) + 0.0
    operands = (patterns, scaled, state.synapses, state.processes)
    flow = _batched(lambda network, state: network.vector_field(0.0, state), batch, (None, 0))
    made: dict[str, Callable[[], Any]] = {"flow": lambda: flow(network, state)}
    for function in (*FORMS, no_tanh):
        compiled = _batched(function, batch, (None, 0, 0, 0))
        made[function.__name__] = lambda compiled=compiled: compiled(*operands)
    return made


def _batched(function: Callable, batch: tuple[int, ...], axes: tuple[int | None, ...]) -> Callable:
    return jax.jit(jax.vmap(function, in_axes=axes) if batch else function)


def _compare(
    num_patterns: int, batch: tuple[int, ...], seconds: dict[str, np.ndarray]
) -> tuple[tuple[str, ...], Line]:
    flow = seconds["flow"]
    fastest = min((seconds[form.__name__] for form in FORMS), key=np.median)
    ratio, written, plain = (
        spread(flow / other) for other in (fastest, seconds["bound"], seconds["no_tanh"])
    )
    case = f"{num_patterns}, {batch[0] if batch else 1}"
    times = milliseconds(flow), milliseconds(fastest)
    line = Line(
        f"vector field, N = {NUM_NEURONS}, K and cues = {case}",
        f"{times[0]} ms",
        f"two bare matrix products + one elementwise pass, {times[1]} ms",
        str(ratio),
        f"at most {AIM}",
        ratio.median <= AIM,
    )
    return (case, *times, str(ratio), str(written), str(plain)), line
