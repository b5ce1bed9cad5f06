"""Measures of how well a pattern was recalled, and the rate of recall with its interval."""

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
    """
    return jnp.mean(recalled * pattern)


def bit_error(recalled: Pattern, pattern: Pattern) -> Scalar:
    """Returns the fraction of neurons whose sign differs from the pattern.

    A silent neuron (exactly 0) counts as wrong.

    Args:
        recalled: Read-out, graded or signs, shape (N,).
        pattern: Usually -1 and +1, shape (N,).
    """
    return jnp.mean(jnp.sign(recalled) != jnp.sign(pattern))


def exact_recall(recalled: Pattern, pattern: Pattern) -> Bool[Array, ""]:
    """Returns whether every neuron has the sign of the pattern.

    Args:
        recalled: Read-out, graded or signs, shape (N,).
        pattern: Usually -1 and +1, shape (N,).
    """
    return jnp.all(jnp.sign(recalled) == jnp.sign(pattern))


class Rate(NamedTuple):
    """A measured rate with its Wilson interval.

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


def rate(successes: ArrayLike | Sequence[bool], *, confidence: float = 0.95) -> Rate:
    """Returns the rate of `successes` with its Wilson score interval (Wilson 1927).

    It is computed by NumPy and SciPy and cannot be traced.

    Args:
        successes: Booleans, one for each trial, of any shape.
        confidence: Coverage of the interval, in (0, 1).

    Raises:
        ValueError: If there are no trials, or `confidence` is outside (0, 1).
    """
    outcomes = np.asarray(successes, bool).ravel()
    if outcomes.size == 0:
        raise argument_error("successes", "hold at least one trial", "none")
    if not 0 < confidence < 1:
        raise argument_error("confidence", "lie in (0, 1)", confidence)
    test = scipy.stats.binomtest(int(outcomes.sum()), outcomes.size)
    interval = test.proportion_ci(confidence, method="wilson")
    low, high = float(interval.low), float(interval.high)
    return Rate(float(outcomes.mean()), low, high, outcomes.size)
