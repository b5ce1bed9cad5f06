"""Gradient routes: one network, one sample, four ways to the same gradient."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import arbitrary, signs

import nam_jax as nam
from nam_jax.network import Drive, EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.solve import RESULTS, Flow, Implicit
from nam_jax.train import (
    ClampedRoute,
    Direct,
    EquilibriumPropagation,
    ImplicitRoute,
    Sample,
    SquaredError,
    ThroughSolver,
    Truncated,
)

X64 = jax.config.jax_enable_x64
N = 8
HARD = (
    Flow(rest=1e-8, rtol=1e-9, atol=1e-11, max_steps=50_000)
    if X64
    else Flow(rest=1e-5, rtol=1e-6, atol=1e-7)
)


@pytest.fixture(scope="module")
def problem():
    """A certified network that is not saturated, and a cue with a wrong bit."""
    patterns = signs(jr.key(0), (3, N))
    net = EffectiveNeuronAstrocyte.dense(patterns, memory_gain=1.0, gain=0.75)
    cue = patterns[0].at[:1].multiply(-0.5)
    return net, Sample(cue, patterns[0])


def gradient(route, net, sample):
    (loss, _, info), actual = eqx.filter_jit(route.value_and_grad)(SquaredError(), net, sample)
    assert bool(info.settled)
    assert info.result == RESULTS.converged
    return loss, jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(actual)])


def relative(actual, expected):
    return float(jnp.linalg.norm(actual - expected) / jnp.linalg.norm(expected))


@pytest.fixture(scope="module")
def reference(problem):
    return gradient(ImplicitRoute(how=HARD), *problem)


@pytest.mark.parametrize("general", [pytest.param(False, marks=pytest.mark.slow), True])
def test_implicit_and_through_the_solver_agree(general, problem, reference):
    loss, expected = gradient(ThroughSolver(HARD), *problem)
    actual = gradient(ImplicitRoute(Implicit(general=general), HARD), *problem)
    np.testing.assert_allclose(loss, reference[0], rtol=1e-5 if X64 else 1e-3)
    assert relative(actual[1], expected) < (1e-6 if X64 else 1e-2)
    assert relative(actual[1], reference[1]) < (1e-8 if X64 else 1e-2)


@pytest.mark.slow
def test_truncated_tends_to_the_implicit_gradient_with_more_steps(problem, reference):
    misses = [
        relative(gradient(Truncated(steps, HARD), *problem)[1], reference[1])
        for steps in (2, 10, 80)
    ]
    assert misses[0] > 2 * misses[1] > 4 * misses[2]
    assert misses[2] < (1e-4 if X64 else 1e-2)


@pytest.mark.skipif(not X64, reason="small nudges need float64")
@pytest.mark.parametrize(("centred", "order"), [(False, 1), (True, 2)])
def test_equilibrium_propagation_has_its_order_in_the_nudge(centred, order, problem, reference):
    nudges = np.array([0.016, 0.008, 0.004])
    misses = [
        relative(gradient(EquilibriumPropagation(b, centred, HARD), *problem)[1], reference[1])
        for b in nudges
    ]
    slope = np.polyfit(np.log(nudges), np.log(misses), 1)[0]
    assert abs(slope - order) < 0.15


@pytest.mark.slow
def test_a_nudge_out_of_the_basin_is_said(problem):
    """Towards the negative of what is recalled, and away from it."""
    net, sample = problem
    opposite = Sample(sample.target, -sample.target)
    for nudge, expected in ((0.1, RESULTS.converged), (0.3, RESULTS.not_stable)):
        route = EquilibriumPropagation(nudge)
        (_, _, info), _ = eqx.filter_jit(route.value_and_grad)(SquaredError(), net, opposite)
        assert bool(info.settled) and info.result == expected


@pytest.mark.slow
def test_routes_agree_on_the_three_layers():
    patterns = signs(jr.key(0), (3, N))
    net = NeuronAstrocyte.certified(patterns, margin=0.5, gain=0.7)
    sample = Sample(patterns[0].at[:1].multiply(-0.5), patterns[0])
    how = Flow(rest=1e-6, rtol=1e-7, atol=1e-9) if X64 else Flow(rest=1e-5, rtol=1e-6, atol=1e-7)
    _, expected = gradient(ImplicitRoute(how=how), net, sample)
    for route in (ThroughSolver(how), EquilibriumPropagation(how=how)):
        assert relative(gradient(route, net, sample)[1], expected) < 0.05


@pytest.mark.parametrize(
    "route", [ImplicitRoute(), ThroughSolver(), EquilibriumPropagation(), Truncated()], ids=repr
)
def test_routes_with_their_defaults_agree(route, problem, reference):
    assert relative(gradient(route, *problem)[1], reference[1]) < 0.3


@pytest.mark.skipif(not X64, reason="finite differences need float64")
def test_gradient_with_clamped_units_is_that_of_finite_differences(problem):
    net, sample = problem
    visible = jnp.arange(N) < 4
    route = ClampedRoute(ImplicitRoute(how=HARD), visible)
    cost = SquaredError(~visible)

    @eqx.filter_jit
    def value_and_grad(strength):
        changed = eqx.tree_at(lambda n: n.excess.strength, net, strength)
        (loss, _, info), actual = route.value_and_grad(cost, changed, sample)
        return loss, info.settled, actual.excess.strength

    strength, step = net.excess.strength, 5e-3
    _, settled, actual = value_and_grad(strength)
    assert bool(settled)
    one, two = (
        value_and_grad(strength + h)[0] - value_and_grad(strength - h)[0] for h in (step, 2 * step)
    )
    np.testing.assert_allclose(actual, (8 * one - two) / (12 * step), rtol=1e-5)


@pytest.mark.slow
def test_a_network_without_an_energy_takes_the_general_route():
    net = arbitrary(jr.key(3))
    sample = Sample(0.8 * signs(jr.key(1), (10,)), jnp.zeros(10), Drive(jnp.linspace(0.1, 1.0, 10)))
    actual = gradient(ImplicitRoute(how=HARD), net, sample)[1]
    expected = gradient(ThroughSolver(HARD), net, sample)[1]
    assert relative(actual, expected) < (1e-5 if X64 else 2e-2)


def test_a_recall_that_does_not_settle_says_so(problem):
    route = ImplicitRoute(how=Flow(max_steps=2))
    (_, _, info), _ = eqx.filter_jit(route.value_and_grad)(SquaredError(), *problem)
    assert not bool(info.settled)


BAD = {
    "drive of a function": (
        lambda: Direct().value_and_grad(
            SquaredError(), jnp.tanh, Sample(jnp.ones(2), jnp.ones(2), Drive(jnp.ones(2)))
        ),
        "drive",
    ),
    "steps": (lambda: Truncated(0), "steps"),
    "nudge": (lambda: EquilibriumPropagation(0.0), "nudge"),
    "without energy": (
        lambda: EquilibriumPropagation().value_and_grad(
            SquaredError(), arbitrary(jr.key(3)), Sample(jnp.ones(10), jnp.ones(10))
        ),
        "network",
    ),
    "discrete": (
        lambda: ImplicitRoute().value_and_grad(
            SquaredError(), nam.network.Hopfield(jnp.eye(N)), Sample(jnp.ones(N), jnp.ones(N))
        ),
        "network",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, name = BAD[case]
    with pytest.raises(ValueError, match=f"Argument `{name}`"):
        act()
