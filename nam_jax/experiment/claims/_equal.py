"""Claims about compositions beside hand-written networks: equality and cost."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

from nam_jax import data
from nam_jax._types import Key, Patterns, Scalar
from nam_jax.experiment.claims._finding import Finding
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DERIVED_COMPOSED
from nam_jax.experiment.common import (
    composed_astrocyte,
    composed_dense,
    composed_gap_junctions,
    composed_two_layers,
)
from nam_jax.interaction import AbstractInteraction
from nam_jax.lagrangian import LogCosh
from nam_jax.memory import AbstractProcessTensor, GapJunctionTensor, PatternTensor
from nam_jax.network import (
    AbstractContinuousNetwork,
    ContinuousDenseMemory,
    EnergyNetwork,
    LayerStates,
    NeuronAstrocyte,
    TwoLayerMemory,
)


class _Pair(NamedTuple):
    """A hand-written network and its composition.

    Attributes:
        written: The hand-written network.
        composed: The composition.
        state: A random state of the hand-written network.
        states: The same state of the composition.
        back: The flow of the hand-written layers, from that of the layers of the composition.
    """

    written: AbstractContinuousNetwork
    composed: EnergyNetwork
    state: Any
    states: LayerStates
    back: Callable[..., Any] = lambda *flow: flow


def _states(network: AbstractContinuousNetwork, size: int, key: Key) -> Any:
    """A random state of a hand-written network; arrays of pairs are symmetric."""
    like = network.initial_state(jnp.ones(size))
    leaves, structure = jax.tree.flatten(like)
    drawn = [jr.normal(k, a.shape) for k, a in zip(jr.split(key, len(leaves)), leaves, strict=True)]
    return jax.tree.unflatten(structure, [a + a.T if a.ndim == 2 else a for a in drawn])


def _astrocyte(tensor: AbstractProcessTensor) -> NeuronAstrocyte:
    tanh, leaks = LogCosh(), (1.0, 1.3, 2.0)
    return NeuronAstrocyte(tensor, neural=tanh, synaptic=tanh, process=tanh, leaks=leaks)


def _neuron_astrocyte(patterns: Patterns, key: Key) -> _Pair:
    written = _astrocyte(PatternTensor(patterns, strength=0.2))
    composed = composed_astrocyte(written)
    state = _states(written, patterns.shape[1], key)
    states = composed.states(x=state.neurons, s=state.synapses, p=state.processes)
    return _Pair(written, composed, state, states)


def _gap_junctions(patterns: Patterns, key: Key) -> _Pair:
    half = jnp.arange(patterns.shape[1]) < patterns.shape[1] // 2
    first = jnp.outer(half, half)
    stored = PatternTensor(patterns, strength=0.2)
    written = _astrocyte(GapJunctionTensor(stored, first, 0.3))
    composed = composed_gap_junctions(written)
    state = _states(written, patterns.shape[1], key)
    inside, outside = (jnp.where(part, state.processes, 0) for part in (first, ~first))
    states = composed.states(x=state.neurons, s=state.synapses, p=inside, q=outside)
    return _Pair(written, composed, state, states, lambda x, s, p, q: (x, s, p + q))


def _two_layers(patterns: Patterns, key: Key) -> _Pair:
    written = TwoLayerMemory.model_a(patterns / patterns.shape[1] ** 0.5)
    composed = composed_two_layers(written)
    state = _states(written, patterns.shape[1], key)
    return _Pair(written, composed, state, composed.states(v=state.features, h=state.hidden))


def _dense(patterns: Patterns, key: Key) -> _Pair:
    written = ContinuousDenseMemory(patterns)
    composed = composed_dense(written)
    state = _states(written, patterns.shape[1], key)
    return _Pair(written, composed, state, composed.states(x=state))


PAIRS: dict[str, Callable[[Patterns, Key], _Pair]] = {
    "neurons and astrocyte": _neuron_astrocyte,
    "gap junctions": _gap_junctions,
    "two layers": _two_layers,
    "dense memory": _dense,
}


@claim(
    "composed-equal",
    "Hand-written networks are sums of layers and interactions",
    DERIVED_COMPOSED,
)
def composed_equal(fast: bool) -> Finding:
    """Flow and energy of compositions against those of the networks, N = 10, K = 3, float64."""
    gaps = {name: 0.0 for name in PAIRS}
    with jax.enable_x64(True):
        for seed in range(1 if fast else 5):
            for name, make in PAIRS.items():
                of_patterns, of_state = jr.split(jr.key(seed))
                pair = make(data.random_patterns(3, 10, key=of_patterns), of_state)
                gaps[name] = max(gaps[name], _difference(pair))
    worst = max(gaps.values())
    text = ", ".join(f"{name} {gap:.0e}" for name, gap in gaps.items())
    meaning = f"largest relative difference of flow and energy; {text}"
    return Finding(worst, worst, worst, meaning, {name: gap < 1e-13 for name, gap in gaps.items()})


def _difference(pair: _Pair) -> float:
    flow, energy = _said(pair.composed, pair.states)
    expected, other = _said(pair.written, pair.state)
    pairs = zip((*pair.back(*flow), energy), (*expected, other), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b))) for a, b in pairs)


@eqx.filter_jit
def _said(network: AbstractContinuousNetwork, state: Any) -> tuple[list[Array], Scalar]:
    return jax.tree.leaves(network.vector_field(0.0, state)), network.energy(state)


class _Differentiated(AbstractInteraction):
    """Another interaction, whose forces come from automatic differentiation of its energy."""

    term: AbstractInteraction
    joins: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, term: AbstractInteraction):
        self.term, self.joins = term, term.joins

    def energy(self, *activations: Array) -> Scalar:
        return self.term.energy(*activations)

    def check(self, *shapes: tuple[int, ...]) -> None:
        self.term.check(*shapes)

    def degree(self, *free: bool) -> float | int:
        return self.term.degree(*free)


@claim(
    "composed-flops",
    "A composed flow needs no more arithmetic than a hand-written one",
    f"{DERIVED_COMPOSED}; the bound 1.1 is ours",
)
def composed_flops(fast: bool) -> Finding:
    """Operations of the compiled flow, composed over hand-written, N = 128, K = 32.

    With the forces that interactions state, and with forces by automatic differentiation.
    """
    del fast
    ratios, patterns = {}, data.random_patterns(32, 128, key=jr.key(0))
    for name, make in PAIRS.items():
        if name == "gap junctions":
            continue
        pair = make(patterns, jr.key(1))
        plain = tuple(map(_Differentiated, pair.composed.interactions))
        slow = eqx.tree_at(lambda net: net.interactions, pair.composed, plain)
        base = _operations(pair.written, pair.state)
        ratios[name] = [_operations(net, pair.states) / base for net in (pair.composed, slow)]
    stated = max(ratio for ratio, _ in ratios.values())
    plain = {name: ratio for name, (_, ratio) in ratios.items()}
    text = ", ".join(f"{name} {ratio:.2f}" for name, ratio in plain.items())
    meaning = f"largest ratio with stated forces; by automatic differentiation: {text}"
    fine = {"stated forces": stated < 1.1}
    fine |= {f"differentiated, {name}": ratio < 1.1 for name, ratio in plain.items()}
    return Finding(stated, stated, stated, meaning, fine)


def _operations(network: AbstractContinuousNetwork, state: Any) -> float:
    flow: Any = eqx.filter_jit(lambda network, state: network.vector_field(0.0, state))
    cost = flow.lower(network, state).compile().compiled.cost_analysis()
    return float(cost["flops"])
