"""The networks that every contract test runs over: one row each, which says what the network is."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from tables.compositions import COMPOSITIONS

from nam_jax._misc import symmetrise
from nam_jax.lagrangian import AbstractLagrangian, LayerNorm, LogCosh, LogSumExp, Softplus
from nam_jax.memory import (
    Cosine,
    DiffusionTensor,
    DistinctTensor,
    Dot,
    Euclidean,
    Exponential,
    Hebbian,
    LinearMap,
    Manhattan,
    PatternTensor,
    Pearson,
    Polynomial,
    Power,
    Projection,
    Softmax,
    lattice_edges,
)
from nam_jax.network import (
    Algebraic,
    Clamped,
    Cold,
    ContinuousDenseMemory,
    CorrelationMatrix,
    DendriticMemory,
    DenseAssociativeMemory,
    Drive,
    EffectiveNeuronAstrocyte,
    Hopfield,
    LayerInputs,
    Minerva2,
    ModernHopfield,
    NeuronAstrocyte,
    QuasiStatic,
    TripartiteNetwork,
    TripartiteState,
    TwoLayerMemory,
    UniversalHopfield,
)
from nam_jax.network.dendritic import (
    Associator,
    ExternalInputs,
    HeldFeatures,
    Ramp,
    ReducedMemory,
    Wiring,
)

N, K, M = 10, 3, 4


def signs(key, shape=None, dtype=float):
    return jr.rademacher(key, (K, N) if shape is None else shape, dtype)


def cast(tree, dtype):
    """`tree` with its arrays of floats in `dtype`; single numbers keep theirs."""
    is_array = lambda leaf: eqx.is_inexact_array(leaf) and leaf.ndim > 0  # noqa: E731
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if is_array(leaf) else leaf, tree)


def summed(key, dtype=float):
    stored = PatternTensor(signs(key, dtype=dtype), strength=0.5)
    return stored + DiffusionTensor(lattice_edges(N), 0.1)


def released(patterns, leak=1.0, time_constants=(1.0, 1.0, 1.0), **arguments):
    """`NeuronAstrocyte.released` written out; leaks and time constants can be changed."""
    tensor = PatternTensor(patterns, strength=1 / patterns.shape[1], autapses=True)
    steep = LogCosh(5.0)
    return NeuronAstrocyte(
        tensor,
        neural=steep,
        synaptic=steep,
        process=steep,
        leaks=(1.0, leak, leak),
        time_constants=time_constants,
        **{"start": Algebraic(), **arguments},
    )


def general(key, dtype=float, neural=None, tensor=None):
    """Different Lagrangians, leaks and time constants in every layer."""
    return NeuronAstrocyte(
        summed(key, dtype) if tensor is None else tensor,
        neural=LogCosh(1.3) if neural is None else neural,
        synaptic=Softplus(0.8),
        process=LogCosh(0.6),
        leaks=(0.7, 1.3, 2.1),
        time_constants=(0.6, 1.7, 0.3),
    )


class Facilitation(eqx.Module):
    """f = phi(x_i) phi(x_j) + psi(p_ij); a module, so that equal networks share one program."""

    neural: AbstractLagrangian
    process: AbstractLagrangian

    def __call__(self, x, y, p):
        return self.neural.activation(x) * self.neural.activation(y) + self.process.activation(p)


def as_tripartite(net):
    """The tripartite network with the flow of `net`: f = phi phi + psi, kappa = g."""
    return TripartiteNetwork(
        net.tensor,
        phi=net.neural.activation,
        g=net.synaptic.activation,
        f=Facilitation(net.neural, net.process),
        psi=net.process.activation,
        kappa=net.synaptic.activation,
        leaks=net.leaks,
        time_constants=net.time_constants,
        start=Cold(net.start.voltage),
    )


def facilitate(x, y, p):
    """Not symmetric in its two neurons."""
    return jnp.tanh(x - 2 * y) * jax.nn.sigmoid(p)


def release_calcium(s):
    return -s / (1 + s * s)


def arbitrary(key, dtype=float):
    """Functions that come from no energy."""
    return TripartiteNetwork(
        summed(key, dtype),
        phi=jax.nn.relu,
        g=jnp.sin,
        f=facilitate,
        psi=jnp.arctan,
        kappa=release_calcium,
        leaks=(0.9, 0.4, 1.5),
        time_constants=(0.6, 1.7, 0.3),
    )


def certified_nonlinear(key, dtype=float):
    """Certified: (3 / 1.5) (4 / 1.2 - 1) = 4.7 > 1."""
    tensor = PatternTensor(signs(key, dtype=dtype), Projection())
    layers = {"synaptic": LogCosh(1.5), "process": LogCosh(1.2)}
    return NeuronAstrocyte(tensor, **layers, leaks=(1.0, 3.0, 4.0))


def effective(key, dtype=float, **arguments):
    full = NeuronAstrocyte.certified(signs(key, dtype=dtype), margin=0.3, **arguments)
    return EffectiveNeuronAstrocyte.from_full(full)


def quasi_static(key, dtype=float):
    """Solved as far as the dtype can: the contract compares derivatives of its solutions."""
    full = certified_nonlinear(key, dtype)
    return QuasiStatic(full, tolerance=1e-12 if full.dtype == "float64" else 1e-6)


def clamped(base, key):
    """Three neurons of ten held at voltages that no cue has."""
    return Clamped(base, jnp.arange(N) % 4 == 1, jr.normal(key, (N,), base.dtype))


def dendritic(key, dtype=float):
    """Ramps on whose middle random states lie, so that derivatives are not all 0."""
    wiring = Wiring.random(N, N, 4, key=key, connectivity=0.7, num_inhibitory=(5, 4))
    return DendriticMemory(
        cast(wiring, dtype),
        branch_transfer=Ramp(-4.0, 0.2, 9.0, slope=0.8),
        memory_transfer=Ramp(-2.0, 0.1, 8.0, slope=1.3),
        time_constants=(0.6, 1.7, 0.3),
    )


def associator(key, dtype=float):
    """Signs of N pixels drive the memory neurons of `dendritic`."""
    cue_key, answer_key, base_key = jr.split(key, 3)
    cue_map, answer_map = (
        cast(LinearMap(jr.normal(place, (N, N)) / N, jnp.full(N, 0.3)), dtype)
        for place in (cue_key, answer_key)
    )
    base = dendritic(base_key, dtype)
    return Associator(base, cue_map, answer_map, gain=2.0, fading=0.8)


class Row(NamedTuple):
    """One network of the table, and what it is.

    Attributes:
        make: Makes the network from a random key and the dtype of its patterns or weights.
        energy: Whether it has an energy.
        drive: The class of its inputs; None if it takes none.
        three_layers: Whether it is a `NeuronAstrocyte`.
        leaf: Whether one leaf of its state is the pattern.
        graded: Whether its answer changes with small changes of the cue.
        rows: Whether some of its arrays may be split over devices by rows.
    """

    make: Callable[[Any, Any], Any]
    energy: bool = True
    drive: type | None = Drive
    three_layers: bool = False
    leaf: bool = True
    graded: bool = True
    rows: bool = True

    def __call__(self, key, dtype=float):
        return self.make(key, dtype)


def three_layers(make):
    return Row(make, three_layers=True)


def of_rates(make, **arguments):
    return Row(make, energy=False, drive=ExternalInputs, **arguments)


def composed(make):
    return Row(make, drive=LayerInputs, rows=False)


def answering(make, energy=False, graded=True):
    return Row(make, energy, drive=None, graded=graded)


NETWORKS = {
    "released": three_layers(lambda key, d: NeuronAstrocyte.released(signs(key, dtype=d))),
    "certified": three_layers(
        lambda key, d: NeuronAstrocyte.certified(signs(key, dtype=d), margin=0.3)
    ),
    "certified-hebbian": three_layers(
        lambda key, d: NeuronAstrocyte.certified(signs(key, dtype=d), rule=Hebbian())
    ),
    "general": three_layers(general),
    "softmax-neurons": three_layers(lambda key, d: general(key, d, neural=LogSumExp(1.5))),
    "layer-norm-neurons": three_layers(
        lambda key, d: general(key, d, neural=LayerNorm(1.2, 0.1, epsilon=0.1))
    ),
    "distinct": three_layers(
        lambda key, d: general(key, tensor=DistinctTensor(signs(key, dtype=d), strength=0.8))
    ),
    "tripartite": Row(lambda key, d: as_tripartite(general(key, d)), energy=False),
    "tripartite-arbitrary": Row(arbitrary, energy=False),
    "effective": Row(effective),
    "effective-autapses": Row(lambda key, d: effective(key, d, rule=Hebbian(), autapses=True)),
    "effective-dense": Row(
        lambda key, d: EffectiveNeuronAstrocyte.dense(signs(key, dtype=d), memory_gain=2.0)
    ),
    "quasi-static": Row(quasi_static),
    "continuous-dense": Row(
        lambda key, d: ContinuousDenseMemory(signs(key, dtype=d), leak=0.8, time_constant=0.6)
    ),
    "clamped": Row(lambda key, d: clamped(general(key, d), jr.fold_in(key, 1))),
    "clamped-arbitrary": Row(
        lambda key, d: clamped(arbitrary(key, d), jr.fold_in(key, 1)), energy=False
    ),
    "two-layer-a": Row(
        lambda key, d: TwoLayerMemory.model_a(signs(key, dtype=d) / 3, time_constants=(0.6, 1.7))
    ),
    "two-layer-b": Row(lambda key, d: TwoLayerMemory.model_b(signs(key, dtype=d), beta=0.7)),
    "two-layer-c": Row(lambda key, d: TwoLayerMemory.model_c(signs(key, dtype=d), epsilon=0.1)),
    "dendritic": of_rates(dendritic),
    "dendritic-associator": of_rates(associator, leaf=False),
    "dendritic-reduced": of_rates(lambda key, d: ReducedMemory(dendritic(key, d))),
    "dendritic-held": of_rates(lambda key, d: HeldFeatures(dendritic(key, d))),
    **{f"composed-{name}": composed(make) for name, make in COMPOSITIONS.items()},
}
"""Networks that flow in time."""
WITH_ENERGY = [name for name, row in NETWORKS.items() if row.energy]
THREE_LAYERS = [name for name, row in NETWORKS.items() if row.three_layers]

DISCRETE = {
    "hopfield": Row(lambda key, d: Hopfield.from_patterns(signs(key, dtype=d)), drive=None),
    "thresholds": Row(
        lambda key, d: Hopfield(symmetrise(jr.normal(key, (N, N), d)), threshold=0.1), drive=None
    ),
    "dense": Row(lambda key, d: DenseAssociativeMemory(signs(key, dtype=d)), drive=None),
    "exponential": Row(
        lambda key, d: DenseAssociativeMemory(signs(key, dtype=d), Exponential(0.5)), drive=None
    ),
    "single-pass": Row(
        lambda key, d: DenseAssociativeMemory(signs(key, dtype=d), Power(3), single_pass=True),
        drive=None,
    ),
}
"""Networks whose neurons are updated."""


def universal(key, d, similarity, weighting=None, **arguments):
    """A universal network of K real rows; by default they answer with M numbers."""
    weighting = Softmax(2.0) if weighting is None else weighting
    if "passes" not in arguments:
        arguments["projection"] = jr.normal(key, (K, M), d)
    return UniversalHopfield(jr.normal(key, (K, N), d), similarity, weighting, **arguments)


FEEDFORWARD = {
    "kohonen": answering(lambda key, d: CorrelationMatrix(signs(key, dtype=d))),
    "amari": answering(
        lambda key, d: CorrelationMatrix(signs(key, dtype=d), sign=True, passes=3), graded=False
    ),
    "hetero": answering(
        lambda key, d: CorrelationMatrix(signs(key, dtype=d), signs(key, (K, M), d))
    ),
    "minerva": answering(
        lambda key, d: Minerva2.encode(signs(key, dtype=d), 0.7, key=key, passes=2)
    ),
    "iterated": answering(lambda key, d: universal(key, d, Cosine(), Softmax(3.0), passes=3)),
    "attention": answering(
        lambda key, d: ModernHopfield(jr.normal(key, (K, N), d), 0.5, passes=4), energy=True
    ),
    "attention-answers": answering(
        lambda key, d: ModernHopfield(signs(key, dtype=d), projection=signs(key, (K, M), d))
    ),
    "softmax": answering(lambda key, d: universal(key, d, Dot(), passes=3), energy=True),
    "cubed": answering(
        lambda key, d: universal(key, d, Dot(), Polynomial(3), passes=1), energy=True
    ),
    "squared": answering(lambda key, d: universal(key, d, Dot(), Polynomial(2), passes=1)),
    **{
        f"universal {kind.__name__}": answering(lambda key, d, kind=kind: universal(key, d, kind()))
        for kind in (Dot, Cosine, Pearson, Euclidean, Manhattan)
    },
}
"""Networks that answer in passes, with M numbers where answers are no cues."""
EVERY = NETWORKS | DISCRETE | FEEDFORWARD


def state_of(net, key, dtype=None):
    """A state of order one for any network, symmetric where a layer has pairs."""
    dtype = net.dtype if dtype is None else dtype
    shapes = jax.eval_shape(net.initial_state, jax.ShapeDtypeStruct((N,), dtype))
    leaves, structure = jax.tree.flatten(shapes)
    keys = jr.split(key, len(leaves))
    made = [jr.normal(key, leaf.shape, dtype) for key, leaf in zip(keys, leaves, strict=True)]
    return symmetric(jax.tree.unflatten(structure, made))


def symmetric(tree):
    """`tree` with the symmetric part of its N x N arrays, which are layers of pairs."""
    return jax.tree.map(lambda a: symmetrise(a) if a.shape == (N, N) else a, tree)


def drive_of(net, key):
    """Constant inputs to every layer that the network lets drive; None for one that lets none."""
    if net.drive_type is None:
        return None
    if net.drive_type is ExternalInputs:
        return ExternalInputs(jr.normal(key, (N,)), 0.3)
    if net.drive_type is LayerInputs:
        return LayerInputs(**dict(zip(net.names, state_of(net, key).values, strict=True)))
    assert net.drive_type is Drive
    state = jax.eval_shape(net.initial_state, jax.ShapeDtypeStruct((N,), net.dtype))
    has_pairs = any(leaf.ndim == 2 for leaf in jax.tree.leaves(state))
    return random_drive(key) if has_pairs else Drive(jr.normal(key, (N,)))


def random_state(key, dtype=float, num_neurons=N):
    """A state of order one with symmetric synapses and processes."""
    x, s, p = jr.split(key, 3)
    shape = (num_neurons, num_neurons)
    return TripartiteState(
        jr.normal(x, (num_neurons,), dtype),
        symmetrise(jr.normal(s, shape, dtype)),
        symmetrise(jr.normal(p, shape, dtype)),
    )


def random_drive(key):
    """Constant inputs to every layer: a vector, a symmetric matrix, one number."""
    b, c = jr.split(key)
    return Drive(jr.normal(b, (N,)), symmetrise(jr.normal(c, (N, N))), 0.3)
