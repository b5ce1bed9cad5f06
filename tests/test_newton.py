"""The generic Newton's method; conjugate gradients are tested with what uses them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nam_jax._newton import newton

EPS = float(jnp.finfo(float).eps)


def solve(residual, start, **changes):
    def step(x):
        jacobian = jax.jacobian(residual)(x)
        return -jnp.linalg.solve(jacobian, residual(x))

    options = {"tolerance": 1e-5, "rounding": jnp.asarray(100 * EPS), **changes}
    return newton(step, residual, jnp.asarray(start, float), **options)


def test_steps_are_shortened_where_whole_ones_diverge():
    """Whole steps for arctan from 2 go to -3.5, 14, -280, ..."""
    for start in (2.0, -3.0):
        np.testing.assert_allclose(solve(jnp.arctan, [start]), 0, atol=1e-5)


def test_a_linear_equation_takes_one_step():
    matrix = jnp.asarray([[2.0, 1.0], [0.0, 3.0]])
    count = []

    def residual(x):
        return matrix @ x - jnp.asarray([3.0, 6.0])

    def step(x):
        jax.debug.callback(lambda: count.append(1))
        return -jnp.linalg.solve(matrix, residual(x))

    actual = newton(step, residual, jnp.zeros(2), tolerance=1e-4, rounding=jnp.asarray(1e-5))
    jax.effects_barrier()
    np.testing.assert_allclose(actual, [0.5, 2.0], rtol=1e-5)
    assert len(count) == 2  # the second one is small


@pytest.mark.parametrize("rounding", [0.0, 1e-3])
def test_it_stops_where_there_is_no_root(rounding):
    """x^2 + 1 has a least size of 1 at 0, to which halved steps lead."""
    actual = solve(lambda x: x**2 + 1, [3.0], rounding=jnp.asarray(rounding))
    assert jnp.isfinite(actual).all() and jnp.abs(actual)[0] < 3


def test_round_off_at_the_root_costs_no_halvings():
    """A residual whose noise is larger than the step: with the allowance the step is whole."""

    def residual(x):
        return x + jnp.where(x == 0, 1e-4, 0)

    actual = newton(
        lambda x: -x, residual, jnp.asarray([1e-5]), tolerance=1e-8, rounding=jnp.asarray(1e-3)
    )
    assert actual[0] == 0
    actual = newton(
        lambda x: -x, residual, jnp.asarray([1e-5]), tolerance=1e-8, rounding=jnp.asarray(0.0)
    )
    assert actual[0] != 0
