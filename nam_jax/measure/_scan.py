"""`scan`: how well patterns are stored, at given numbers of them."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nam_jax._misc import argument_error
from nam_jax._types import Key
from nam_jax.measure._criterion import AbstractCriterion
from nam_jax.measure._sampling import Maker, Sampler, check_numbers, interval, tails


class Scan(NamedTuple):
    """The mean score at each number of patterns.

    Attributes:
        counts: The numbers of patterns K.
        scores: The mean score at each.
        low: Lower ends of their intervals.
        high: Upper ends.
        sets: Independent sets of patterns, the same at every K.
        queries: Queries in each set.
    """

    counts: tuple[int, ...]
    scores: Float[np.ndarray, " C"]
    low: Float[np.ndarray, " C"]
    high: Float[np.ndarray, " C"]
    sets: int
    queries: int


def scan(
    make: Maker,
    counts: tuple[int, ...],
    num_neurons: int,
    criterion: AbstractCriterion,
    *,
    key: Key,
    num_sets: int = 64,
    num_queries: int = 8,
    confidence: float = 0.95,
) -> Scan:
    """Stores random patterns, more and more of them, and asks for some; on the host.

    All K see the same sets of patterns and the same cues. Intervals are the percentile bootstrap
    over sets. For the K at which scores cross a level, see [`nam_jax.measure.capacity`][].

    Args:
        make: From patterns (K, N) of -1 and +1, in random order, to the network that stores them.
        counts: The numbers of patterns K, ascending from at least 1.
        num_neurons: N, at least 2.
        criterion: When a pattern counts as stored.
        key: Random key.
        num_sets: Independent sets of patterns, at least 2.
        num_queries: Queries in each set, at most the least K; all K if all must succeed.
        confidence: Coverage of the intervals, in (0, 1).

    Raises:
        ValueError: If an argument is out of its range.
    """
    check_numbers(num_neurons=num_neurons, num_sets=num_sets, num_queries=num_queries)
    tails(confidence)  # before the work
    if not counts or any(a >= b for a, b in itertools.pairwise((0, *counts))):
        raise argument_error("counts", "ascend from at least 1", counts)
    sampler = Sampler(make, criterion, num_neurons, num_queries, num_sets, key=key, pilots=num_sets)
    scores = sampler(list(counts))
    by_set = scores.mean(axis=2).T
    low, high = interval(by_set, key=key, confidence=confidence)
    return Scan(counts, by_set.mean(axis=0), low, high, num_sets, scores.shape[2])
