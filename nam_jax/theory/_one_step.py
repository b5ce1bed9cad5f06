"""The exact law of one step of a binary dense memory, at any N and K, and what follows from it.

Source: Krotov & Hopfield, arXiv 1606.01164, give the Gaussian limit; the law itself is ours. The
state is a stored pattern with some bits flipped. The field of a bit is D(S1) + sum over the other
K - 1 patterns of a D(S), a = +-1 and S a sum of N - 1 random signs, D(S) = F(S + 1) - F(S - 1): the
noise has mean zero whatever F is, and its characteristic function is a power of a finite sum.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

Difference = Callable[[np.ndarray], np.ndarray]
"""D: the difference that one bit makes, as a function of the overlap of all others."""
_POINTS = 6000
_REACH = 60.0
"""The integral runs up to this multiple of the inverse standard deviation of the noise."""
_MOST_VALUES = 2**20
"""Steps of a lattice up to which probabilities are convolved."""


def power_difference(n: int) -> Difference:
    """D of F(z) = z^n / n."""
    return lambda s: ((s + 1.0) ** n - (s - 1.0) ** n) / n


def rectified_difference(n: int) -> Difference:
    """D of F(z) = max(z, 0)^n / n."""
    return lambda s: (np.maximum(s + 1.0, 0) ** n - np.maximum(s - 1.0, 0) ** n) / n


def distinct_difference(num_neurons: int, n: int) -> Difference:
    """D of the n-body memory without coincident indices: twice e_(n-1) of N - 1 signs."""

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
    """The probability that a bit is wrong after one step by energy differences, ties counted half.

    From a stored pattern of which `num_flipped` bits are flipped, for the bits that are right
    there or for the flipped ones. Where the noise takes few values (any K with n = 2, small N and K
    with others) their probabilities are convolved, else its characteristic function is integrated:
    good to 1e-9 where the noise is smooth, and to some per cent at a K of a few.

    Args:
        num_neurons: N.
        num_patterns: K; any real number of at least 1, for root finding.
        difference: D, as from `power_difference`.
        num_flipped: d, how many bits of the pattern are flipped.
        of_flipped_bits: Whether to judge a flipped bit rather than one that is right.
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
    # The midpoint rule: at u = 0 the integrand is finite and need not be evaluated.
    step = _REACH / _POINTS
    u = (np.arange(_POINTS) + 0.5) * step
    characteristic = np.cos(np.outer(u, values / spread)) @ weights
    size = np.exp((num_patterns - 1) * np.log(np.maximum(np.abs(characteristic), 1e-300)))
    integral = step * np.sum(size * np.sin(signal / spread * u) / u)
    return float(0.5 - integral / math.pi)


def _span(values: np.ndarray) -> float:
    """The largest number of which all values are multiples, to 1e-9 of the largest value."""
    largest = float(np.max(np.abs(values)))
    span = 0.0
    for value in np.abs(values):
        rest = float(value)
        while rest > 1e-9 * largest:
            span, rest = rest, math.fmod(span, rest)
            rest = 0.0 if span - rest < 1e-9 * largest else rest
    return span


def _convolved(values: np.ndarray, weights: np.ndarray, others: int, signal: float) -> float:
    """The probability that `signal` plus `others` values of random sign is below 0, ties half."""
    reach = int(np.max(np.abs(values)))
    one = np.zeros(2 * reach + 1)
    np.add.at(one, reach + values, weights / 2)
    np.add.at(one, reach - values, weights / 2)
    length = 2 * reach * others + 1
    noise = np.fft.irfft(np.fft.rfft(one, length) ** others, length)
    place = np.arange(length) - reach * others + signal
    return float(noise[place < -0.25].sum() + noise[np.abs(place) <= 0.25].sum() / 2)


class TiedError(NamedTuple):
    """Probabilities of a wrong sign and of a field of exactly 0, which keeps the bit."""

    strict: float
    tie: float


def quadratic_one_step_error(num_neurons: int, num_patterns: int) -> TiedError:
    """The exact law for n = 2 (Hopfield without diagonal) at a stored pattern: a binomial."""
    trials = (num_neurons - 1) * (num_patterns - 1)
    middle = (trials - num_neurons + 1) / 2
    strict = scipy.stats.binom.cdf(math.ceil(middle) - 1, trials, 0.5)
    tie = scipy.stats.binom.pmf(middle, trials, 0.5) if middle == int(middle) else 0.0
    return TiedError(float(strict), float(tie))


