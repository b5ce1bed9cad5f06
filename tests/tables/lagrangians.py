"""The Lagrangians that every test runs over: one line each in `TABLE`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nam_jax.lagrangian import (
    Exponential,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Quadratic,
    RectifiedPower,
    Rows,
    Softplus,
    Spherical,
)

TABLE = {
    "quadratic": lambda: Quadratic(1.7),
    "log_cosh": lambda: LogCosh(2.5),
    "softplus": lambda: Softplus(3.0),
    "relu": RectifiedPower,
    "cubic": lambda: RectifiedPower(3),
    "power_20": lambda: RectifiedPower(20),
    "exponential": lambda: Exponential(0.7),
    "log_sum_exp": lambda: LogSumExp(1.5),
    "layer_norm": lambda: LayerNorm(1.3, 0.4, epsilon=0.1),
    "layer_norm_shift": lambda: LayerNorm(0.8, jnp.linspace(-1.0, 1.0, 5)),
    "spherical": lambda: Spherical(0.3),
    "rows": lambda: Rows(LayerNorm(1.2, 0.1, epsilon=0.1)),
    "spheres": lambda: Rows(Spherical(0.3)),
}


EXTREMES = [0.0, 1e-4, -1e-4, 1.0, -1.0, 88.0, -88.0, 1e4, -1e4]


BELOW_GUARD = {"exponential": 80.0, "power_20": 20.0}


ONE_TO_ONE = ["quadratic", "log_cosh", "softplus", "exponential", "spherical"]
SCALES = np.array([[0.01], [1.0], [30.0]])


SCALARS = [lambda lagrangian, u: lagrangian(u), lambda lagrangian, u: lagrangian.energy(u)]


every = pytest.mark.parametrize("name", TABLE)


@eqx.filter_jit
def evaluate(lagrangian, u):
    return lagrangian(u), lagrangian.activation(u), lagrangian.energy(u)


@eqx.filter_jit
def evaluate_rows(lagrangian, states):
    return jax.vmap(lambda u: evaluate(lagrangian, u))(states)
