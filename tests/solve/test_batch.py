"""`retrieve_all`: batches of any size, saved observables, stacked networks, progress, failures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import released, signs

import nam_jax as nam
from nam_jax.network import (
    DenseAssociativeMemory,
    EffectiveNeuronAstrocyte,
    Hopfield,
    ModernHopfield,
    NeuronAstrocyte,
)
from nam_jax.solve import RESULTS, Asynchronous, Energy, Flow, Overlap, Synchronous, _plan
from nam_jax.solve._batch import Problem

N, K, B = 24, 3, 25


def problem(key, flips=3):
    """Patterns, and one cue for each of `B` of them with the first bits flipped."""
    xi = signs(key, (K, N))
    targets = xi[jnp.arange(B) % K]
    return xi, jnp.where(jnp.arange(N)[None] < flips, -targets, targets), targets


@pytest.mark.parametrize("how", [Synchronous(), Asynchronous(jr.key(5))], ids=["sync", "async"])
def test_discrete_recalls_have_the_same_bits_in_batches_of_any_size(how, getkey):
    _, cues, _ = problem(getkey(), flips=10)
    net = Hopfield.from_patterns(signs(getkey(), (6, N)))
    whole = nam.retrieve_all(net, cues, how=how)
    for batch in (1, 5, 7, 25):
        recall = nam.retrieve_all(net, cues, how=how, batch=batch)
        np.testing.assert_array_equal(recall.pattern, whole.pattern)
        np.testing.assert_array_equal(recall.steps, whole.steps)
    if isinstance(how, Asynchronous):
        # The random numbers of a cue depend on the key and on its row only.
        alone = nam.retrieve(net, cues[7], how=how.of_sample(7))
        np.testing.assert_array_equal(alone.pattern, whole.pattern[7])
        again = nam.retrieve_all(net, cues, how=Asynchronous(jr.key(6)))
        assert np.any(np.asarray(again.pattern != whole.pattern)) or np.any(
            np.asarray(again.steps != whole.steps)
        )


def test_flows_recall_the_same_in_batches_of_any_size(getkey):
    xi, cues, targets = problem(getkey())
    net = released(xi)
    whole = nam.retrieve_all(net, cues, keep_states=True)
    assert np.all(np.asarray(whole.result == RESULTS.converged))
    np.testing.assert_array_equal(jnp.sign(whole.pattern), targets)
    np.testing.assert_array_equal(whole.memory, np.arange(B) % K)
    for batch in (1, 7):
        recall = nam.retrieve_all(net, cues, batch=batch, keep_states=True)
        assert np.all(np.asarray(recall.result == whole.result))
        np.testing.assert_array_equal(jnp.sign(recall.pattern), targets)
        for a, b in zip(*map(jax.tree.leaves, (recall.state, whole.state)), strict=True):
            assert float(jnp.max(jnp.abs(a - b))) <= 3e-3 * float(jnp.max(jnp.abs(b)))
    assert nam.retrieve_all(net, cues[:2]).state is None


def test_a_batch_equals_single_recalls_and_a_traced_batch(getkey):
    xi, cues, _ = problem(getkey())
    net = EffectiveNeuronAstrocyte.from_full(NeuronAstrocyte.certified(xi, margin=0.2))
    batched = nam.retrieve_all(net, cues)
    single = nam.retrieve(net, cues[3])
    np.testing.assert_allclose(batched.pattern[3], single.pattern, atol=3e-3)
    traced = jax.jit(lambda cues: nam.retrieve_all(net, cues, batch=3).pattern)(cues)
    np.testing.assert_allclose(traced, batched.pattern, atol=3e-3)
    constant = jax.jit(lambda: nam.retrieve_all(net, cues, batch=3).pattern)()
    np.testing.assert_allclose(constant, batched.pattern, atol=3e-3)


def test_observables_are_saved_at_times(getkey):
    xi, cues, _ = problem(getkey())
    net = released(xi)
    save = {"energy": Energy(), "overlap": Overlap(xi), "x": lambda state: state.neurons[:5]}
    recall = nam.retrieve_all(net, cues, how=Flow(max_time=40.0), save=save, times=11, batch=10)
    assert recall.ts.shape == (11,) and float(recall.ts[-1]) == 40.0
    assert {name: value.shape for name, value in recall.observables.items()} == {
        "energy": (B, 11), "overlap": (B, 11, K), "x": (B, 11, 5),
    }  # fmt: skip
    run = nam.simulate(
        net, net.initial_state(cues[4]), 40.0, how=Flow(rest=1e-3), save=save, times=11
    )
    for name, rows in run.observables.items():
        np.testing.assert_allclose(recall.observables[name][4], rows, rtol=1e-3, atol=1e-3)
    # After the end the rows are those of the last state.
    np.testing.assert_allclose(recall.observables["energy"][:, -1], recall.energy, rtol=1e-5)


def test_stacked_networks_recall_as_each_of_them(getkey):
    sets = signs(getkey(), (4, K, N))
    stacked = eqx.filter_vmap(NeuronAstrocyte.released)(sets)
    cues = jnp.where(jnp.arange(N)[None] < 2, -sets[:, 0], sets[:, 0])
    for batch in ("auto", 3, 1):
        recall = nam.retrieve_all(stacked, cues, stacked=True, batch=batch)
        for i in range(4):
            alone = nam.retrieve(NeuronAstrocyte.released(sets[i]), cues[i])
            np.testing.assert_allclose(recall.pattern[i], alone.pattern, atol=3e-3)


def test_one_bad_cue_spares_its_batch(getkey):
    xi, cues, targets = problem(getkey())
    net = released(xi)
    bad = cues.at[3, 2].set(jnp.nan)
    recall = nam.retrieve_all(net, bad, batch=10)
    lost = np.asarray(recall.result == RESULTS.non_finite)
    assert lost.tolist() == [i == 3 for i in range(B)]
    np.testing.assert_array_equal(jnp.sign(recall.pattern)[4:], targets[4:])
    with pytest.raises(RuntimeError, match="Cue 3: A state was NaN"):
        nam.retrieve_all(net, bad, batch=10, throw=True)


def test_progress_counts_cues_up_to_all_of_them(getkey):
    xi, cues, _ = problem(getkey())
    for net, expected in (
        (ModernHopfield(xi), [(9, B), (18, B), (B, B)]),  # batches of equal size
        (DenseAssociativeMemory(xi), [(10, B), (20, B), (B, B)]),  # slots
    ):
        seen = []
        nam.retrieve_all(
            net, cues, batch=10, progress=lambda *counts, seen=seen: seen.append(counts)
        )
        assert seen == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cues": jnp.ones(N)}, "`cues` must have shape"),
        ({"cues": jnp.ones((0, N))}, "`cues` must have shape"),
        ({"cues": jnp.ones((2, N + 1))}, "`cue` must have shape"),
        ({"batch": 0}, "`batch` must be a whole number of at least 1"),
        ({"times": 5}, "`save` must be given with `times`"),
        ({"save": {"energy": Energy()}}, "`times` must be given with `save`"),
        ({"save": {"energy": Energy()}, "times": 5}, "`times` must be an array of times where"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, words, getkey):
    xi, cues, _ = problem(getkey())
    with pytest.raises(ValueError, match=words):
        nam.retrieve_all(released(xi), **({"cues": cues} | arguments))


def test_nothing_can_be_saved_of_a_network_that_does_not_flow(getkey):
    xi, cues, _ = problem(getkey())
    with pytest.raises(ValueError, match="`network` must flow in time"):
        nam.retrieve_all(
            Hopfield.from_patterns(xi), cues, save={"energy": Energy()}, times=jnp.ones(2)
        )


def test_the_planner_takes_one_large_state_at_a_time_and_fits_small_ones(getkey, monkeypatch):
    xi, cues, _ = problem(getkey())
    shared = (None, Flow(), 0.5, None, None)

    def size(net):
        return _plan.planned(Problem(net, np.asarray(cues), shared, False, False, None), False)

    assert size(released(xi)) == B
    monkeypatch.setattr(_plan, "LARGE", 4)
    assert size(released(xi)) == 1
    monkeypatch.setattr(_plan, "LARGE", 2**40)
    state = 4 * (N + 2 * N * N) * (2 if jax.config.jax_enable_x64 else 1)
    monkeypatch.setattr(_plan, "free_memory", lambda: 2 * _plan.COPIES * state * 3.5)
    programs = len(_plan._NEEDED)
    assert size(released(xi)) <= 3
    assert size(released(signs(getkey(), (K, N)))) <= 3
    assert len(_plan._NEEDED) == programs + 1  # the same program is analysed once


def test_free_memory_is_that_of_the_machine():
    assert 2**28 < _plan.free_memory() < 2**50


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_batches_are_of_one_size_and_hold_each_sample_once_before_any_twice(size):
    batches = nam.solve.batches(7, size)
    assert batches.shape[1] <= size
    np.testing.assert_array_equal(batches.ravel()[:7], np.arange(7))
    samples = {"x": jnp.arange(7.0)}
    joined = nam.solve.in_batches(lambda part: (part["x"][:, None] ** 2, -part["x"]), samples, size)
    np.testing.assert_array_equal(joined[0][:, 0], samples["x"] ** 2)
    np.testing.assert_array_equal(joined[1], -samples["x"])


def test_samples_at_once_fill_a_budget_that_is_the_same_on_every_machine():
    assert nam.solve.at_once(1000, 2**20) == 32
    assert nam.solve.at_once(10, 2**20) == 10
    assert nam.solve.at_once(1000, 2**20, most=5) == 5
    assert nam.solve.at_once(1000, 2**40) == 1
