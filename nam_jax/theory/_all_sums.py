"""All sums of independent terms that take few values, and the tail of their distribution."""

from typing import NamedTuple

import numpy as np

from nam_jax.theory._terms import ROUNDING, Bounded, Terms, Values


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


def sums_of(terms: Terms, count: int, most: int) -> _Sums | None:
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


def of_all_sums(terms: Terms, count: int, signal: float, most: int) -> Bounded | None:
    """The tail by method 1, or None if there are too many sums.

    The sums of two halves of the terms are made, and each sum of one half finds the part of the
    other half that is above S minus it.

    Args:
        terms: The distribution of a term.
        count: Number of terms.
        signal: S.
        most: Largest number of sums.
    """
    half, other = (sums_of(terms, part, most) for part in (count // 2, count - count // 2))
    if half is None or other is None:
        return None
    values, rests = _exact_sum(np.full_like(other.values, signal), -other.values)
    values, rests = _exact_sum(values, rests - other.rests)
    ranks, _ = _ranks(np.append(half.values, values), np.append(half.rests, rests))
    ranks, wanted = ranks[: half.values.size], ranks[half.values.size :]
    at = np.bincount(ranks, half.weights, minlength=int(np.max(wanted)) + 1)
    above = np.append(np.cumsum(at[::-1])[::-1], 0.0)
    value = float(other.weights @ (above[wanted] + above[wanted + 1])) / 2
    return Bounded(value, 2 * ROUNDING * (count + 8) * value)
