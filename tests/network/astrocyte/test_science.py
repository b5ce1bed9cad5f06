"""Tables of an independent prototype (sections 5 to 7 of its description), measured again.

Rates are compared with those of the prototype by Fisher's exact test on both samples (fixed seeds,
so a pass stays a pass). If a number of the prototype is not reproduced, the measured number stands
here, and a comment states the difference.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import mostly_slow
from scipy import stats
from tables.networks import released, signs

import nam_jax as nam
from nam_jax.memory import PatternTensor, Projection
from nam_jax.network import Cold, Conditional, NeuronAstrocyte, TripartiteState

# Rises of energy are second order in rtol = 1e-3 (see test_energy.py), or rounding.
LIMIT = 10 * 1e-3**2 + 100 * float(jnp.finfo(jnp.result_type(float)).eps)


def flipped(pattern, count, key):
    """`pattern` with exactly `count` bits flipped; `count` may be traced."""
    return jnp.where(jr.permutation(key, pattern.shape[0]) < count, -pattern, pattern)


def problem(seed, num_patterns, num_neurons, num_flips, num_cues):
    """Random patterns, the first ones as targets, and their damaged cues."""
    pattern_key, flip_key = jr.split(jr.key(seed))
    patterns = signs(pattern_key, (num_patterns, num_neurons))
    targets = patterns[jnp.arange(num_cues) % num_patterns]
    keys = jr.split(flip_key, num_cues)
    return patterns, targets, jax.vmap(flipped, (0, None, 0))(targets, num_flips, keys)


def agrees(exact, prototype_rate, prototype_trials=20):
    """Whether a measured rate and that of the prototype may be one rate: p > 0.001."""
    actual, expected = int(np.sum(exact)), round(prototype_rate * prototype_trials)
    table = [[actual, len(exact) - actual], [expected, prototype_trials - expected]]
    return stats.fisher_exact(table).pvalue > 1e-3


class Outcome(eqx.Module):
    """How one transient ended: overlap, whether all bits are right, psi on phi phi^T, energy."""

    overlap: jax.Array
    exact: jax.Array
    consolidated: jax.Array
    rise: jax.Array
    state: TripartiteState


@eqx.filter_jit
def follow(net, states, targets):
    """Twenty time constants of full dynamics."""

    def one(state, target):
        run = nam.simulate(net, state, 20.0, times=41, target=target)
        phi, _, psi = net.activations(run.state)
        return Outcome(
            nam.measure.overlap(phi, target),
            nam.measure.exact_recall(phi, target),
            jnp.mean(psi * jnp.outer(phi, phi)),
            nam.measure.largest_energy_rise(run.energy),
            run.state,
        )

    return jax.vmap(one)(states, targets)


def transient(net, cues, targets, start=None):
    path = follow(net, jax.vmap(lambda cue: (start or net.start)(net, cue))(cues), targets)
    assert float(path.rise.max()) <= LIMIT
    return path


# (alpha = gamma, tau): mean final overlap of 20 cues of the prototype, and the least measured one.
# The prototype has 0.92 and 0.98 in two cases that recall all or nearly all cues here, at every
# step size the solver chooses: overlaps 1.000 and 0.998 over six sets of patterns, with
# 120 of 120 and 117 of 120 cues exact.
SECTION_5 = {
    (0.0, (1.0, 1.0, 1.0)): (1.00, 0.99),
    (0.0, (1.0, 0.1, 0.1)): (0.92, 0.99),
    (0.0, (0.1, 1.0, 1.0)): (1.00, 0.99),
    (0.1, (1.0, 1.0, 1.0)): (1.00, 0.99),
    (0.1, (1.0, 0.1, 0.1)): (0.98, 0.97),
    (0.1, (0.1, 1.0, 1.0)): (1.00, 0.99),
    (1.0, (1.0, 1.0, 1.0)): (0.98, 0.97),
    (1.0, (0.1, 1.0, 1.0)): (1.00, 0.99),
}


@pytest.mark.parametrize(
    ("leak", "taus"),
    mostly_slow(SECTION_5, (1.0, (1.0, 1.0, 1.0))),
)
def test_recall_of_section_5_by_leaks_and_time_constants(leak, taus):
    patterns, targets, cues = problem(0, 20, 64, 13, 10)
    path = transient(released(patterns, leak, taus), cues, targets)
    assert float(path.overlap.mean()) >= SECTION_5[leak, taus][1]
    # psi does not stay at the algebraic -phi phi^T. With leaks it ends at +phi phi^T. Without leaks
    # it does so too in the prototype, but here by time 20 only pairs with one damaged bit
    # (2 * 0.20 * 0.80 of them) have turned, as the others leave the saddle at the slope psi' of a
    # saturated tanh.
    if leak == 0:
        np.testing.assert_allclose(path.consolidated, 4 * 13 / 64 * 51 / 64 - 1, atol=0.05)
    else:
        assert float(path.consolidated.min()) > 0.9


def test_fast_layers_at_unit_leak_freeze_the_cue():
    """Section 5: 0.59, the overlap of the cue, and psi = +phi phi^T."""
    patterns, targets, cues = problem(0, 20, 64, 13, 10)
    path = transient(released(patterns, 1.0, (1.0, 0.1, 0.1)), cues, targets)
    np.testing.assert_allclose(path.overlap, 1 - 2 * 13 / 64, atol=1e-3)
    assert float(path.consolidated.min()) > 0.99


def test_cold_start_freezes_the_cue_and_the_algebraic_start_recalls():
    patterns, targets, cues = problem(1, 20, 64, 10, 10)
    net = released(patterns)
    cold = transient(net, cues, targets, start=Cold())
    np.testing.assert_allclose(cold.overlap, 1 - 2 * 10 / 64, atol=1e-3)
    assert float(transient(net, cues, targets).overlap.mean()) > 0.99


def test_any_sign_state_is_a_fixed_point_of_the_released_network():
    """s = 2 sigma sigma^T, p = sigma sigma^T; what T adds to p is of order sqrt(K) / N."""
    patterns, _, _ = problem(0, 20, 64, 0, 10)
    net, sigmas = released(patterns), signs(jr.key(7), (10, 64))
    pairs = jax.vmap(jnp.outer)(sigmas, sigmas)
    states = jax.vmap(TripartiteState)(64 * sigmas, 2 * pairs, pairs)
    path = follow(net, states, sigmas)
    np.testing.assert_allclose(path.state.neurons, 64 * sigmas, rtol=1e-3)
    np.testing.assert_allclose(path.state.synapses, 2 * pairs, atol=2e-3)
    np.testing.assert_allclose(path.state.processes, pairs, atol=20**0.5 / 64)
    assert bool(path.exact.all())


@pytest.mark.slow
@pytest.mark.parametrize(("num_patterns", "rate"), [(50, 0.90), (1000, 0.00)])
def test_exact_recall_of_section_6_at_64_neurons(num_patterns, rate):
    patterns, targets, cues = problem(0, num_patterns, 64, 10, 40)
    assert agrees(transient(released(patterns), cues, targets).exact, rate)


@pytest.mark.slow
def test_exact_recall_at_200_patterns_of_64_neurons():
    """The prototype recalls 0.55 of 20 cues. With exactly 10 flips (15 %) 2 of 160 are recalled.

    So it is at rtol = 1e-6; Euler steps of 0.05 give 0.11, and 7 flips instead of 10 give 0.39.
    """
    patterns, targets, cues = problem(0, 200, 64, 10, 40)
    exact = transient(released(patterns), cues, targets).exact
    assert nam.measure.rate(exact, confidence=0.999).low < 0.0125 < 0.2
    assert float(jnp.mean(exact)) < 0.2


@pytest.mark.parametrize(
    ("flips", "rate"),
    [
        pytest.param(5, 1.00, marks=pytest.mark.slow),
        pytest.param(10, 1.00, marks=pytest.mark.slow),
        pytest.param(20, 0.95, marks=pytest.mark.slow),
        pytest.param(30, 0.80, marks=pytest.mark.slow),
    ],
)
def test_exact_recall_of_section_6_at_100_neurons(flips, rate):
    patterns, targets, cues = problem(0, 25, 100, flips, 25)
    assert agrees(transient(released(patterns), cues, targets).exact, rate)


def certified_100(patterns, margin):
    """The network of section 7's 12 cases, its start solved as far as float32 can."""
    return NeuronAstrocyte(
        PatternTensor(patterns, Projection(), autapses=True),
        leaks=(1.0, 1.0, 2 + margin),
        time_constants=(1.0, 0.1, 0.1),
        start=Conditional(tolerance=1e-4),
    )


