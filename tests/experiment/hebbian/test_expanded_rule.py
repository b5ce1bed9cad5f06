"""The expanded Hebbian rule: its laws against simulation, their gradients, and the experiment."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy
from figures import drawn

from nam_jax import theory
from nam_jax.experiment import hebbian
from nam_jax.experiment.hebbian._optimum import ascend, centre, learned
from nam_jax.experiment.hebbian._rule import Setting, draw, fields, settings, simulate
from nam_jax.experiment.hebbian._run import coverage
from nam_jax.memory import ExpandedHebbian
from nam_jax.network import Hopfield
from nam_jax.theory import Coefficients
from nam_jax.theory._quadrature import binomial_counts, binomial_quadrature
from nam_jax.theory._winners import Mixture, winners_miss

SIGNS, SIGNS_WINNERS, SPARSE, SPARSE_WINNERS = settings(200, 400, 0.1)
RANDOM = Coefficients(-0.1, 0.5, -0.5, 0.05, 0.02, 1.3)


@pytest.mark.parametrize(("trials", "p"), [(5, 0.5), (300, 0.1)])
def test_quadratures_have_the_moments_of_the_binomial(trials, p):
    exact = scipy.stats.binom(trials, p)
    smooth, whole = binomial_quadrature(float(trials), p, 8), binomial_counts(float(trials), p, 64)
    for points, weights in ((smooth.points + trials * p, smooth.weights), whole):
        np.testing.assert_allclose(weights.sum(), 1, rtol=1e-4)
        np.testing.assert_allclose(weights @ points, exact.mean(), rtol=1e-4)
        np.testing.assert_allclose(weights @ (points - exact.mean()) ** 2, exact.var(), rtol=1e-3)
    np.testing.assert_allclose(whole.weights, exact.pmf(np.asarray(whole.points)), atol=1e-4)


def test_the_law_is_the_full_sum_over_both_binomial_numbers():
    """All values of m and A, one by one."""
    size, count, c = 60, 14, Coefficients(c0=0.05, c1pre=-0.3, c1post=0.7)
    m, a = np.arange(-59, 60, 2.0)[:, None], np.arange(-13, 14, 2.0)[None, :]
    weight = scipy.stats.binom.pmf(np.arange(60), 59, 0.5)[:, None]
    weight = weight * scipy.stats.binom.pmf(np.arange(14), 13, 0.5)[None, :]
    total = 0.0
    for s in (-1, 1):
        mean = 59 + 0.7 * m * (1 + a) + s * (0.05 * count * m - 0.3 * 59)
        spread = np.sqrt(59 * (13 * (1 + 0.09) - 2 * s * 0.3 * a))
        total += 0.5 * float(np.sum(weight * scipy.stats.norm.sf(mean / spread)))
    np.testing.assert_allclose(
        theory.hebbian_one_step_error(size, float(count), c), total, rtol=2e-3
    )


def test_winners_of_independent_fields(getkey):
    """20 active and 80 silent neurons, d' = 2: within four standard errors of sorting."""
    one = jnp.ones(1)
    silent = Mixture(0 * one, one, 0 * one, one)
    expected = winners_miss(silent._replace(mean=2 * one), silent, 20.0, 80.0)
    field = jr.normal(getkey(), (4000, 100)) + jnp.where(jnp.arange(100) < 20, 2.0, 0.0)[None, :]
    lost = np.asarray(jnp.argsort(-field, axis=1)[:, :20] >= 20, float).mean(axis=1)
    assert abs(lost.mean() - float(expected)) < 4 * lost.std() / np.sqrt(4000)


@pytest.mark.parametrize("setting", [SIGNS, SPARSE], ids=lambda setting: setting.name)
def test_fields_are_those_of_the_network_that_the_rule_makes(setting, getkey):
    patterns = draw(setting._replace(num_neurons=40), 9, key=getkey())
    filled = jnp.concatenate([patterns, jnp.zeros_like(patterns[:3])])
    network = Hopfield.from_patterns(patterns, ExpandedHebbian(*RANDOM))
    computed = fields(filled, jnp.asarray(9.0), RANDOM, patterns[:4])
    expected = jax.vmap(network.local_field)(patterns[:4])
    np.testing.assert_allclose(computed, expected, rtol=1e-4, atol=1e-3)


