"""The dendritic memory: its equations against loops, its laws, and what it recalls."""

import functools

import equinox as eqx
import hypothesis as hp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nam_jax as nam
from nam_jax.experiment.dendritic._controls import point_synapses
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import ExternalInputs, Linear, Ramp, State, Wiring
from nam_jax.solve import ExponentialEuler, Flow

X64 = jax.config.jax_enable_x64
N1, N2, D, M1, M2 = 7, 9, 3, 5, 4
BRANCH, RATE = Ramp(0.3, 0.5, 6.0, slope=2.5), Ramp(-16.0, 1.0, 30.0)


def wired(key, **arguments):
    arguments = {"connectivity": 0.6, "num_inhibitory": (M1, M2), "spread": 0.7, **arguments}
    return Wiring.random(N1, N2, D, key=key, **arguments)


def built(wiring, **arguments):
    times = {"time_constants": (10.0, 50.0, 5.0)}
    return DendriticMemory(
        wiring, branch_transfer=BRANCH, memory_transfer=RATE, **times, **arguments
    )


def rates(key, shape=()):
    """Rates of all populations of which some branches and neurons are in the middle of ramps."""

    def one(key):
        sizes = zip(jr.split(key, 4), (N1, N2, M1, M2), strict=True)
        return State(*(jr.uniform(value, (size,), maxval=8) for value, size in sizes))

    for axis in reversed(shape):
        one = functools.partial(
            lambda key, one, axis: jax.vmap(one)(jr.split(key, axis)), one=one, axis=axis
        )
    return one(key)


def branch_drive(w, j, d, v1, i1):
    """The drive of one branch, one synapse after another (eqs 2b, 7c)."""
    drive, c = 0.0, w.connectivity
    for i in range(N1):
        if w.forward[j, i] and w.branch[j, i] == d:
            drive += w.weight[j, i] * v1[i] / np.sqrt(c * N1 / D)
    for n in range(M1):
        if w.inhibitory_forward[j, n] and w.inhibitory_branch[j, n] == d:
            drive -= np.sqrt(N1 / M1) * w.inhibitory_weight[j, n] * i1[n] / np.sqrt(c * M1 / D)
    return drive


def memory_drive(w, i, v2, i1, i2):
    """The input of one memory neuron, one synapse after another (eqs 2a, 4, 7a)."""
    c, m = w.connectivity, w.dendritic_mean
    back = [j for j in range(N2) if w.feedback[j, i]]
    drive = sum(w.dendritic[j, w.branch[j, i]] * v2[j] for j in back) / np.sqrt(c * N2)
    drive -= np.sqrt(N2 / M2) * m * w.feature_inhibition[i] @ i2 / np.sqrt(c * M2)
    return drive - np.sqrt(N2 / M1) * w.memory_inhibition[i] @ i1 / np.sqrt(c * M1)


def by_loop(w, state, drive_1=0.0, drive_d=None):
    """Targets of all four populations from eqs 1-7 in float64."""
    in_double = lambda leaf: np.asarray(leaf, float) if eqx.is_inexact_array(leaf) else leaf  # noqa: E731
    w, c = jax.tree.map(in_double, w), w.connectivity
    v1, v2, i1, i2 = (np.asarray(leaf, float) for leaf in jax.tree.leaves(state))
    drives = np.array([[branch_drive(w, j, d, v1, i1) for d in range(D)] for j in range(N2)])
    drives = drives if drive_d is None else drives + drive_d
    features = (w.dendritic * np.asarray(BRANCH(jnp.asarray(drives)))).sum(1) / np.sqrt(D)
    memory = drive_1 + np.array([memory_drive(w, i, v2, i1, i2) for i in range(N1)])
    h1 = w.to_memory_inhibition @ v1 / (c * N1) - w.within_memory_inhibition @ i1 / (c * M1) ** 2
    h2 = w.to_feature_inhibition @ v2 / (c * N2) - w.within_feature_inhibition @ i2 / (c * M2) ** 2
    actual = (RATE(jnp.asarray(memory)), features, np.maximum(h1, 0), np.maximum(h2, 0))
    return State(*map(jnp.asarray, actual))


def packed(network):
    """The weights of all synapses on branches, and of branches."""
    return jax.tree.leaves(network.dendrites.weights())


def targets(network, state, drive=None, t=0.0):
    """flow * tau + rates."""
    flow = network.vector_field(t, state, drive)
    return jax.tree.map(lambda u, v, tau: u + tau * v, state, flow, network.time_scales())


def assert_close(actual, expected, rtol=1e-10 if X64 else 2e-5, atol=1e-10 if X64 else 2e-4):
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol, atol)


