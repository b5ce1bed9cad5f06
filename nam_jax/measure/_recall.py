"""How well patterns were recalled: per sample, and as a rate with an interval."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, ArrayLike, Bool

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar


def overlap(recalled: Pattern, pattern: Pattern) -> Scalar:
    """Mean of `recalled` times `pattern` over neurons: 1 at the pattern, -1 at its negative.

    Args:
        recalled: (N,), graded or signs.
        pattern: (N,), usually -1 and +1.
    """
    return jnp.mean(recalled * pattern)


def bit_error(recalled: Pattern, pattern: Pattern) -> Scalar:
    """Fraction of neurons whose sign differs; a silent neuron (exactly 0) counts as wrong."""
    return jnp.mean(jnp.sign(recalled) != jnp.sign(pattern))


def exact_recall(recalled: Pattern, pattern: Pattern) -> Bool[Array, ""]:
    """Whether every neuron has the sign of the pattern."""
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
    """The rate of `successes` with its Wilson score interval (Wilson 1927), on the host.

    Args:
        successes: Booleans, one a trial, of any shape.
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
