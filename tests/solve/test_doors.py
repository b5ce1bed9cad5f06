"""The doors compile once, and refuse what they have no use for."""

from typing import Any, cast

import diffrax as dfx
import jax
import jax.monitoring
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from compilations import compilations
from tables.bare import BareNetwork
from tables.networks import general, random_state, released, signs

import nam_jax as nam
from nam_jax.network import (
    DenseAssociativeMemory,
    Drive,
    Hopfield,
    ModernHopfield,
)
from nam_jax.solve import Asynchronous, ExponentialEuler, Flow, Passes, Synchronous

N = 10


def recalls(seed):
    """One call of each door, on a network, arrays and settings that are all made anew."""
    keys = jr.split(jr.key(seed), 4)
    net, state = general(keys[0]), random_state(keys[1])
    patterns = signs(keys[2], (3, N))
    size = 0.1 + 0.1 * seed
    how = Flow(rtol=1e-3 * size, rest=1e-2 * size, max_time=50 * size, max_steps=1000 + seed)
    drive, pairs = Drive(neural=size), Hopfield.from_patterns(patterns)
    return [
        lambda: nam.simulate(net, state, 1.0 + seed, how=Flow(rtol=1e-3 * size), drive=drive),
        lambda: nam.settle(net, state, how=how, drive=drive),
        lambda: nam.retrieve(net, patterns[0], how=how, drive=drive, silence=size),
        lambda: nam.retrieve_all(net, patterns, how=how, drive=drive),
        lambda: nam.retrieve(pairs, patterns[1], how=Asynchronous(keys[3])),
        lambda: nam.retrieve(ModernHopfield(patterns, beta=size), patterns[2], how=Passes(2)),
    ]  # fmt: skip


@pytest.mark.parametrize("door", range(6))
def test_a_second_call_of_equal_structure_compiles_nothing(door):
    first, second = recalls(0)[door], recalls(1)[door]
    jax.block_until_ready(jax.tree.leaves(first()))
    with compilations() as events:
        jax.block_until_ready(jax.tree.leaves(second()))
    assert not events
    with compilations() as events:  # the count counts: another size compiles
        nam.retrieve(Hopfield.from_patterns(jnp.ones((1, 23 + door))), jnp.ones(23 + door))
    assert events


FOREIGN = {
    "updates for a flow": (lambda net, xi: net, Synchronous()),
    "passes for a flow": (lambda net, xi: net, Passes()),
    "a flow for updates": (lambda net, xi: Hopfield.from_patterns(xi), Flow()),
    "a flow for passes": (lambda net, xi: ModernHopfield(xi), Flow()),
    "passes for updates": (lambda net, xi: DenseAssociativeMemory(xi), Passes()),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_settings_of_another_kind_are_refused(case, getkey):
    make, how = FOREIGN[case]
    xi = signs(getkey(), (2, N))
    net = make(released(xi), xi)
    for door in (nam.retrieve, lambda net, cue, how: nam.retrieve_all(net, cue[None], how=how)):
        with pytest.raises(
            ValueError, match=f"`how` must be .*{type(net).__name__}.*{type(how).__name__}"
        ):
            door(net, xi[0], how=how)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"rtol": -1.0}, "rtol"),
        ({"atol": float("nan")}, "atol"),
        ({"rest": -1e-3}, "rest"),
        ({"step": 0.0}, "step"),
        ({"max_time": 0.0}, "max_time"),
        ({"max_time": float("nan")}, "max_time"),
        ({"max_steps": 0}, "max_steps"),
        ({"max_steps": 2.5}, "max_steps"),
        ({"solver": dfx.Euler()}, "step"),
    ],
)
def test_settings_out_of_range_are_refused(settings, name):
    with pytest.raises(ValueError, match=f"`{name}` must"):
        Flow(**settings)


def test_passes_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`number` must be a whole number of at least 1"):
        Passes(0)
    with pytest.raises(ValueError, match="`max_steps` must be a whole number of at least 0"):
        Synchronous(max_steps=-1)


def test_a_number_of_passes_replaces_that_of_the_network(getkey):
    xi = signs(getkey(), (3, N))
    cue = jnp.where(jnp.arange(N) < 2, -xi[0], xi[0])
    twice = nam.retrieve(ModernHopfield(xi, beta=0.3, passes=2), cue)
    np.testing.assert_array_equal(
        twice.pattern, nam.retrieve(ModernHopfield(xi, beta=0.3), cue, how=Passes(2)).pattern
    )
    assert int(twice.steps) == 2
    answers = nam.network.CorrelationMatrix(xi, signs(getkey(), (3, 4)))
    with pytest.raises(ValueError, match="`number` must be 1"):
        nam.retrieve(answers, xi[0], how=Passes(2))


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_cue_that_is_not_finite_is_refused_by_one_door_and_reported_by_the_other(bad, getkey):
    net = released(signs(getkey(), (2, N)))
    cue = net.tensor.patterns[0].at[1].set(bad)
    with pytest.raises(ValueError, match="`cue` must be finite"):
        nam.retrieve(net, cue)
    all_cues = jnp.stack([cue, net.tensor.patterns[0]])
    result = nam.retrieve_all(net, all_cues).result
    assert nam.solve.sentences(result) == [
        nam.solve.RESULTS[nam.solve.RESULTS.non_finite],
        nam.solve.RESULTS[nam.solve.RESULTS.converged],
    ]


