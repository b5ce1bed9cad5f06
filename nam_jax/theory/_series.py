"""The tail of a sum of terms by a Fourier series with a bound: method 3 of `_sums.py`."""

import math
from collections.abc import Iterator

import numpy as np
import scipy
from jaxtyping import Complex

from nam_jax.theory._all_sums import sums_of
from nam_jax.theory._terms import ALIASED, ROUNDING, Bounded, Terms, Tilt, moments, tilted, within

_FREQUENCIES = 2**13, 2**16, 2**18, 2**20
_MOST_WORK = 2**28
"""Largest number of frequencies times values."""
_GOOD = 1e-3
"""Relative bound with which the series has frequencies enough."""
_NEGLIGIBLE = 1e-25
"""Tails that are certainly smaller than this are not computed."""
_CHANCES = tuple(10.0**-k for k in (40, 30, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2))
"""Probabilities of three large terms that are tried to be neglected."""
_MOST_HELD = 2**15
"""Largest number of sums of large terms that are held apart."""


def of_series(terms: Terms, count: int, signal: float) -> Bounded:
    """The tail by method 3.

    Rare large terms would make the period long, and the series coarse. They are held apart: all
    sums of at most two large terms are made, and the series is that of the other, small terms, at S
    minus such a sum. Of several limits between small and large the one is taken that promises the
    smallest bound, by a series of few frequencies. The bound falls as their number grows.
    """
    scale = float(moments(terms, count, signal).scales(np.array([signal]))[0])
    if scale < _NEGLIGIBLE:
        return Bounded(scale / 2, scale / 2)
    few, *more = _FREQUENCIES
    best, limit, promised = Bounded(0.25, 0.25), math.inf, math.inf
    for tried in _limits(terms, count):
        result, rest = _held_apart(terms, count, signal, tried, few)
        expected = rest + (result.bound - rest) * few / more[-1]
        if expected < promised:
            best, limit, promised = result, tried, expected
        if expected <= _GOOD * result.value or rest > promised:
            break
    for number in more:
        if best.bound <= _GOOD * best.value or number * terms.values.size > _MOST_WORK:
            break
        result, _ = _held_apart(terms, count, signal, limit, number)
        best = min(best, result, key=lambda item: item.bound)
    return best


def _limits(terms: Terms, count: int) -> Iterator[float]:
    """Yields sizes of terms: the largest, then those that three terms seldom exceed."""
    sizes = terms.values[terms.values > 0]
    yield float(sizes[-1])
    beyond = 2 * np.append(np.cumsum(terms.weights[::-1])[: sizes.size][::-1][1:], 0.0)
    several = scipy.stats.binom.sf(2, float(count), beyond)
    last = sizes.size - 1
    for chance in _CHANCES:
        place = int(np.argmax(several <= chance))
        if place < last:
            yield float(sizes[place])
            last = place


def _held_apart(
    terms: Terms, count: int, signal: float, limit: float, number: int
) -> tuple[Bounded, float]:
    """Returns the tail, and the part of its bound that more frequencies do not make smaller.

    Args:
        terms: The distribution of a term.
        count: Number of terms.
        signal: S.
        limit: Larger terms are held apart.
        number: Number of frequencies of the series.
    """
    small = np.abs(terms.values) <= limit
    if small.all():
        return _series_tail(terms, count, signal, number), 0.0
    large = float(terms.weights[~small].sum())
    kept = Terms(terms.values[small], terms.weights[small] / (1 - large))
    apart = Terms(terms.values[~small], terms.weights[~small] / large)
    several = float(scipy.stats.binom.sf(2, float(count), large))
    value, bound, rest = several / 4, several / 4, several / 4
    for held in range(3):
        sums = sums_of(apart, held, _MOST_HELD)
        chance = float(scipy.stats.binom.pmf(held, float(count), large))
        if sums is None:
            value, bound, rest = value + chance / 2, bound + chance / 2, rest + chance / 2
            continue
        left, weights = signal - sums.values, chance * sums.weights
        # Without the series, the tail of the small terms is between 0 and the bound of Chernoff.
        distance, others = np.abs(left), count - held
        scales = (
            moments(kept, others, signal).scales(distance) if others > 0 else np.zeros(left.size)
        )
        tails = np.where(distance > 0, np.minimum(scales / 2, 0.25), 0.5)
        doubts = np.where(distance > 0, tails, 0.0)
        doubtful = np.argsort(weights * doubts)[::-1][:6]
        for place in doubtful[weights[doubtful] * doubts[doubtful] > 1e-3 * _GOOD * bound]:
            tails[place], doubts[place] = _series_tail(kept, others, float(distance[place]), number)
        unknown = np.delete(np.arange(left.size), doubtful)
        value += float(weights @ np.where(left < 0, 1 - tails, tails))
        bound += float(weights @ doubts)
        rest += float(weights[unknown] @ doubts[unknown])
    return within(value, bound + 16 * ROUNDING * value, 0.5), min(rest, bound)


