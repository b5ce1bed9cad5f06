"""`scan`: how well patterns are stored, at given numbers of patterns."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nam_jax._misc import argument_error, check_key
from nam_jax._precision import full
from nam_jax._types import Key
from nam_jax.measure._criterion import AbstractCriterion
from nam_jax.measure._sampling import Maker, Sampler, check_numbers, interval, tails


class Scan(NamedTuple):
    """The mean score at each number of patterns.

    Attributes:
        counts: Numbers of patterns K.
        scores: Mean score at each K.
        low: Lower ends of the intervals of the scores.
        high: Upper ends of the intervals of the scores.
        sets: Number of independent sets of patterns; all K use the same sets.
        queries: Number of queries in each set.
    """

    counts: tuple[int, ...]
    scores: Float[np.ndarray, " C"]
    low: Float[np.ndarray, " C"]
    high: Float[np.ndarray, " C"]
    sets: int
    queries: int


@full
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
    """Returns the mean score of random stored patterns at each number of patterns.

    All K use the same sets of patterns and the same cues. Intervals are from the percentile
    bootstrap over sets. [`nam_jax.measure.capacity`][] gives the K at which scores cross
    a level. The function runs in Python, with compiled steps, and cannot be traced.

    Args:
        make: Function from patterns of -1 and +1, shape (K, N), in random order, to the network
            that stores them.
        counts: Numbers of patterns K, ascending from at least 1.
        num_neurons: N, at least 2.
        criterion: Score of a stored pattern.
        key: Random key.
        num_sets: Number of independent sets of patterns, at least 2.
        num_queries: Number of queries in each set; at most the smallest K are made, and all K if
            the criterion asks for all patterns.
        confidence: Coverage of the intervals, in (0, 1).

    Raises:
        ValueError: If an argument is outside its range.
    """
    check_key(key)
    check_numbers(1, num_queries=num_queries)
    check_numbers(2, num_neurons=num_neurons, num_sets=num_sets)
    tails(confidence)  # checks the confidence before the work begins
    if not counts or any(a >= b for a, b in itertools.pairwise((0, *counts))):
        raise argument_error("counts", "ascend from at least 1", counts)
    sampler = Sampler(make, criterion, num_neurons, num_queries, num_sets, key=key, pilots=num_sets)
    scores = sampler(list(counts))
    by_set = scores.mean(axis=2).T
    low, high = interval(by_set, key=key, confidence=confidence)
    return Scan(counts, by_set.mean(axis=0), low, high, num_sets, scores.shape[2])
