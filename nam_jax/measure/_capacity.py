"""`capacity`: how many random patterns a memory holds, by a stated criterion, with an interval."""

import math
from typing import NamedTuple

import jax.random as jr
import numpy as np
from jaxtyping import Float
from scipy import stats

from nam_jax._types import Key
from nam_jax.measure._criterion import AbstractCriterion
from nam_jax.measure._sampling import Maker, Sampler, check_numbers, resampled, tails

_FACTOR = 1.6
"""Between two numbers of patterns while the capacity is bracketed."""
_PILOT_QUERIES = 60
"""Queries from which a bracket is judged first."""
_ITERATIONS = 6
_MOVES = 5
"""How often the numbers of patterns may move to have the crossing among them."""
_FARTHEST = 5.0
"""The probit beyond which scores count as all right or all wrong."""


class Capacity(NamedTuple):
    """The number of patterns at which the mean score falls to the criterion's level.

    Attributes:
        value: K, a real number, by interpolation; infinity if no K tried was too large, and 0 if
            one pattern was too many.
        low: Lower end of its interval; the largest K tried if none was too large.
        high: Upper end; 1 if one pattern was too many.
        counts: The numbers of patterns that the value rests on, ascending.
        scores: The mean score at each of them.
        sets: Independent sets of patterns, the same at every K.
        queries: Queries in each set.
        trials: All queries made, those for the bracket too.
    """

    value: float
    low: float
    high: float
    counts: tuple[int, ...]
    scores: tuple[float, ...]
    sets: int
    queries: int
    trials: int

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def capacity(
    make: Maker,
    num_neurons: int,
    criterion: AbstractCriterion,
    *,
    key: Key,
    guess: float | int | None = None,
    num_sets: int = 64,
    num_queries: int = 8,
    points: int = 5,
    max_patterns: int = 1_000_000,
    confidence: float = 0.95,
) -> Capacity:
    """Measures how many random patterns a memory holds; on the host, by compiled steps.

    From the guess K moves by factors of 1.6 until the criterion's level is crossed. Then `points`
    numbers within a quarter of the crossing are measured on all sets, and the maximum-likelihood
    line of probits against log K gives the value. All K see the same sets of patterns, and
    these the same cues; the interval is the percentile bootstrap over sets. Nothing is ever
    extrapolated. Scores are unbiased; the value is so to well within its interval.

    Args:
        make: From patterns (K, N) of -1 and +1, in random order, to the network that stores them.
        num_neurons: N, at least 2.
        criterion: When a pattern counts as stored.
        key: Random key.
        guess: A K to start from; N / 10 by default.
        num_sets: Independent sets of patterns, at least 2.
        num_queries: Queries in each set, at most K are made; all K if all must succeed.
        points: Numbers of patterns on which the value rests, at least 2.
        max_patterns: The largest K that is tried.
        confidence: Coverage of the interval, in (0, 1).

    Raises:
        ValueError: If an argument is out of its range.
    """
    check_numbers(
        num_neurons=num_neurons, num_sets=num_sets, num_queries=num_queries, points=points
    )
    ends_at = tails(confidence)
    sampler = Sampler(make, criterion, num_neurons, num_queries, jr.split(key, num_sets))
    start = min(max(1, round(num_neurons / 10 if guess is None else guess)), max_patterns)
    pilots = min(num_sets, math.ceil(_PILOT_QUERIES / num_queries))
    low, high = _bracket(sampler, (start, start), pilots, max_patterns)
    if low >= 1 and high <= max_patterns:
        low, high = _bracket(sampler, (low, high), num_sets, max_patterns)
    if low < 1:
        return Capacity(0.0, 0.0, 1.0, (), (), num_sets, num_queries, sampler.trials)
    if high > max_patterns:
        return Capacity(
            math.inf, float(low), math.inf, (), (), num_sets, num_queries, sampler.trials
        )
    centre = _pilot_crossing(sampler, (low, high), start)
    counts, scores = _around_the_crossing(sampler, centre, points, max_patterns)
    by_set = scores.mean(axis=2)
    means = by_set.mean(axis=1)
    fit = _Fit(np.log(counts), criterion)
    value = float(fit.crossing(means[None])[0])
    over_sets = fit.crossing(resampled(num_sets, key=key) @ by_set.T)
    low, high = (float(end) for end in np.nanquantile(over_sets, ends_at))
    shown = tuple(float(mean) for mean in means)
    return Capacity(
        value, low, high, tuple(counts), shown, num_sets, scores.shape[2], sampler.trials
    )