@jax.jit
def twelve(margin, flips):
    patterns, targets, cues = problem(3, 10, 100, flips, 5)
    net = certified_100(patterns, margin)

    def one(cue, target):
        recall = nam.retrieve(net, cue)
        first = net.energy(net.initial_state(cue))
        scale = jnp.max(jnp.abs(jnp.stack(net.energy_terms(recall.state))))
        return (
            nam.measure.exact_recall(recall.pattern, target),
            nam.measure.overlap(jnp.sign(recall.pattern), target),
            (recall.energy - first) / scale,
        )

    return nam.measure.certificate(net), *jax.vmap(one)(cues, targets)


@pytest.mark.parametrize(
    ("margin", "gain"),
    mostly_slow([(1.0, 0.33), (0.2, 2.27), (0.05, 9.76), (0.02, 24.75)], (0.2, 2.27)),
)
def test_a_wrong_bit_flips_where_the_memory_gain_exceeds_the_threshold(margin, gain):
    """Section 7: all 12 cases of R m^3 against 1, and the numbers of the certificate."""
    for flips in (8, 19, 30):
        certificate, exact, overlap, rise = twelve(jnp.asarray(margin), jnp.asarray(flips))
        np.testing.assert_allclose(certificate.memory_gain, gain, atol=6e-3)
        m = 1 - 2 * flips / 100
        assert (m > float(certificate.recall_threshold)) == (gain * m**3 > 1)
        if gain * m**3 > 1:
            assert float(exact.mean()) >= 0.8
        else:
            np.testing.assert_allclose(overlap, m, atol=1e-5)
        assert float(rise.max()) <= LIMIT


