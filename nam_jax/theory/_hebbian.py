"""Capacities of the expanded Hebbian rule and of Oja's rule for random patterns: closed forms.

The formulas for the expanded rule are limits of the laws in `_expanded.py`. z is the normal
quantile of 1 - error.
"""

import math

import numpy as np
import scipy

from nam_jax.theory._expanded import Coefficients, centred_coefficients


def common_field_capacity(num_neurons: int, common: float | int, error: float) -> float:
    """Returns K = [sqrt(1 + 4 C^2 N / z^2) - 1] / (2 C^2), or N / z^2 for C = 0.

    C is the sum of the coefficients c0, c2pre and c2post. All neurons then feel a common field C K
    m, with which capacity grows only as sqrt(N) instead of N.
    """
    z2 = float(scipy.stats.norm.isf(error)) ** 2
    if common == 0:
        return num_neurons / z2
    return (math.sqrt(1 + 4 * common**2 * num_neurons / z2) - 1) / (2 * common**2)


def presynaptic_capacity(
    num_neurons: int, ratio: float | int, error: float, *, fixed_threshold: bool = False
) -> float:
    """Returns the capacity with a presynaptic coefficient, g = c1pre / c2corr.

    K = N (1 - |g|)^2 / ((1 + g^2) z'^2), where z' is the normal quantile of 1 - 2 error: c1pre
    gives every neuron the bias c1pre N, so only the neurons whose pattern bit opposes the bias err,
    half of them. K is 0 from |g| = 1 on. For g = 0 it is N / z^2.

    Args:
        num_neurons: N.
        ratio: g.
        error: Probability that a bit is wrong after one step.
        fixed_threshold: Whether neurons have the threshold c1pre N, which cancels the bias; then
            K = N / ((1 + g^2) z^2).
    """
    if ratio == 0 or fixed_threshold:
        return num_neurons / ((1 + ratio**2) * float(scipy.stats.norm.isf(error)) ** 2)
    z2 = float(scipy.stats.norm.isf(2 * error)) ** 2
    return num_neurons * max(1 - abs(ratio), 0.0) ** 2 / ((1 + ratio**2) * z2)


def postsynaptic_error(num_neurons: int, num_patterns: float | int, ratio: float) -> float:
    """Returns the error E_u Phi(-sqrt(N / (K (1 + g^2 u^2)))), u normal and g = c1post / c2corr."""
    u, weight = np.polynomial.hermite_e.hermegauss(80)
    z = np.sqrt(num_neurons / (num_patterns * (1 + ratio**2 * u**2)))
    return float(weight @ scipy.stats.norm.sf(z) / math.sqrt(2 * math.pi))


def postsynaptic_capacity(num_neurons: int, ratio: float | int, error: float) -> float:
    """Returns the K at which `postsynaptic_error` is `error`."""

    def miss(num_patterns: float) -> float:
        return postsynaptic_error(num_neurons, num_patterns, ratio) - error

    ends = (1e-3 * num_neurons, 10.0 * num_neurons)
    return scipy.optimize.root_scalar(miss, bracket=ends).root


def postsynaptic_capacity_without_errors(num_neurons: int, ratio: float | int) -> float:
    """Returns the K up to which a given pattern has no wrong bit, to leading order in N.

    K = N / (g ln N + 1 / (2 g))^2 for g = |c1post / c2corr| above 1 / sqrt(2 ln N); the few neurons
    with large |u| err first. For smaller g, K = N / (2 ln N), as for g = 0. For N = 1000 a pattern
    has one wrong bit at 1.3 to 1.8 times this K.
    """
    g, log_size = abs(ratio), math.log(num_neurons)
    plain = math.sqrt(2 * log_size)
    z = g * log_size + 1 / (2 * g) if g * plain > 1 else plain
    return num_neurons / z**2


def sparse_capacity(num_neurons: int, activity: float | int) -> float:
    """Returns K = N / (2 a |ln a|), the capacity of the covariance rule for patterns of 0 and 1.

    Limit of small activity a. At this K an active neuron can just be told from the largest of 1 / a
    silent neurons, d'^2 = N / (K a) = 2 |ln a|. As a falls, the share of active neurons that are
    not among the k winners tends to 0 below this K and to 1 above it; at K itself it is 37 %.
    Source: Tsodyks & Feigel'man 1988, Europhys. Lett. 6, 101.
    """
    return num_neurons / (2 * activity * abs(math.log(activity)))


def sparse_separation(
    num_neurons: int,
    num_patterns: int,
    activity: float | int,
    coefficients: Coefficients,
    *,
    fixed_threshold: bool = False,
) -> float:
    """Returns d', the separation of active from silent neurons of a stored pattern of 0 and 1.

    d' is the difference of the mean fields after one step, in standard deviations. The centred rule
    A + B u_j + G u_i + c2corr u_i u_j, u = x - a, is that of `centred_coefficients`. If each
    pattern has a threshold of its own, or k winners, B does not matter, and the formula is up to 4
    % off. A fixed threshold adds the noise of B; the formula is then up to 10 % high at N = 1000, a
    = 0.1, because the number of active neurons fluctuates.

    Args:
        num_neurons: N.
        num_patterns: K.
        activity: a, share of active neurons in a pattern.
        coefficients: Coefficients of the rule.
        fixed_threshold: Whether all patterns have the same threshold.
    """
    a = activity
    constant, b, g, product = centred_coefficients(coefficients, a)
    v, active = a * (1 - a), a * num_neurons
    signal = active * (g + product * (1 - a)) - num_patterns * constant
    noise = (num_patterns - 1) * v
    noise *= g**2 * (active**2 + num_neurons * v) + product**2 * v * active
    if fixed_threshold:
        noise += (num_patterns - 1) * b**2 * v * active
        noise += num_neurons * v * (num_patterns * constant + b * (1 - a)) ** 2
        signal += num_patterns * constant
    return float(signal / math.sqrt(noise))


def oja_signal_to_noise(num_neurons: int, learning_rate: float | int, age: int) -> float:
    """Returns the squared signal-to-noise ratio of a pattern after `age` others were stored.

    N (1 - (1 - eta)^2) (1 - eta)^(2 age) for the clamped rule of Oja and patterns of -1 and +1: the
    weights are then a leaky average of x_i x_j. The formula counts the pattern itself as noise, a
    share SNR / N of it, which makes a difference for the latest patterns only.

    Args:
        num_neurons: N.
        learning_rate: eta.
        age: Number of patterns stored afterwards.
    """
    keep = 1 - learning_rate
    return num_neurons * (1 - keep**2) * keep ** (2 * age)


def oja_lifetime(num_neurons: int, learning_rate: float | int, error: float) -> float:
    """Returns the age ln(2 eta N / z^2) / (2 eta) up to which a pattern's error is below `error`.

    For a small learning rate eta.
    """
    z2 = float(scipy.stats.norm.isf(error)) ** 2
    return max(math.log(2 * learning_rate * num_neurons / z2), 0.0) / (2 * learning_rate)


def oja_capacity(num_neurons: int, error: float | int) -> float:
    """Returns N / (e z^2), the longest lifetime; the learning rate is then eta = e z^2 / (2 N)."""
    return num_neurons / (math.e * float(scipy.stats.norm.isf(error)) ** 2)
