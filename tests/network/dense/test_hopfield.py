"""The classical pairwise memory: learning rules, the network, updates one neuron at a time."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.stats import binom
from tables.networks import signs

import nam_jax as nam
from nam_jax.memory import (
    Covariance,
    Perceptron,
    Power,
    Storkey,
    learn,
)
from nam_jax.network import DenseAssociativeMemory, Hopfield
from nam_jax.solve import RESULTS, Asynchronous

X64 = jax.config.jax_enable_x64
EXACT = {"rtol": 1e-10, "atol": 1e-10} if X64 else {"rtol": 1e-4, "atol": 1e-5}
N, K = 24, 4
retrieve = eqx.filter_jit(nam.retrieve)


def pairwise(key):
    """Real symmetric weights without a diagonal, and thresholds."""
    one, other = jr.split(key)
    root = jr.normal(one, (N, N))
    return Hopfield(root + root.T, threshold=jr.normal(other, (N,)))


DISCRETE = {
    "hopfield": pairwise,
    "hopfield-self": lambda key: Hopfield.from_patterns(signs(key, (K, N)), self_coupling=True),
    "hopfield-asymmetric": lambda key: Hopfield.from_patterns(signs(key, (K, N)), Perceptron()),
    "dense-3": lambda key: DenseAssociativeMemory(signs(key, (K, N)), Power(3)),
    "dense-4": lambda key: DenseAssociativeMemory(signs(key, (3 * K, N))),
    "dense-pass": lambda key: DenseAssociativeMemory(signs(key, (K, N)), single_pass=True),
    "dense-self": lambda key: DenseAssociativeMemory(signs(key, (K, N)), self_coupling=True),
}
DESCENDING = ["hopfield", "hopfield-self", "dense-3", "dense-4"]
each_network = pytest.mark.parametrize("name", DISCRETE)


def test_one_step_errors_are_the_binomial_ones():
    """P[Bin((N-1)(K-1), 1/2) < ((N-1)(K-1) - (N-1)) / 2]; an independent prototype has 6.007e-3."""
    size, stored, sets = 64, 11, 8000
    terms = (size - 1) * (stored - 1)
    expected = float(binom.cdf((terms - size + 1) / 2 - 0.5, terms, 0.5))
    assert abs(expected - 6.007e-3) < 1e-6

    def error(key):
        xi = nam.data.random_patterns(stored, size, key=key)
        return jnp.mean(xi[0] * Hopfield.from_patterns(xi).local_field(xi[0]) < 0)

    errors = jax.lax.map(error, jr.split(jr.key(0), sets), batch_size=100)
    spread = float(errors.std()) / sets**0.5
    assert abs(float(errors.mean()) - expected) < 4 * spread < 0.1 * expected


def test_ties_stay_ties_although_weights_are_rounded(getkey):
    """Fields of W = Xi^T Xi / 101 are 0 exactly where those of whole numbers are."""
    xi = signs(getkey(), (14, 101))
    net, whole = Hopfield.from_patterns(xi), np.rint(np.asarray(xi)).astype(int)
    states = signs(getkey(), (200, 101))
    products = whole.T @ whole - 14 * np.eye(101, dtype=int)
    expected = np.rint(np.asarray(states)).astype(int) @ products
    assert (expected == 0).any()
    np.testing.assert_array_equal(np.sign(jax.vmap(net.local_field)(states)), np.sign(expected))


def test_field_and_energy_with_thresholds(getkey):
    net, state = pairwise(getkey()), signs(getkey(), (N,))
    others = state[None] * (1 - 2 * jnp.eye(N))
    flipped = jax.vmap(net.energy)(others) - net.energy(state)
    expected = 2 * state * net.local_field(state)
    np.testing.assert_allclose(flipped, expected, rtol=1e-4, atol=1e-3)


def test_the_diagonal_counts_only_with_self_coupling(getkey):
    xi, state = signs(getkey(), (K, N)), signs(getkey(), (N,))
    without, whole = (Hopfield.from_patterns(xi, self_coupling=kept) for kept in (False, True))
    np.testing.assert_array_equal(jnp.diagonal(without.weights), 0)
    shift = K / N
    np.testing.assert_allclose(
        whole.local_field(state), without.local_field(state) + shift * state, **EXACT
    )
    np.testing.assert_allclose(whole.energy(state), without.energy(state) - shift * N / 2, **EXACT)


# Updates.


@each_network
def test_incremental_fields_are_those_computed_anew(name, getkey):
    net, state = DISCRETE[name](getkey()), signs(getkey(), (N,)).at[5].set(0.0)

    @jax.jit
    def both(state):
        carry = net.carry(state)
        for i in [5, 3, 9, 3, 17]:
            change = 1.0 - state[i] if i == 5 else -2 * state[i]
            carry = net.flipped(carry, state, i, change)
            state = state.at[i].add(change)
        fields = jax.vmap(lambda j: net.field_of(carry, state, j))(jnp.arange(N))
        return fields, net.local_field(state)

    np.testing.assert_allclose(*both(state), **EXACT)


def sweeps_by_loop(net, state, order):
    """States after each visit, with all fields computed anew each time."""
    visited, changed = [state], True
    field_of = eqx.filter_jit(lambda state, i: net.local_field(state)[i])
    while changed:
        first = state
        for i in order:
            field = float(field_of(state, jnp.asarray(i)))
            state = state if field == 0 else state.at[i].set(np.sign(field))
            visited.append(state)
        changed = bool(jnp.any(state != first))
    return jnp.stack(visited)


@each_network
def test_sweeps_are_a_loop_over_neurons_and_lower_the_energy(name, getkey):
    net, cue = DISCRETE[name](getkey()), signs(getkey(), (N,))
    order = jr.permutation(getkey(), N)
    recall = retrieve(net, cue, how=Asynchronous(order=order))
    visited = sweeps_by_loop(net, cue, np.asarray(order).tolist())
    np.testing.assert_array_equal(recall.pattern, visited[-1])
    assert recall.result == RESULTS.converged and float(recall.residual) == 0
    assert int(recall.steps) == (len(visited) - 1) // N - 1
    if name in DESCENDING:
        energies = jax.vmap(net.energy)(visited)
        rises = jnp.diff(energies) / jnp.abs(energies).max()
        assert float(rises.max()) <= (1e-12 if X64 else 1e-6)


def test_two_neurons_that_cycle_together_rest_one_by_one():
    net, cue = Hopfield(jnp.ones((2, 2))), jnp.array([1.0, -1.0])
    assert retrieve(net, cue).result == RESULTS.cycled

    @jax.jit
    @jax.vmap
    def one_by_one(order):
        return nam.retrieve(net, cue, how=Asynchronous(order=order))

    recall = one_by_one(jnp.array([[0, 1], [1, 0]]))
    np.testing.assert_array_equal(recall.pattern, [[-1, -1], [1, 1]])
    np.testing.assert_array_equal(recall.steps, 1)
    assert {*nam.solve.sentences(recall.result)} == {RESULTS[RESULTS.converged]}


def test_ties_keep_their_state_one_by_one():
    patterns = jnp.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
    how = Asynchronous(order=jnp.array([0]))
    for net in (Hopfield.from_patterns(patterns), DenseAssociativeMemory(patterns, Power(2))):
        cue = jnp.array([-1.0, 1.0, -1.0])
        assert float(net.field_of(net.carry(cue), cue, 0)) == 0
        recall = retrieve(net, cue, how=Asynchronous(order=jnp.array([0, 1, 2])))
        assert float(recall.pattern[0]) == -1
        with pytest.raises(ValueError, match=r"`order` must have shape \(3,\), but has shape"):
            nam.settle(net, cue, how=how)


@pytest.mark.parametrize("name", ["hopfield", "dense-4"])
def test_batches_of_sweeps_are_their_samples(name, getkey):
    net, keys = DISCRETE[name](getkey()), jr.split(getkey(), 5)
    cues = signs(getkey(), (5, N)).at[1, 0].set(jnp.nan)

    @eqx.filter_jit
    def recall(cue, key):
        actual = nam.retrieve(net, cue, how=Asynchronous(key))
        return actual.pattern, actual.steps, nam.solve.outcome(actual.result)

    together = jax.vmap(recall)(cues, keys)
    for place in (0, 2, 3, 4):
        alone = recall(cues[place], keys[place])
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other[place])
    assert nam.solve.OUTCOMES[int(together[2][1])] == "non_finite"
    assert all(nam.solve.OUTCOMES[int(place)] == "converged" for place in together[2][2:])


def test_pairwise_dense_memory_is_hopfields_network_sweep_by_sweep(getkey):
    """With one order of updates the end states agree, as in an independent prototype."""
    xi, cues = signs(getkey(), (9, 64)), signs(getkey(), (20, 64))
    order = jr.permutation(getkey(), 64)

    @eqx.filter_jit
    def ends(net):
        how = Asynchronous(order=order)
        return jax.vmap(lambda cue: nam.settle(net, cue, how=how))(cues)

    one, other = ends(Hopfield.from_patterns(xi)), ends(DenseAssociativeMemory(xi, Power(2)))
    np.testing.assert_array_equal(one.state, other.state)
    np.testing.assert_array_equal(one.steps, other.steps)
    assert int(one.steps.max()) > 1


def test_random_sweeps_use_their_key(getkey):
    net, cue, key = pairwise(getkey()), signs(getkey(), (N,)), getkey()
    keys = jnp.concatenate([jnp.stack([key, key]), jr.split(getkey(), 20)])

    @jax.jit
    @jax.vmap
    def ends(key):
        return nam.settle(net, cue, how=Asynchronous(key, max_steps=1)).state

    states = ends(keys)
    np.testing.assert_array_equal(states[0], states[1])
    assert len(np.unique(states, axis=0)) > 2


BAD = {
    "shape": (lambda: Hopfield(jnp.ones((2, 3))), r"`weights` must have shape \(N, N\)"),
    "finite": (lambda: Hopfield(jnp.full((2, 2), jnp.nan)), "`weights` must be finite"),
    "threshold": (
        lambda: Hopfield(jnp.ones((2, 2)), threshold=jnp.ones(3)),
        r"`threshold` must be one number or have shape \(2,\), but has shape \(3,\)",
    ),
    "patterns": (lambda: learn(Storkey(), jnp.ones(3)), r"`patterns` must have shape \(K, N\)"),
    "not binary": (lambda: learn(Perceptron(), jnp.zeros((2, 3))), "hold only -1 and"),
    "mean": (lambda: learn(Covariance(jnp.ones(2)), jnp.ones((2, 3))), "`mean` must be one num"),
    "kappa": (lambda: Perceptron(-0.1), "`kappa` must be at least 0, but has -0.1"),
    "rate": (lambda: Perceptron(learning_rate=0.0), "`learning_rate` must be above 0"),
    "passes": (lambda: Perceptron(passes=0), "`passes` must be at least 1, but has 0"),
    "cue": (lambda: nam.retrieve(Hopfield(jnp.ones((2, 2))), jnp.ones(3)), "`cue` must have"),
    "no order": (lambda: Asynchronous(), "`key` must be given, or else `order`, but has neither"),
    "two orders": (lambda: Asynchronous(jr.key(0), order=jnp.array([0])), "but has both"),
    "order": (
        lambda: Asynchronous(order=jnp.array([0, 0])),
        r"`order` must hold each of 0, ..., N - 1 once",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
