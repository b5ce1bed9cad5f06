"""One contract over all Lagrangians; to test a new one, add it to `TABLE`."""

import equinox as eqx
import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables.lagrangians import ONE_TO_ONE, SCALES, TABLE, evaluate, evaluate_rows, every

from nam_jax.lagrangian import (
    RectifiedPower,
    Spherical,
)

# Entries where the slope bound is reached (one infinite bound: where it is passed).
STEEPEST = {
    "log_sum_exp": [0.0, 0.0, -50.0, -50.0, -50.0],
    "layer_norm": [2.0] * 5,
    "layer_norm_shift": [-3.0] * 5,
    "relu": [1.0] * 5,
    "cubic": [1e4] * 5,
    "power_20": [5.0] * 5,
    "exponential": [50.0] * 5,
}

PARAMETERS = [
    ("quadratic", "gain"),
    ("log_cosh", "beta"),
    ("softplus", "beta"),
    ("exponential", "beta"),
    ("log_sum_exp", "beta"),
    ("layer_norm", "gain"),
    ("layer_norm", "shift"),
]


# Value, activation, energy, Hessian


@every
def test_activation_is_gradient_of_value(name, x64, getkey):
    lagrangian = TABLE[name]()
    states = SCALES * jax.random.normal(getkey(), (3, 5))
    expected = jax.jit(jax.vmap(jax.grad(lambda u: lagrangian(u))))(states)
    _, y, _ = evaluate_rows(lagrangian, states)
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-13)


@every
def test_energy_is_legendre_transform(name, x64, getkey):
    states = np.asarray(SCALES * jax.random.normal(getkey(), (3, 5)))
    value, y, energy = map(np.asarray, evaluate_rows(TABLE[name](), jnp.asarray(states)))
    rounding = 1e-14 * (np.abs(states * y).sum(1) + np.abs(value)) + 1e-15
    assert (np.abs(energy - ((states * y).sum(1) - value)) <= rounding).all()


@every
def test_gradient_of_energy_is_hessian_times_state(name, x64, getkey):
    lagrangian = TABLE[name]()
    u = 2 * jax.random.normal(getkey(), (5,))
    _, expected = eqx.filter_jit(jax.jvp)(lagrangian.activation, (u,), (u,))
    actual = eqx.filter_jit(jax.grad(lambda v: lagrangian.energy(v)))(u)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


@every
def test_hessian_is_positive_and_bounded(name, x64, getkey):
    lagrangian = TABLE[name]()
    states = jax.random.normal(getkey(), (20, 5)).at[0].set(0.0).at[1].multiply(10.0)
    for hessian in jax.jit(jax.vmap(jax.jacobian(lambda u: lagrangian.activation(u))))(states):
        eigenvalues = np.linalg.eigvalsh(hessian)
        largest = max(abs(eigenvalues))
        np.testing.assert_allclose(hessian, hessian.T, rtol=0, atol=1e-12 * largest)
        assert eigenvalues.min() >= -1e-12 * largest
        assert eigenvalues.max() <= float(lagrangian.slope_bound) * (1 + 1e-12)


@every
def test_slope_bound_is_approached(name, x64):
    lagrangian = TABLE[name]()
    u = jnp.array(STEEPEST.get(name, [0.0] * 5))
    hessian = jax.jit(jax.jacobian(lambda v: lagrangian.activation(v)))(u)
    largest = np.linalg.eigvalsh(hessian).max()
    bound = lagrangian.slope_bound
    assert bound.shape == () and jnp.issubdtype(bound.dtype, jnp.floating)
    if np.isinf(bound):
        assert largest > 1e4
    else:
        np.testing.assert_allclose(largest, bound, rtol=1e-9)


@every
def test_second_derivative_of_value_at_zero_and_far_out(name, x64):
    """Autodiff of the value agrees with the written activation where branches and limits meet."""
    lagrangian = TABLE[name]()
    corner = 0.1 if isinstance(lagrangian, RectifiedPower) else 0.0  # no second derivative at 0
    states = jnp.array([[x, -0.3, 0.2, x, 1.1] for x in [corner, 1e-4, 0.5, -88.0, 1e4]])
    hessians = jax.jit(jax.vmap(jax.hessian(lambda u: lagrangian(u))))(states)
    expected = jax.jit(jax.vmap(jax.jacobian(lambda u: lagrangian.activation(u))))(states)
    np.testing.assert_allclose(hessians, expected, rtol=1e-7, atol=1e-9)


def _both_sides(lagrangian, u, w):
    y = lagrangian.activation(w)
    size = jnp.sum(jnp.abs(u * y)) + jnp.abs(lagrangian(u)) + jnp.abs(lagrangian.energy(w))
    return lagrangian(u) + lagrangian.energy(w), jnp.vdot(u, y), size


