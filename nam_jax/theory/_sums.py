"""The tail of a sum of independent random numbers that take few values, with a bound of its error.

The sum T has m terms with one symmetric distribution. The tail at S is P(T > S) + P(T = S) / 2.
There are three methods; `tail` takes the first that the sizes allow.

1. All sums, where they are few. For two terms of -1 and +1 they are -2, 0, 0 and 2.
2. Fourier transform of terms that are whole numbers. The terms are tilted: their probabilities are
   multiplied by exp(L z), so that sums near S become the likely ones, and each sum x counts
   exp(-L (x - S)). Without the tilt a tail of 1e-30 would be lost in rounding errors of 1e-16.
3. The same for terms that are not whole, or whose sums are too many. The function that is averaged,
   exp(-L (x - S)) above S and 0 below it, is replaced by a finite Fourier series. The error of the
   series is below another finite series (Vaaler 1985, Bull. AMS 12, 183), whose average is computed
   too. Both averages need the characteristic function of a term only.

Fourier series have a period. The probability of sums that are a period away is bounded by
P(T > x) <= exp(-t x) E exp(t T) for the best of some t (Chernoff), and the period is chosen long
enough.
"""

import math

import numpy as np
import scipy

from nam_jax.theory._all_sums import of_all_sums
from nam_jax.theory._series import of_series
from nam_jax.theory._terms import (
    ALIASED,
    ROUNDING,
    Bounded,
    Terms,
    Values,
    alike,
    merged,
    moments,
    scaled,
    tilted,
    whole_numbers,
    within,
)

_MOST_SUMS = 2**20
_FEW_SUMS = 2**14
"""Largest number of sums where method 2 can be had too."""
_MOST_POINTS = 2**19
"""Largest number of lattice points of the Fourier transform."""


def tail(values: Values, weights: Values, count: int, signal: float) -> Bounded:
    """Returns P(T > S) + P(T = S) / 2, where T is the sum of `count` independent symmetric terms.

    A term has one of the given values with the given probability, and a random sign.

    Args:
        values: Values of a term; their signs do not matter.
        weights: Their probabilities.
        count: Number of terms.
        signal: S.
    """
    if signal < 0:
        value, bound = tail(values, weights, count, -signal)
        return Bounded(1 - value, bound)
    if signal == 0:
        return Bounded(0.5, 0.0)
    numbers = alike(np.append(np.abs(values), signal))
    largest = float(np.max(numbers[:-1]))
    if count * largest < numbers[-1]:
        return Bounded(0.0, 0.0)
    whole = whole_numbers(numbers)
    numbers = numbers / largest if whole is None else whole
    sizes, signal = numbers[:-1], float(numbers[-1])
    terms = merged(np.concatenate([-sizes, sizes]), np.tile(weights / 2, 2))
    # Sums of two floats are exact if all numbers have their bits in a range of 104 bits.
    least = float(np.min(sizes[sizes > 0])) * ROUNDING if whole is None else 1.0
    exact = count == 1 or count * float(np.max(sizes)) / least < 2.0**104
    result = None
    if whole is not None and np.max(whole) < 2.0**52:
        result = of_all_sums(terms, count, signal, _FEW_SUMS)
        result = result or _of_lattice(terms, count, signal)
    if result is None and exact:
        result = of_all_sums(terms, count, signal, _MOST_SUMS)
    return result or of_series(scaled(terms), count, signal / float(np.max(sizes)))


def upper_bound(values: Values, weights: Values, count: int, signal: float) -> float:
    """Returns Chernoff's bound of the tail at a positive S; it rises with the number of terms."""
    sizes = np.abs(values) / np.max(np.abs(values))
    terms = merged(np.concatenate([-sizes, sizes]), np.tile(weights / 2, 2))
    signal /= float(np.max(np.abs(values)))
    return float(moments(terms, count, signal).scales(np.array([signal]))[0])


def _of_lattice(terms: Terms, count: int, signal: float) -> Bounded | None:
    """The tail by method 2 for whole numbers, or None if the lattice has too many points."""
    first = terms.values[0]
    span = float(np.gcd.reduce((terms.values - first).astype(np.int64)))
    tilt = tilted(terms, count, signal)
    least = math.ceil(2 * tilt.reach / span) + 2
    if least > _MOST_POINTS:
        return None
    length = scipy.fft.next_fast_len(least, real=True)
    one = np.zeros(length)
    places = ((terms.values - first) / span).astype(np.int64) % length
    np.add.at(one, places, tilt.terms.weights)
    powers = scipy.fft.rfft(one) ** count
    # The sums in one period around S, in the order of the lattice.
    start = math.ceil((signal - tilt.reach - count * first) / span)
    index = start + np.arange(length)
    chances = scipy.fft.irfft(powers, length)[index % length]
    beyond = count * first - signal + span * index
    kept = np.where(beyond > 0, np.exp(-tilt.rate * np.maximum(beyond, 0)), 0.0)
    kept[beyond == 0] = 0.5
    rounding = 2 * np.mean(np.abs(powers)) * kept.sum() * ROUNDING * (4 * count + 40)
    return within(
        tilt.scale * float(chances @ kept), tilt.scale * float(rounding + ALIASED), tilt.scale
    )
