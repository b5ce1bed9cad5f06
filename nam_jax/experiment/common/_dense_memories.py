"""The dense memories that names make, with the capacity that theory predicts for each."""

import math
from collections.abc import Callable
from typing import Any

from nam_jax import measure, theory
from nam_jax._types import Key, Patterns
from nam_jax.experiment.common._memories import Memory, dense_costs, exponentially_many
from nam_jax.memory import (
    AbstractSeparation,
    DistinctPower,
    Exponential,
    LogSumExp,
    Power,
    RectifiedPower,
)
from nam_jax.network import AbstractNetwork, DenseAssociativeMemory


def dense(separation: Callable[..., AbstractSeparation], **numbers: Any) -> Memory:
    """Returns the dense memory whose separation function is `separation(**numbers)`."""

    def make(patterns: Patterns, key: Key | None = None) -> AbstractNetwork:
        del key
        return DenseAssociativeMemory(patterns, separation(**numbers))

    made = Memory(make, costs=dense_costs)
    law = _LAWS.get(separation)
    return made if law is None else law(made, **numbers)


def distinct(n: int) -> Memory:
    """Returns the dense memory of products of n different bits; its F depends on N."""
    # How many times as many patterns as F = z^n / n: (2 n - 3)!! / (n - 1)!.
    more = math.prod(range(2 * n - 3, 0, -2)) / math.factorial(n - 1)

    def make(patterns: Patterns, key: Key | None = None) -> AbstractNetwork:
        del key
        return DenseAssociativeMemory(patterns, DistinctPower(n, patterns.shape[1]))

    def predicted(size: int, criterion: measure.AbstractCriterion) -> float:
        if size < n:
            return math.nan
        if isinstance(criterion, measure.OneStep):
            return _one_step(n, size, theory.distinct_difference(size, n), criterion)
        return more * _predicted(n, size, criterion)

    return Memory(make, lambda size: more * _scale(n, size), predicted, dense_costs)


def single_pass(n: int) -> Memory:
    """Returns the dense memory of F = z^n / n with self-coupling, which repeats one pass."""

    def make(patterns: Patterns, key: Key | None = None) -> AbstractNetwork:
        del key
        return DenseAssociativeMemory(patterns, Power(n), self_coupling=True)

    def predicted(size: int, criterion: measure.AbstractCriterion) -> float:
        if n % 2 or n == 2 or n > size or not isinstance(criterion, measure.Recall):
            return math.nan
        capacity = float(theory.self_coupled_capacity(size, n, criterion.flips))
        return capacity if math.isfinite(capacity) else math.nan

    def guess(size: int) -> float:
        return 0.2 * math.exp(min(n / 2 * math.log(size), 700))  # N^(n/2), or a float near it

    return Memory(make, guess, predicted, dense_costs, together=True)


def _power_law(made: Memory, n: int) -> Memory:
    def predicted(size: int, criterion: measure.AbstractCriterion) -> float:
        if n == 2 and isinstance(criterion, measure.Recall):
            known = criterion.flips == 0 and criterion.overlap < 1 and not criterion.all_patterns
            return size * theory.pairwise_load(criterion.overlap) if known else math.nan
        return _predicted(n, size, criterion)

    return made._replace(guess=lambda size: _scale(n, size), predicted=predicted)


def _rectified_law(made: Memory, n: int) -> Memory:
    def predicted(size: int, criterion: measure.AbstractCriterion) -> float:
        if isinstance(criterion, measure.OneStep):
            return _one_step(n, size, theory.rectified_difference(n), criterion)
        return 2 * _predicted(n, size, criterion)

    return made._replace(guess=lambda size: 2 * _scale(n, size), predicted=predicted)


def _exponential_law(made: Memory, beta: float = 1.0) -> Memory:
    del beta
    return made._replace(guess=exponentially_many)


_LAWS: dict[Any, Callable[..., Memory]] = {
    Power: _power_law,
    RectifiedPower: _rectified_law,
    Exponential: _exponential_law,
    LogSumExp: _exponential_law,
}
"""Functions that add the predicted capacity to a dense memory, by separation function."""


def _scale(n: int, size: int) -> float:
    """A guess of the capacity of F = z^n / n: the law of large N at 0.5 % wrong bits.

    The law decreases with n where 2 n > N, which capacities do not. There the guess is the law at
    n = N // 2 + 1.
    """
    return float(theory.capacity_at_error(size, min(n, size // 2 + 1), 0.005))


def _predicted(n: int, size: int, criterion: measure.AbstractCriterion) -> float:
    """The capacity of F = z^n / n by energy differences.

    It is NaN if no law is known, or if the law of large N decreases with n, which capacities do
    not.
    """
    if isinstance(criterion, measure.OneStep):
        return _one_step(n, size, theory.power_difference(n), criterion)
    if not isinstance(criterion, measure.Recall) or n == 2 or criterion.all_patterns:
        return math.nan
    if 2 * n - 3 > size or _overflows(n, size):
        return math.nan
    load = theory.basin_load(n, criterion.flips)
    return load * size ** (n - 1) / math.prod(range(2 * n - 3, 0, -2))


def _one_step(
    n: int, size: int, difference: Callable[[Any], Any], criterion: measure.OneStep
) -> float:
    """The capacity of one step, or NaN if it is beyond 2^60 patterns."""
    if _overflows(n, size):
        return math.nan
    try:
        return theory.exact_capacity_at_error(size, difference, criterion.error)
    except theory.NoValueError:
        return math.nan


def _overflows(n: int, size: int) -> bool:
    """Whether N^(2n), the size of squared differences of F, is near the largest float."""
    return 2 * n * math.log2(size) > 1000
