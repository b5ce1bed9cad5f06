"""One contract over all Lagrangians; to test a new one, add it to `TABLE`."""

import equinox as eqx
import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
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
}
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
EXTREMES = [0.0, 1e-4, -1e-4, 1.0, -1.0, 88.0, -88.0, 1e4, -1e4]
BELOW_GUARD = {"exponential": 80.0, "power_20": 20.0}
SCALES = np.array([[0.01], [1.0], [30.0]])
SCALARS = [lambda lagrangian, u: lagrangian(u), lambda lagrangian, u: lagrangian.energy(u)]
ONE_TO_ONE = ["quadratic", "log_cosh", "softplus", "exponential", "spherical"]

PARAMETERS = [
    ("quadratic", "gain"),
    ("log_cosh", "beta"),
    ("softplus", "beta"),
    ("exponential", "beta"),
    ("log_sum_exp", "beta"),
    ("layer_norm", "gain"),
    ("layer_norm", "shift"),
]

every = pytest.mark.parametrize("name", TABLE)


@pytest.fixture
def x64():
    """Double precision inside one test, whatever the environment says."""
    with jax.enable_x64(True):
        yield


@eqx.filter_jit
def evaluate(lagrangian, u):
    return lagrangian(u), lagrangian.activation(u), lagrangian.energy(u)


@eqx.filter_jit
def evaluate_rows(lagrangian, states):
    return jax.vmap(lambda u: evaluate(lagrangian, u))(states)


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
    found = jax.jit(jax.vmap(jax.hessian(lambda u: lagrangian(u))))(states)
    expected = jax.jit(jax.vmap(jax.jacobian(lambda u: lagrangian.activation(u))))(states)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


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


@pytest.mark.parametrize("lagrangian", [LogSumExp(), LayerNorm()])
def test_no_inverse_says_why(lagrangian):
    with pytest.raises(ValueError, match=f"{type(lagrangian).__name__} has no inverse activation:"):
        lagrangian.inverse(jnp.ones(3))


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
    for found, high, low in zip(actual, results(value + step), results(value - step), strict=True):
        np.testing.assert_allclose(found, (high - low) / (2 * step), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["log_cosh", "softplus", "exponential", "log_sum_exp"])
def test_beta_gradient_of_value_is_energy_over_beta(name, x64, getkey):
    lagrangian = TABLE[name]()
    u = 20 * jax.random.normal(getkey(), (5,))
    actual = eqx.filter_jit(jax.grad(lambda tree: tree(u)))(lagrangian).beta
    np.testing.assert_allclose(actual, lagrangian.energy(u) / lagrangian.beta, rtol=1e-8)


def test_parameters_are_the_only_leaves():
    leaves = {name: len(jax.tree.leaves(make())) for name, make in TABLE.items()}
    assert leaves["log_cosh"] == leaves["quadratic"] == 1
    assert leaves["layer_norm"] == 2
    assert leaves["relu"] == leaves["spherical"] == 0


@pytest.mark.parametrize("make", [LogCosh, Softplus, Exponential, LogSumExp])
@pytest.mark.parametrize("beta", [0.0, -1.0, np.nan, np.inf, np.ones(2)])
def test_bad_beta(make, beta):
    with pytest.raises(ValueError, match=r"^Argument `beta` must be .*, but has .*\.$"):
        make(beta)


@pytest.mark.parametrize(
    "make, argument",
    [
        (lambda: Quadratic(0.0), "gain"),
        (lambda: Quadratic(jnp.array([1.0])), "gain"),
        (lambda: LayerNorm(gain=-2.0), "gain"),
        (lambda: LayerNorm(shift=np.array([1.0, np.nan])), "shift"),
        (lambda: LayerNorm(epsilon=0.0), "epsilon"),
        (lambda: Spherical(epsilon=-1.0), "epsilon"),
        (lambda: Spherical(epsilon=float("nan")), "epsilon"),
        (lambda: RectifiedPower(1), "n"),
        (lambda: LayerNorm(shift=jnp.ones(3))(jnp.ones(4)), "u"),
    ],
)
def test_bad_parameters(make, argument):
    with pytest.raises(ValueError, match=rf"^Argument `{argument}` must .*, but has .*\.$"):
        make()


# Range and precision in float32


@every
def test_finite_in_float32(name):
    @eqx.filter_jit
    def everything(lagrangian, u):
        y, push = jax.vjp(lagrangian.activation, u)
        curvature = [push(jnp.ones_like(u)), jax.jvp(lagrangian.activation, (u,), (u,))]
        parameters = [eqx.filter_grad(lambda tree, f=f: f(tree, u))(lagrangian) for f in SCALARS]
        gradients = [jax.grad(lambda v, f=f: f(lagrangian, v))(u) for f in SCALARS]
        return [lagrangian(u), y, lagrangian.energy(u), curvature, parameters, gradients]

    for u in [[x] * 5 for x in EXTREMES] + [EXTREMES[i : i + 5] for i in range(5)]:
        found = everything(TABLE[name](), jnp.array(u, jnp.float32))
        assert all(np.isfinite(array).all() for array in jax.tree.leaves(found)), (u, found)


@every
def test_float32_agrees_with_float64(name):
    """The energy is as exact as float32 allows, also where its two terms nearly cancel."""
    entries = [x for x in EXTREMES if x < BELOW_GUARD.get(name, np.inf)]
    u = np.outer(entries, [1.0, 0.999, 0.5, 0.25, 0.1]).astype(np.float32)
    found = evaluate_rows(TABLE[name](), jnp.asarray(u))
    with jax.enable_x64(True):
        expected = evaluate_rows(TABLE[name](), jnp.asarray(u.astype(np.float64)))
    # An exponential has the rounding of its argument, which may be 60, as a relative error.
    rtol = 1e-5 if name in ("exponential", "power_20") else 3e-6
    tail = 2e-6 if name in ("softplus", "log_sum_exp", "layer_norm_shift") else 1e-30
    for array, reference, atol in zip(found, expected, [2e-6, tail, tail], strict=True):
        np.testing.assert_allclose(array, reference, rtol=rtol, atol=atol)


