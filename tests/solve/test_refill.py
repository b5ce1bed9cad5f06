"""Refilled slots: the results of a plain batch, whatever the slot, the neighbours and the order."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from compilations import compilations
from tables.networks import released, signs

import nam_jax as nam
from nam_jax.network import (
    Drive,
    EffectiveNeuronAstrocyte,
    Hopfield,
    ModernHopfield,
    NeuronAstrocyte,
    Pulse,
)
from nam_jax.solve import RESULTS, Asynchronous, Flow, Synchronous, _plan
from nam_jax.solve._batch import Problem
from nam_jax.solve._refill import empty_slots, go_on, prepared_work
from nam_jax.solve._stepwise import goes_by_steps

N, K, B = 24, 3, 41


def problem(key, num=B):
    """Patterns and cues, one in four of them damaged."""
    xi = signs(key, (K, N))
    targets = xi[jnp.arange(num) % K]
    damaged = jnp.arange(num)[:, None] % 4 == 0
    return xi, jnp.where(damaged & (jnp.arange(N)[None] % 3 == 0), -targets, targets)


def effective(xi):
    return EffectiveNeuronAstrocyte.from_full(NeuronAstrocyte.certified(xi, margin=0.2))


def assert_same(one, other, rows=slice(None)):
    """The same patterns, states, steps and results; energies are sums in another order."""
    for name in ("pattern", "state", "steps", "memory", "known", "residual", "result"):
        for a, b in zip(*(jax.tree.leaves(getattr(r, name)) for r in (one, other)), strict=True):
            np.testing.assert_array_equal(np.asarray(a)[rows], b, err_msg=name)


HOWS = {
    "sync": Synchronous(),
    "async": Asynchronous(jr.key(5)),
    "order": Asynchronous(order=jnp.arange(N)),
    "few": Asynchronous(jr.key(5), max_steps=1),
}


@pytest.mark.parametrize(
    "name", ["sync", "async", *(pytest.param(n, marks=pytest.mark.slow) for n in ("order", "few"))]
)
def test_discrete_networks_recall_the_same_bits_in_slots(name, getkey):
    _, cues = problem(getkey())
    net, how = Hopfield.from_patterns(signs(getkey(), (6, N))), HOWS[name]
    bad = cues.at[7, 2].set(jnp.nan)
    whole = nam.retrieve_all(net, bad, how=how, keep_states=True, batch=B)
    assert whole.slot_use is None
    few = nam.retrieve_all(net, bad, how=how, keep_states=True, batch=5)
    assert_same(few, whole)
    assert few.slot_use.shape == (B,) and 0.5 < float(few.slot_use[0]) <= 1
    assert np.flatnonzero(few.result == RESULTS.non_finite).tolist() == [7]


def test_flows_recall_the_same_whatever_the_slot_and_its_neighbours(getkey):
    xi, cues = problem(getkey())
    net = effective(xi)
    bad = cues.at[7, 2].set(jnp.nan)
    ours = nam.retrieve_all(net, bad, batch=8, keep_states=True)
    assert np.flatnonzero(ours.result == RESULTS.non_finite).tolist() == [7]
    fine = np.arange(B) != 7
    assert len(set(np.asarray(ours.steps)[fine].tolist())) > 1
    whole = nam.retrieve_all(net, cues, batch=B, keep_states=True)
    for a, b in zip(*map(jax.tree.leaves, (ours.state, whole.state)), strict=True):
        scale = float(jnp.max(jnp.abs(b)))
        np.testing.assert_allclose(a[fine], b[fine], rtol=0, atol=3e-3 * scale)
    np.testing.assert_array_equal(jnp.sign(ours.pattern)[fine], jnp.sign(whole.pattern)[fine])
    assert np.all(np.asarray(ours.result == whole.result)[fine])
    # In the same number of slots all bits are the same: in another slot and among other cues.
    order = np.asarray(jr.permutation(getkey(), B))
    again = nam.retrieve_all(net, bad[order], batch=8, keep_states=True)
    assert_same(ours, again, order)


@pytest.mark.slow
def test_drives_fixed_steps_and_stacked_networks_are_refilled_too(getkey):
    sets = signs(getkey(), (9, K, N))
    stacked = eqx.filter_vmap(effective)(sets)
    cues = jnp.where(jnp.arange(N)[None] < 2, -sets[:, 0], sets[:, 0])
    how = Flow(step=0.25, max_steps=300)
    drive = stacked.drive_type(neural=Pulse(1.0, 2.0, 0.1 * jnp.ones(N)))
    ours, plain = (
        nam.retrieve_all(stacked, cues, how=how, drive=drive, stacked=True, batch=size)
        for size in (4, 9)
    )
    assert ours.slot_use is not None
    np.testing.assert_allclose(ours.pattern, plain.pattern, atol=3e-3)
    np.testing.assert_array_equal(ours.result == plain.result, True)
    assert np.all(np.abs(np.asarray(ours.steps - plain.steps)) <= 1)


def test_what_cannot_stop_after_a_step_stays_a_plain_batch(getkey):
    xi, cues = problem(getkey(), 5)
    saved = nam.retrieve_all(
        effective(xi), cues, how=Flow(max_time=1.0), save={}, times=jnp.zeros(1), batch=2
    )
    assert saved.slot_use is None and saved.ts.shape == (1,)
    assert nam.retrieve_all(ModernHopfield(xi), cues, batch=2).slot_use is None
    followed = Flow(adjoint=dfx.RecursiveCheckpointAdjoint(), max_steps=64)
    assert not goes_by_steps(effective(xi), followed) and goes_by_steps(effective(xi), Flow())


def test_progress_is_told_up_to_all_cues_and_changes_no_bits(getkey):
    xi, cues = problem(getkey())
    net, seen = Hopfield.from_patterns(xi), []
    silent = nam.retrieve_all(net, cues, batch=4)
    told = nam.retrieve_all(net, cues, batch=4, progress=lambda *counts: seen.append(counts))
    assert_same(told, silent)
    counts = [count for count, _ in seen]
    assert counts == sorted(counts) and counts[-1] == B and len(counts) >= 8
    assert {num for _, num in seen} == {B}


def test_numbers_of_cues_per_slot_decide_and_a_second_call_compiles_nothing(getkey):
    xi, cues = problem(getkey(), 300)
    net = Hopfield.from_patterns(xi)
    assert nam.retrieve_all(net, cues[: 4 * _plan.MOST_SLOTS - 1]).slot_use is None
    first = nam.retrieve_all(net, cues)
    assert first.slot_use is not None
    others = cues[::-1]
    with compilations() as compiled:
        nam.retrieve_all(net, others)
    assert not compiled


def programs(network, cues, size):
    """The compiled program of refilled slots, and its slots."""
    shared = (None, Flow(max_steps=np.int32(400)), np.asarray(0.5, network.dtype), None, None)
    whole = Problem(network, np.asarray(cues), shared, False, False, None)
    refill, work, _ = prepared_work(whole, size, np.arange(len(cues)))
    fixed = (refill, work, None)
    slots = empty_slots(fixed)
    return go_on.lower(fixed, slots, np.int32(1)).compile().compiled, slots


@pytest.mark.slow
def test_a_device_holds_the_states_of_its_slots_and_results_only(getkey):
    """With 16 times the cues the program needs no more memory, but for the cues and results."""
    xi, cues = problem(getkey(), 64)
    net = released(xi)
    few, _ = programs(net, cues, 4)
    many, slots = programs(net, jnp.tile(cues, (16, 1)), 4)
    state = 4 * (N + 2 * N * N) * (2 if jax.config.jax_enable_x64 else 1)
    row = sum(leaf.nbytes for leaf in jax.tree.leaves(slots.results)) / (16 * len(cues))
    grown = 960 * (row + 4 * N)
    more = many.memory_analysis().temp_size_in_bytes - few.memory_analysis().temp_size_in_bytes
    assert more <= 3 * grown and grown < 960 * state / 8


def test_slot_use_counts_the_steps_of_recalls(getkey):
    """One slot of two waits while the last recall ends: by hand, from the numbers of steps."""
    net = Hopfield.from_patterns(signs(getkey(), (8, N)))
    cues = signs(getkey(), (3, N))
    steps = np.asarray(nam.retrieve_all(net, cues, batch=3).steps)
    recall = nam.retrieve_all(net, cues, batch=2)
    first, second, third = (int(s) for s in steps)
    last = max(min(first, second) + third, max(first, second))
    np.testing.assert_allclose(recall.slot_use, steps.sum() / (2 * last), rtol=1e-5)


@pytest.mark.slow
def test_a_pulse_is_waited_for_in_slots(getkey):
    xi, cues = problem(getkey(), 9)
    net = released(xi)
    drive = Drive(neural=Pulse(12.0, 13.0, 0.1 * jnp.ones(N)))
    recall = nam.retrieve_all(net, cues, drive=drive, batch=4)
    assert recall.slot_use is not None and float(recall.time.min()) >= 13.0
