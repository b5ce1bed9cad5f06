"""The exact law of one step of a binary dense memory, at any N and K, and what follows from it.

Source: Krotov & Hopfield, arXiv 1606.01164, give the Gaussian limit; the law itself is ours. The
state is a stored pattern with some bits flipped. The field of a bit is the signal D(S1) plus a
noise, the sum over the other K - 1 patterns of a D(S), where a is a random sign, S a sum of N - 1
random signs and D(S) = F(S + 1) - F(S - 1). The terms of the noise are independent, and each has a
symmetric distribution with at most 2 N values.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from nam_jax._misc import argument_error
from nam_jax.theory._sums import tail, upper_bound
from nam_jax.theory._terms import Bounded

Difference = Callable[[np.ndarray], np.ndarray]
"""D: change of F when one bit flips, as a function of the overlap of all other bits."""
_MOST_PATTERNS = 2**60
"""Largest number of patterns of a search for a capacity."""


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


class NoValueError(ValueError):
    """A law has no value for these arguments, or none that is accurate enough."""


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
    The value is exact to rounding if there are few patterns, or if D takes whole numbers whose sums
    have fewer than about 10^6 values. `bounded_one_step_error` also gives a bound of the error; for
    the powers of n = 2 to 6 it is below 1e-3 of the value.

    For powers of n = 2 to 4 the probability rises with K wherever it was tried (N up to 33, up to
    N / 4 flipped bits). For other D it may fall where single patterns outweigh the signal: noise of
    -2 and +2 exceeds a signal of 1 with probability 1/2 if it has one term, and 1/4 if it has two.

    Args:
        num_neurons: N.
        num_patterns: K, at least 1. Between whole numbers the probability is interpolated linearly.
        difference: D, as from `power_difference`. A positive factor of D has no effect, so scale D
            down if it overflows.
        num_flipped: d, number of flipped bits.
        of_flipped_bits: Whether the judged bit is one of the flipped bits, not one of the others.

    Raises:
        ValueError: If an argument is outside its range or D is not finite.
        NoValueError: A `ValueError`, if the bound exceeds 1 % of the probability and 1e-6.
    """
    law = bounded_one_step_error(
        num_neurons,
        num_patterns,
        difference,
        num_flipped=num_flipped,
        of_flipped_bits=of_flipped_bits,
    )
    if law.bound > max(1e-2 * law.value, 1e-6):
        requirement = (
            "be one for which the law is computed within 1 %; see `bounded_one_step_error`"
        )
        given = f"{law.value:.3g} +- {law.bound:.1g}"
        raise NoValueError(str(argument_error("difference", requirement, given)))
    return law.value


