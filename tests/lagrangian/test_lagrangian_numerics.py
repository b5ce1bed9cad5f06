"""Lagrangians as programs: finite, in any dtype and shape, under jit and vmap."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables.lagrangians import (
    BELOW_GUARD,
    EXTREMES,
    ONE_TO_ONE,
    SCALARS,
    TABLE,
    evaluate,
    evaluate_rows,
    every,
)

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


@pytest.mark.parametrize("lagrangian", [LogSumExp(), LayerNorm()])
def test_no_inverse_says_why(lagrangian):
    with pytest.raises(ValueError, match=f"{type(lagrangian).__name__} has no inverse activation:"):
        lagrangian.inverse(jnp.ones(3))


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
        results = everything(TABLE[name](), jnp.array(u, jnp.float32))
        assert all(np.isfinite(array).all() for array in jax.tree.leaves(results)), (u, results)


@every
def test_float32_agrees_with_float64(name):
    """The energy is as exact as float32 allows, also where its two terms nearly cancel."""
    entries = [x for x in EXTREMES if x < BELOW_GUARD.get(name, np.inf)]
    u = np.outer(entries, [1.0, 0.999, 0.5, 0.25, 0.1]).astype(np.float32)
    single = evaluate_rows(TABLE[name](), jnp.asarray(u))
    with jax.enable_x64(True):
        expected = evaluate_rows(TABLE[name](), jnp.asarray(u.astype(np.float64)))
    # An exponential has the rounding of its argument, which may be 60, as a relative error.
    rtol = 1e-5 if name in ("exponential", "power_20") else 3e-6
    tail = 2e-6 if name in ("softplus", "log_sum_exp", "layer_norm_shift") else 1e-30
    for array, reference, atol in zip(single, expected, [2e-6, tail, tail], strict=True):
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


@pytest.mark.parametrize(
    "lagrangian, limit", [(Exponential(2.5), 88.72 / 2.5), (RectifiedPower(40), 9.3785)]
)
def test_where_the_activation_would_overflow_the_value_continues_its_tangent(lagrangian, limit):
    """Above the limit the value is a line: constant activation and energy, no jump."""
    at, above, far = (
        jnp.asarray([factor * limit], jnp.float32) for factor in (0.9999, 1.0001, 1.01)
    )
    np.testing.assert_allclose(lagrangian.activation(at), lagrangian.activation(above), rtol=0.02)
    assert lagrangian.activation(above) == lagrangian.activation(far)
    assert lagrangian.energy(above) == lagrangian.energy(far)
    slope = (lagrangian(far) - lagrangian(above)) / (far - above)[0]
    np.testing.assert_allclose(slope, lagrangian.activation(above)[0], rtol=1e-3)


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
    energies = eqx.filter_jit(eqx.filter_vmap(lambda tree: tree.energy(u)))(stacked)
    expected = [evaluate(make(value), u)[2] for value in values]
    np.testing.assert_allclose(energies, np.stack(expected), rtol=1e-5, atol=1e-6)


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
