"""The exact law of one step of a binary dense memory, at any N and K, and what follows from it.

Source: Krotov & Hopfield, arXiv 1606.01164, give the Gaussian limit; the law itself is ours. The
state is a stored pattern with some bits flipped. The field of a bit is the signal D(S1) plus a
noise, the sum over the other K - 1 patterns of a D(S), where a is a random sign, S a sum of N - 1
random signs and D(S) = F(S + 1) - F(S - 1). The noise has mean zero for every F, and its
characteristic function is the (K - 1)-th power of a finite sum.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

Difference = Callable[[np.ndarray], np.ndarray]
"""D: change of F when one bit flips, as a function of the overlap of all other bits."""
_POINTS = 6000
_REACH = 60.0
"""Upper end of the integral, in units of the inverse standard deviation of the noise."""
_MOST_VALUES = 2**20
"""Largest number of lattice points for which probabilities are convolved."""


def power_difference(n: int) -> Difference:
    """Returns D of F(z) = z^n / n."""
    return lambda s: ((s + 1.0) ** n - (s - 1.0) ** n) / n


def rectified_difference(n: int) -> Difference:
    """Returns D of F(z) = max(z, 0)^n / n."""
    return lambda s: (np.maximum(s + 1.0, 0) ** n - np.maximum(s - 1.0, 0) ** n) / n


def distinct_difference(num_neurons: int, n: int) -> Difference:
    """Returns D of F = e_n, the F of `DistinctPower`: D is 2 e_(n-1) of N - 1 signs.

    e_k is the elementary symmetric polynomial of degree k: the sum of all products of k different
    signs. It depends only on the sum of the signs.
    """

    def difference(s: np.ndarray) -> np.ndarray:
        before, last = np.zeros_like(s), np.ones_like(s)
        for k in range(1, n):
            before, last = last, (s * last - (num_neurons - 1 - k + 2) * before) / k
        return 2 * last

    return difference


def one_step_error(
    num_neurons: int,
    num_patterns: float | int,
    difference: Difference,
    *,
    num_flipped: int = 0,
    of_flipped_bits: bool = False,
) -> float:
    """Returns the probability that a bit is wrong after one step by energy differences.

    A tie counts half. The step starts at a stored pattern of which `num_flipped` bits are flipped.
    If the noise takes few values (n = 2, or small N and K), their probabilities are convolved.
    Otherwise the characteristic function of the noise is integrated, which is good to 1e-9 if the
    noise is smooth and to a few per cent if K is small.

    Args:
        num_neurons: N.
        num_patterns: K; any real number of at least 1, for root finding.
        difference: D, as from `power_difference`.
        num_flipped: d, number of flipped bits.
        of_flipped_bits: Whether the judged bit is one of the flipped bits, not one of the others.
    """
    overlaps = np.arange(-(num_neurons - 1), num_neurons, 2, dtype=float)
    weights = scipy.stats.binom.pmf(np.arange(num_neurons), num_neurons - 1, 0.5)
    values = difference(overlaps)
    right = num_neurons - 1 - 2 * num_flipped
    signal = difference(np.array([float(right + 2 if of_flipped_bits else right)]))[0]
    if num_patterns <= 1:
        return float(0.5 * (1 - np.sign(signal)))
    span = _span(values)
    others = num_patterns - 1
    if others == int(others) and others * np.max(np.abs(values)) < _MOST_VALUES * span:
        return _convolved(np.rint(values / span).astype(int), weights, int(others), signal / span)
    spread = math.sqrt((num_patterns - 1) * float(weights @ values**2))
    # The midpoint rule never evaluates the integrand at u = 0, where its formula is 0 / 0.
    step = _REACH / _POINTS
    u = (np.arange(_POINTS) + 0.5) * step
    characteristic = np.cos(np.outer(u, values / spread)) @ weights
    size = np.exp((num_patterns - 1) * np.log(np.maximum(np.abs(characteristic), 1e-300)))
    integral = step * np.sum(size * np.sin(signal / spread * u) / u)
    return float(0.5 - integral / math.pi)


def _span(values: np.ndarray) -> float:
    """Returns the largest number of which all values are multiples, to 1e-9 of the largest value.

    Euclid's algorithm: the span of 6, 10 and 14 is 2.
    """
    largest = float(np.max(np.abs(values)))
    span = 0.0
    for value in np.abs(values):
        rest = float(value)
        while rest > 1e-9 * largest:
            span, rest = rest, math.fmod(span, rest)
            rest = 0.0 if span - rest < 1e-9 * largest else rest
    return span


def _convolved(values: np.ndarray, weights: np.ndarray, others: int, signal: float) -> float:
    """Returns the probability that `signal` plus `others` values of random sign is below 0.

    A sum of exactly 0 counts half. All numbers are in units of the span.
    """
    reach = int(np.max(np.abs(values)))
    one = np.zeros(2 * reach + 1)
    np.add.at(one, reach + values, weights / 2)
    np.add.at(one, reach - values, weights / 2)
    length = 2 * reach * others + 1
    noise = np.fft.irfft(np.fft.rfft(one, length) ** others, length)
    place = np.arange(length) - reach * others + signal
    return float(noise[place < -0.25].sum() + noise[np.abs(place) <= 0.25].sum() / 2)


class TiedError(NamedTuple):
    """Two probabilities for a bit after one step.

    Attributes:
        strict: Probability that the field has the wrong sign.
        tie: Probability that the field is exactly 0; the bit then keeps its state.
    """

    strict: float
    tie: float


def quadratic_one_step_error(num_neurons: int, num_patterns: int) -> TiedError:
    """Returns the exact law for n = 2 (Hopfield without diagonal) at a stored pattern.

    The number of products of the noise that agree with the signal is binomial.
    """
    trials = (num_neurons - 1) * (num_patterns - 1)
    middle = (trials - num_neurons + 1) / 2
    strict = scipy.stats.binom.cdf(math.ceil(middle) - 1, trials, 0.5)
    tie = scipy.stats.binom.pmf(middle, trials, 0.5) if middle == int(middle) else 0.0
    return TiedError(float(strict), float(tie))


def exact_capacity_at_error(num_neurons: int, difference: Difference, error: float | int) -> float:
    """Returns the real number K of patterns at which one step has the error `error`.

    Args:
        num_neurons: N.
        difference: D, as from `power_difference`.
        error: Probability that a bit of a stored pattern is wrong after one step.

    Raises:
        ValueError: If `error` is not between 0 and 1/2.
    """
    if not 0 < error < 0.5:
        raise ValueError(f"Argument `error` must be between 0 and 0.5, but is {error}.")

    def miss(log_patterns: float) -> float:
        return one_step_error(num_neurons, math.exp(log_patterns), difference) - error

    # The search starts at the Gaussian estimate, since the law is not monotone where K is small.
    overlaps = np.arange(-(num_neurons - 1), num_neurons, 2, dtype=float)
    weights = scipy.stats.binom.pmf(np.arange(num_neurons), num_neurons - 1, 0.5)
    ratio = difference(overlaps[-1:])[0] ** 2 / float(weights @ difference(overlaps) ** 2)
    start = math.log(1 + ratio / float(scipy.stats.norm.isf(error)) ** 2)
    low, high = start - 0.1, start + 0.1
    while miss(low) > 0:
        low -= 0.2
    while miss(high) < 0:
        high += 0.2
    return math.exp(scipy.optimize.root_scalar(miss, bracket=(low, high), xtol=1e-10).root)


def distinct_capacity(num_neurons: int, n: int, error: float | int) -> float:
    """Returns K = C(N - 1, n - 1) / z^2 + 1, the capacity of a memory with F = e_n.

    This is the number of patterns, a real number, at which one step has the error `error`. z is the
    quantile of the standard normal distribution at 1 - error. The noise is taken as Gaussian.

    Args:
        num_neurons: N.
        n: Number of different neurons in each product of e_n; see `distinct_difference`.
        error: Probability that a bit of a stored pattern is wrong after one step, below 1/2.
    """
    return 1 + math.comb(num_neurons - 1, n - 1) / float(scipy.stats.norm.isf(error)) ** 2


def self_coupled_error(num_neurons: int, num_patterns: int, n: int) -> float:
    """Returns the probability that a bit is wrong after the pass sgn(Xi^T (Xi s)^(n-1)).

    The pass starts at s, one of the K stored patterns in the rows of Xi. It has self-coupling: the
    own state of a neuron contributes to its field. Multiply the field of a neuron by its state in
    s. The pattern s then adds N^(n-1), and each other pattern adds (1 + S)^(n-1), where S is a sum
    of N - 1 random signs; for odd n the sign of this term is random too. For even n these terms
    have a positive mean, which holds each neuron in its present state. So bits of s seldom become
    wrong, even at a K at which wrong bits of a cue are not corrected. The noise is taken as
    Gaussian, which gives Phi(-z) with

        n = 2: z = (N + K - 1) / sqrt((N - 1) (K - 1)), so at most 2.3 % are wrong
        n = 3: z = N^2 / sqrt((K - 1) E[(1 + S)^4])
        n = 4: z = [N^3 + (K - 1) (3 N - 2)] / sqrt((K - 1) Var[(1 + S)^3]) >= about 2 sqrt(N / 5)

    (cf. Folli et al. 2017). Compared with the exact probability, the result is

        n = 2: within 0.3 % from N = 64 on
        n = 3: 20 % too low at N = 32, and 5 % too low at N = 64
        n = 4: about twice as large at N = 16, and 2 % too high at N = 32 (one wrong bit in 10^7)

    Args:
        num_neurons: N.
        num_patterns: K, at least 2.
        n: Power of F = z^n / n, at least 2.
    """
    overlaps = np.arange(-(num_neurons - 1), num_neurons, 2, dtype=float)
    weights = scipy.stats.binom.pmf(np.arange(num_neurons), num_neurons - 1, 0.5)
    added = (1 + overlaps) ** (n - 1)
    pull = float(weights @ added) if n % 2 == 0 else 0.0
    spread = math.sqrt((num_patterns - 1) * (float(weights @ added**2) - pull**2))
    signal = float(num_neurons) ** (n - 1) + (num_patterns - 1) * pull
    return float(scipy.stats.norm.sf(signal / spread))


def basin_load(n: int, flips: float | int) -> float:
    """Returns the load a = K (2n-3)!! / N^(n-1) up to which cues with wrong bits are recalled.

    Mean field for n >= 3: one step changes the overlap m to erf(m^(n-1) / sqrt(2 a)). The edge of
    the basin is the overlap that one step does not change. The result is at most the load at which
    the memory itself vanishes. A heuristic: simulations give 0.8 to 1.4 times it for N >= 128.

    Args:
        n: Power of F = z^n / n, at least 3.
        flips: Fraction of wrong bits in the cue, in [0, 1/2).

    Raises:
        ValueError: If n is below 3, or `flips` is not in [0, 1/2).
    """
    if n < 3:
        raise ValueError(f"Argument `n` must be at least 3, but is {n}.")
    if not 0 <= flips < 0.5:
        raise ValueError(f"Argument `flips` must be in [0, 0.5), but is {flips}.")
    # The load a(m) that keeps the overlap m is largest at the fold, where the memory vanishes.
    m = np.linspace(1e-3, 1 - 1e-9, 200_001)
    loads = 0.5 * (m ** (n - 1) / scipy.special.erfinv(m)) ** 2
    start = 1 - 2 * flips
    at_start = loads[-1] if start >= m[-1] else float(np.interp(start, m, loads))
    top = int(np.argmax(loads))
    return float(loads[top]) if start >= m[top] else at_start


def bayes_beta(flips: float | int) -> float:
    """Returns beta* = log((1 - r) / r) / 2 for cues with a fraction r of flipped bits.

    No separation function recalls better from such cues than exp(beta* z).
    """
    return 0.5 * math.log((1 - flips) / flips)


def exponential_growth(flips: float | int, *, all_patterns: bool = False) -> float:
    """Returns d ln K / dN, the growth of the capacity K with N for F(z) = exp(z).

    K is the number of patterns at which one given pattern is recalled in half of the sets, from
    cues with a fraction r of wrong bits. The growth is I(1 - 2r), the rate function of a sum of
    signs, or 2 (1 - 2r) - ln cosh 2 if tanh 2 < 1 - 2r. If all patterns must be recalled it is I(1
    - 2r) / 2, up to which Demircigil et al. 2017 prove recall: for r = 0, K < 2^(N/2). (The true
    number is 2^(N/2) / sqrt N, because another pattern that differs in one bit is enough for an
    error.)

    Args:
        flips: r.
        all_patterns: Whether all patterns must be recalled.
    """
    m = 1 - 2 * flips
    if not all_patterns and math.tanh(2) < m:
        return 2 * m - math.log(math.cosh(2))
    rate = 0.5 * float(scipy.special.xlogy(1 + m, 1 + m) + scipy.special.xlogy(1 - m, 1 - m))
    return rate / 2 if all_patterns else rate
