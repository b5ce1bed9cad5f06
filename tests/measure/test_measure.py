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


def test_rate_takes_any_shape_and_confidence():
    outcomes = jnp.array([[True, False], [True, True]])
    assert rate(outcomes).value == 0.75 and rate(outcomes).trials == 4
    wide, narrow = rate(outcomes, confidence=0.99), rate(outcomes, confidence=0.5)
    assert wide.low < narrow.low < 0.75 < narrow.high < wide.high


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
