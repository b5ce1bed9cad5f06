"""`capacity`: the number of random patterns that a memory holds by a criterion, with interval."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nam_jax._misc import check_key
from nam_jax._precision import full
from nam_jax._types import Key
from nam_jax.measure._criterion import AbstractCriterion
from nam_jax.measure._probit import ProbitLine
from nam_jax.measure._sampling import (
    Maker,
    Sampler,
    check_numbers,
    resampled,
    tails,
)

_FACTOR = 1.6
"""Ratio of successive numbers of patterns K while the capacity is bracketed."""
_PLACES = 4
"""Number of places per factor of 1.6: neighbouring places differ by a factor 1.6^(1/4)."""
_MOVES = 5
"""How often the numbers of patterns may be moved until the crossing is among them."""


class Capacity(NamedTuple):
    """The number of patterns at which the mean score falls to the level of the criterion.

    Attributes:
        value: K, a real number, by interpolation; infinity if no K tried was too large, and 0 if
            one pattern was too many.
        low: Lower end of the interval of K; `max_patterns` if no K tried was too large.
        high: Upper end of the interval of K; 1 if one pattern was too many.
        counts: Numbers of patterns to which the probit line was fitted, ascending.
        scores: Mean score at each of `counts`.
        sets: Number of independent sets of patterns; all K use the same sets.
        queries: Number of queries in each set.
        trials: Number of all queries made, including the search for the bracket.
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


@full
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
    """Returns the number of random patterns that a memory holds by a criterion.

    First, K changes by factors of 1.6 from the guess until the mean score crosses the level of the
    criterion. Then `points` numbers of patterns within a quarter of the crossing are measured on
    all sets, and the maximum-likelihood line of probits of scores against log K gives the value.
    All K use the same sets of patterns and the same cues. The interval is from the percentile
    bootstrap over sets. The value is never extrapolated beyond the numbers measured. Scores are
    unbiased; the bias of the value is well within its interval.

    The function runs in Python, with compiled steps, and cannot be traced.

    Args:
        make: Function from patterns of -1 and +1, shape (K, N), in random order, to the network
            that stores them.
        num_neurons: N, at least 2.
        criterion: Score of a stored pattern, and its level at capacity.
        key: Random key.
        guess: First K to try; None for N / 10.
        num_sets: Number of independent sets of patterns, at least 2.
        num_queries: Number of queries in each set; at most K are made, and all K if the criterion
            asks for all patterns.
        points: Number of K to which the line is fitted, at least 2.
        max_patterns: Largest K to try.
        confidence: Coverage of the interval, in (0, 1).

    Raises:
        ValueError: If an argument is outside its range.
    """
    # With N = 100 the guess is 10. If 10 and 16 patterns are stored and 26 are not, the bracket is
    # 16 to 26. A line through its two scores puts the crossing near 20, say. Five numbers between
    # 20 / 1.26 and 20 x 1.26 are then measured on all sets, and the line through them is fitted
    # again, once for the value and once for each resample of the bootstrap.
    check_key(key)
    check_numbers(1, num_queries=num_queries)
    check_numbers(2, num_neurons=num_neurons, num_sets=num_sets, points=points)
    ends_at = tails(confidence)
    sampler = Sampler(make, criterion, num_neurons, num_queries, num_sets, key=key)
    start = min(max(1.0, num_neurons / 10 if guess is None else guess), max_patterns)
    search = _Search(sampler, start, max_patterns)
    low, high = search.bracket(*search.bracket(0, 0, sampler.pilots), num_sets)
    if low == high:  # no K is too large, or already K = 1 is
        some = search.is_stored(low, num_sets)
        value, least = (math.inf, float(max_patterns)) if some else (0.0, 0.0)
        most = math.inf if some else 1.0
        return Capacity(value, least, most, (), (), num_sets, num_queries, sampler.trials)
    counts, scores = search.around(search.crossing(low, high), points)
    by_set = scores.mean(axis=2)
    means = by_set.mean(axis=1)
    line = _line(counts, criterion)
    value = float(line.crossing(means[None])[0])
    over_sets = line.crossing(resampled(num_sets, key=key) @ by_set.T)
    low, high = (float(end) for end in np.nanquantile(over_sets, ends_at))
    shown = tuple(float(mean) for mean in means)
    return Capacity(
        value, low, high, tuple(counts), shown, num_sets, scores.shape[2], sampler.trials
    )


class _Search:
    """A search over numbers of patterns K = start times 1.6^(place / 4), with whole places.

    Places make different steps of a search, and searches of the same start, try the same K, so that
    they share compiled programs.
    """

    def __init__(self, sampler: Sampler, start: float | int, max_patterns: int):
        self.sampler, self.start, self.max_patterns = sampler, start, max_patterns

    def number_at(self, place: float | int) -> int:
        """Returns K at a place, from 1 to `max_patterns`."""
        number = round(self.start * _FACTOR ** (place / _PLACES))
        return min(max(1, number), self.max_patterns)

    def is_stored(self, place: int, num_sets: int) -> bool:
        """Returns whether the mean score at a place is above the level."""
        scores = self.sampler([self.number_at(place)], num_sets)
        return bool(scores.mean() > self.sampler.criterion.level)

    def bracket(self, low: int, high: int, num_sets: int) -> tuple[int, int]:
        """Returns two places a factor of 1.6 apart between which scores fall to the level.

        The score at the first place is above the level, at the second it is not. If one pattern is
        too many, both places are the place of K = 1; if no K is too large, both are the place of
        the largest K.

        Args:
            low: Lower place to start from.
            high: Upper place to start from; may equal `low`.
            num_sets: Number of sets of patterns to average over.
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
        """Returns the place nearest to the crossing of the line through the ends of a bracket."""
        numbers = [self.number_at(place) for place in (low, high)]
        ends = np.array([[self.sampler([number]).mean() for number in numbers]])
        crossing = _line(numbers, self.sampler.criterion).crossing(ends)[0]
        return round(_PLACES * math.log(crossing / self.start) / math.log(_FACTOR))

    def around(
        self, centre: int, points: int
    ) -> tuple[list[int], Float[np.ndarray, "C sets queries"]]:
        """Returns numbers of patterns with the crossing between them, and their scores."""
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
        """Returns about `points` numbers of patterns around a place, ascending and at least two."""
        places = np.linspace(centre - _PLACES / 2, centre + _PLACES / 2, points)
        counts = {self.number_at(float(place)) for place in places}
        return sorted(counts | ({1, 2} if len(counts) == 1 else set()))


def _line(counts: list[int], criterion: AbstractCriterion) -> ProbitLine:
    return ProbitLine(np.log(counts), criterion.level, one_sided=criterion.one_sided)