@pytest.mark.parametrize("margin", [0.2, 0.05])
def test_relaxation_time_is_that_of_the_memory_mode(margin):
    """Silent neurons leave s and p a linear system; late decay of a memory gives its rate.

    Section 7: about 2 tau / margin, for tau = 0.1; the next order is margin / 4 of it.
    """
    patterns = signs(jr.key(0), (3, 20))
    net = certified_100(patterns, jnp.asarray(margin))
    time = float(nam.measure.certificate(net).relaxation_time)
    mode = jnp.outer(patterns[0], patterns[0])
    state = TripartiteState(jnp.zeros(20), mode, mode)
    times = jnp.array([0.0, 2 * time, 3 * time])
    save = {"state": nam.solve.FullState()}
    how = nam.solve.Flow(rtol=1e-5, atol=1e-7)
    run = nam.simulate(net, state, 3 * time, times=times, save=save, how=how)
    size = jnp.abs(run.observables["state"].synapses).mean((1, 2))
    measured = time / float(jnp.log(size[1] / size[2]))
    assert measured == pytest.approx(time, rel=0.01)
    assert time == pytest.approx(2 * 0.1 / margin, rel=margin / 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_patterns", "low", "high"),
    [(200, 0.9, 1), (400, 0.9, 1), (600, 0.9, 1), (800, 0, 0.3)],
)
def test_load_of_section_7(num_patterns, low, high):
    """kappa < m^3 / (1 + m^3), here 0.34 of N^2 / 2 = 2048 patterns.

    The prototype recalls 1 of 4 at K = 800; here none of 40.
    """
    patterns, targets, cues = problem(5, num_patterns, 64, 6, 40)
    net = NeuronAstrocyte(
        PatternTensor(patterns, Projection()),
        leaks=(1.0, 1.0, 2.02),
        time_constants=(1.0, 0.1, 0.1),
        start=Cold(),
    )

    @jax.jit
    @jax.vmap
    def recalled(cue, target):
        return nam.measure.exact_recall(nam.retrieve(net, cue).pattern, target)

    assert low <= float(recalled(cues, targets).mean()) <= high
