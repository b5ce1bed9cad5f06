"""What local rules store: laws of the expanded Hebbian rule and of Oja's, for random patterns.

The expanded rule (prospectus of Hanley, Definition 2.8.2) changes the weight from neuron j to i by

    dw_ij = c0 + c1pre x_j + c1post x_i + c2pre x_j^2 + c2post x_i^2 + c2corr x_i x_j.
"""

import math
from typing import NamedTuple

import numpy as np
import scipy


class Coefficients(NamedTuple):
    """The six coefficients of the expanded rule; by default the activity product."""

    c0: float = 0.0
    c1pre: float = 0.0
    c1post: float = 0.0
    c2pre: float = 0.0
    c2post: float = 0.0
    c2corr: float = 1.0

    @property
    def common(self) -> float:
        """C = c0 + c2pre + c2post, all that is left of them for states -1 and +1."""
        return self.c0 + self.c2pre + self.c2post


def hebbian_one_step_error(
    num_neurons: int, num_patterns: int, coefficients: Coefficients
) -> float:
    """The probability that a bit of a stored pattern is wrong after one step, patterns -1 and +1.

    Zero diagonal, threshold 0, K random patterns. Averages Phi(-mean / sd) over the bit's own
    state, the sum m of the other bits, and the sum A of the bit over the other patterns; within
    those the noise is Gaussian, which is good from N = 100 on. O(N K).
    """
    c, rest = coefficients, num_neurons - 1
    others = num_patterns - 1
    m = np.arange(-rest, num_neurons, 2, dtype=float)[:, None]
    a = np.arange(-others, num_patterns, 2, dtype=float)[None, :]
    weight = (
        scipy.stats.binom.pmf(np.arange(num_neurons), rest, 0.5)[:, None]
        * scipy.stats.binom.pmf(np.arange(num_patterns), others, 0.5)[None, :]
    )
    total = 0.0
    for s in (-1.0, 1.0):
        mean = c.c2corr * rest + c.c1post * m * (1 + a)
        mean = mean + s * (c.common * num_patterns * m + c.c1pre * rest)
        cross = 2 * s * c.c2corr * c.c1pre * a
        spread = rest * (others * (c.c2corr**2 + c.c1pre**2) + cross)
        spread = np.sqrt(np.maximum(spread, 1e-12))
        total += 0.5 * float(np.sum(weight * scipy.stats.norm.sf(mean / spread)))
    return total


def common_field_capacity(num_neurons: int, common: float | int, error: float) -> float:
    """K = [sqrt(1 + 4 C^2 N / z^2) - 1] / (2 C^2), and N / z^2 at C = 0.

    A common field C K m takes capacity from O(N) to O(sqrt N).
    """
    z2 = float(scipy.stats.norm.isf(error)) ** 2
    if common == 0:
        return num_neurons / z2
    return (math.sqrt(1 + 4 * common**2 * num_neurons / z2) - 1) / (2 * common**2)


def presynaptic_capacity(num_neurons: int, ratio: float | int, error: float) -> float:
    """K = N (1 - |g|)^2 / ((1 + g^2) z'^2), z' at twice the error, for g = c1pre / c2corr beside 0.

    The bias c1pre N of every neuron halves the neurons that err; 0 from |g| = 1 on.
    """
    if ratio == 0:
        return num_neurons / float(scipy.stats.norm.isf(error)) ** 2
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
    return signal / math.sqrt(noise)


def oja_signal_to_noise(num_neurons: int, learning_rate: float | int, age: int) -> float:
    """Squared signal to noise of the pattern stored `age` patterns ago, clamped Oja, -1 and +1.

    N (1 - (1 - eta)^2) (1 - eta)^(2 age): clamped, Oja's rule is a leaky average of x_i x_j.
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
