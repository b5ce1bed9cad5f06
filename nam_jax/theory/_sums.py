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
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Complex, Float

Values = Float[np.ndarray, " A"]
_ROUNDING = 2.0**-52
_MOST_SUMS = 2**20
_FEW_SUMS = 2**14
"""Largest number of sums where method 2 can be had too."""
_MOST_POINTS = 2**19
"""Largest number of lattice points of the Fourier transform."""
_FREQUENCIES = 2**13, 2**16, 2**18, 2**20
_MOST_WORK = 2**28
"""Largest number of frequencies times values."""
_ALIASED = 1e-17
"""Probability of sums that are a period away, after the tilt."""
_GOOD = 1e-3
"""Relative bound with which method 3 stops."""
_NEGLIGIBLE = 1e-25
"""Tails that are certainly smaller than this are not computed by method 3."""
_CHANCES = tuple(10.0**-k for k in (40, 30, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2))
"""Probabilities of three large terms that method 3 tries to neglect."""
_MOST_HELD = 2**15
"""Largest number of sums of large terms that method 3 holds apart."""


class Bounded(NamedTuple):
    """A number and a bound of its error.

    Attributes:
        value: The number.
        bound: The number differs from the true one by at most this.
    """

    value: float
    bound: float


class Terms(NamedTuple):
    """A symmetric distribution of a number.

    Attributes:
        values: All different values, in rising order.
        weights: Their probabilities, which sum to 1.
    """

    values: Values
    weights: Values

    def log_moment(self, t: float | np.ndarray) -> np.ndarray:
        """Returns log E exp(t z) at every t."""
        exponents = np.multiply.outer(np.asarray(t, float), self.values)
        return np.asarray(scipy.special.logsumexp(exponents, b=self.weights, axis=-1))


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
    numbers = _alike(np.append(np.abs(values), signal))
    largest = float(np.max(numbers[:-1]))
    if count * largest < numbers[-1]:
        return Bounded(0.0, 0.0)
    whole = _whole(numbers)
    numbers = numbers / largest if whole is None else whole
    sizes, signal = numbers[:-1], float(numbers[-1])
    terms = _merged(np.concatenate([-sizes, sizes]), np.tile(weights / 2, 2))
    # Sums of two floats are exact if all numbers have their bits in a range of 104 bits.
    least = float(np.min(sizes[sizes > 0])) * _ROUNDING if whole is None else 1.0
    exact = count == 1 or count * float(np.max(sizes)) / least < 2.0**104
    result = None
    if whole is not None and np.max(whole) < 2.0**52:
        result = _of_all_sums(terms, count, signal, _FEW_SUMS)
        result = result or _of_lattice(terms, count, signal)
    if result is None and exact:
        result = _of_all_sums(terms, count, signal, _MOST_SUMS)
    return result or _of_series(_scaled(terms), count, signal / float(np.max(sizes)))


def upper_bound(values: Values, weights: Values, count: int, signal: float) -> float:
    """Returns Chernoff's bound of the tail at a positive S; it rises with the number of terms."""
    sizes = np.abs(values) / np.max(np.abs(values))
    terms = _merged(np.concatenate([-sizes, sizes]), np.tile(weights / 2, 2))
    signal /= float(np.max(np.abs(values)))
    return float(_moments(terms, count, signal).scales(np.array([signal]))[0])


def _scaled(terms: Terms) -> Terms:
    """Returns the terms, the largest of which is made 1."""
    return Terms(terms.values / terms.values[-1], terms.weights)


def _alike(numbers: Values) -> Values:
    """Returns the numbers, those that differ by rounding errors only made equal."""
    order = np.argsort(numbers)
    rising = numbers[order]
    new = np.append(True, np.diff(rising) > 32 * _ROUNDING * rising[1:])
    alike = np.empty_like(numbers)
    alike[order] = rising[new][np.cumsum(new) - 1]
    return alike


def _whole(numbers: Values) -> Values | None:
    """Returns the numbers as whole numbers in one unit, or None if they are not multiples of one.

    For example, 8/3 and 56/3 become 8 and 56.
    """
    for unit in range(1, 61):
        scaled = np.rint(unit * numbers)
        if np.all(np.abs(unit * numbers - scaled) <= 36 * _ROUNDING * scaled):
            return scaled
    return None


def _merged(values: Values, weights: Values) -> Terms:
    """Returns the distribution in which equal values are one."""
    values, places = np.unique(values, return_inverse=True)
    return Terms(values, np.bincount(places, weights))


