"""Measures of how well a pattern was recalled, and the rate of recall with its interval."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, ArrayLike, Bool

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar


def overlap(recalled: Pattern, pattern: Pattern) -> Scalar:
    """Returns the mean of `recalled` times `pattern` over neurons.

    For patterns of -1 and +1 it is 1 at the pattern and -1 at its negative.

    Args:
        recalled: Read-out, graded or signs, shape (N,).
        pattern: Usually -1 and +1, shape (N,).

    Raises:
        ValueError: If the shapes differ.
    """
    _check_shapes(recalled, pattern)
    return jnp.mean(recalled * pattern)


def bit_error(recalled: Pattern, pattern: Pattern) -> Scalar:
    """Returns the fraction of neurons whose sign differs from the pattern.

    A silent neuron (exactly 0) counts as wrong.

    Args:
        recalled: Read-out, graded or signs, shape (N,).
        pattern: Usually -1 and +1, shape (N,).

    Raises:
        ValueError: If the shapes differ.
    """
    _check_shapes(recalled, pattern)
    return jnp.mean(jnp.sign(recalled) != jnp.sign(pattern))


def exact_recall(recalled: Pattern, pattern: Pattern) -> Bool[Array, ""]:
    """Returns whether every neuron has the sign of the pattern.

    Args:
        recalled: Read-out, graded or signs, shape (N,).
        pattern: Usually -1 and +1, shape (N,).

    Raises:
        ValueError: If the shapes differ.
    """
    _check_shapes(recalled, pattern)
    return jnp.all(jnp.sign(recalled) == jnp.sign(pattern))


def _check_shapes(recalled: Pattern, pattern: Pattern) -> None:
    """Raises a `ValueError` if the two patterns have different shapes."""
    if jnp.shape(recalled) != jnp.shape(pattern):
        requirement = f"have the shape {jnp.shape(pattern)} of `pattern`; batch with `jax.vmap`"
        raise argument_error("recalled", requirement, f"shape {jnp.shape(recalled)}")


class Rate(NamedTuple):
    """A measured rate with its interval.

    Attributes:
        value: Successes over trials.
        low: Lower end of the interval.
        high: Upper end of the interval.
        trials: Number of trials.
    """

    value: float
    low: float
    high: float
    trials: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def rate(
    successes: ArrayLike | Sequence[bool], *, by_set: bool = False, confidence: float = 0.95
) -> Rate:
    """Returns the rate of `successes` with its interval.

    By default all trials are independent, and the interval is Wilson's score interval (Wilson
    1927). Cues of one network are not independent trials of other networks: they share its wiring
    or its patterns. With `by_set` the interval is over networks or sets of patterns: the variance
    of the rate is that of the means of the sets, and Wilson's formula takes the number of
    independent trials that has this variance and Student's quantile (as Korn & Graubard 1998 do
    for surveys in clusters). If no trial succeeds, or all do, or all sets have one rate, nothing
    tells how much sets differ; all trials then count as independent.

    The rate is computed by NumPy and SciPy and cannot be traced.

    Args:
        successes: Booleans, one for each trial, of any shape. With `by_set`, the first axis counts
            independent networks or sets of patterns, at least 2, of as many trials each.
        by_set: Whether trials are independent only if they differ in the first axis.
        confidence: Coverage of the interval, in (0, 1).

    Raises:
        ValueError: If there are no trials, one is neither true nor false (as NaN, which would count
            as true), there are fewer than 2 sets with `by_set`, or `confidence` is outside (0, 1).
    """
    # For example, two of three sets of 8 trials all succeed and the third all fails. The mean is
    # 2/3 with a variance of 1/9 over sets, as of (2/3) (1/3) / (1/9) = 2 independent trials.
    given = np.asarray(successes)
    if given.size == 0:
        raise argument_error("successes", "hold at least one trial", "none")
    outcomes = given.astype(bool)
    if not np.array_equal(outcomes, given):
        other = given[outcomes != given][0]
        requirement = "hold true or false for each trial (false for a recall that failed)"
        raise argument_error("successes", requirement, f"{other}")
    if not 0 < confidence < 1:
        raise argument_error("confidence", "lie in (0, 1)", confidence)
    tail, value = (1 + confidence) / 2, float(outcomes.mean())
    independent, quantile = float(outcomes.size), float(scipy.stats.norm.ppf(tail))
    if by_set:
        if outcomes.ndim < 2 or outcomes.shape[0] < 2:
            raise argument_error("successes", "hold at least 2 sets on its first axis", "fewer")
        sets = len(outcomes)
        variance = outcomes.reshape(sets, -1).mean(axis=1).var(ddof=1) / sets
        if variance > 0:
            independent = min(value * (1 - value) / float(variance), independent)
        quantile = float(scipy.stats.t.ppf(tail, sets - 1))
    low, high = _wilson(value, independent, quantile)
    return Rate(value, low, high, outcomes.size)


def _wilson(value: float, trials: float, quantile: float) -> tuple[float, float]:
    """Returns Wilson's interval of a rate over `trials`, which need not be a whole number."""
    more = quantile**2 / trials
    middle = (value + more / 2) / (1 + more)
    half = math.sqrt(more * (value * (1 - value) + more / 4)) / (1 + more)
    return max(0.0, min(middle - half, value)), min(1.0, max(middle + half, value))