@pytest.mark.parametrize("reciprocal", [True, False])
def test_right_hand_side_equals_a_loop_over_branches(reciprocal, getkey):
    wiring, state = wired(getkey(), reciprocal=reciprocal), rates(getkey())
    network = built(wiring)
    expected = by_loop(wiring, state)
    assert np.ptp(expected.feature) > 1 and np.ptp(expected.memory) > 1
    assert_close(targets(network, state), expected)


def test_drives_are_functions_of_time(getkey):
    wiring, state = wired(getkey()), rates(getkey())
    network, own = built(wiring), jr.normal(getkey(), (N2, D))
    drive = ExternalInputs(lambda t: 2.0 * t, lambda t: own * t)
    assert_close(
        targets(network, state, drive, 3.0), by_loop(wiring, state, 6.0, 3 * np.asarray(own))
    )
    for signal in (0.4, jnp.full(N2, 0.4)):
        expected = by_loop(wiring, state, drive_d=np.full((N2, D), 0.4))
        assert_close(targets(network, state, ExternalInputs(branches=signal)), expected)


def test_a_batch_equals_its_samples(getkey):
    """By one `vmap` and two, with a drive of each sample, and with a network of each sample."""
    network, states = built(wired(getkey())), rates(getkey(), (2, 3))
    signals = jr.normal(getkey(), (2, 3, N2, D))

    @jax.jit
    def one(state, signal):
        return targets(network, state, ExternalInputs(branches=signal))

    twice = jax.jit(jax.vmap(jax.vmap(one)))(states, signals)
    for place in np.ndindex(2, 3):
        state = jax.tree.map(lambda leaf, place=place: leaf[place], states)
        actual = jax.tree.map(lambda leaf, place=place: leaf[place], twice)
        assert_close(actual, one(state, signals[place]))
    gains = jnp.asarray([1.0, 2.0])
    state = jax.tree.map(lambda leaf: leaf[0, 0], states)

    @jax.jit
    def of_gain(gain):
        stronger = [leaf * gain for leaf in packed(network)]
        return targets(eqx.tree_at(packed, network, stronger), state)

    every = jax.vmap(of_gain)(gains)
    for place, gain in enumerate(gains):
        assert_close(jax.tree.map(lambda leaf, place=place: leaf[place], every), of_gain(gain))


@pytest.mark.slow
def test_derivatives_are_those_of_the_equations(getkey):
    """Forward and reverse mode agree with differences, for states and for weights."""
    with jax.enable_x64(True):
        network, state = built(wired(jr.key(0))), rates(jr.key(1))

        @jax.jit
        def loss(weights, state):
            changed = eqx.tree_at(packed, network, weights)
            flow = changed.vector_field(0.0, state)
            return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(flow))

        where = (packed(network), state)
        along = jax.tree.map(lambda leaf: jr.normal(jr.key(leaf.size), leaf.shape), where)
        forward = jax.jit(lambda: jax.jvp(loss, where, along)[1])()
        slopes = jax.jit(jax.grad(loss, (0, 1)))(*where)
        pairs = zip(jax.tree.leaves(slopes), jax.tree.leaves(along), strict=True)
        np.testing.assert_allclose(sum(jnp.vdot(a, b) for a, b in pairs), forward, rtol=1e-9)
        step = 1e-6
        ends = [jax.tree.map(lambda u, v, s=s: u + s * v, where, along) for s in (step, -step)]
        difference = (loss(*ends[0]) - loss(*ends[1])) / (2 * step)
        np.testing.assert_allclose(forward, difference, rtol=1e-5)


def test_feedback_has_the_weight_of_the_branch(getkey):
    """Eq 4, and each pair of neurons has one branch; one branch leaves feedback no information."""
    wiring = wired(getkey())
    network = built(wiring)
    for j in range(N2):
        for i in range(N1):
            weight = wiring.dendritic[j, wiring.branch[j, i]] if wiring.forward[j, i] else 0
            assert network.feedback[i, j] == weight
    single = Wiring.random(N1, N2, 1, key=getkey())
    assert np.ptp(np.asarray(built(single).feedback), axis=0).max() == 0


SIZES = st.integers(1, 12)


@hp.settings(max_examples=8, deadline=None)
@hp.given(
    st.tuples(SIZES, SIZES, SIZES, SIZES),
    st.floats(0.05, 1.0),
    st.floats(0, 1),
    st.floats(0.1, 3),
    st.integers(0, 2**31),
)
def test_wiring_keeps_its_laws_whatever_the_parameters(sizes, connectivity, spread, shape, seed):
    """Dale's law, one branch a pair of neurons, and feedback where eq 4 says."""
    n1, n2, m1, m2 = sizes
    arguments = {"spread": spread, "gamma_shape": shape, "num_inhibitory": (m1, m2)}
    wiring = Wiring.random(
        n1, n2, 1 + seed % n1, key=jr.key(seed), connectivity=connectivity, **arguments
    )
    network = built(wiring)
    leaves = [leaf for leaf in jax.tree.leaves((wiring, network)) if eqx.is_inexact_array(leaf)]
    assert all((np.asarray(leaf) >= 0).all() for leaf in leaves if leaf.ndim >= 2)
    inputs = [
        np.asarray(block.source)[np.asarray(block.source) < n1 + m1] for block in blocks_of(network)
    ]
    synapses = int(wiring.forward.sum() + wiring.inhibitory_forward.sum())
    assert sum(map(len, inputs)) == synapses
    assert not np.asarray(network.feedback).T[~np.asarray(wiring.forward)].any()


