"""Measures against hand-counted cases, reference values and dense matrices."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import general, released, signs

from nam_jax.lagrangian import LogCosh
from nam_jax.measure import (
    bit_error,
    certificate,
    exact_recall,
    largest_energy_rise,
    overlap,
    rate,
)
from nam_jax.measure._criterion import right_bits
from nam_jax.memory import Hebbian, PatternTensor, Projection
from nam_jax.network import NeuronAstrocyte

N = 8


def test_overlap_counts_agreeing_minus_differing_neurons():
    pattern = jnp.array([1.0, 1.0, -1.0, -1.0])
    assert float(overlap(pattern, pattern)) == 1
    assert float(overlap(-pattern, pattern)) == -1
    assert float(overlap(pattern.at[0].set(-1.0), pattern)) == 0.5
    assert float(overlap(0.5 * pattern, pattern)) == 0.5  # graded, not signs


def test_bit_error_and_exact_recall_judge_signs():
    pattern = jnp.array([1.0, 1.0, -1.0, -1.0])
    faint = 1e-3 * pattern
    assert float(bit_error(faint, pattern)) == 0 and bool(exact_recall(faint, pattern))
    wrong = faint.at[2].set(0.1)
    assert float(bit_error(wrong, pattern)) == 0.25 and not bool(exact_recall(wrong, pattern))
    silent = faint.at[0].set(0.0)
    assert float(bit_error(silent, pattern)) == 0.25 and not bool(exact_recall(silent, pattern))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe 1998, table I, the score method without continuity correction.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_rate_has_the_published_wilson_interval(successes, trials, low, high):
    measured = rate(np.arange(trials) < successes)
    assert measured.value == pytest.approx(successes / trials)
    assert (measured.low, measured.high) == pytest.approx((low, high), abs=6e-5)
    assert measured.trials == trials
    assert str(measured) == f"{successes / trials:.3f} [{measured.low:.3f}, {measured.high:.3f}]"


@pytest.mark.parametrize("bad", [np.nan, 0.5, 2])
def test_rate_counts_only_what_is_true_or_false(bad):
    with pytest.raises(ValueError, match=f"`successes` must hold true or false .*but has {bad}"):
        rate(np.array([1.0, 0.0, bad]))
    assert rate(np.array([1.0, 0.0, 0])).value == pytest.approx(1 / 3)


def test_bits_that_are_not_numbers_are_wrong_in_every_score():
    target = jnp.array([1.0, -1.0, 1.0, 1.0])
    field = jnp.array([2.0, jnp.nan, 0.0, -1.0])
    assert float(right_bits(field, target)) == pytest.approx(1.5 / 4)


def test_rate_takes_any_shape_and_confidence():
    outcomes = jnp.array([[True, False], [True, True]])
    assert rate(outcomes).value == 0.75 and rate(outcomes).trials == 4
    wide, narrow = rate(outcomes, confidence=0.99), rate(outcomes, confidence=0.5)
    assert wide.low < narrow.low < 0.75 < narrow.high < wide.high


def test_rate_by_set_counts_the_trials_that_are_independent():
    """Sets of means 1, 1, 0: mean 2/3, variance 1/9, as of 2 trials; Student's quantile at 2."""
    outcomes = np.repeat([[True], [True], [False]], 8, axis=1)
    measured = rate(outcomes, by_set=True)
    t = 4.302653
    ends = np.roots([1 + t**2 / 2, -(4 / 3 + t**2 / 2), 4 / 9])  # (p - 2/3)^2 = t^2 p (1 - p) / 2
    assert measured.value == pytest.approx(2 / 3) and measured.trials == 24
    np.testing.assert_allclose([measured.low, measured.high], sorted(ends), rtol=1e-5)
    # Sets that do not differ count as all their trials.
    alike = rate(np.tile([True, False], (4, 3)), by_set=True)
    assert 0.2 < alike.low < 0.5 < alike.high < 0.8
    perfect = rate(np.ones((3, 8), bool), by_set=True)
    assert (perfect.low, perfect.high) == (pytest.approx(24 / (24 + t**2)), 1)