def exact_capacity_at_error(num_neurons: int, difference: Difference, error: float | int) -> float:
    """The real K at which stored bits are wrong with probability `error` after one step.

    Raises:
        ValueError: If `error` is not between 0 and 1/2.
    """
    if not 0 < error < 0.5:
        raise ValueError(f"Argument `error` must be between 0 and 0.5, but is {error}.")

    def miss(log_patterns: float) -> float:
        found = one_step_error(num_neurons, math.exp(log_patterns), difference)
        return found - error

    # From the Gaussian estimate outwards: at a K of a few the law is cut off and not monotone.
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
    """K = C(N - 1, n - 1) / z^2 + 1 without coincident indices, Gaussian tails."""
    return 1 + math.comb(num_neurons - 1, n - 1) / float(scipy.stats.norm.isf(error)) ** 2


def self_coupled_error(num_neurons: int, num_patterns: int, n: int) -> float:
    """Wrong bits of the literal pass sgn(Xi^T (Xi s)^(n-1)) at a stored pattern, Gaussian tails.

    Each other pattern adds (1 + S)^(n-1), S a sum of N - 1 signs, of random sign itself if n is
    odd. For even n its mean pulls a neuron towards its own state, whatever that is, so that none
    errs even at a K at which nothing can be recalled: Phi(-z) with

        n = 2: z = (N + K - 1) / sqrt((N - 1) (K - 1)), so that never more than 2.3 % are wrong
        n = 4: z = [N^3 + (K - 1) (3 N - 2)] / sqrt((K - 1) Var[(1 + S)^3]) >= about 2 sqrt(N / 5)

    (cf. Folli et al. 2017). For n = 2 good to 0.3 % from N = 64 on; for n = 3 20 % low at N = 32
    and 5 % at 64; for n = 4 2 % high at N = 32, where one bit in 10^7 errs, and twice at 16.
    """
    overlaps = np.arange(-(num_neurons - 1), num_neurons, 2, dtype=float)
    weights = scipy.stats.binom.pmf(np.arange(num_neurons), num_neurons - 1, 0.5)
    added = (1 + overlaps) ** (n - 1)
    pull = float(weights @ added) if n % 2 == 0 else 0.0
    spread = math.sqrt((num_patterns - 1) * (float(weights @ added**2) - pull**2))
    signal = float(num_neurons) ** (n - 1) + (num_patterns - 1) * pull
    return float(scipy.stats.norm.sf(signal / spread))


def basin_load(n: int, flips: float | int) -> float:
    """The load K (2n-3)!! / N^(n-1) up to which cues with a fraction `flips` of wrong bits recall.

    Mean field, n >= 3: overlaps go m -> erf(m^(n-1) / sqrt(2 a)), so that the edge of the basin is
    where one step leaves as many errors as there were, but never above the load at which the memory
    itself vanishes. A heuristic, good to 0.8 to 1.4 for N >= 128.

    Raises:
        ValueError: If n is below 3, or `flips` is not in [0, 1/2).
    """
    if n < 3:
        raise ValueError(f"Argument `n` must be at least 3, but is {n}.")
    if not 0 <= flips < 0.5:
        raise ValueError(f"Argument `flips` must be in [0, 0.5), but is {flips}.")
    # At the fold of m = erf(m^(n-1) / sqrt(2 a)), a is largest over m.
    m = np.linspace(1e-3, 1 - 1e-9, 200_001)
    loads = 0.5 * (m ** (n - 1) / scipy.special.erfinv(m)) ** 2
    start = 1 - 2 * flips
    at_start = loads[-1] if start >= m[-1] else float(np.interp(start, m, loads))
    top = int(np.argmax(loads))
    return float(loads[top]) if start >= m[top] else at_start


def bayes_beta(flips: float | int) -> float:
    """beta* = log((1 - r) / r) / 2: no separation function beats exp(beta* z) at a flip rate r."""
    return 0.5 * math.log((1 - flips) / flips)


def exponential_growth(flips: float | int, *, all_patterns: bool = False) -> float:
    """d ln K50 / dN of F(z) = exp(z) for one given pattern, from a fraction `flips` of wrong bits.

    I(1 - 2r), the rate function of a sum of signs, unless tanh 2 < 1 - 2r: then
    2 (1 - 2r) - ln cosh 2. With `all_patterns` I(1 - 2r) / 2, below which Demircigil et al. 2017
    prove that all of them are recalled at once: for r = 0 K < 2^(N/2), in fact 2^(N/2) / sqrt N,
    as a pattern that differs in one bit only is enough for an error.
    """
    m = 1 - 2 * flips
    if not all_patterns and math.tanh(2) < m:
        return 2 * m - math.log(math.cosh(2))
    rate = 0.5 * float(scipy.special.xlogy(1 + m, 1 + m) + scipy.special.xlogy(1 - m, 1 - m))
    return rate / 2 if all_patterns else rate
