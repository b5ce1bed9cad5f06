"""`by_age`: what is left of a pattern when others were learned after it."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from nam_jax._misc import argument_error
from nam_jax._types import Key
from nam_jax.measure._criterion import AbstractCriterion
from nam_jax.measure._sampling import (
    Maker,
    Sampler,
    check_numbers,
    interval,
    sets_at_once,
    tails,
)


class ByAge(NamedTuple):
    """The mean score of patterns by how many were learned after them.

    Attributes:
        ages: How many patterns were learned after the one that is asked for, ascending.
        scores: Mean score at each age.
        low: Lower ends of their intervals.
        high: Upper ends.
        sets: Independent sequences of patterns.
    """

    ages: tuple[int, ...]
    scores: Float[np.ndarray, " ages"]
    low: Float[np.ndarray, " ages"]
    high: Float[np.ndarray, " ages"]
    sets: int


def by_age(
    make: Maker,
    num_patterns: int,
    num_neurons: int,
    criterion: AbstractCriterion,
    *,
    key: Key,
    ages: tuple[int, ...] | None = None,
    num_sets: int = 100,
    confidence: float = 0.95,
) -> ByAge:
    """Learns sequences of random patterns and asks for each pattern of the given ages.

    Intervals are the percentile bootstrap over sequences.

    Args:
        make: From patterns (K, N) of -1 and +1, first to last, to the network that learned them.
        num_patterns: K, those that are learned.
        num_neurons: N, at least 2.
        criterion: When a pattern counts as remembered, each by itself.
        key: Random key.
        ages: Ascending, from at least 0 to at most K - 1; all of them by default.
        num_sets: Independent sequences, at least 2.
        confidence: Coverage of the intervals, in (0, 1).

    Raises:
        ValueError: If an argument is out of its range, or the criterion asks for all patterns.
    """
    check_numbers(num_patterns=num_patterns, num_neurons=num_neurons, num_sets=num_sets)
    tails(confidence)  # before the work
    ages = tuple(range(num_patterns)) if ages is None else ages
    if not ages or list(ages) != sorted(set(ages)) or ages[0] < 0 or ages[-1] >= num_patterns:
        raise argument_error("ages", f"ascend from at least 0 to at most {num_patterns - 1}", ages)
    if criterion.all_patterns:
        raise argument_error("criterion", "ask for patterns one by one", "all_patterns=True")
    sampler = Sampler(make, criterion, num_neurons, len(ages), num_sets, key=key)
    chunk = sets_at_once(num_sets, num_patterns, num_neurons)
    by_set = []
    for first in range(0, num_sets, chunk):
        places = range(first, first + chunk)
        learned = sampler.patterns(places, num_patterns)
        asked = learned[:, num_patterns - 1 - np.asarray(ages)]
        by_set.append(sampler.scores(jnp.asarray(learned), jnp.asarray(asked), places))
    scores = np.concatenate(by_set)[:num_sets]
    low, high = interval(scores, key=key, confidence=confidence)
    return ByAge(ages, scores.mean(axis=0), low, high, num_sets)
