"""A small training problem and a cheap gradient route, shared by the tests of training."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

import nam_jax as nam
from nam_jax.train import AbstractRoute, Info, Minibatches, SquaredError

N, K = 16, 5


class FewSteps(AbstractRoute):
    """Six Euler steps: a recall cut short, compiled in no time. Rest is when no number is NaN."""

    size: float = 0.5

    def value_and_grad(self, cost: Any, network: Any, sample: Any) -> Any:
        def of(network):
            def euler(state, _):
                flow = network.vector_field(0.0, state, sample.drive)
                return jax.tree.map(lambda u, v: u + self.size * v, state, flow), None

            state, _ = jax.lax.scan(euler, network.initial_state(sample.cue), None, length=6)
            readout = network.readout(state)
            return cost(readout, sample), readout

        (loss, readout), gradient = eqx.filter_value_and_grad(of, has_aux=True)(network)
        info = Info.without_equation(jnp.all(jnp.isfinite(readout)))
        return (loss, readout, info), gradient


def correlated(seed=0, num_patterns=K, num_neurons=N):
    key = jax.random.key(seed)
    return nam.data.correlated_patterns(num_patterns, num_neurons, correlation=0.4, key=key)


def network(patterns, **arguments):
    """Certified, with full couplings that do not know that the patterns are correlated."""
    rule = nam.memory.Weighted(jnp.eye(len(patterns)))
    return nam.network.NeuronAstrocyte.certified(
        patterns, rule=rule, gain=0.5, start=nam.network.Cold(), **arguments
    )


def slow_network(patterns):
    """The same with all layers equally fast, for the few large steps of the cheap route."""
    net = network(patterns)
    times, one = net.time_constants, jnp.ones(())
    return eqx.tree_at(lambda n: n.time_constants, net, times._replace(synaptic=one, process=one))


def denoising(patterns, size, fraction=0.07):
    make = jax.tree_util.Partial(nam.train.denoising_samples, fraction=fraction)
    return Minibatches(patterns, make, size)


def couplings_and_strength(net):
    return [net.tensor.couplings, net.tensor.strength]


def stored(net):
    return [net.patterns]


ADAM = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-2))


def quick_fit(net, batches, num_steps, **arguments):
    """The mechanics of training at little cost; arguments override."""
    chosen = {
        "loss": SquaredError(),
        "optimizer": ADAM,
        "gradient": FewSteps(),
        "trainable": stored,
        "key": jax.random.key(3),
        "chunk": 4,
    }
    return nam.train.fit(net, batches, num_steps=num_steps, **chosen | arguments)
