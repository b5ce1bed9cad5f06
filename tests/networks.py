"""The networks that every contract test runs over: one line each in `NETWORKS`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from nam_jax._misc import symmetrise
from nam_jax.lagrangian import AbstractLagrangian, LayerNorm, LogCosh, LogSumExp, Softplus
from nam_jax.memory import DiffusionTensor, DistinctTensor, PatternTensor, lattice_edges
from nam_jax.network import Algebraic, Drive, NeuronAstrocyte, TripartiteNetwork, TripartiteState

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


NETWORKS = {
    "released": lambda key: NeuronAstrocyte.released(signs(key)),
    "certified": lambda key: NeuronAstrocyte.certified(signs(key), margin=0.3),
    "certified-hebbian": lambda key: NeuronAstrocyte.certified(signs(key), rule="hebbian"),
    "general": general,
    "softmax-neurons": lambda key: general(key, neural=LogSumExp(1.5)),
    "layer-norm-neurons": lambda key: general(key, neural=LayerNorm(1.2, 0.1, epsilon=0.1)),
    "distinct": lambda key: general(key, tensor=DistinctTensor(signs(key), strength=0.8)),
    "tripartite": lambda key: as_tripartite(general(key)),
    "tripartite-arbitrary": arbitrary,
}
WITH_ENERGY = [name for name in NETWORKS if not name.startswith("tripartite")]


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