_jitted_sides = eqx.filter_jit(_both_sides)
_states = hnp.arrays(np.float64, 5, elements=st.floats(-40, 40, allow_subnormal=False))


@every
@hypothesis.given(data=st.data())
@hypothesis.settings(deadline=None, max_examples=40, derandomize=True)
def test_fenchel_young(name, data):
    """L(u) + L*(y) >= u . y for every y in the range, with equality at the state of y."""
    with jax.enable_x64(True):
        lagrangian = TABLE[name]()
        u, w = (jnp.asarray(data.draw(_states)) for _ in range(2))
        left, right, size = map(float, _jitted_sides(lagrangian, u, w))
        assert left >= right - 1e-13 * size - 1e-14
        left, right, size = map(float, _jitted_sides(lagrangian, w, w))
        assert abs(left - right) <= 1e-13 * size + 1e-14


# Inverse


@pytest.mark.parametrize("name", ONE_TO_ONE)
def test_inverse_undoes_activation(name, x64, getkey):
    lagrangian = TABLE[name]()
    u = jax.random.normal(getkey(), (4, 5))
    restored = lagrangian.inverse(lagrangian.activation(u))
    np.testing.assert_allclose(restored, u, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ONE_TO_ONE)
def test_inverse_of_rounded_activation_is_finite_and_consistent(name):
    """Saturated activations in float32 have a finite state, which has the same activation."""
    lagrangian = TABLE[name]()
    for scale in [50.0, -50.0, 1e4, -1e4]:
        y = lagrangian.activation(jnp.full((5,), scale, jnp.float32))
        u = lagrangian.inverse(y)
        assert np.isfinite(u).all()
        np.testing.assert_allclose(lagrangian.activation(u), y, rtol=2e-5, atol=1e-30)


@pytest.mark.parametrize(
    "name, inside, outside",
    [
        ("log_cosh", [-1.0, 0.0, 1.0], [-1.01, 1.01, np.nan]),
        ("softplus", [0.0, 0.5, 1.0], [-0.01, 1.01, np.nan]),
        ("exponential", [0.0, 1.0, np.inf], [-0.01, -np.inf, np.nan]),
        ("relu", [0.0, 1.0, np.inf], [-0.01, -np.inf, np.nan]),
        ("power_20", [0.0, 1.0, 1e30], [-0.01, -np.inf, np.nan]),
    ],
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_inverse_at_and_beyond_the_ends(name, inside, outside, dtype):
    lagrangian = TABLE[name]()
    assert np.isfinite(lagrangian.inverse(jnp.array(inside, dtype)).astype(jnp.float32)).all()
    assert np.isnan(lagrangian.inverse(jnp.array(outside, dtype)).astype(jnp.float32)).all()


@pytest.mark.parametrize("n", [2, 3, 20])
def test_rectified_power_inverse_is_a_root(n, x64):
    lagrangian = RectifiedPower(n)
    y = jnp.array([0.0, 1e-3, 1.0, 40.0])
    np.testing.assert_allclose(lagrangian.activation(lagrangian.inverse(y)), y, rtol=1e-12)


def test_spherical_inverse_beyond_the_ball_is_nan():
    assert np.isnan(Spherical().inverse(jnp.array([0.9, 0.9]))).all()
    assert np.isfinite(Spherical().inverse(jnp.array([0.6, 0.8]))).all()


# Parameters


@pytest.mark.parametrize("name, field", PARAMETERS)
def test_gradient_by_parameters(name, field, x64, getkey):
    """Of value, activation, energy and slope bound, against a central difference."""
    lagrangian = TABLE[name]()
    u = jax.random.normal(getkey(), (5,))

    def results(value):
        tree = eqx.tree_at(lambda tree: getattr(tree, field), lagrangian, value)
        bound = jnp.where(jnp.isinf(tree.slope_bound), 0.0, tree.slope_bound)
        return *evaluate(tree, u), bound

    value, step = getattr(lagrangian, field), 1e-5
    actual = jax.jit(jax.jacfwd(results))(value)
    results = jax.jit(results)
    for derivative, high, low in zip(
        actual, results(value + step), results(value - step), strict=True
    ):
        np.testing.assert_allclose(derivative, (high - low) / (2 * step), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["log_cosh", "softplus", "exponential", "log_sum_exp"])
def test_beta_gradient_of_value_is_energy_over_beta(name, x64, getkey):
    lagrangian = TABLE[name]()
    u = 20 * jax.random.normal(getkey(), (5,))
    actual = eqx.filter_jit(jax.grad(lambda tree: tree(u)))(lagrangian).beta
    np.testing.assert_allclose(actual, lagrangian.energy(u) / lagrangian.beta, rtol=1e-8)


# Range and precision in float32


# JAX
