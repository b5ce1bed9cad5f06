"""Training of composed networks: every route of gradients, and a fit that helps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from tables.networks import signs

import nam_jax as nam
from nam_jax import train
from nam_jax.interaction import Bilinear, Prediction
from nam_jax.lagrangian import LogCosh, Quadratic
from nam_jax.network import EnergyNetwork, Forward, Layer

N, H = 12, 3
ROUTES = {
    "through the solver": train.ThroughSolver(how=nam.solve.Flow(rest=1e-4, rtol=1e-4)),
    "truncated": train.Truncated(200),
    "equilibrium propagation": train.EquilibriumPropagation(),
}


def chain(key, size=0.5):
    """Neurons, hidden units with a pattern each, and units that predict them; all are graded."""
    first, second = jr.split(key)
    return EnergyNetwork(
        {
            "x": Layer(LogCosh(), shape=N),
            "h": Layer(LogCosh(), time=0.3, shape=H),
            "z": Layer(Quadratic(), shape=3),
        },
        [
            Bilinear("x", "h", size * signs(first, (H, N))),
            Prediction("h", "z", jr.normal(second, (H, 3)) / 4),
        ],
        "x",
        start=Forward(),
    )


def cost(readout, sample):
    return jnp.mean((readout - sample.target) ** 2)


@eqx.filter_jit
def gradient_of(route, network, sample):
    return route.value_and_grad(cost, network, sample)


@pytest.fixture(scope="module")
def problem():
    network = chain(jr.key(0))
    pattern = jnp.sign(network.interactions[0].weights[0])
    sample = train.Sample(nam.data.flip(pattern, 0.1, key=jr.key(2)), pattern)
    fine = nam.solve.Flow(rest=1e-5, rtol=1e-6, atol=1e-7)
    _, exact = gradient_of(train.ImplicitRoute(how=fine), network, sample)
    return network, sample, exact


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_finds_the_gradient_of_a_composed_network(name, problem):
    """Within 2 % of the implicit gradient by the weights, as for other networks."""
    network, sample, exact = problem
    (loss, _, info), gradient = gradient_of(ROUTES[name], network, sample)
    assert bool(info.settled) and np.isfinite(float(loss))
    for actual, expected in zip(gradient.interactions, exact.interactions, strict=True):
        size = float(jnp.linalg.norm(expected.weights))
        assert float(jnp.linalg.norm(actual.weights - expected.weights)) < 0.02 * size


def test_a_fit_makes_a_composed_network_recall():
    patterns = signs(jr.key(3), (2, N))
    make = jax.tree_util.Partial(train.denoising_samples, fraction=0.1)
    fit = train.fit(
        chain(jr.key(4)), train.Minibatches(patterns, make, 2), loss=train.SquaredError(),
        optimizer=optax.adam(0.05), num_steps=60, gradient=train.ImplicitRoute(), key=jr.key(5),
        trainable=lambda net: [interaction.weights for interaction in net.interactions],
    )  # fmt: skip
    assert float(fit.metrics.loss[-5:].mean()) < 0.8 * float(fit.metrics.loss[:5].mean())
    kept = eqx.tree_at(lambda n: n.interactions, fit.network, chain(jr.key(4)).interactions)
    assert eqx.tree_equal(kept, chain(jr.key(4)))
