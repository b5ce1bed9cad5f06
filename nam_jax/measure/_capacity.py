"""`capacity`: how many random patterns a memory holds, by a stated criterion, with an interval."""

import math
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float

from nam_jax._types import Key
from nam_jax.measure._criterion import AbstractCriterion
from nam_jax.measure._sampling import (
    Maker,
    Sampler,
    check_numbers,
    resampled,
    tails,
)

_FACTOR = 1.6
"""Between two numbers of patterns while the capacity is bracketed."""
_PLACES = 4
"""Steps in which that factor is divided once it is."""
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
    sampler = Sampler(make, criterion, num_neurons, num_queries, num_sets, key=key)
    start = min(max(1.0, num_neurons / 10 if guess is None else guess), max_patterns)
    search = _Search(sampler, start, max_patterns)
    low, high = search.bracket(*search.bracket(0, 0, sampler.pilots), num_sets)
    if low == high:  # no K is too large, or the first one is
        some = search.is_stored(low, num_sets)
        value, least = (math.inf, float(max_patterns)) if some else (0.0, 0.0)
        most = math.inf if some else 1.0
        return Capacity(value, least, most, (), (), num_sets, num_queries, sampler.trials)
    counts, scores = search.around(search.crossing(low, high), points)
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


class _Search:
    """Numbers of patterns by their place: the start times 1.6 to the power place / 4.

    Runs from one start, and the steps of one run, so come to the same numbers and share programs.
    """

    def __init__(self, sampler: Sampler, start: float | int, max_patterns: int):
        self.sampler, self.start, self.max_patterns = sampler, start, max_patterns

    def number_at(self, place: float | int) -> int:
        """K at a place, from 1 to the largest allowed."""
        number = round(self.start * _FACTOR ** (place / _PLACES))
        return min(max(1, number), self.max_patterns)

    def is_stored(self, place: int, num_sets: int) -> bool:
        """Whether the mean score at a place is above the level."""
        scores = self.sampler([self.number_at(place)], num_sets)
        return bool(scores.mean() > self.sampler.criterion.level)

    def bracket(self, low: int, high: int, num_sets: int) -> tuple[int, int]:
        """Places with a score above the level, and not above it, a factor apart; or twice one.

        Twice one place: that of 1, where one pattern is too many, or of the largest K, where none
        is.
        """
        if self.is_stored(low, num_sets):
            while low == high or self.is_stored(high, num_sets):
                if self.number_at(high) == self.max_patterns:
                    return high, high
                low, high = high, high + _PLACES
            return low, high
        while True:
            if self.number_at(low) == 1:
                return low, low
            low, high = low - _PLACES, low
            if self.is_stored(low, num_sets):
                return low, high

    def crossing(self, low: int, high: int) -> int:
        """The place nearest to where the ends of a bracket put the crossing."""
        numbers = [self.number_at(place) for place in (low, high)]
        ends = np.array([[self.sampler([number]).mean() for number in numbers]])
        found = _Fit(np.log(numbers), self.sampler.criterion).crossing(ends)[0]
        return round(_PLACES * math.log(found / self.start) / math.log(_FACTOR))

    def around(
        self, centre: int, points: int
    ) -> tuple[list[int], Float[np.ndarray, "C sets queries"]]:
        """Numbers of patterns with the crossing among them, and their scores."""
        counts = self._near(centre, points)
        scores = self.sampler(counts)
        for _ in range(_MOVES):
            means, level = scores.mean(axis=(1, 2)), self.sampler.criterion.level
            if means[0] > level >= means[-1]:
                break
            centre += -_PLACES // 2 if means[0] <= level else _PLACES // 2
            counts = self._near(centre, points)
            scores = self.sampler(counts)
        return counts, scores

    def _near(self, centre: int, points: int) -> list[int]:
        places = np.linspace(centre - _PLACES / 2, centre + _PLACES / 2, points)
        counts = {self.number_at(float(place)) for place in places}
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
            share = scipy.stats.norm.cdf(probit)
            growth = scipy.stats.norm.pdf(probit) * (probit if self.criterion.one_sided else 1)
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
        probit = scipy.stats.norm.ppf(np.clip(scores, least, 1 - least))
        return np.log(np.maximum(probit, 1e-3)) if self.criterion.one_sided else probit