CASES = [
    (SIGNS, (0.0, 0.0, 0.0), 38), (SIGNS, (0.3, -0.5, 0.05), 17), (SIGNS, (0.0, 1.0, -0.1), 15),
    (SIGNS_WINNERS, (0.0, 0.0, 0.0), 38), (SIGNS_WINNERS, (0.4, 0.6, 0.0), 28),
    (SIGNS_WINNERS, (0.0, 0.0, 0.1), 40),
    (SPARSE, (-1.0, -1.0, 0.0), 106), (SPARSE, (0.0, 0.0, 0.0), 22), (SPARSE, (0.0, -1.0, 0.6), 53),
    (SPARSE_WINNERS, (-1.0, -1.0, 0.0), 127), (SPARSE_WINNERS, (0.0, -1.5, 0.0), 67),
    (SPARSE_WINNERS, (-2.0, -1.0, -0.5), 130),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "place", "count"), CASES)
def test_laws_are_those_of_simulated_networks(setting, place, count, getkey):
    """3.5 standard errors over 600 sets, or 4 % of the errors, whichever is more."""
    coefficients = setting.coefficients(*(jnp.asarray(value) for value in place))
    measured = simulate(setting, count, coefficients, 600, 4, key=getkey())
    expected = float(setting.error(jnp.asarray(float(count)), coefficients))
    assert abs(measured.value - expected) < max(3.5 * measured.error, 0.04 * expected)


@pytest.mark.slow
def test_the_law_of_winners_is_off_where_a_neuron_is_in_few_patterns(getkey):
    """a K = 3, c1post = -2a: 20 % too high, as its docstring says; the fixed threshold is not."""
    place = (-2.0, -2.0, 0.0)
    coefficients = SPARSE_WINNERS.coefficients(*(jnp.asarray(value) for value in place))
    measured = simulate(SPARSE_WINNERS, 30, coefficients, 600, 4, key=getkey())
    expected = float(SPARSE_WINNERS.error(jnp.asarray(30.0), coefficients))
    assert 1.1 < expected / measured.value < 1.35


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activity", "count", "place", "low", "high"),
    [
        (0.1, 84, (0.0, 0.0, 1.0), 0.99, 1.05),
        (0.2, 42, (0.0, 0.0, 1.0), 0.99, 1.05),
        (0.15, 50, (-0.7, -0.6, 0.1), 0.99, 1.05),
        (0.2, 90, (-1.0, -1.0, 0.0), 0.99, 1.05),
        (0.1, 200, (-0.7, -0.6, 0.1), 0.99, 1.05),
        (0.05, 300, (-1.0, -1.0, 0.0), 1.04, 1.08),
        (0.03, 250, (-1.0, -1.0, 0.0), 1.06, 1.2),
        (0.1, 84, (-1.0, -1.0, 0.0), 0.68, 1.02),
        (0.2, 36, (-1.0, -1.0, 0.0), 0.68, 1.02),
    ],
)
def test_the_law_of_winners_is_in_its_stated_ranges(activity, count, place, low, high, getkey):
    """N = 350, the ranges of the docstring, to four standard errors."""
    setting = Setting("0 and 1, k winners", 350, activity, winners=True)
    coefficients = setting.coefficients(*(jnp.asarray(value) for value in place))
    measured = simulate(setting, count, coefficients, 600, 20, key=getkey())
    expected = float(setting.error(jnp.asarray(float(count)), coefficients))
    slack = 4 * measured.error / measured.value
    assert slack < 0.3
    assert low - slack < expected / measured.value < high + slack


@pytest.mark.slow
def test_the_law_of_winners_is_high_where_errors_are_rare_and_weights_positive(getkey):
    """-1 and +1, C = 0.1, K = 18: 1.5 times too high at 1e-4, as docs/results/hebbian.md says."""
    coefficients = Coefficients(c0=0.1)
    measured = simulate(SIGNS_WINNERS, 18, coefficients, 3000, 4, key=getkey())
    expected = float(SIGNS_WINNERS.error(jnp.asarray(18.0), coefficients))
    assert expected < 1e-3 and 1.2 < expected / measured.value < 1.9


