"""Separations are Lagrangians of overlaps, and go on where a Lagrangian becomes straight."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from nam_jax import lagrangian, memory

K = 50
# Separation, its Lagrangian, and the factor between them.
PAIRS = {
    "rectified 2": (memory.RectifiedPower(2), lagrangian.RectifiedPower(2), 1.0),
    "rectified 5": (memory.RectifiedPower(5), lagrangian.RectifiedPower(5), 1.0),
    "exponential": (memory.Exponential(0.7), lagrangian.Exponential(0.7), 0.7),
    "log-sum-exp": (memory.LogSumExp(0.7), lagrangian.LogSumExp(0.7), 1.0),
}


@pytest.mark.parametrize("name", PAIRS)
def test_value_and_slope_are_those_of_the_lagrangian(name, getkey):
    separation, same, factor = PAIRS[name]
    z = 10 * jr.normal(getkey(), (K,))
    np.testing.assert_allclose(separation(z), factor * same(z), rtol=2e-6)
    np.testing.assert_allclose(separation.slope(z), factor * same.activation(z), rtol=1e-6)
    np.testing.assert_allclose(separation.slope(z), jax.grad(separation)(z), rtol=1e-5)


@pytest.mark.parametrize(
    ("separation", "z", "value", "slope"),
    [
        (memory.RectifiedPower(12), 1000.0, 1e36 / 12, 1e33),
        (memory.Exponential(0.5), 160.0, np.exp(80.0), 0.5 * np.exp(80.0)),
    ],
)
def test_values_beyond_the_limit_of_the_lagrangian_are_exact(separation, z, value, slope):
    z = jnp.asarray([z, -z], jnp.float32)
    np.testing.assert_allclose(separation(z), value, rtol=2e-5)
    np.testing.assert_allclose(separation.slope(z)[0], slope, rtol=2e-5)


def test_what_overflows_is_infinite():
    z = jnp.asarray([1e4], jnp.float32)
    for separation in (memory.RectifiedPower(12), memory.Exponential(1.0)):
        assert separation(z) == jnp.inf and separation.slope(z)[0] == jnp.inf