def test_log_cosh_energy_resolves_saturated_states():
    """At |u| = 1e4 the two terms are 1e4 and the energy is log 2 an entry."""
    u = jnp.full((4,), 1e4, jnp.float32)
    np.testing.assert_allclose(LogCosh().energy(u), 4 * np.log(2), rtol=2e-7)
    np.testing.assert_allclose(LogCosh().energy(u.at[0].set(0.0)), 3 * np.log(2), rtol=2e-7)
    small = LogCosh().energy(jnp.full((4,), 1e-4, jnp.float32))
    np.testing.assert_allclose(small, 2e-8, rtol=1e-6)


def test_softmax_energy_keeps_a_small_runner_up():
    """-(1 + gap) exp(-gap) for a runner-up far below the rounding of 1."""
    gap = 20.0
    energy = LogSumExp().energy(jnp.array([gap, 0.0], jnp.float32))
    np.testing.assert_allclose(energy, -(1 + gap) * np.exp(-gap), rtol=1e-5)


def test_layer_norm_of_equal_large_entries_is_the_shift():
    u = jnp.full((7, 11), 12345.678, jnp.float32)
    np.testing.assert_allclose(LayerNorm(2.0, 0.3).activation(u), 0.3, rtol=1e-6)


@pytest.mark.parametrize("name, limit", [("exponential", 66.54 / 0.7), ("power_20", 27.86)])
def test_overflow_guard_continues_the_tangent(name, limit):
    """Above the limit the value is a line: constant activation and energy, no jump."""
    lagrangian = TABLE[name]()
    at, above, far = jnp.array([0.9999 * limit, 1.0001 * limit, 1e4], jnp.float32)
    np.testing.assert_allclose(lagrangian.activation(at), lagrangian.activation(above), rtol=0.02)
    assert lagrangian.activation(above) == lagrangian.activation(far)
    assert lagrangian.energy(above) == lagrangian.energy(far)
    slope = (lagrangian(far) - lagrangian(above)) / (far - above)
    np.testing.assert_allclose(slope, lagrangian.activation(above), rtol=1e-4)


# JAX


@every
def test_jit_and_vmap_agree_with_a_loop(name, getkey):
    lagrangian = TABLE[name]()
    batch = jax.random.normal(getkey(), (3, 5))
    eager = lagrangian(batch[0]), lagrangian.activation(batch[0]), lagrangian.energy(batch[0])
    looped = [evaluate(lagrangian, u) for u in batch]
    for one, row, batched in zip(
        eager, zip(*looped, strict=True), evaluate_rows(lagrangian, batch), strict=True
    ):
        np.testing.assert_allclose(row[0], one, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(batched, np.stack(row), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [Quadratic, LogCosh, Softplus, Exponential, LogSumExp, LayerNorm])
def test_vmap_over_parameters(make):
    values = jnp.array([0.5, 1.0, 2.0])
    u = jnp.array([0.3, -0.2])
    stacked = eqx.filter_vmap(make)(values)
    found = eqx.filter_jit(eqx.filter_vmap(lambda tree: tree.energy(u)))(stacked)
    expected = [evaluate(make(value), u)[2] for value in values]
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-5, atol=1e-6)


@every
def test_pytree_round_trip(name):
    lagrangian = TABLE[name]()
    leaves, structure = jax.tree.flatten(lagrangian)
    assert eqx.tree_equal(jax.tree.unflatten(structure, leaves), lagrangian)
    assert not any(leaf.weak_type for leaf in leaves)


@every
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_follows_dtype_of_states(name, dtype):
    with jax.enable_x64(True):
        lagrangian, u = TABLE[name](), jnp.ones(5, dtype)
        for array in eqx.filter_eval_shape(evaluate, lagrangian, u):
            assert array.dtype == dtype
        if name in ONE_TO_ONE:
            assert eqx.filter_eval_shape(lagrangian.inverse, u).dtype == dtype


@every
def test_finite_in_half_precision(name):
    states = jnp.array([[0.0, -1.0, 1.0, 8.0, -8.0]], jnp.float16)
    assert all(np.isfinite(array).all() for array in evaluate_rows(TABLE[name](), states))


@every
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (2, 2, 2)])
def test_any_shape_of_states(name, shape):
    lagrangian = TABLE[name]()
    if name == "layer_norm_shift":
        lagrangian = LayerNorm(0.8, jnp.ones(shape))
    value, y, energy = eqx.filter_eval_shape(evaluate, lagrangian, jnp.ones(shape))
    assert y.shape == shape
    assert value.shape == energy.shape == ()


def test_softmax_is_over_all_entries():
    u = jnp.arange(6.0).reshape(2, 3)
    y = LogSumExp().activation(u)
    np.testing.assert_allclose(jnp.sum(y), 1.0, rtol=1e-6)
    np.testing.assert_allclose(y, jax.nn.softmax(jnp.ravel(u)).reshape(2, 3), rtol=1e-6)


def test_activation_is_one_elementwise_pass():
    """No reduction, gather or branch in what runs at every step on [N, N] states."""
    text = str(jax.make_jaxpr(LogCosh(2.0).activation)(jnp.ones((8, 8))))
    assert "tanh" in text
    assert not any(word in text for word in ("reduce", "gather", "cond", "select_n", "exp "))
