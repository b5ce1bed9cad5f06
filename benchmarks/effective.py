"""Times the effective network against the three layers and against its bare matrix products."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from benchmarks._problem import patterns_and_cues
from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax import retrieve, settle
from nam_jax._types import Pattern, Patterns
from nam_jax.measure import COARSE
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte, TripartiteState
from nam_jax.solve import Flow, residual

REST = 2e-5
AGREE = 1e-4
SPEED_AIM, BOUND_AIM = 100.0, 1.5
EVALUATIONS_A_STEP = 4
"""Flows in a step of Bogacki-Shampine: three stages, and one to test whether it is at rest."""
NOTE = (
    f"Certified preset. Equilibrium: one cue to residual {REST:g}, effective network plus lift "
    "against all three layers from the conditional start; both answers agree to 1e-4. Recall: 1000 "
    "cues; bound: the time of the products Xi phi and Xi^T r for all cues, multiplied by the "
    "number of flows evaluated. With the projection rule a flow has a third product, with the K x "
    "K couplings; at K = 2 N it is as large as the two others together. The last column counts it "
    "too. The dense network has no third product. Medians [quartiles]."
)


def run(repeats: int) -> Report:
    """Times one equilibrium at N = 768, K = 25, and recall of 1000 cues at N = 1024."""
    rows, lines = [], []
    measured = (
        _equilibrium(repeats),
        *(
            _recall(name, num_patterns, repeats)
            for num_patterns in (2000, 250)
            for name in REDUCTIONS
        ),
    )
    for row, line in measured:
        rows.append(row)
        lines.append(line)
    columns = ("problem", "effective (ms)", "baseline (ms)", "ratio", "with the third product")
    return Report("Effective network", NOTE, columns, rows, lines)


@jax.jit
def by_effective(network: NeuronAstrocyte, cue: Pattern) -> TripartiteState:
    """Returns the equilibrium of all layers by reduction, equilibrium of the neurons, and lift."""
    effective = EffectiveNeuronAstrocyte.from_full(network)
    start = effective.initial_state(cue)
    how = Flow(rest=REST / 4, rtol=1e-6, atol=1e-7)
    return effective.lift(settle(effective, start, how=how).state)


@jax.jit
def by_layers(network: NeuronAstrocyte, cue: Pattern) -> TripartiteState:
    """Returns the equilibrium by integrating neurons, synapses and processes."""
    how = Flow(rest=REST, rtol=1e-6, atol=1e-7)
    return settle(network, network.initial_state(cue), how=how).state


def _equilibrium(repeats: int) -> tuple[tuple[str, ...], Line]:
    patterns, cues = patterns_and_cues(25, 768)
    network = NeuronAstrocyte.certified(patterns)
    _assert_same(network, by_effective(network, cues[0]), by_layers(network, cues[0]))
    seconds = interleaved(
        {
            "effective": lambda: by_effective(network, cues[0]),
            "layers": lambda: by_layers(network, cues[0]),
        },
        repeats,
    )
    ratio = spread(seconds["layers"] / seconds["effective"])
    ours, theirs = (milliseconds(seconds[name]) for name in ("effective", "layers"))
    line = Line(
        "equilibrium with lift, N = 768, K = 25, 1 cue",
        f"{ours} ms",
        f"three layers to the same residual, {theirs} ms",
        f"{ratio} x faster",
        f"at least {SPEED_AIM:g} x faster",
        ratio.median >= SPEED_AIM,
    )
    return ("equilibrium, N = 768, K = 25", ours, theirs, str(ratio), ""), line


def _assert_same(
    network: NeuronAstrocyte, answer: TripartiteState, baseline: TripartiteState
) -> None:
    """Raises an `AssertionError` if answers differ.

    Comparing the speed of different answers would have no meaning.
    """
    for one, other in zip(jax.tree.leaves(answer), jax.tree.leaves(baseline), strict=True):
        gap = float(jnp.max(jnp.abs(one - other)) / jnp.max(jnp.abs(other)))
        assert gap <= AGREE, f"equilibria differ by {gap:.2g}, more than {AGREE}"
    assert float(residual(network, answer)) <= REST


@eqx.filter_jit
def recall(network: EffectiveNeuronAstrocyte, cues: Patterns) -> tuple[Patterns, Array]:
    """Returns read-outs and solver steps of all cues, recalled at once."""

    def one(cue: Pattern) -> tuple[Pattern, Array]:
        retrieval = retrieve(network, cue, how=COARSE)
        return retrieval.pattern, retrieval.steps

    return jax.vmap(one)(cues)


@jax.jit
def products(xi: Patterns, phi: Array, r: Array) -> tuple[Array, Array]:
    """Returns the two products of a flow, for all cues."""
    return phi @ xi.T, r @ xi


@jax.jit
def three_products(xi: Patterns, phi: Array, r: Array, couplings: Array) -> tuple[Array, ...]:
    """Returns the two products and the product with the couplings of the projection rule."""
    return phi @ xi.T, r @ xi, r @ couplings


REDUCTIONS: dict[str, Callable[[Patterns], EffectiveNeuronAstrocyte]] = {
    "dense": EffectiveNeuronAstrocyte.dense,
    "projection": lambda patterns: EffectiveNeuronAstrocyte.from_full(
        NeuronAstrocyte.certified(patterns)
    ),
}


def _recall(name: str, num_patterns: int, repeats: int) -> tuple[tuple[str, ...], Line]:
    patterns, _ = patterns_and_cues(num_patterns, 1024)
    _, cues = patterns_and_cues(1000, 1024)
    cues = cues if num_patterns < 1000 else _damaged(patterns[:1000])
    network = REDUCTIONS[name](patterns)
    # A batch takes the steps of its slowest cue.
    evaluations = EVALUATIONS_A_STEP * int(recall(network, cues)[1].max())
    r = jnp.broadcast_to(patterns[:, :1].T, (1000, num_patterns)) + 0.0
    couplings = patterns @ patterns.T
    functions: dict[str, Callable[[], Any]] = {
        "recall": lambda: recall(network, cues),
        "two": lambda: products(patterns, cues, r),
        "three": lambda: three_products(patterns, cues, r, couplings),
    }
    seconds = interleaved(functions, max(3, repeats // 3))
    two, three = (
        spread(seconds["recall"] / (evaluations * seconds[name])) for name in ("two", "three")
    )
    ours, theirs = milliseconds(seconds["recall"]), milliseconds(evaluations * seconds["two"])
    third = "" if name == "dense" else str(three)
    line = Line(
        f"effective recall, {name}, N = 1024, K = {num_patterns}, 1000 cues",
        f"{ours} ms",
        f"two matrix products x {evaluations} flows, {theirs} ms",
        f"{two} (three products: {third})" if third else str(two),
        f"at most {BOUND_AIM}",
        two.median <= BOUND_AIM,
    )
    return (f"recall, {name}, K = {num_patterns}", ours, theirs, str(two), third), line


def _damaged(patterns: Patterns) -> Patterns:
    flips = jax.random.bernoulli(jax.random.key(2), 0.1, patterns.shape)
    return jnp.where(np.asarray(flips), -patterns, patterns)