def test_numbers_of_a_drive_may_be_python_numbers(getkey):
    net, state = general(getkey()), random_state(getkey())
    whole = nam.settle(net, state, drive=Drive(neural=1)).state.neurons
    array = nam.settle(net, state, drive=Drive(neural=jnp.ones(N, net.dtype))).state.neurons
    np.testing.assert_allclose(whole, array, rtol=1e-5, atol=1e-6)


def test_what_simulate_has_no_use_for_is_refused(getkey):
    net, state = general(getkey()), random_state(getkey())
    for how, name in (
        (Flow(max_time=3.0), "max_time"),
        (Flow(adjoint=nam.solve.Implicit()), "adjoint"),
    ):
        with pytest.raises(ValueError, match=f"`{name}` must"):
            nam.simulate(net, state, 1.0, how=how)
    with pytest.raises(ValueError, match="`times` must ascend from at least t0 = 0"):
        nam.simulate(net, state, 1.0, times=jnp.array([0.0, 0.7, 0.3]))
    with pytest.raises(ValueError, match=r"`times` must ascend .* to at most t1 = 1"):
        nam.simulate(net, state, 1.0, times=jnp.array([0.0, 1.5]))
    with pytest.raises(ValueError, match="`target` must be None"):
        nam.simulate(net, state, 1.0, save={}, target=jnp.ones(N))
    with pytest.raises((ValueError, TypeError), match="save"):  # TypeError by a checked annotation
        nam.simulate(net, state, 1.0, save=cast(Any, {"x": "energy"}))


def test_known_tells_only_where_activity_does(getkey):
    xi = signs(getkey(), (3, N))
    unit = xi / jnp.sqrt(jnp.asarray(N, xi.dtype))
    for net, cue in ((ModernHopfield(unit, beta=50.0), unit[1]), (released(xi), xi[1])):
        recall = nam.retrieve(net, cue)
        assert bool(recall.known) and int(recall.memory) == 1
    assert nam.retrieve(DenseAssociativeMemory(xi), xi[2]).known is None
    assert nam.retrieve(Hopfield.from_patterns(xi), xi[2]).memory is None
    many = signs(getkey(), (15, 64)) / 8.0
    silent = nam.retrieve(ModernHopfield(many, beta=1e-6), many[1])  # the mean of all patterns
    assert not bool(silent.known) and not bool(silent.is_active)


def test_rows_of_a_tensor_do_not_change_what_silence_is(getkey):
    """Rows of zeros store nothing, and neurons stay within -1 and 1 whatever the size of rows."""
    xi = signs(getkey(), (3, N))
    padded = jnp.concatenate([xi, jnp.zeros((40, N), xi.dtype)])
    for net in (released(padded), general(getkey())):
        recall = nam.retrieve(net, xi[0])
        level = float(recall.activity)
        assert bool(nam.retrieve(net, xi[0], silence=0.99 * level).known)
        assert not bool(nam.retrieve(net, xi[0], silence=1.01 * level).known)


def test_derivatives_by_the_cue_are_zero(getkey):
    net = released(signs(getkey(), (2, N)))
    cue = net.tensor.patterns[0]
    gradient = jax.grad(lambda cue: jnp.sum(nam.retrieve(net, cue).pattern))(cue)
    np.testing.assert_array_equal(gradient, jnp.zeros(N))


class Relaxation(BareNetwork):
    """dx/dt = (target - x) / 2, by somebody who writes Python numbers."""

    target: Any

    dtype = property(lambda self: self.target.dtype)

    def vector_field(self, t, state, drive=None):
        return (self.target - state) / 2

    def time_scales(self):
        return 2.0


def test_time_scales_may_be_python_numbers():
    net = Relaxation(jnp.array([1.0, -2.0]))
    recall = nam.retrieve(net, jnp.zeros(2))
    np.testing.assert_allclose(recall.pattern, net.target, atol=1e-2)
    exact = Flow(solver=ExponentialEuler(net), step=5.0)
    run = nam.simulate(net, jnp.zeros(2), 5.0, how=exact, save={}, times=2)
    np.testing.assert_allclose(run.state, (1 - np.exp(-2.5)) * net.target, rtol=1e-5)
    by_target = jax.jacobian(lambda target: nam.retrieve(Relaxation(target), jnp.zeros(2)).pattern)
    np.testing.assert_allclose(by_target(net.target), np.eye(2), atol=1e-4)