class _Sums(NamedTuple):
    """A distribution of sums of terms, each sum being the sum of two floats.

    One float would not do: in (1e20 + 1) - 1e20 the 1 is lost. The two floats hold 106 bits.

    Attributes:
        values: The sums, rounded to one float.
        rests: What the rounding left out.
        weights: Their probabilities.
    """

    values: Values
    rests: Values
    weights: Values

    def plus(self, other: "_Sums") -> "_Sums":
        """Returns the distribution of the sum of two independent numbers."""
        outer = np.add.outer(self.rests, other.rests).ravel()
        values, rests = _exact_sum(*np.broadcast_arrays(self.values[:, None], other.values))
        values, rests = _exact_sum(values.ravel(), rests.ravel() + outer)
        weights = np.outer(self.weights, other.weights).ravel()
        ranks, first = _ranks(values, rests)
        return _Sums(values[first], rests[first], np.bincount(ranks, weights))


def _exact_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns a + b as a float and the rounding error of this float (Knuth 1969)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _ranks(values: Values, rests: Values) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rank of each number among all different ones, and a place of each rank."""
    order = np.lexsort((rests, values)) if rests.any() else np.argsort(values, kind="stable")
    new = (np.diff(values[order]) != 0) | (np.diff(rests[order]) != 0)
    ranks = np.empty(values.size, np.int64)
    ranks[order] = np.cumsum(np.append(0, new))
    return ranks, order[np.append(True, new)]


def _sums(terms: Terms, count: int, most: int) -> _Sums | None:
    """Returns the distribution of the sum of `count` terms, or None if it has too many values."""
    total = _Sums(np.zeros(1), np.zeros(1), np.ones(1))
    power = _Sums(terms.values, np.zeros_like(terms.values), terms.weights)
    while count:
        if count % 2:
            if total.values.size * power.values.size > most:
                return None
            total = total.plus(power)
        count //= 2
        if count:
            if power.values.size**2 > most:
                return None
            power = power.plus(power)
    return total


def _of_all_sums(terms: Terms, count: int, signal: float, most: int) -> Bounded | None:
    """The tail by method 1, or None if there are too many sums.

    The sums of two halves of the terms are made, and each sum of one half finds the part of the
    other half that is above S minus it.

    Args:
        terms: The distribution of a term.
        count: Number of terms.
        signal: S.
        most: Largest number of sums.
    """
    half, other = (_sums(terms, part, most) for part in (count // 2, count - count // 2))
    if half is None or other is None:
        return None
    values, rests = _exact_sum(np.full_like(other.values, signal), -other.values)
    values, rests = _exact_sum(values, rests - other.rests)
    ranks, _ = _ranks(np.append(half.values, values), np.append(half.rests, rests))
    ranks, wanted = ranks[: half.values.size], ranks[half.values.size :]
    at = np.bincount(ranks, half.weights, minlength=int(np.max(wanted)) + 1)
    above = np.append(np.cumsum(at[::-1])[::-1], 0.0)
    value = float(other.weights @ (above[wanted] + above[wanted + 1])) / 2
    return Bounded(value, 2 * _ROUNDING * (count + 8) * value)


class _Tilt(NamedTuple):
    """Terms whose probabilities are multiplied by exp(L z), and what follows from them.

    Attributes:
        terms: The tilted terms.
        rate: L.
        scale: E exp(L (T - S)), an upper bound of the tail.
        reach: T differs from S by less than this, except with the probability `_ALIASED`.
    """

    terms: Terms
    rate: float
    scale: float
    reach: float


class _Moments(NamedTuple):
    """log E exp(t T) at many rates t, for the bound of Chernoff."""

    rates: Values
    logs: Values

    def scales(self, signals: Values) -> Values:
        """Returns upper bounds of the tails at positive signals."""
        logs = np.full(np.shape(signals), 0.0)
        for rate, log in zip(self.rates, self.logs, strict=True):
            np.minimum(logs, log - rate * signals, out=logs)
        return np.exp(logs)


def _moments(terms: Terms, count: int, signal: float) -> _Moments:
    """Returns moments at rates 2^(k/4) that hold the best one for the tail at `signal`.

    With z <= 1 and t <= 1, the derivative of log E exp(t T) is at most 1.2 t E T^2. So the best
    rate is above the smaller of 1 and S / (1.2 E T^2).
    """
    largest = float(terms.values[-1])
    gaussian = signal / (count * float(terms.weights @ terms.values**2))
    low, high = sorted((gaussian / 1.2, 1 / largest))
    places = np.arange(4 * math.log2(low), 4 * math.log2(high) + 50)
    rates = 2 ** (places / 4)
    return _Moments(rates, count * terms.log_moment(rates))


def _tilted(terms: Terms, count: int, signal: float) -> _Tilt:
    """Returns the tilt that makes the upper bound of the tail smallest."""
    coarse = _moments(terms, count, signal)
    rates = coarse.rates[np.argmin(coarse.logs - coarse.rates * signal)] * 2 ** np.linspace(
        -0.25, 0.25, 33
    )
    logs = count * terms.log_moment(rates) - rates * signal
    best = int(np.argmin(logs))
    rate = float(rates[best])
    moment = float(terms.log_moment(rate))
    tilted = terms.weights * np.exp(rate * terms.values - moment)
    tilted /= tilted.sum()
    # The best of the rates 2^k, around the inverse of the standard deviation of T.
    deviation = math.sqrt(count * float(tilted @ terms.values**2 - (tilted @ terms.values) ** 2))
    steps = 2.0 ** np.arange(-4, 12) / max(deviation, 1e-3 * float(terms.values[-1]))
    least = -math.log(_ALIASED / 2)
    up, down = (
        count * (terms.log_moment(rate + sign * steps) - moment) + least for sign in (1, -1)
    )
    reach = max(float(np.min(up / steps)) - signal, float(np.min(down / steps)) + signal)
    reach = min(reach, count * float(terms.values[-1]) + signal) * (1 + 1e-9)
    return _Tilt(Terms(terms.values, tilted), rate, math.exp(min(float(logs[best]), 0.0)), reach)


def _of_lattice(terms: Terms, count: int, signal: float) -> Bounded | None:
    """The tail by method 2 for whole numbers, or None if the lattice has too many points."""
    first = terms.values[0]
    span = float(np.gcd.reduce((terms.values - first).astype(np.int64)))
    tilt = _tilted(terms, count, signal)
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
    rounding = 2 * np.mean(np.abs(powers)) * kept.sum() * _ROUNDING * (4 * count + 40)
    return _within(
        tilt.scale * float(chances @ kept), tilt.scale * float(rounding + _ALIASED), tilt.scale
    )


def _within(value: float, bound: float, most: float) -> Bounded:
    """Returns the interval of value and bound, cut to [0, min(most, 1/2)]."""
    low, high = max(value - bound, 0.0), min(value + bound, most, 0.5)
    value = min(max(value, low), high)
    return Bounded(value, max(value - low, high - value, 0.0))


def _of_series(terms: Terms, count: int, signal: float) -> Bounded:
    """The tail by method 3.

    Rare large terms would make the period long, and the series coarse. They are held apart: all
    sums of at most two large terms are made, and the series is that of the other, small terms, at S
    minus such a sum. Of several limits between small and large the one is taken that promises the
    smallest bound, by a series of few frequencies. The bound falls as their number grows.
    """
    scale = float(_moments(terms, count, signal).scales(np.array([signal]))[0])
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
    several = scipy.stats.binom.sf(2, count, beyond)
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
    several = float(scipy.stats.binom.sf(2, count, large))
    value, bound, rest = several / 4, several / 4, several / 4
    for held in range(3):
        sums = _sums(apart, held, _MOST_HELD)
        chance = float(scipy.stats.binom.pmf(held, count, large))
        if sums is None:
            value, bound, rest = value + chance / 2, bound + chance / 2, rest + chance / 2
            continue
        left, weights = signal - sums.values, chance * sums.weights
        # Without the series, the tail of the small terms is between 0 and the bound of Chernoff.
        distance = np.abs(left)
        tails = _moments(kept, count - held, signal).scales(distance) / 2
        tails = np.where(distance > 0, np.minimum(tails, 0.25), 0.5)
        doubts = np.where(distance > 0, tails, 0.0)
        doubtful = np.argsort(weights * doubts)[::-1][:6]
        for place in doubtful[weights[doubtful] * doubts[doubtful] > 1e-3 * _GOOD * bound]:
            found = _series_tail(kept, count - held, float(distance[place]), number)
            tails[place], doubts[place] = found
        unknown = np.delete(np.arange(left.size), doubtful)
        value += float(weights @ np.where(left < 0, 1 - tails, tails))
        bound += float(weights @ doubts)
        rest += float(weights[unknown] @ doubts[unknown])
    return _within(value, bound + 16 * _ROUNDING * value, 0.5), min(rest, bound)


def _series_tail(terms: Terms, count: int, signal: float, number: int) -> Bounded:
    """The tail of all terms by the series of `number` frequencies."""
    return _of_frequencies(_tilted(terms, count, signal), count, signal, number)


def _of_frequencies(tilt: _Tilt, count: int, signal: float, number: int) -> Bounded:
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
    rounding = _ROUNDING * (8 + float(np.sum(lost)))
    bound = tilt.scale * (max(gap, 0.0) + rounding + _ALIASED)
    return _within(tilt.scale * value, bound, tilt.scale)


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
