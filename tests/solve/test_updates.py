"""Updates of discrete networks: neurons that are held, and cycles that are noticed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables.networks import signs

import nam_jax as nam
from nam_jax.memory import DistinctPower, Exponential, LogSumExp, Power, RectifiedPower
from nam_jax.network import DenseAssociativeMemory, Hopfield
from nam_jax.solve import RESULTS, Asynchronous, Flow, Passes, Synchronous

N, K = 24, 4
retrieve = eqx.filter_jit(nam.retrieve)


def symmetric(numbers):
    return Hopfield(numbers[:N] + numbers[:N].T, threshold=numbers[N])


FAMILIES = {
    "Hopfield": lambda key, scale: symmetric(scale * jr.normal(key, (N + 1, N))),
    "quartic": lambda key, scale: DenseAssociativeMemory(signs(key, (K, N)), Power(4)),
    "power 7": lambda key, scale: DenseAssociativeMemory(signs(key, (K, N)), Power(7)),
    "rectified 3": lambda key, scale: DenseAssociativeMemory(signs(key, (K, N)), RectifiedPower(3)),
    "distinct 3": lambda key, scale: DenseAssociativeMemory(
        signs(key, (K, N)), DistinctPower(3, N)
    ),
    "exponential": lambda key, scale: DenseAssociativeMemory(
        signs(key, (K, N)), Exponential(scale)
    ),
    "log-sum-exp": lambda key, scale: DenseAssociativeMemory(signs(key, (K, N)), LogSumExp(scale)),
}


@eqx.filter_jit
def energies_of_sweeps(name, seed, scale, held):
    """Energies of a random state before and after each of six sweeps in random orders."""
    of_network, of_state, of_orders = jr.split(jr.key(seed), 3)
    net = FAMILIES[name](of_network, scale)

    def sweep(state, key):
        how = Asynchronous(key, held=held, max_steps=1)
        after = nam.settle(net, state, how=how).state
        return after, net.energy(after)

    state = signs(of_state, (N,))
    _, energies = jax.lax.scan(sweep, state, jr.split(of_orders, 6))
    return jnp.concatenate([net.energy(state)[None], energies])


@pytest.mark.parametrize("name", FAMILIES)
def test_no_sweep_raises_the_energy_whatever_is_held(name):
    @settings(deadline=None, max_examples=40, derandomize=True)
    @given(
        st.integers(0, 2**31 - 1),
        st.floats(0.1, 2.0),
        st.lists(st.booleans(), min_size=N, max_size=N),
    )
    def check(seed, scale, held):
        numbers = jnp.asarray(seed), jnp.asarray(scale, float), jnp.array(held)
        actual = np.asarray(energies_of_sweeps(name, *numbers), np.float64)
        # Energies are sums of at most N^2 = 576 rounded terms. That of the exponential is a
        # logarithm in units of beta N, of order 1.
        sizes = np.maximum(np.abs(actual[1:]), np.abs(actual[:-1]))
        sizes = np.maximum(sizes, 1) if name == "exponential" else sizes
        assert np.isfinite(actual).all() and (np.diff(actual) <= 1e-5 * sizes).all()

    check()


HELD = {
    "all at once": lambda held: Synchronous(held),
    "in order": lambda held: Asynchronous(order=jnp.arange(N)[::-1], held=held),
    "at random": lambda held: Asynchronous(jr.key(3), held=held),
}


@pytest.mark.parametrize("name", HELD)
def test_held_neurons_keep_their_state_and_the_others_come_to_rest_with_them(name, getkey):
    """Half of the bits are held at a pattern, the others start from another one."""
    xi = signs(getkey(), (K, N))
    net = DenseAssociativeMemory(xi)
    held = jnp.arange(N) < 15
    cue = jnp.where(held, xi[0], xi[1])
    recall = retrieve(net, cue, how=HELD[name](held))
    np.testing.assert_array_equal(recall.pattern, xi[0])
    wrong = jnp.arange(N) >= 20
    cue = jnp.where(wrong, -xi[0], xi[0])
    kept = retrieve(net, cue, how=HELD[name](wrong))
    np.testing.assert_array_equal(kept.pattern, cue)
    assert kept.result == RESULTS.converged and kept.residual == 0


def ring(length):
    """Each neuron takes the state of the one before it: all states come again after a round."""
    return Hopfield(jnp.roll(jnp.eye(length), 1, axis=0))


@pytest.mark.parametrize("length", [2, 3, 5, 8])
def test_cycles_of_any_length_are_reported(length):
    cue = jnp.ones(length).at[0].set(-1)
    recall = retrieve(ring(length), cue, how=Synchronous(max_steps=100))
    assert recall.result == RESULTS.cycled
    assert recall.steps <= 3 * length
    assert retrieve(ring(length), jnp.ones(length)).result == RESULTS.converged


def test_a_cycle_of_sweeps_in_one_order_is_reported_and_random_orders_run_out():
    """Two neurons, one of which follows the other while that one flees it."""
    net = Hopfield(jnp.array([[0.0, 1.0], [-1.0, 0.0]]))
    cue = jnp.ones(2)
    given = retrieve(net, cue, how=Asynchronous(order=jnp.array([0, 1]), max_steps=50))
    assert given.result == RESULTS.cycled and given.steps < 10
    random = retrieve(net, cue, how=Asynchronous(jr.key(0), max_steps=50))
    assert random.result == RESULTS.step_limit


def orders(key, num_sweeps, size):
    """The orders of the first sweeps of a network whose fields are all carried."""
    tickets = [Asynchronous(key)._tickets(jnp.asarray(sweep), size) for sweep in range(num_sweeps)]
    return np.argsort(np.asarray(tickets), axis=1)


def test_random_orders_hold_every_neuron_once_and_none_is_preferred(getkey):
    size, num = 6, 3000
    keys = jr.split(getkey(), num)
    tickets = jax.vmap(lambda key: Asynchronous(key)._tickets(jnp.asarray(0), size))(keys)
    places = np.argsort(np.asarray(tickets), axis=1)
    np.testing.assert_array_equal(np.sort(places, axis=1), np.tile(np.arange(size), (num, 1)))
    for place in range(size):
        counts = np.bincount(places[:, place], minlength=size)
        spread = np.sqrt(num / size * (1 - 1 / size))
        assert np.abs(counts - num / size).max() < 4.5 * spread
    assert len({tuple(order) for order in orders(keys[0], 20, 50)}) == 20


def test_an_order_too_long_for_its_tickets_is_refused():
    with pytest.raises(ValueError, match="`order` must hold fewer than 65536 neurons"):
        Asynchronous(order=np.arange(2**16))._tickets(jnp.asarray(0), 2**16)


def test_going_from_flip_to_flip_is_the_loop_over_neurons(getkey):
    """Whole recalls, sweep by sweep, in the orders that the key stands for."""
    net = symmetric(jr.normal(getkey(), (N + 1, N)))
    weights, threshold = np.asarray(net.weights, float), np.asarray(net.threshold, float)
    for _ in range(10):
        key, start = getkey(), signs(getkey(), (N,))
        recall = retrieve(net, start, how=Asynchronous(key))
        state, sweeps = np.array(start, float), 0
        for order in orders(key, 30, N):
            before = state.copy()
            for i in order:
                state[i] = np.sign(weights[i] @ state - threshold[i])
            if (state == before).all():
                break
            sweeps += 1
        np.testing.assert_array_equal(recall.state, state)
        assert int(recall.steps) == sweeps and recall.result == RESULTS.converged


@pytest.mark.parametrize("name", HELD)
def test_held_of_another_size_is_named(name, getkey):
    net = DenseAssociativeMemory(signs(getkey(), (K, N)))
    with pytest.raises(ValueError, match=r"`held` must have shape \(24,\), but has shape \(3,\)"):
        nam.retrieve(net, jnp.ones(N), how=HELD[name](jnp.ones(3, bool)))


@pytest.mark.parametrize("how", [Flow(), Passes()])
def test_how_of_another_kind_is_named(how, getkey):
    net = DenseAssociativeMemory(signs(getkey(), (K, N)))
    with pytest.raises(ValueError, match="`how` must"):
        nam.retrieve(net, jnp.ones(N), how=how)