def _bracket(
    sampler: Sampler, around: tuple[int, int], num_sets: int, max_patterns: int
) -> tuple[int, int]:
    """Numbers of patterns with a mean score above the level, and not above it, `_FACTOR` apart.

    0 if one pattern is too many; beyond `max_patterns` if that many are not.
    """

    def stored(count: int) -> bool:
        return bool(sampler([count], num_sets).mean() > sampler.criterion.level)

    low, high = around
    if stored(low):
        while high == low or stored(high):
            if high == max_patterns:
                return high, max_patterns + 1
            low, high = high, min(max(high + 1, round(high * _FACTOR)), max_patterns)
        return low, high
    while True:
        low, high = min(low - 1, round(low / _FACTOR)), low
        if low < 1 or stored(low):
            return low, high


def _pilot_crossing(sampler: Sampler, bracket: tuple[int, int], start: int) -> float:
    """Where the ends of the bracket place the crossing.

    Rounded to a quarter of `_FACTOR` from the start, so that runs from one start share programs.
    """
    ends = np.stack([sampler([count], len(sampler.keys))[0].mean() for count in bracket])
    found = _Fit(np.log(bracket), sampler.criterion).crossing(ends[None])[0]
    steps = math.log(found / start) / math.log(_FACTOR)
    return start * _FACTOR ** (round(4 * steps) / 4)


def _around_the_crossing(
    sampler: Sampler, centre: float, points: int, max_patterns: int
) -> tuple[list[int], Float[np.ndarray, "C sets queries"]]:
    """Numbers of patterns with the crossing among them, and their scores."""
    level, num_sets = sampler.criterion.level, len(sampler.keys)
    counts = _around(centre, points, max_patterns)
    scores = sampler(counts, num_sets)
    for _ in range(_MOVES):
        means = scores.mean(axis=(1, 2))
        if means[0] > level >= means[-1]:
            break
        counts = _around(counts[0] if means[0] <= level else counts[-1], points, max_patterns)
        scores = sampler(counts, num_sets)
    return counts, scores


def _around(centre: float, points: int, max_patterns: int) -> list[int]:
    """Numbers of patterns within a quarter of the centre, at least two."""
    numbers = np.geomspace(centre / _FACTOR**0.5, centre * _FACTOR**0.5, points)
    counts = {min(max(1, round(number)), max_patterns) for number in numbers}
    return sorted(counts | ({1, 2} if len(counts) == 1 else set()))


class _Fit:
    """The maximum-likelihood probit line of scores against log K, for many samples at once."""

    def __init__(self, log_counts: np.ndarray, criterion: AbstractCriterion):
        self.log_counts, self.criterion = log_counts, criterion

    def crossing(self, scores: Float[np.ndarray, "R counts"]) -> Float[np.ndarray, " R"]:
        """The K at which each line is at the level, kept within the numbers measured.

        NaN for a line that does not fall, which crosses nowhere.
        """
        line = self._transformed(scores)
        weights = np.ones_like(line)
        for _ in range(_ITERATIONS):
            mean_x, mean_line, slope = self._straight(line, weights)
            line = mean_line + slope * (self.log_counts - mean_x)
            # Scoring: the response linearised at the line, weighted by the binomial's information.
            probit = np.exp(line) if self.criterion.one_sided else line
            probit = np.clip(probit, -_FARTHEST, _FARTHEST)
            share = stats.norm.cdf(probit)
            growth = stats.norm.pdf(probit) * (probit if self.criterion.one_sided else 1)
            weights = growth**2 / (share * (1 - share))
            line = line + (scores - share) / growth
        mean_x, mean_line, slope = self._straight(line, weights)
        goal = self._transformed(np.array([self.criterion.level]))[0]
        falls = slope < 0
        place = mean_x + (goal - mean_line) / np.where(falls, slope, -1)
        place = np.clip(place, self.log_counts[0], self.log_counts[-1])
        return np.where(falls, np.exp(place), np.nan)[:, 0]

    def _straight(
        self, y: Float[np.ndarray, "R counts"], weights: Float[np.ndarray, "R counts"]
    ) -> tuple[Float[np.ndarray, "R 1"], ...]:
        """Mean place, mean value and slope of the weighted least-squares line."""
        weights = weights / weights.sum(axis=1, keepdims=True)
        mean_x = (weights * self.log_counts).sum(axis=1, keepdims=True)
        mean_y = (weights * y).sum(axis=1, keepdims=True)
        x = self.log_counts - mean_x
        slope = (weights * x * y).sum(axis=1) / (weights * x**2).sum(axis=1)
        return mean_x, mean_y, slope[:, None]

    def _transformed(self, scores: np.ndarray) -> np.ndarray:
        """Probits of scores; for a one-sided criterion their logarithms."""
        level = self.criterion.level
        least = 0.1 * min(level, 1 - level)  # only where the iteration starts
        probit = stats.norm.ppf(np.clip(scores, least, 1 - least))
        return np.log(np.maximum(probit, 1e-3)) if self.criterion.one_sided else probit
