"""Memories that keep each pattern as a row, so that patterns can be added, removed or replaced."""

import abc
import operator
from collections.abc import Sequence
from typing import Any, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, check_finite
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Patterns

Answers = Float[Array, "K M"] | None
"""Answers to the patterns, (K, M); None if a memory answers with its patterns."""

Numbers = ArrayLike | Sequence[Any]
"""An array, or nested lists of numbers."""

# `typing.Self` is no alternative: beartype refuses it in methods that jaxtyping decorates singly.
Store = TypeVar("Store", bound="AbstractPatternStore")


class AbstractPatternStore(AbstractPrecise):
    """A memory with one row for each pattern.

    Its patterns can be replaced without any learning. Only arrays with one row or entry for each
    pattern change; leaks, Lagrangians, strengths and all other parts stay the same objects. The
    result equals a memory that is made of the new patterns with the same arguments. Under `jax.jit`
    a new K compiles a new program.
    """

    @abc.abstractmethod
    def stored(self) -> tuple[Patterns, Answers]:
        """Returns the patterns, (K, N), and their answers, (K, M) or None as in `Answers`."""

    @abc.abstractmethod
    def check_rows(self, patterns: Patterns) -> None:
        """Raises a `ValueError` if this memory cannot store the numbers in `patterns`, (K, N)."""

    @abc.abstractmethod
    def with_rows(self: Store, patterns: Patterns, answers: Answers) -> Store:
        """Returns a copy of this memory that holds `patterns` and `answers` instead of its own.

        The arrays are not checked; `with_patterns` checks them.

        Args:
            patterns: (K, N) with any K, in the dtype of the stored patterns.
            answers: (K, M), or None if `stored` returns None for the answers.

        Raises:
            ValueError: If the memory has parts that were learned from its patterns. For example,
                the couplings of a rule other than the Hebbian one do not fit other patterns.
        """

    def with_patterns(self: Store, patterns: Numbers, answers: Numbers | None = None) -> Store:
        """Returns a copy of this memory that holds `patterns` instead of its own.

        Args:
            patterns: (K, N) with the N of this memory and any K. Arrays of floats must have the
                dtype of the stored patterns; integers and Python numbers are converted to it.
            answers: (K, M), for a memory whose answers are not its patterns; otherwise None.

        Raises:
            ValueError: If a shape or dtype is wrong, a number is not finite or cannot be stored,
                answers are missing or not wanted, or the memory has parts that were learned from
                its patterns.
        """
        before, answers_before = self.stored()
        _check_given("answers", answers, answers_before)
        rows = rows_like("patterns", patterns, before, (None, before.shape[1]))
        self.check_rows(rows)
        if answers is None or answers_before is None:
            return self.with_rows(rows, None)
        shape = (rows.shape[0], answers_before.shape[1])
        return self.with_rows(rows, rows_like("answers", answers, answers_before, shape))

    def added(self: Store, pattern: Numbers, answer: Numbers | None = None) -> Store:
        """Returns a copy of this memory with one more pattern, in the last row.

        Args:
            pattern: (N,), of a dtype that `with_patterns` takes.
            answer: (M,), for a memory whose answers are not its patterns; otherwise None.

        Raises:
            ValueError: As for `with_patterns`.
        """
        before, answers_before = self.stored()
        _check_given("answer", answer, answers_before)
        row = rows_like("pattern", pattern, before, before.shape[1:])
        self.check_rows(row[None])
        patterns = jnp.concatenate([before, row[None]])
        if answer is None or answers_before is None:
            return self.with_rows(patterns, None)
        row = rows_like("answer", answer, answers_before, answers_before.shape[1:])
        return self.with_rows(patterns, jnp.concatenate([answers_before, row[None]]))

    def removed(self: Store, index: int) -> Store:
        """Returns a copy of this memory without one pattern; later patterns move up by one row.

        Args:
            index: The row of the pattern, from 0 to K - 1.

        Raises:
            ValueError: If there is no row `index`, if it is the only row, or if the memory has
                parts that were learned from its patterns.
        """
        patterns, answers = self.stored()
        try:
            row = operator.index(index)
        except TypeError:
            description = f"a {type(index).__name__}"
            raise argument_error("index", "be a whole number", description) from None
        if not 0 <= row < patterns.shape[0]:
            requirement = f"be a row from 0 to {patterns.shape[0] - 1}"
            raise argument_error("index", requirement, row)
        if patterns.shape[0] == 1:
            raise argument_error("index", "leave at least one pattern", "the only one")
        fewer = None if answers is None else jnp.delete(answers, row, axis=0)
        return self.with_rows(jnp.delete(patterns, row, axis=0), fewer)


def rows_of(memory: object) -> Float[Array, "K M"] | None:
    """Returns what `memory` answers with: a row for each pattern; None if it keeps no rows."""
    if not isinstance(memory, AbstractPatternStore):
        return None
    patterns, answers = memory.stored()
    return patterns if answers is None else answers


def _check_given(name: str, answers: Numbers | None, before: Answers) -> None:
    """Raises a `ValueError` if only one of the new and the stored answers is None."""
    if before is None and answers is not None:
        requirement = "be None, as this memory answers with its patterns"
        raise argument_error(name, requirement, "numbers")
    if before is not None and answers is None:
        requirement = "be given, as this memory answers with rows that are not its patterns"
        raise argument_error(name, requirement, None)


def rows_like(
    name: str, value: Numbers, rows: Float[Array, "K a"], shape: tuple[int | None, ...]
) -> Float[Array, "..."]:
    """Returns `value` as an array in the dtype of `rows`.

    Args:
        name: The argument's name, for the error.
        value: An array, or nested lists of numbers.
        rows: Stored rows.
        shape: The required shape; None stands for any size.

    Raises:
        ValueError: If `value` has another shape, or a float dtype other than that of `rows`, or is
            not finite, or holds neither integers nor floats.
    """
    array = jnp.asarray(value)
    whole = jnp.issubdtype(array.dtype, jnp.integer)
    untyped = jnp.issubdtype(array.dtype, jnp.floating) and not hasattr(value, "dtype")
    if not (whole or untyped or array.dtype == rows.dtype):
        raise argument_error(name, f"have the dtype {rows.dtype} of this memory", array.dtype)
    sizes = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or any(wanted not in (None, size) for size, wanted in sizes):
        wanted = ", ".join("K" if size is None else str(size) for size in shape)
        requirement = f"have shape ({wanted}{',' if len(shape) == 1 else ''})"
        raise argument_error(name, requirement, f"shape {array.shape}")
    array = array.astype(rows.dtype)
    check_finite(name, array)
    return array
