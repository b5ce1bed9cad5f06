"""`by_age`: how well a pattern is remembered after others were learned."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from nam_jax._misc import argument_error, check_key
from nam_jax._precision import full
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
    """The mean score of patterns by age, the number of patterns that were learned after them.

    Attributes:
        ages: Ages, ascending.
        scores: Mean score at each age.
        low: Lower ends of the intervals of the scores.
        high: Upper ends of the intervals of the scores.
        sets: Number of independent sequences of patterns.
    """

    ages: tuple[int, ...]
    scores: Float[np.ndarray, " ages"]
    low: Float[np.ndarray, " ages"]
    high: Float[np.ndarray, " ages"]
    sets: int


@full
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
    """Returns the mean score of patterns of the given ages in sequences of random patterns.

    Intervals are from the percentile bootstrap over sequences.

    Args:
        make: Function from patterns of -1 and +1, shape (K, N), first to last, to the network that
            learned them in this order.
        num_patterns: K, number of patterns that are learned.
        num_neurons: N, at least 2.
        criterion: Score of a pattern; with `all_patterns=False`.
        key: Random key.
        ages: Ages in ascending order, from at least 0 to at most K - 1; None for all.
        num_sets: Number of independent sequences, at least 2.
        confidence: Coverage of the intervals, in (0, 1).

    Raises:
        ValueError: If an argument is outside its range, or the criterion asks for all patterns.
    """
    check_key(key)
    check_numbers(1, num_patterns=num_patterns)
    check_numbers(2, num_neurons=num_neurons, num_sets=num_sets)
    tails(confidence)  # checks the confidence before the work begins
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