@pytest.mark.slow
def test_capacity_is_where_the_law_has_the_error_and_is_differentiable():
    """At N = 1000 and 0.5 %: 151, 98 and 82, which we derived before, to 1.5 %; slopes to 2 %."""

    def capacity(c):
        return theory.patterns_at_error(
            lambda k: theory.hebbian_one_step_error(1000, k, c), 0.005, 400
        )

    capacities = [
        capacity(c) for c in (Coefficients(), Coefficients(c1pre=0.25), Coefficients(c0=0.1))
    ]
    np.testing.assert_allclose(capacities, [151, 98, 82], rtol=0.015)
    slope = jax.grad(lambda g: capacity(Coefficients(c1pre=g)))(0.25)
    step = capacity(Coefficients(c1pre=0.27)) - capacity(Coefficients(c1pre=0.23))
    np.testing.assert_allclose(slope, step / 0.04, rtol=0.02)
    assert float(capacity(Coefficients(c1pre=2.0))) == 0


def test_the_ascent_ends_at_the_correlation_term():
    ascent = ascend(SIGNS, 0.01, 60)
    np.testing.assert_allclose(ascent.end, 0, atol=0.03)
    pure = SIGNS.capacity(Coefficients(), 0.01)
    np.testing.assert_allclose(ascent.capacities[-1], pure, rtol=0.005)
    assert ascent.capacities[0] < 0.6 * pure


@pytest.mark.slow
@pytest.mark.parametrize("setting", [SPARSE, SPARSE_WINNERS, SIGNS_WINNERS], ids=lambda s: s.name)
def test_other_ascents_need_the_postsynaptic_term_of_covariance(setting):
    """c1post = -a c2corr to 6 %, and 0 for -1 and +1; a capacity no worse than the closed form."""
    ascent = ascend(setting, 0.01, 100)
    wanted = 0.0 if setting.activity is None else -1.0
    np.testing.assert_allclose(ascent.end[1], wanted, atol=0.06)
    best = setting.coefficients(jnp.asarray(wanted), jnp.asarray(wanted), jnp.asarray(0.0))
    assert ascent.capacities[-1] > 0.99 * float(setting.capacity(best, 0.01))


def test_centring_leaves_the_correlation_term_alone(getkey):
    """Exactly: the weights of any coefficients become those of the product."""
    patterns = draw(SIGNS._replace(num_neurons=30), 7, key=getkey())
    bad, pure = (centre(ExpandedHebbian(*c)(patterns)) for c in (RANDOM, Coefficients(c2corr=1.3)))
    np.testing.assert_allclose(bad, pure, atol=1e-3)


@pytest.mark.slow
def test_centring_restores_capacity(getkey):
    """N = 200, K = 40: from 8 to below 2 % wrong."""
    many = {"num_sets": 200, "num_queries": 4}
    raw, centred = (
        learned(
            SIGNS, 40, Coefficients(0.1, 0.4, 0.5), centred=centre_weights, key=getkey(), **many
        )
        for centre_weights in (False, True)
    )
    assert raw.value > 0.06 and centred.value < 0.02


TINY = hebbian.study.config(
    num_neurons=50, sparse_neurons=100, map_points=3, grid_points=2, num_sets=8, steps=2
)


@pytest.mark.slow
def test_the_experiment_says_what_it_found():
    dataset = hebbian.study.run(TINY)
    assert dataset.capacity.dims == ("setting", "plane", "row", "column")
    assert ((dataset.low <= dataset.error) & (dataset.error <= dataset.high)).all()
    panels = np.reshape(drawn(hebbian.study, dataset)["figure"].axes, (2, 4))
    assert [axes.get_title() for axes in panels[0]] == list(dataset.setting.values)
    for (row, column), axes in np.ndenumerate(panels):
        part = dataset.isel(plane=row, setting=column)
        inside, outside, ascent, optimum = (np.array(line.get_data()) for line in axes.get_lines())
        assert inside.shape[1] == (abs(part.error - part.predicted) <= part.wide).sum()
        points = np.concatenate([inside, outside], axis=1)
        expected = np.stack([part.x.values.ravel(), part.y.values.ravel()])
        assert sorted(map(tuple, points.T)) == sorted(map(tuple, expected.T))
        across = [0, 1 + row]
        np.testing.assert_allclose(ascent.T, np.stack([part.start, part.optimum])[:, across])
        np.testing.assert_allclose(optimum.ravel(), part.optimum[across])
    assert "simulated points" in str(hebbian.study.table(dataset).title)


@pytest.mark.slow
def test_theory_lies_within_intervals_of_the_map():
    """Within 99 % intervals at 95 % of the points, which a right theory all but never misses."""
    dataset = hebbian.study.run(
        hebbian.study.config(map_points=3, grid_points=5, num_sets=256, steps=2)
    )
    narrow, wide, number = coverage(dataset)
    assert number == 200 and wide >= 0.95 and narrow >= 0.88