def _series_tail(terms: Terms, count: int, signal: float, number: int) -> Bounded:
    """The tail of all terms by the series of `number` frequencies."""
    return _of_frequencies(tilted(terms, count, signal), count, signal, number)


def _of_frequencies(tilt: Tilt, count: int, signal: float, number: int) -> Bounded:
    """The tail by the series of `number` frequencies.

    With the period 2 R and w_j = pi j / R, the function exp(-L x) for 0 < x < R, and 0 for -R < x <
    0, has the coefficients (1 - (-1)^j q) / (2 R (L + i w_j)), q = exp(-L R). Vaaler's factors damp
    them. The function falls from 1 to 0 along a measure that is 1 in all, and jumps up by 1 at 0:
    his bound for a step is averaged over this measure, with the coefficients 1 + nu_j.
    """
    reach, rate = tilt.reach, tilt.rate
    j = np.arange(1, number + 1)
    w = np.pi / reach * j
    one = _characteristic(tilt.terms, np.pi / reach, number)
    alive = np.abs(one) > math.exp(-70 / count)
    j, w, one = j[alive], w[alive], one[alive]
    sums = np.exp(count * np.log(one) - 1j * np.remainder(w * signal, 2 * np.pi))
    u = j / (number + 1)
    damping = (1 - u) * np.pi * u / np.tan(np.pi * u) + u
    end = math.exp(-rate * reach) * np.where(j % 2, -1.0, 1.0)
    coefficients = damping * (1 - end) / (rate + 1j * w) / reach
    mean = -math.expm1(-rate * reach) / rate / (2 * reach)
    value = mean + float(np.sum((coefficients * sums).real))
    falls = (rate + 1j * w * end) / (rate + 1j * w)
    gap = (1 + float(np.sum((1 - u) * (sums * (1 + falls)).real))) / (number + 1)
    phase = float(tilt.terms.weights @ np.abs(tilt.terms.values)) * w
    lost = np.abs(coefficients * sums) * (count * (16 + phase) + w * signal + 50)
    rounding = ROUNDING * (8 + float(np.sum(lost)))
    bound = tilt.scale * (max(gap, 0.0) + rounding + ALIASED)
    return within(tilt.scale * value, bound, tilt.scale)


def _characteristic(terms: Terms, step: float, number: int) -> Complex[np.ndarray, " J"]:
    """Returns E exp(i w z) at w = step, 2 step, ..., `number` step.

    With w = (256 a + b) step, exp(i w z) is a product of a factor of a and one of b, so the sum
    over z is a product of two matrices.
    """
    block = 256
    rows = np.exp(1j * np.multiply.outer(np.arange(-(-number // block)) * block * step,
                                         terms.values))  # fmt: skip
    columns = np.exp(1j * np.multiply.outer(terms.values, np.arange(1, block + 1) * step))
    return ((rows * terms.weights) @ columns).ravel()[:number]
