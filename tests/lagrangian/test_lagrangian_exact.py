"""Values, activations and energies in float32 against decimal arithmetic of 50 digits."""

import decimal

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
    Softplus,
    Spherical,
)

D = decimal.Decimal
FLOAT = np.finfo(np.float32)
EPS, LARGEST, LEAST = float(FLOAT.eps), D(float(FLOAT.max)), D(float(FLOAT.tiny))
SIZES = np.logspace(-6, 4, 61)
STATES = np.concatenate([-SIZES, SIZES]).astype(np.float32)


@pytest.fixture(autouse=True)
def digits():
    with decimal.localcontext() as context:
        context.prec = 50
        yield


def quadratic(gain, u):
    return gain * u * u / 2, gain * u, gain * u * u / 2


def log_cosh(beta, u):
    v = abs(beta * u)
    small = (-2 * v).exp()
    value, y = v + (1 + small).ln() - D(2).ln(), (1 - small) / (1 + small)
    return value / beta, y.copy_sign(u), (v * y - value) / beta


def softplus(beta, u):
    v = beta * u
    small = (-abs(v)).exp()
    value, y = max(v, D(0)) + (1 + small).ln(), (1 if v > 0 else small) / (1 + small)
    return value / beta, y, (v * y - value) / beta


def exponential(beta, u):
    y = (beta * u).exp()
    return y / beta, y, (beta * u - 1) * y / beta


def power(n):
    def exact(_, u):
        r = max(u, D(0))
        return r**n / n, r ** (n - 1), r**n * (n - 1) / n

    return exact


def close(actual, expected, units):
    """Whether `actual` is within `units` roundings, or like `expected` too large or too small."""
    if abs(expected) > LARGEST:
        return np.isfinite(actual) and abs(D(float(actual))) > LARGEST * D("0.98")
    if abs(expected) < LEAST:
        return abs(D(float(actual))) <= LEAST
    return abs(D(float(actual)) - expected) <= D(units * EPS) * abs(expected)


CASES = {
    "quadratic": (Quadratic(jnp.float32(1.7)), quadratic, 2),
    "log_cosh": (LogCosh(2.5), log_cosh, 5),
    "softplus": (Softplus(3.0), softplus, 3),
    "exponential": (Exponential(), exponential, 3),
    "exponential_flat": (Exponential(jnp.float32(0.7)), exponential, 3),
    **{f"power_{n}": (RectifiedPower(n), power(n), 1 + n / 2) for n in (2, 3, 10, 20)},
}


@pytest.mark.parametrize("name", CASES)
def test_results_are_exact_to_a_few_roundings_wherever_they_fit(name):
    """beta u is rounded once, which changes exp(beta u) by |beta u| / 2 further roundings."""
    lagrangian, exact, units = CASES[name]
    rate = D(float(getattr(lagrangian, "beta", getattr(lagrangian, "gain", 1.0))))
    has_exponent = isinstance(lagrangian, Softplus | Exponential) and rate != 1

    @jax.jit
    @jax.vmap
    def everything(u):
        row = u[None]
        results = lagrangian(row), lagrangian.activation(row)[0], lagrangian.energy(row)
        return results, (jax.grad(lagrangian.__call__)(row), jax.grad(lagrangian.energy)(row))

    results, gradients = everything(jnp.asarray(STATES))
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    for u, *actual in zip(STATES, *map(np.asarray, results), strict=True):
        allowed = units + (min(abs(float(rate) * float(u)), 100) / 2 if has_exponent else 0)
        for part, expected in zip(actual, exact(rate, D(float(u))), strict=True):
            assert close(part, expected, allowed), (u, part, expected)


def test_the_value_has_the_activation_as_its_gradient_also_where_it_is_too_large():
    state = jnp.asarray([1e4], jnp.float32)
    ten = RectifiedPower(10)
    np.testing.assert_allclose(jax.grad(ten.__call__)(state), 1e36, rtol=1e-6)
    assert ten(state) == FLOAT.max
    np.testing.assert_allclose(RectifiedPower(20)(jnp.asarray([30.0])), 30.0**20 / 20, rtol=2e-6)


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4])
def test_log_sum_exp_far_from_zero(offset):
    """The value, the softmax and the energy do not lose the digits of beta times an offset."""
    beta = D(float(np.float32(1.3)))
    u = np.asarray([0.25, 0.0, -1.5, -12.0], np.float32) + np.float32(offset)
    exact = [D(float(x)) for x in u]
    weights = [(beta * (x - exact[0])).exp() for x in exact]
    total = sum(weights, D(0))
    value = exact[0] + total.ln() / beta
    mean = sum((w * (x - exact[0]) for w, x in zip(weights, exact, strict=True)), D(0)) / total
    lagrangian = LogSumExp(1.3)
    assert close(lagrangian(jnp.asarray(u)), value, 2)
    assert close(lagrangian.energy(jnp.asarray(u)), mean - total.ln() / beta, 8)
    for y, w in zip(np.asarray(lagrangian.activation(jnp.asarray(u))), weights, strict=True):
        assert close(y, w / total, 20)
    gradient = jax.grad(lagrangian.__call__)(jnp.asarray(u))
    np.testing.assert_allclose(gradient, lagrangian.activation(jnp.asarray(u)), rtol=1e-6)


def test_log_sum_exp_of_a_certain_winner_at_zero():
    """log(1 + exp(-20)) = 2e-9, although 1 + exp(-20) is 1 in float32."""
    value = LogSumExp()(jnp.asarray([0.0, -20.0], jnp.float32))
    assert close(value, (1 + D(-20).exp()).ln(), 4)


@pytest.mark.parametrize("size", SIZES[::15])
def test_collective_lagrangians_of_every_size(size):
    u = np.asarray(size * np.asarray([1.0, -0.5, 0.25, 2.0]), np.float32)
    exact = [D(float(x)) for x in u]
    spherical, epsilon = Spherical(), D(1e-5)
    root = (sum((x * x for x in exact), epsilon)).sqrt()
    assert close(spherical(jnp.asarray(u)), root, 3)
    assert close(spherical.energy(jnp.asarray(u)), -epsilon / root, 3)
    mean = sum(exact, D(0)) / 4
    scale = (sum(((x - mean) ** 2 for x in exact), D(0)) / 4 + epsilon).sqrt()
    norm = LayerNorm()
    assert close(norm(jnp.asarray(u)), 4 * scale, 4)
    assert close(norm.energy(jnp.asarray(u)), -4 * epsilon / scale, 4)
    parts = zip(spherical.activation(jnp.asarray(u)), norm.activation(jnp.asarray(u)), exact,
                strict=True)  # fmt: skip
    for on_sphere, normalised, x in parts:
        assert close(on_sphere, x / root, 4)
        assert close(normalised, (x - mean) / scale, 8)
