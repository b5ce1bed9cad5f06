"""Derivatives at saddles, at critical points and close to a fold: right, or refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.optimize
from tables.networks import signs

import nam_jax as nam
from nam_jax.memory import Power
from nam_jax.network import ContinuousDenseMemory, Drive
from nam_jax.solve import (
    RESULTS,
    Flow,
    adjoint,
    nearer,
)


def pairwise(strength):
    """One pattern by F = z^2 / 2: silence is stable up to strength * N = leak."""
    return ContinuousDenseMemory(signs(jr.key(4), (1, 6)), Power(2), strength=strength)


@pytest.mark.slow
def test_a_saddle_is_reported_and_has_no_gradient():
    net, silent = pairwise(0.5), jnp.zeros(6)
    pattern = net.patterns[0]
    solution = adjoint(net, silent, pattern)
    assert solution.result == RESULTS.not_stable
    np.testing.assert_allclose(solution.least_curvature, 1 - 0.5 * 6, rtol=1e-4)
    assert bool(jnp.all(jnp.isnan(solution.force)))

    def loss(drive):
        return jnp.vdot(pattern, nam.settle(net, silent, drive=Drive(drive * pattern)).state)

    assert bool(jnp.isnan(jax.grad(loss)(jnp.asarray(0.0))))


def test_closeness_to_a_critical_point_is_told_and_the_point_itself_refused():
    silent = jnp.zeros(6)
    for distance in (0.3, 0.01):
        net = pairwise((1 - distance) / 6)
        solution = adjoint(net, silent, net.patterns[0])
        assert solution.result == RESULTS.converged
        np.testing.assert_allclose(solution.least_curvature, distance, rtol=1e-3)
        np.testing.assert_allclose(solution.force, net.patterns[0] / distance, rtol=1e-3)
    net = pairwise(1 / 6)
    assert adjoint(net, silent, net.patterns[0]).result == RESULTS.not_stable


def fold(distance):
    """One pattern by F = z^4 / 4: x = a xi with leak a = 4 tanh(a)^3, up to leak 1.983145."""
    patterns = signs(jr.key(4), (1, 6))
    return ContinuousDenseMemory(patterns, leak=1.983145 * (1 - distance), voltage=2.5)


def strength_of_rest(net, strength, rest):
    net = eqx.tree_at(lambda n: n.strength, net, strength)
    actual = nam.settle(net, net.initial_state(net.patterns[0]), how=Flow(rest=rest))
    return jnp.vdot(net.patterns[0], actual.state) / 6, actual.result


@pytest.mark.parametrize("rest", [1e-2, 1e-3])
def test_close_to_a_fold_gradients_are_right_or_refused(rest):
    """At rest to 1e-2 only, derivatives near a fold would be wrong by factors."""

    def slope(distance):
        net = fold(distance)
        of = jax.grad(lambda strength: strength_of_rest(net, strength, rest), has_aux=True)
        return *of(net.strength), net.leak

    distances = jnp.geomspace(1e-4, 0.3, 24)
    actual, results, leaks = jax.jit(jax.vmap(slope))(distances)
    given = ~np.isnan(actual)
    assert bool((results == RESULTS.converged).all())
    assert given[np.asarray(distances) > (0.005 if rest > 2e-3 else 5e-4)].all()
    for value, leak in zip(np.asarray(actual)[given], np.asarray(leaks)[given], strict=True):
        a = scipy.optimize.brentq(lambda a, leak=leak: leak * a - 4 * np.tanh(a) ** 3, 1.4192232, 4)
        # leak a = t 216 tanh(a)^3 by t, at t = 4 / 216.
        bend = 12 * np.tanh(a) ** 2 * (1 - np.tanh(a) ** 2)
        np.testing.assert_allclose(value, 216 * np.tanh(a) ** 3 / (leak - bend), rtol=0.1)


def test_a_slow_passage_that_counts_as_rest_has_no_gradient():
    """Beyond the fold there is no equilibrium, though the flow is below `rest` for long."""
    net = fold(-0.002)
    slope, result = jax.grad(lambda strength: strength_of_rest(net, strength, 1e-2), has_aux=True)(
        net.strength
    )
    assert result == RESULTS.converged and bool(jnp.isnan(slope))
    _, is_near = nearer(net, 1.42 * net.patterns[0])
    assert not bool(is_near)