@pytest.mark.parametrize("mean", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("correlation", [0.05, 0.15])
def test_intervals_by_set_cover_the_mean_over_networks(mean, correlation):
    """Rates of ten networks from a beta distribution, 16 trials each; Wilson's cover less."""
    more, random = 1 / correlation - 1, np.random.default_rng(0)
    of_networks = random.beta(mean * more, (1 - mean) * more, (300, 10, 1))
    draws = random.random((300, 10, 16)) < of_networks
    by_set, pooled = (
        np.mean([low <= mean <= high for _, low, high, _ in rates])
        for rates in ([rate(d, by_set=True) for d in draws], [rate(d) for d in draws])
    )
    assert by_set > 0.92 and pooled < 0.93 and pooled < by_set


@pytest.mark.parametrize("outcomes", [np.array([True, False]), np.array([[True, False]])])
def test_rate_by_set_needs_two_sets(outcomes):
    with pytest.raises(ValueError, match="`successes` must hold at least 2 sets"):
        rate(outcomes, by_set=True)


def test_largest_energy_rise_is_relative_and_leaves_out_unreached_times():
    assert float(largest_energy_rise(jnp.array([3.0, 2.0, -4.0]))) == 0
    assert float(largest_energy_rise(jnp.array([3.0, 2.0, 2.5, -5.0, -4.0]))) == pytest.approx(0.2)
    assert float(largest_energy_rise(jnp.array([2.0, 1.0, jnp.inf, jnp.inf]))) == 0
    assert float(largest_energy_rise(jnp.array([2.0, 1.0, jnp.nan, 9.0]))) == 0
    assert float(largest_energy_rise(jnp.zeros(3))) == 0


def dense_eigenvalues(tensor):
    size = tensor.num_neurons**2
    return np.linalg.eigvalsh(np.asarray(tensor.to_dense(), float).reshape(size, size))


@pytest.mark.parametrize("rule", [Hebbian(), Projection()])
def test_certificate_eigenvalues_are_those_of_the_dense_tensor(rule, getkey):
    tensor = PatternTensor(signs(getkey(), (5, N)), rule, strength=0.8)
    values = dense_eigenvalues(tensor)
    verdict = certificate(NeuronAstrocyte(tensor))
    np.testing.assert_allclose(verdict.largest_eigenvalue, values[-1], rtol=1e-3)
    np.testing.assert_allclose(verdict.smallest_eigenvalue, values[0], atol=1e-4)


def test_released_network_is_not_certified():
    """(1/5)(1/5 - lambda_max) - 1, with lambda_max = 1/N for one pattern, is about 0.04 - 1."""
    verdict = certificate(released(signs(jr.key(0), (1, 50))))
    assert not bool(verdict.certified)
    np.testing.assert_allclose(verdict.largest_eigenvalue, 1 / 50, rtol=1e-4)
    np.testing.assert_allclose(verdict.margin, 0.2 * (0.2 - 1 / 50) - 1, rtol=1e-5)
    assert abs(float(verdict.margin) - (0.04 - 1)) < 0.01
    for number in (verdict.memory_gain, verdict.recall_threshold, verdict.relaxation_time):
        assert bool(jnp.isnan(number))


@pytest.mark.parametrize("margin", [0.05, 0.4])
@pytest.mark.parametrize("rule", [Hebbian(), Projection()])
def test_certified_preset_has_the_margin_asked_for(margin, rule, getkey):
    net = NeuronAstrocyte.certified(signs(getkey(), (5, 20)), margin=margin, rule=rule)
    verdict = certificate(net)
    assert bool(verdict.certified)
    np.testing.assert_allclose(verdict.margin, margin, atol=2e-3)
    np.testing.assert_allclose(verdict.largest_eigenvalue, 1.0, atol=1e-3)


def test_slope_bounds_enter_the_margin(getkey):
    tensor = PatternTensor(signs(getkey(), (5, 20)), Projection(), strength=0.7)
    arguments = {"synaptic": LogCosh(1.5), "process": LogCosh(2.0), "leaks": (1.0, 3.0, 4.0)}
    verdict = certificate(NeuronAstrocyte(tensor, **arguments))
    np.testing.assert_allclose(verdict.margin, 3 / 1.5 * (4 / 2 - 0.7) - 1, rtol=1e-3)
    assert bool(verdict.certified) and bool(
        jnp.isnan(verdict.memory_gain)
    )  # not linear: no closed form


def test_both_factors_negative_is_no_certificate(getkey):
    """gamma below lambda_max: the process layer alone has no unique equilibrium."""
    tensor = PatternTensor(signs(getkey(), (2, 20)), Projection(), strength=3.0)
    verdict = certificate(NeuronAstrocyte(tensor, leaks=(1.0, 1.0, 1.0)))
    assert float(verdict.margin) < 0 and not bool(verdict.certified)


def test_linear_numbers_are_those_of_the_closed_form(getkey):
    """M(t) = (gamma - t) / (alpha (gamma - t) - 1), R = M(t) / M(0) - 1, R m^3 = 1."""
    tensor = PatternTensor(signs(getkey(), (3, 20)), Projection(), strength=1.2)
    alpha, gamma, t = 0.9, 2.6, 1.2
    net = NeuronAstrocyte(tensor, leaks=(1.0, alpha, gamma), time_constants=(1.0, 0.2, 0.5))
    verdict = certificate(net)

    def passed(t):
        return (gamma - t) / (alpha * (gamma - t) - 1)

    gain = passed(t) / passed(0.0) - 1
    np.testing.assert_allclose(verdict.memory_gain, gain, rtol=1e-3)
    np.testing.assert_allclose(verdict.recall_threshold, gain ** (-1 / 3), rtol=1e-3)
    jacobian = np.array([[-alpha / 0.2, 1 / 0.2], [1 / 0.5, (t - gamma) / 0.5]])
    slowest = -1 / np.linalg.eigvals(jacobian).real.max()
    np.testing.assert_allclose(verdict.relaxation_time, slowest, rtol=1e-3)


def test_certificate_of_a_general_network_is_finite_where_it_can_be(getkey):
    verdict = certificate(general(getkey()))
    assert bool(jnp.isfinite(verdict.margin)) and float(verdict.smallest_eigenvalue) < 0


BAD = {
    "no trials": (
        lambda: rate(np.array([], bool)),
        "`successes` must hold at least one trial, but has none",
    ),
    "confidence 1": (
        lambda: rate(np.array([True]), confidence=1.0),
        r"`confidence` must lie in \(0, 1\)",
    ),
    "confidence 0": (
        lambda: rate(np.array([True]), confidence=0.0),
        r"`confidence` must lie in \(0, 1\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
