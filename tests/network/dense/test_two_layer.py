"""The two-layer memories of Krotov & Hopfield: models A, B and C."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import signs

import nam_jax as nam
from nam_jax.memory import (
    Power,
)
from nam_jax.network import (
    ContinuousDenseMemory,
    TwoLayerMemory,
)

X64 = jax.config.jax_enable_x64


EXACT = {"rtol": 1e-10, "atol": 1e-10} if X64 else {"rtol": 2e-4, "atol": 2e-4}


N, K = 9, 3


def test_features_of_a_two_layer_memory_are_a_dense_memory(getkey):
    """Hidden neurons at their equilibrium; overlaps above 0, where max(h, 0)^3 is h^3."""
    xi, v = jnp.abs(signs(getkey(), (K, N))), 0.5 + jr.uniform(getkey(), (N,))
    net = TwoLayerMemory.model_a(xi, n=4)
    flow = net.vector_field(0.0, net.initial_state(v))
    dense = ContinuousDenseMemory(xi, Power(4), strength=1.0)
    np.testing.assert_allclose(flow.features, dense.vector_field(0.0, v), rtol=1e-5)
    np.testing.assert_allclose(flow.hidden, 0, atol=1e-6)


def test_a_step_of_model_b_is_softmax_attention(getkey):
    """dt = tau_f from hidden neurons at their equilibrium: v becomes softmax(beta Xi v) Xi."""
    xi, v = signs(getkey(), (K, N)), jr.normal(getkey(), (N,))
    net = TwoLayerMemory.model_b(xi, beta=0.7, time_constants=(0.6, 0.1))
    flow = net.vector_field(0.0, net.initial_state(v))
    expected = jax.nn.softmax(0.7 * (xi @ v)) @ xi
    np.testing.assert_allclose(v + 0.6 * flow.features, expected, **EXACT)


@pytest.mark.parametrize("model", ["model_a", "model_b", "model_c"])
def test_two_layer_models_recall(model, getkey):
    xi = signs(getkey(), (K, 40))
    recall = nam.retrieve(
        getattr(TwoLayerMemory, model)(xi), nam.data.flip(xi[0], 0.2, key=getkey())
    )
    assert bool(nam.measure.exact_recall(recall.pattern, xi[0]))