def blocks_of(network):
    return network.dendrites.blocks


@eqx.filter_jit
def after_steps(network, branch, rate, state):
    """Every tenth of 100 states on the way from `state`, and inhibition that matches the first."""
    network = eqx.tree_at(lambda n: (n.branch_transfer, n.memory_transfer), network, (branch, rate))
    settled = network.state_of(state.memory, state.feature)
    how = Flow(solver=ExponentialEuler(network), step=3.0)
    save = {"all": nam.solve.FullState()}
    path = nam.simulate(network, state, 300.0, how=how, save=save, times=11)
    return path.observables["all"], settled, targets(network, settled)


@functools.cache
def built_once():
    return built(wired(jr.key(5)))


@hp.settings(max_examples=25, deadline=None)
@hp.given(
    st.tuples(st.floats(-3, 3), st.floats(0, 2), st.floats(0.5, 50), st.floats(0.1, 100)),
    st.tuples(st.floats(-9, 9), st.floats(0, 3), st.floats(1, 90)),
    st.integers(0, 2**31),
)
def test_rates_keep_their_bounds_whatever_the_parameters(branch, rate, seed):
    """From rates within them: r_min to r_max in E1, and at least 0 everywhere else."""
    (threshold, low, rise, slope), (onset, rest, above) = branch, rate
    state = rates(jr.key(seed))
    inside = rest + above * state.memory / 8
    state = eqx.tree_at(lambda s: s.memory, state, inside)
    ramps = Ramp(threshold, low, low + rise, slope), Ramp(onset, rest, rest + above)
    path, settled, matched = after_steps(built_once(), *ramps, state)
    rounding = 1e-5 * (rest + above)
    assert (path.memory >= rest - rounding).all() and (path.memory <= rest + above + rounding).all()
    assert all((np.asarray(leaf) >= 0).all() for leaf in jax.tree.leaves(path))
    for name in ("memory_inhibition", "feature_inhibition"):
        assert_close(getattr(settled, name), getattr(matched, name), atol=1e-4)


def test_a_negative_weight_is_refused(getkey):
    wiring = wired(getkey())
    for name in ("weight", "dendritic", "feature_inhibition", "within_memory_inhibition"):
        weights = getattr(wiring, name)
        place = (0, 0) if name == "dendritic" else tuple(np.argwhere(np.asarray(weights) > 0)[0])
        bad = eqx.tree_at(lambda w, name=name: getattr(w, name), wiring, weights.at[place].set(-1))
        with pytest.raises(ValueError, match="weights of at least 0"):
            built(bad)


def test_seeds_reproduce_and_differ():
    one, again, other = (built(wired(jr.key(seed))) for seed in (3, 3, 4))
    assert eqx.tree_equal(one, again)
    assert not eqx.tree_equal(one.feedback, other.feedback)


def test_linear_branches_and_point_neurons(getkey):
    """Controls: linear branches sum to one product, and point neurons transfer one sum."""
    wiring, state = wired(getkey()), rates(getkey())
    linear = DendriticMemory(wiring, branch_transfer=Linear(2.0), memory_transfer=RATE)
    c = wiring.connectivity
    scale = jnp.sqrt(D / (c * N1)), jnp.sqrt(D * N1 / c) / M1
    of_pair = jnp.take_along_axis(wiring.dendritic, wiring.branch.astype(int), axis=1)
    excited = (of_pair * wiring.weight) @ state.memory * scale[0]
    of_pair = jnp.take_along_axis(wiring.dendritic, wiring.inhibitory_branch.astype(int), axis=1)
    inhibited = (of_pair * wiring.inhibitory_weight) @ state.memory_inhibition * scale[1]
    expected = jnp.maximum(2 * (excited - inhibited) / jnp.sqrt(D), 0)
    assert_close(targets(linear, state).feature, expected)

    own = Wiring.per_synapse(N1, N2, key=getkey(), num_inhibitory=(M1, M2))
    point = built(own, dendrites=point_synapses(own))
    np.testing.assert_array_equal(point.feedback, own.dendritic.T)
    drive = own.dendritic @ state.memory / jnp.sqrt(N1)
    drive -= 0.2 * jnp.sqrt(N1) / M1 * (own.inhibitory_weight @ state.memory_inhibition)
    assert_close(targets(point, state).feature, BRANCH(drive))
