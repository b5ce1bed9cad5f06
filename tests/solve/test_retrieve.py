"""Recalls one by one and in batches, and what is said of each."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables.networks import general, random_state, released, signs

import nam_jax as nam
from nam_jax.network import NeuronAstrocyte
from nam_jax.solve import RESULTS, Flow

N, K = 10, 3


def certified(key, **arguments):
    return NeuronAstrocyte.certified(signs(key, (K, N)), margin=0.3, **arguments)


def says(result, expected):
    return bool(jnp.all(result == expected))


@eqx.filter_jit
def retrieve_all(net, cues):
    return jax.vmap(lambda cue: nam.retrieve(net, cue))(cues)


def test_one_bad_cue_spares_the_batch(getkey):
    net = certified(getkey())
    cues = jnp.stack([net.tensor.patterns[0], jnp.full(N, jnp.nan), net.tensor.patterns[1]])
    batch = retrieve_all(net, cues)
    assert (batch.result == RESULTS.converged).tolist() == [True, False, True]
    assert (batch.result == RESULTS.non_finite).tolist() == [False, True, False]
    assert int(batch.steps[1]) <= int(batch.steps.max()) < 200  # of 4096
    good = retrieve_all(net, cues.at[1].set(cues[0]))
    for i in (0, 2):
        np.testing.assert_allclose(batch.pattern[i], good.pattern[i], rtol=1e-5)
        np.testing.assert_allclose(batch.energy[i], good.energy[i], rtol=1e-5)
        assert int(batch.steps[i]) == int(good.steps[i])


def test_results_are_per_sample(getkey):
    net = certified(getkey())
    at_rest = retrieve_all(net, net.tensor.patterns).state
    moving = jax.vmap(net.initial_state)(-net.tensor.patterns)
    pairs = zip(jax.tree.leaves(at_rest), jax.tree.leaves(moving), strict=True)
    leaves = [jnp.stack([one[0], other[0], jnp.nan * other[1]]) for one, other in pairs]
    states = jax.tree.unflatten(jax.tree.structure(moving), leaves)
    how = Flow(rest=1.1e-2, max_time=0.01)
    settle = jax.vmap(lambda s: nam.settle(net, s, how=how))
    actual = jax.jit(settle)(states)
    result = actual.result
    np.testing.assert_allclose(actual.time[1], 0.01, rtol=1e-6)
    assert float(actual.residual[0]) <= 1.1e-2 < float(actual.residual[1])
    expected = [RESULTS.converged, RESULTS.time_reached, RESULTS.non_finite]
    assert [bool((result == value)[i]) for i, value in enumerate(expected)] == [True] * 3


def leap(net, state, tolerance, throw=False):
    """Euler steps of 1.2 are beyond twice the fastest time constant, 0.3 / 2.1: it oscillates."""
    how = Flow(solver=dfx.Euler(), step=1.2)
    run = nam.simulate(net, state, 6.0, how=how, times=7, energy_tolerance=tolerance, throw=throw)
    return run.energy, run.result


def test_energy_that_rises_is_said(getkey):
    net, state = general(getkey()), random_state(getkey())
    energy, result = leap(net, state, 1e-3)
    rise = float(nam.measure.largest_energy_rise(energy))
    assert rise > 0.1 and says(result, RESULTS.energy_rose)
    assert says(leap(net, state, 2.0)[1], RESULTS.time_reached)  # a rise of 2 is allowed
    with pytest.raises(RuntimeError, match="The energy rose by more"):
        leap(net, state, 1e-3, throw=True)


def test_throw_raises_with_the_sentence(getkey):
    net, state = released(signs(getkey(), (1, N))), random_state(getkey())
    with pytest.raises(RuntimeError, match="The step limit was reached"):
        nam.settle(net, state, how=Flow(max_steps=3), throw=True)
    bad = eqx.tree_at(lambda s: s.neurons, state, jnp.full(N, jnp.nan))
    with pytest.raises(RuntimeError, match="A state was NaN or infinite"):
        nam.simulate(net, bad, 1.0, times=2, throw=True)
    assert float(nam.simulate(net, state, 1.0, times=2, throw=True).stop) == 1.0


TRACED = {
    "jit": lambda net, cue: jax.jit(lambda cue: total(net, cue))(cue),
    "vmap": lambda net, cue: jax.vmap(lambda cue: total(net, cue))(cue[None]),
    "grad": lambda net, cue: eqx.filter_grad(lambda net: total(net, cue))(net),
    "simulate": lambda net, cue: jax.jit(
        lambda cue: nam.simulate(net, net.initial_state(cue), 1.0, times=2, throw=True).stop
    )(cue),
}


def total(net, cue):
    return jnp.sum(nam.retrieve(net, cue, throw=True).pattern)


@pytest.mark.parametrize("case", TRACED)
def test_throw_is_refused_where_the_result_is_not_known(case, getkey):
    net = released(signs(getkey(), (1, N)))
    with pytest.raises(ValueError, match="`throw` must"):
        TRACED[case](net, net.tensor.patterns[0])


def test_retrieve_is_settling_from_the_initial_state(getkey):
    net = released(signs(getkey(), (1, N)))
    pattern = net.tensor.patterns[0]
    cue = pattern.at[0].multiply(-1)
    recall = nam.retrieve(net, cue)
    assert says(recall.result, RESULTS.converged) and float(recall.residual) <= 1e-3
    assert bool(nam.measure.exact_recall(recall.pattern, pattern))
    rest = nam.settle(net, net.initial_state(cue))
    np.testing.assert_allclose(recall.pattern, net.readout(rest.state), rtol=1e-4)
    np.testing.assert_allclose(recall.energy, net.energy(recall.state), rtol=1e-4)
    np.testing.assert_allclose(recall.activity, jnp.mean(jnp.abs(recall.pattern)), rtol=1e-5)
    # Two programs round differently, so that the last step may differ.
    assert abs(int(recall.steps) - int(rest.steps)) <= 2
    np.testing.assert_allclose(recall.time, rest.time, rtol=0.02)
