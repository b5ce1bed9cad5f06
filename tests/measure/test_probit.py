"""The one fit of capacities: exact on a line, unbiased on draws, with an honest error."""

import numpy as np
import pytest
import scipy

from nam_jax.measure import ProbitLine

COUNTS = np.array([30.0, 40.0, 50.0, 70.0, 90.0])


@pytest.mark.parametrize("level", [0.3, 0.5, 0.9])
def test_a_straight_line_crosses_where_it_does(level):
    """Probits -2 log(K / 50) - Phi^-1(1 / 2): the level is at 50 exp(-Phi^-1(level) / 2)."""
    scores = scipy.stats.norm.cdf(-2 * np.log(COUNTS / 50))[None]
    expected = np.clip(50 * np.exp(-scipy.stats.norm.ppf(level) / 2), 30, 90)
    actual = ProbitLine(np.log(COUNTS), level).crossing(scores)
    np.testing.assert_allclose(actual, [expected], rtol=1e-6)


def test_a_one_sided_line_is_straight_in_the_logarithm_of_the_probit():
    scores = scipy.stats.norm.cdf((COUNTS / 50) ** -0.5)[None]
    level = float(scipy.stats.norm.cdf(1.0))
    actual = ProbitLine(np.log(COUNTS), level, one_sided=True).crossing(scores)
    np.testing.assert_allclose(actual, [50], rtol=1e-6)


def test_a_line_that_rises_crosses_nowhere():
    line = ProbitLine(np.log(COUNTS), 0.5)
    assert np.isnan(line.crossing(np.array([[0.1, 0.2, 0.5, 0.8, 0.9]])))[0]


@pytest.mark.parametrize("steepness", [4.0, 12.0])
def test_the_crossing_is_unbiased_and_its_error_is_the_spread(steepness):
    share = scipy.stats.norm.cdf(-steepness * np.log(COUNTS / 50))
    draws = np.random.default_rng(0).binomial(20, share[:, None], (2000, len(COUNTS), 10)) / 20
    line = ProbitLine(np.log(COUNTS), 0.5)
    logs = np.log(line.crossing(draws.mean(axis=2)) / 50)
    assert abs(logs.mean()) < 0.1 * logs.std()
    errors = [line.log_error(by_set, 20) for by_set in draws[:300]]
    assert np.median(errors) == pytest.approx(logs.std(), rel=0.1)


def test_the_error_knows_that_sets_of_patterns_differ():
    """Shares of sets from a beta distribution: the spread is 1.97 times that of independent ones.

    The variance of the mean of 20 recalls grows by 1 + 19 rho = 3.85 with a correlation of 0.15.
    """
    share, more = scipy.stats.norm.cdf(-4 * np.log(COUNTS / 50))[:, None], 1 / 0.15 - 1
    random, shape = np.random.default_rng(1), (1000, len(COUNTS), 10)
    of_sets = random.beta(share * more, (1 - share) * more, shape)
    draws = random.binomial(20, of_sets) / 20
    line = ProbitLine(np.log(COUNTS), 0.5)
    spread = np.log(line.crossing(draws.mean(axis=2))).std()
    errors = [line.log_error(by_set, 20) for by_set in draws[:300]]
    assert np.median(errors) == pytest.approx(spread, rel=0.15)
    equal = np.broadcast_to(draws.mean(axis=2, keepdims=True), draws.shape)  # as of independent
    assert np.median([line.log_error(e, 20) for e in equal[:300]]) < 0.65 * spread
