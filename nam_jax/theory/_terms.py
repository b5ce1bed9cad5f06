"""Symmetric distributions of few values, their exponential moments, and numbers with a bound."""

import math
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float

Values = Float[np.ndarray, " A"]
ROUNDING = 2.0**-52
ALIASED = 1e-17
"""Probability of sums that are a period away, after the tilt."""


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


def scaled(terms: Terms) -> Terms:
    """Returns the terms, the largest of which is made 1."""
    return Terms(terms.values / terms.values[-1], terms.weights)


def alike(numbers: Values) -> Values:
    """Returns the numbers, those that differ by rounding errors only made equal."""
    order = np.argsort(numbers)
    rising = numbers[order]
    new = np.append(True, np.diff(rising) > 32 * ROUNDING * rising[1:])
    alike = np.empty_like(numbers)
    alike[order] = rising[new][np.cumsum(new) - 1]
    return alike


def whole_numbers(numbers: Values) -> Values | None:
    """Returns the numbers as whole numbers in one unit, or None if they are not multiples of one.

    For example, 8/3 and 56/3 become 8 and 56.
    """
    # A factor of all numbers must not matter: 4/61 and 12/61 are 1 and 3 in units of the first.
    least = float(np.min(numbers[numbers > 0]))
    with np.errstate(over="ignore", invalid="ignore"):
        for base in (1.0, least):
            for unit in range(1, 61):
                multiples = unit * (numbers / base)
                whole = np.rint(multiples)
                if np.all(np.abs(multiples - whole) <= 36 * ROUNDING * whole):
                    return whole
    return None


def merged(values: Values, weights: Values) -> Terms:
    """Returns the distribution in which equal values are one."""
    values, places = np.unique(values, return_inverse=True)
    return Terms(values, np.bincount(places, weights))


def within(value: float, bound: float, most: float) -> Bounded:
    """Returns the interval of value and bound, cut to [0, min(most, 1/2)]."""
    low, high = max(value - bound, 0.0), min(value + bound, most, 0.5)
    value = min(max(value, low), high)
    return Bounded(value, max(value - low, high - value, 0.0))


class Tilt(NamedTuple):
    """Terms whose probabilities are multiplied by exp(L z), and what follows from them.

    Attributes:
        terms: The tilted terms.
        rate: L.
        scale: E exp(L (T - S)), an upper bound of the tail.
        reach: T differs from S by less than this, except with the probability `ALIASED`.
    """

    terms: Terms
    rate: float
    scale: float
    reach: float


class Moments(NamedTuple):
    """log E exp(t T) at many rates t, for the bound of Chernoff."""

    rates: Values
    logs: Values

    def scales(self, signals: Values) -> Values:
        """Returns upper bounds of the tails at positive signals."""
        logs = np.full(np.shape(signals), 0.0)
        for rate, log in zip(self.rates, self.logs, strict=True):
            np.minimum(logs, log - rate * signals, out=logs)
        return np.exp(logs)


def moments(terms: Terms, count: int, signal: float) -> Moments:
    """Returns moments at rates 2^(k/4) that hold the best one for the tail at `signal`.

    With z <= 1 and t <= 1, the derivative of log E exp(t T) is at most 1.2 t E T^2. So the best
    rate is above the smaller of 1 and S / (1.2 E T^2).
    """
    largest = float(terms.values[-1])
    gaussian = signal / (count * float(terms.weights @ terms.values**2))
    low, high = sorted((gaussian / 1.2, 1 / largest))
    places = np.arange(4 * math.log2(low), 4 * math.log2(high) + 50)
    rates = 2 ** (places / 4)
    return Moments(rates, count * terms.log_moment(rates))


def tilted(terms: Terms, count: int, signal: float) -> Tilt:
    """Returns the tilt that makes the upper bound of the tail smallest."""
    coarse = moments(terms, count, signal)
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
    least = -math.log(ALIASED / 2)
    up, down = (
        count * (terms.log_moment(rate + sign * steps) - moment) + least for sign in (1, -1)
    )
    reach = max(float(np.min(up / steps)) - signal, float(np.min(down / steps)) + signal)
    reach = min(reach, count * float(terms.values[-1]) + signal) * (1 + 1e-9)
    return Tilt(Terms(terms.values, tilted), rate, math.exp(min(float(logs[best]), 0.0)), reach)
