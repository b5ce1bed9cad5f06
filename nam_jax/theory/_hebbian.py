"""What local rules store: closed forms for the expanded Hebbian rule and Oja's, random patterns.

Those of the expanded rule are limits of the laws in `_expanded.py`.
"""

import math

import numpy as np
import scipy

from nam_jax.theory._expanded import Coefficients


def common_field_capacity(num_neurons: int, common: float | int, error: float) -> float:
    """K = [sqrt(1 + 4 C^2 N / z^2) - 1] / (2 C^2), and N / z^2 at C = 0.

    A common field C K m takes capacity from O(N) to O(sqrt N).
    """
    z2 = float(scipy.stats.norm.isf(error)) ** 2
    if common == 0:
        return num_neurons / z2
    return (math.sqrt(1 + 4 * common**2 * num_neurons / z2) - 1) / (2 * common**2)


def presynaptic_capacity(
    num_neurons: int, ratio: float | int, error: float, *, fixed_threshold: bool = False
) -> float:
    """K = N (1 - |g|)^2 / ((1 + g^2) z'^2), z' at twice the error, for g = c1pre / c2corr beside 0.

    The bias c1pre N of every neuron halves the neurons that err; 0 from |g| = 1 on. A
    `fixed_threshold` of c1pre N takes the bias away and leaves K = N / ((1 + g^2) z^2).
    """
    if ratio == 0 or fixed_threshold:
        return num_neurons / ((1 + ratio**2) * float(scipy.stats.norm.isf(error)) ** 2)
    z2 = float(scipy.stats.norm.isf(2 * error)) ** 2
    return num_neurons * max(1 - abs(ratio), 0.0) ** 2 / ((1 + ratio**2) * z2)


def postsynaptic_error(num_neurons: int, num_patterns: float | int, ratio: float) -> float:
    """E_u Phi(-sqrt(N / (K (1 + g^2 u^2)))), u normal and g = c1post / c2corr."""
    u, weight = np.polynomial.hermite_e.hermegauss(80)
    z = np.sqrt(num_neurons / (num_patterns * (1 + ratio**2 * u**2)))
    return float(weight @ scipy.stats.norm.sf(z) / math.sqrt(2 * math.pi))


def postsynaptic_capacity(num_neurons: int, ratio: float | int, error: float) -> float:
    """The K at which `postsynaptic_error` is `error`."""

    def miss(num_patterns: float) -> float:
        return postsynaptic_error(num_neurons, num_patterns, ratio) - error

    ends = (1e-3 * num_neurons, 10.0 * num_neurons)
    return scipy.optimize.root_scalar(miss, bracket=ends).root


def postsynaptic_capacity_without_errors(num_neurons: int, ratio: float | int) -> float:
    """K = N / (g ln N + 1 / (2 g))^2 at which a given pattern has no wrong bit, leading order.

    For g = |c1post / c2corr| above 1 / sqrt(2 ln N): the few neurons of large |u| err. Below it
    N / (2 ln N), as for g = 0. A pattern has one wrong bit at 1.3 to 1.8 times this K for N = 1000.
    """
    g, log_size = abs(ratio), math.log(num_neurons)
    plain = math.sqrt(2 * log_size)
    z = g * log_size + 1 / (2 * g) if g * plain > 1 else plain
    return num_neurons / z**2


def sparse_capacity(num_neurons: int, activity: float | int) -> float:
    """K = N / (2 a |ln a|) of the covariance rule for patterns of 0 and 1, limit of small a.

    Where d'^2 = N / (K a) is what tells an active neuron from the largest of 1 / a silent ones. As
    a falls, the share of active neurons that k winners miss tends to 0 at a given part of this K
    and to 1 at a multiple; at K itself it is 37 %. Source: Tsodyks & Feigel'man 1988, Europhys.
    Lett. 6, 101.
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
    """d' between active and silent neurons of a stored pattern of 0 and 1, after one step.

    With x^2 = x the rule is A + B u_j + G u_i + c2corr u_i u_j in u = x - a. Within a pattern (a
    threshold of its own, or k winners) B does not matter; a fixed threshold adds its noise. Up
    to 4 % off within a pattern; with a fixed threshold up to 10 % high at N = 1000, a = 0.1,
    because the number of active neurons fluctuates.
    """
    c, a = coefficients, activity
    pre, post = c.c1pre + c.c2pre, c.c1post + c.c2post
    constant = c.c0 + a * (pre + post) + a**2 * c.c2corr
    b, g = pre + a * c.c2corr, post + a * c.c2corr
    v, active = a * (1 - a), a * num_neurons
    signal = active * (g + c.c2corr * (1 - a)) - num_patterns * constant
    noise = (num_patterns - 1) * v
    noise *= g**2 * (active**2 + num_neurons * v) + c.c2corr**2 * v * active
    if fixed_threshold:
        noise += (num_patterns - 1) * b**2 * v * active
        noise += num_neurons * v * (num_patterns * constant + b * (1 - a)) ** 2
        signal += num_patterns * constant
    return float(signal / math.sqrt(noise))


def oja_signal_to_noise(num_neurons: int, learning_rate: float | int, age: int) -> float:
    """Squared signal to noise of the pattern stored `age` patterns ago, clamped Oja, -1 and +1.

    N (1 - (1 - eta)^2) (1 - eta)^(2 age): clamped, Oja's rule is a leaky average of x_i x_j. The
    pattern itself counts as noise here, a share SNR / N of it, which matters for the latest ones.
    """
    keep = 1 - learning_rate
    return num_neurons * (1 - keep**2) * keep ** (2 * age)


def oja_lifetime(num_neurons: int, learning_rate: float | int, error: float) -> float:
    """ln(2 eta N / z^2) / (2 eta): the age up to which a pattern is kept at `error`, small eta."""
    z2 = float(scipy.stats.norm.isf(error)) ** 2
    return max(math.log(2 * learning_rate * num_neurons / z2), 0.0) / (2 * learning_rate)


def oja_capacity(num_neurons: int, error: float | int) -> float:
    """N / (e z^2): the longest lifetime over learning rates, at eta = e z^2 / (2 N)."""
    return num_neurons / (math.e * float(scipy.stats.norm.isf(error)) ** 2)
