"""The networks that every contract test runs over: one line each in `NETWORKS`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from nam_jax._misc import symmetrise
from nam_jax.lagrangian import AbstractLagrangian, LayerNorm, LogCosh, LogSumExp, Softplus
from nam_jax.memory import (
    DiffusionTensor,
    DistinctTensor,
    Hebbian,
    LinearMap,
    PatternTensor,
    Projection,
    lattice_edges,
)
from nam_jax.network import (
    Algebraic,
    Clamped,
    ContinuousDenseMemory,
    DendriticMemory,
    Drive,
    EffectiveNeuronAstrocyte,
    NeuronAstrocyte,
    QuasiStatic,
    TripartiteNetwork,
    TripartiteState,
    TwoLayerMemory,
)
from nam_jax.network.dendritic import Associator, ExternalInputs, Ramp, ReducedMemory, Wiring

N, K = 10, 3


def signs(key, shape=(K, N)):
    return jr.rademacher(key, shape, float)


def summed(key):
    return PatternTensor(signs(key), strength=0.5) + DiffusionTensor(lattice_edges(N), 0.1)


def released(patterns, leak=1.0, time_constants=(1.0, 1.0, 1.0), **arguments):
    """`NeuronAstrocyte.released` written out, with leaks and times of the science page's tables."""
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


def general(key, neural=None, tensor=None):
    """Different Lagrangians, leaks and time constants in every layer."""
    return NeuronAstrocyte(
        summed(key) if tensor is None else tensor,
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
        start=net.start,
    )


def facilitate(x, y, p):
    """Not symmetric in its two neurons."""
    return jnp.tanh(x - 2 * y) * jax.nn.sigmoid(p)


def release_calcium(s):
    return -s / (1 + s * s)


def arbitrary(key):
    """Functions that come from no energy."""
    return TripartiteNetwork(
        summed(key),
        phi=jax.nn.relu,
        g=jnp.sin,
        f=facilitate,
        psi=jnp.arctan,
        kappa=release_calcium,
        leaks=(0.9, 0.4, 1.5),
        time_constants=(0.6, 1.7, 0.3),
    )


def certified_nonlinear(key):
    """Certified: (3 / 1.5) (4 / 1.2 - 1) = 4.7 > 1."""
    tensor = PatternTensor(signs(key), Projection())
    layers = {"synaptic": LogCosh(1.5), "process": LogCosh(1.2)}
    return NeuronAstrocyte(tensor, **layers, leaks=(1.0, 3.0, 4.0))


def effective(key, **arguments):
    full = NeuronAstrocyte.certified(signs(key), margin=0.3, **arguments)
    return EffectiveNeuronAstrocyte.from_full(full)


def quasi_static(key):
    """Solved as far as the dtype can: the contract compares derivatives of its solutions."""
    tolerance = 1e-12 if jax.config.jax_enable_x64 else 1e-6
    return QuasiStatic(certified_nonlinear(key), tolerance=tolerance)


def clamped(base, key):
    """Three neurons of ten held at voltages that no cue has."""
    return Clamped(base, jnp.arange(N) % 4 == 1, jr.normal(key, (N,)))


def dendritic(key):
    """Ramps on whose middle random states lie, so that derivatives are not all 0."""
    wiring = Wiring.random(N, N, 4, key=key, connectivity=0.7, num_inhibitory=(5, 4))
    return DendriticMemory(
        wiring,
        branch_transfer=Ramp(-4.0, 0.2, 9.0, slope=0.8),
        memory_transfer=Ramp(-2.0, 0.1, 8.0, slope=1.3),
        time_constants=(0.6, 1.7, 0.3),
    )


def associator(key):
    """Signs of N pixels drive the memory neurons of `dendritic`."""
    cue_key, answer_key, base_key = jr.split(key, 3)
    cue_map, answer_map = (
        LinearMap(jr.normal(value, (N, N)) / N, jnp.full(N, 0.3)) for value in (cue_key, answer_key)
    )
    return Associator(dendritic(base_key), cue_map, answer_map, gain=2.0, fading=0.8)


NETWORKS = {
    "released": lambda key: NeuronAstrocyte.released(signs(key)),
    "certified": lambda key: NeuronAstrocyte.certified(signs(key), margin=0.3),
    "certified-hebbian": lambda key: NeuronAstrocyte.certified(signs(key), rule=Hebbian()),
    "general": general,
    "softmax-neurons": lambda key: general(key, neural=LogSumExp(1.5)),
    "layer-norm-neurons": lambda key: general(key, neural=LayerNorm(1.2, 0.1, epsilon=0.1)),
    "distinct": lambda key: general(key, tensor=DistinctTensor(signs(key), strength=0.8)),
    "tripartite": lambda key: as_tripartite(general(key)),
    "tripartite-arbitrary": arbitrary,
    "effective": effective,
    "effective-autapses": lambda key: effective(key, rule=Hebbian(), autapses=True),
    "effective-dense": lambda key: EffectiveNeuronAstrocyte.dense(signs(key), memory_gain=2.0),
    "quasi-static": quasi_static,
    "continuous-dense": lambda key: ContinuousDenseMemory(signs(key), leak=0.8, time_constant=0.6),
    "clamped": lambda key: clamped(general(key), jr.fold_in(key, 1)),
    "two-layer-a": lambda key: TwoLayerMemory.model_a(signs(key) / 3, time_constants=(0.6, 1.7)),
    "two-layer-b": lambda key: TwoLayerMemory.model_b(signs(key), beta=0.7),
    "two-layer-c": lambda key: TwoLayerMemory.model_c(signs(key), epsilon=0.1),
    "dendritic": dendritic,
    "dendritic-associator": associator,
    "dendritic-reduced": lambda key: ReducedMemory(dendritic(key)),
}
WITHOUT_ENERGY = ("tripartite", "dendritic")
WITH_ENERGY = [name for name in NETWORKS if not name.startswith(WITHOUT_ENERGY)]
THREE_LAYERS = list(NETWORKS)[: list(NETWORKS).index("tripartite")]


def state_of(net, key, dtype=float):
    """A state of order one for any network, symmetric where a layer has pairs."""
    shapes = jax.eval_shape(net.initial_state, jax.ShapeDtypeStruct((N,), dtype))
    leaves, structure = jax.tree.flatten(shapes)
    keys = jr.split(key, len(leaves))
    made = [jr.normal(key, leaf.shape, dtype) for key, leaf in zip(keys, leaves, strict=True)]
    made = [symmetrise(leaf) if leaf.ndim == 2 else leaf for leaf in made]
    return jax.tree.unflatten(structure, made)


def drive_of(net, key):
    """Constant inputs to every layer that the network lets drive."""
    if isinstance(net, Clamped):
        return drive_of(net.base, key)
    if isinstance(net, NeuronAstrocyte | TripartiteNetwork):
        return random_drive(key)
    if isinstance(net, DendriticMemory | ReducedMemory | Associator):
        return ExternalInputs(jr.normal(key, (N,)), 0.3)
    return Drive(jr.normal(key, (N,)))


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
