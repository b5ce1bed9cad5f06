"""Times composed networks against hand-written ones, hamux, a plain block, and a bare gather."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import hamux
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from benchmarks._problem import random_state, released
from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from benchmarks._written import NAMES, turns
from nam_jax.attention import EnergyBlock
from nam_jax.experiment.common import composed_astrocyte
from nam_jax.interaction import Bilinear, Setwise
from nam_jax.lagrangian import LogCosh, LogSumExp
from nam_jax.network import EnergyNetwork, Layer, LayerStates

NOTE = (
    "Astrocyte: the flow at N = 768, composed and hand-written. hamux 0.2.2: its two-layer "
    "example, 784 tanh and 10 softmax neurons and dense weights, 100 steps of 0.1 of 128 states; "
    "both descend equal energies to equal states. Block: K = 12 steps of 128 images of 16 tokens "
    "with D = 64, 8 heads of 8 and 128 patterns, against the same equations in plain Equinox. "
    "Hand-written two-layer and dense memories: the flow of many states at once, and settling by "
    "the default solver from cues with a tenth of the bits flipped; a composition that takes at "
    "most 1.05 times as long, as two runs of one program may, could stand in its place. "
    "Setwise: the forces of 10^6 triangles on 1000 units, against gathering their 3 10^6 "
    "activations and scattering as many numbers; a set has 12 bytes of units and 4 of weight. "
    "Medians [quartiles]."
)


class Comparison(NamedTuple):
    """Two functions without arguments that are timed in turns, and texts for the report.

    Attributes:
        what: Description of the problem.
        ours: Our code.
        against: Name of the baseline.
        theirs: The baseline.
        aim: The largest ratio of our time to that of the baseline that meets the aim; None without
            an aim.
        sets: Number of sets whose cost is reported; None for none.
    """

    what: str
    ours: Callable[[], Any]
    against: str
    theirs: Callable[[], Any]
    aim: float | None
    sets: int | None = None


def run(repeats: int) -> Report:
    """Runs every comparison; code and baseline take turns."""
    rows, lines = [], []
    flows = (functools.partial(_astrocyte, count) for count in (25, 1000))
    makes = [*flows, _two_layer, _block, _setwise]
    makes += [functools.partial(_written, name, place) for name in NAMES for place in (0, 1)]
    for make in makes:
        problem = make()
        seconds = interleaved({"ours": problem.ours, "theirs": problem.theirs}, repeats)
        ours, theirs = milliseconds(seconds["ours"]), milliseconds(seconds["theirs"])
        ratio = spread(seconds["ours"] / seconds["theirs"])
        more = "" if problem.sets is None else _per_set(seconds, problem.sets)
        rows.append((problem.what, ours, theirs, str(ratio), more))
        aim = math.inf if problem.aim is None else problem.aim
        text = "none" if problem.aim is None else f"at most {problem.aim:g}"
        against = f"{problem.against}, {theirs} ms"
        lines.append(
            Line(problem.what, f"{ours} ms", against, str(ratio), text, ratio.median <= aim)
        )
    columns = ("problem", "ours (ms)", "baseline (ms)", "ratio", "more")
    return Report("Composed networks", NOTE, columns, rows, lines)


def _per_set(seconds: dict[str, np.ndarray], sets: int) -> str:
    ours, theirs = (1e9 * float(np.median(seconds[name])) / sets for name in ("ours", "theirs"))
    return f"{ours:.2f} ns a set, bound {theirs:.2f} ns; 16 bytes a set"


def _astrocyte(num_patterns: int) -> Comparison:
    written, _, _ = released(num_patterns, 768)
    composed = composed_astrocyte(written)
    state = random_state(768)
    states = LayerStates(("x", "s", "p"), (state.neurons, state.synapses, state.processes))
    flow = eqx.filter_jit(lambda network, state: network.vector_field(0.0, state))
    _check(flow(composed, states), flow(written, state))
    return Comparison(
        f"astrocyte flow, N = 768, K = {num_patterns}",
        lambda: flow(composed, states),
        "hand-written flow",
        lambda: flow(written, state),
        1.15,
    )


def _written(name: str, place: int) -> Comparison:
    turn = turns(name)[place]
    _check(turn.composed(), turn.written())
    return Comparison(turn.what, turn.composed, "hand-written", turn.written, 1.05)


def _check(ours: Any, theirs: Any) -> None:
    """Speeds of different answers are not compared."""
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        scale = float(np.abs(other).max())
        np.testing.assert_allclose(one, other, atol=2e-4 * scale, rtol=2e-4)


class _Dense(eqx.Module):
    """The hyperedge -h.W v for hamux."""

    weights: Array

    def __call__(self, visible: Array, hidden: Array) -> Array:
        return -jnp.einsum("i,ij,j->", visible, self.weights, hidden)


def _two_layer() -> Comparison:
    weights = 0.1 * jr.normal(jr.key(0), (784, 10))
    starts = jr.normal(jr.key(1), (128, 784)), jr.normal(jr.key(2), (128, 10))
    neurons = {
        "v": hamux.NeuronLayer(hamux.lagr_tanh, (784,)),
        "h": hamux.NeuronLayer(hamux.lagr_softmax, (10,)),
    }
    ham = hamux.HAM(neurons, {"s": _Dense(weights)}, [(("v", "h"), "s")])
    layers = {"v": Layer(LogCosh(), shape=784), "h": Layer(LogSumExp(), shape=10)}
    network = EnergyNetwork(layers, [Bilinear("v", "h", weights.T)], "v")

    @eqx.filter_jit
    def by_hamux(ham: hamux.VectorizedHAM, v: Array, h: Array) -> tuple[Array, Array]:
        def descend(_: int, states: dict[str, Array]) -> dict[str, Array]:
            slopes = ham.dEdact(ham.activations(states), states)
            return jax.tree.map(lambda u, slope: u - 0.1 * slope, states, slopes)

        ends = jax.lax.fori_loop(0, 100, descend, {"v": v, "h": h})
        return ends["v"], ends["h"]

    @eqx.filter_jit
    def by_us(network: EnergyNetwork, v: Array, h: Array) -> tuple[Array, ...]:
        def one(v: Array, h: Array) -> tuple[Array, ...]:
            def descend(_: int, states: LayerStates) -> LayerStates:
                flow = network.vector_field(0.0, states)
                return jax.tree.map(lambda u, change: u + 0.1 * change, states, flow)

            start = LayerStates(("v", "h"), (v, h))
            return jax.lax.fori_loop(0, 100, descend, start).values

        return jax.vmap(one)(v, h)

    batched = hamux.VectorizedHAM(ham)
    _check(by_us(network, *starts), by_hamux(batched, *starts))
    return Comparison(
        "two layers, 784 tanh and 10 softmax, 100 steps, 128 states",
        lambda: by_us(network, *starts),
        "hamux 0.2.2",
        lambda: by_hamux(batched, *starts),
        1.0,
    )


class PlainBlock(eqx.Module):
    """The block of the Energy Transformer, its energy written out and differentiated."""

    norm: eqx.nn.LayerNorm
    keys: Array
    queries: Array
    patterns: Array
    steps: int = eqx.field(static=True)

    def energy(self, y: Array) -> Array:
        """Returns E at normed tokens y."""
        beta = self.keys.shape[1] ** -0.5
        keys = jnp.einsum("td,hyd->thy", y, self.keys)
        queries = jnp.einsum("td,hyd->thy", y, self.queries)
        scores = beta * jnp.einsum("bhy,chy->hcb", keys, queries)
        scores = jnp.where(jnp.eye(len(y), dtype=bool), -jnp.inf, scores)
        attention = -jnp.sum(jax.nn.logsumexp(scores, axis=-1)) / beta
        return attention - jnp.sum(jax.nn.relu(y @ self.patterns.T) ** 2) / 2

    def __call__(self, u: Array) -> Array:
        """Returns the tokens after all steps."""
        for _ in range(self.steps):
            u = u - jax.grad(self.energy)(jax.vmap(self.norm)(u))
        return u


def _block() -> Comparison:
    block: Any = EnergyBlock.random(
        64, num_heads=8, head_size=8, num_memories=128, steps=12, key=jr.key(0)
    )
    attention, memory = block.interactions
    plain = PlainBlock(eqx.nn.LayerNorm(64), attention.keys, attention.queries, memory.patterns, 12)
    tokens = jr.normal(jr.key(1), (128, 16, 64))
    forward = eqx.filter_jit(lambda block, tokens: jax.vmap(block)(tokens))
    _check(forward(block, tokens), forward(plain, tokens))
    return Comparison(
        "energy block, 12 steps, 128 images of 16 tokens",
        lambda: forward(block, tokens),
        "plain Equinox",
        lambda: forward(plain, tokens),
        1.0,
    )


def _setwise() -> Comparison:
    sets, units = 1_000_000, 1000
    random = np.random.default_rng(0)
    # Three different units: a first, and two different distances from it on a ring.
    first = random.integers(0, units, sets)
    gaps = random.integers(1, units // 2, (2, sets))
    triangles = np.stack([first, first + gaps[0], first - gaps[1]], axis=1) % units
    weights = random.normal(size=sets).astype(np.float32)
    interaction = Setwise("y", [triangles], [weights])
    y = jr.normal(jr.key(0), (units,))
    forces = eqx.filter_jit(lambda interaction, y: interaction.forces(y))
    indices = interaction.sets[0]

    @jax.jit
    def gather(indices: Array, y: Array) -> Array:
        return jnp.zeros_like(y).at[indices].add(y[indices])

    return Comparison(
        "setwise forces, 10^6 triangles of 1000 units",
        lambda: forces(interaction, y),
        "one gather and one scatter",
        lambda: gather(indices, y),
        None,
        sets,
    )