def bounded_one_step_error(
    num_neurons: int,
    num_patterns: float | int,
    difference: Difference,
    *,
    num_flipped: int = 0,
    of_flipped_bits: bool = False,
) -> Bounded:
    """Returns the probability of `one_step_error`, and a bound of the error of its computation.

    Probabilities that are certainly below 1e-25 may be given with a bound as large as the value.
    The arguments are those of `one_step_error`.
    """
    _check_bits(num_neurons, num_patterns, num_flipped, of_flipped_bits)
    overlaps = np.arange(-(num_neurons - 1), num_neurons, 2, dtype=float)
    right = num_neurons - 1 - 2 * num_flipped
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(difference(overlaps), float)
    if not np.all(np.isfinite(values)):
        raise argument_error("difference", "be finite; scale it down", "values that overflow")
    signal = float(values[(right + (2 if of_flipped_bits else 0) + num_neurons - 1) // 2])
    below, part = math.floor(num_patterns), num_patterns - math.floor(num_patterns)
    weights = _binomial(num_neurons - 1)
    first = tail(values, weights, below - 1, signal)
    if part == 0:
        return first
    second = tail(values, weights, below, signal)
    return Bounded(*((1 - part) * a + part * b for a, b in zip(first, second, strict=True)))


def _check_bits(
    num_neurons: int, num_patterns: float | int, num_flipped: int, of_flipped_bits: bool
) -> None:
    """Raises a `ValueError` if there is no such bit."""
    if num_neurons < 1:
        raise argument_error("num_neurons", "be at least 1", num_neurons)
    if not 1 <= num_patterns < math.inf:
        raise argument_error("num_patterns", "be at least 1 and finite", num_patterns)
    low, high = (1, num_neurons) if of_flipped_bits else (0, num_neurons - 1)
    if not low <= num_flipped <= high or num_flipped != int(num_flipped):
        kind = "flipped" if of_flipped_bits else "right"
        requirement = f"be a whole number from {low} to {high} to judge a {kind} bit"
        raise argument_error("num_flipped", requirement, num_flipped)


@functools.lru_cache(maxsize=16)
def _binomial(trials: int) -> np.ndarray:
    """Returns all probabilities of a binomial number with p = 1/2, each correctly rounded."""
    ways, weights = 1, []
    for heads in range(trials + 1):
        weights.append(ways / 2**trials)
        ways = ways * (trials - heads) // (heads + 1)
    return np.array(weights)


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

    Between whole numbers K the law is interpolated linearly. If the law reaches `error` more than
    once, the result is the first K if it is below 64, and otherwise one of them.

    Args:
        num_neurons: N.
        difference: D, as from `power_difference`.
        error: Probability that a bit of a stored pattern is wrong after one step.

    Raises:
        ValueError: If `error` is not between 0 and 1/2.
        NoValueError: A `ValueError`, if no number of patterns has the error.
    """
    if not 0 < error < 0.5:
        raise ValueError(f"Argument `error` must be between 0 and 0.5, but is {error}.")

    @functools.cache
    def law(count: int) -> float:
        return one_step_error(num_neurons, count, difference)

    low, high = 1, 2
    if law(low) > error:
        requirement = "be above 0 where all bits agree"
        raise NoValueError(str(argument_error("difference", requirement, "no signal there")))
    guess = _gaussian_capacity(num_neurons, difference, error)
    for factor in (0.9, 1.1):
        count = max(2, round(factor * min(guess, _MOST_PATTERNS)))
        low, high = (max(low, count), high) if law(count) <= error else (low, count)
        if high > low:
            break
    while law(high) <= error:
        low, high = high, 2 * high
        if high > _MOST_PATTERNS:
            requirement = f"be one at which fewer than {_MOST_PATTERNS} patterns have the error"
            given = f"{law(low):.3g} at {low}"
            raise NoValueError(str(argument_error("difference", requirement, given)))
    crossing = _crossing(law, error, low, high)
    few = _undecided(num_neurons, difference, error, min(crossing, 64))
    first = next((count for count in few if law(count) > error), crossing)
    return first - 1 + (error - law(first - 1)) / (law(first) - law(first - 1))


def _undecided(num_neurons: int, difference: Difference, error: float, end: int) -> list[int]:
    """Returns the numbers of patterns below `end` for which Chernoff's bound exceeds `error`."""
    values = difference(np.arange(-(num_neurons - 1), num_neurons, 2, dtype=float))
    weights, signal = _binomial(num_neurons - 1), float(values[-1])
    return [k for k in range(2, end) if upper_bound(values, weights, k - 1, signal) > error]


def _gaussian_capacity(num_neurons: int, difference: Difference, error: float) -> float:
    """Returns the capacity for Gaussian noise."""
    values = difference(np.arange(-(num_neurons - 1), num_neurons, 2, dtype=float))
    values = values / np.max(np.abs(values))
    noise = max(float(_binomial(num_neurons - 1) @ values**2), 1e-300)
    return 1 + values[-1] ** 2 / noise / float(scipy.stats.norm.isf(error)) ** 2


def _crossing(law: Callable[[int], float], error: float, low: int, high: int) -> int:
    """Returns a K with law(K - 1) <= error < law(K), from two K between which the law crosses.

    The square of the normal quantile of the law is nearly proportional to 1 / (K - 1). K is tried
    by interpolation; if the same end moves twice, the interval is halved.
    """
    target, moved = float(scipy.stats.norm.isf(error)) ** 2, 0
    while high - low > 1:
        ends = scipy.stats.norm.isf([law(low), law(high)]) ** 2 - target
        part = ends[0] / (ends[0] - ends[1]) if abs(moved) < 2 and np.isfinite(ends[0]) else 0.5
        a, b = 1 / max(low - 1, 0.1), 1 / (high - 1)
        tried = round(1 + 1 / (a + part * (b - a)) + (0.3 if moved > 0 else -0.3))
        tried = min(max(tried, low + 1), high - 1)
        if law(tried) <= error:
            low, moved = tried, max(moved, 0) + 1
        else:
            high, moved = tried, min(moved, 0) - 1
    return high


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
