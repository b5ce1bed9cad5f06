"""Times `NeuronAstrocyte.vector_field` against the arithmetic that every implementation needs."""

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
    "bound: one compiled call of the two bare products of the pattern contraction (Xi psi and "
    "Xi^T (R Xi), or their transposes if these are faster) and of tanh(5 s) and tanh(5 p), with no "
    "sum or addition. ratio: time of the flow over time of the bound. as written: over the bound "
    "with the products as written above. no tanh: over a bound that copies s and p with the sign "
    "changed instead of tanh. Medians [quartiles] of the ratios in a round."
)


def run(repeats: int) -> Report:
    """Times the flow at N = 768 for few and many patterns, with one cue and with eight cues."""
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
    """Returns two bare matrix products and one bare elementwise pass over s and p.

    The bound contains 4 K N^2 floating-point operations; it reads s and p, and writes two N x N
    arrays with the activations that every implementation evaluates, and the N x N product. It does
    not contain the leaks, the neurons and g phi, the sums over a row, and the two N x N arrays of
    the result. The bound assumes that adding these to the output of the products costs nothing.
    """
    return xi @ p, xi.T @ scaled, jnp.tanh(5 * s), jnp.tanh(5 * p)


def bound_right(xi: Patterns, scaled: Patterns, s: Pairs, p: Pairs) -> tuple[Array, ...]:
    """Returns the bound with both products transposed; `vmap` then transposes no N x N arrays."""
    return p @ xi.T, scaled.T @ xi, jnp.tanh(5 * s), jnp.tanh(5 * p)


def bound_mixed(xi: Patterns, scaled: Patterns, s: Pairs, p: Pairs) -> tuple[Array, ...]:
    """Returns the bound with the second product transposed."""
    return xi @ p, scaled.T @ xi, jnp.tanh(5 * s), jnp.tanh(5 * p)


FORMS = (bound, bound_right, bound_mixed)
"""The bound is the fastest of these; in the first, `vmap` makes XLA transpose N x N arrays."""


def no_tanh(xi: Patterns, scaled: Patterns, s: Pairs, p: Pairs) -> tuple[Array, ...]:
    """Returns the bound if activations cost only the reading and writing of memory."""
    return xi @ p, xi.T @ scaled, -s, -p


def functions(
    num_patterns: int, num_neurons: int, batch: tuple[int, ...] = ()
) -> dict[str, Callable[[], Any]]:
    """Returns the flow and its bounds as functions without arguments.

    Arrays are arguments of the compiled code. XLA therefore folds no constants that it could not
    fold in a user's program, where patterns change.
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
