"""Memories that keep each pattern as a row of its own, so that patterns come and go."""

import abc
import operator
from collections.abc import Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, check_finite
from nam_jax._types import Patterns

Answers = Float[Array, "K M"] | None
"""One answer for each pattern, one a row; None for the patterns themselves."""


Numbers = ArrayLike | Sequence[Any]
"""An array, or nested lists of numbers."""

# Not `typing.Self`, which beartype refuses in methods that jaxtyping decorates one by one.
Store = TypeVar("Store", bound="AbstractPatternStore")


class AbstractPatternStore(eqx.Module):
    """A memory with one row for each pattern.

    Its patterns can be exchanged without learning anew: leaks, Lagrangians, strengths and all other
    parts stay the same objects. The result is what the same arguments make of the other patterns.
    A new K means new programs, as everywhere under `jax.jit`.
    """

    @abc.abstractmethod
    def stored(self) -> tuple[Patterns, Answers]:
        """The patterns, (K, N), and the answers to them, (K, M), if they are other rows."""

    @abc.abstractmethod
    def check_rows(self, patterns: Patterns) -> None:
        """Raises a `ValueError` if `patterns`, (K, N), are no numbers that this memory stores."""

    @abc.abstractmethod
    def with_rows(self: Store, patterns: Patterns, answers: Answers) -> Store:
        """The same memory of other rows, which are checked already.

        Args:
            patterns: (K, N).
            answers: (K, M), or None where `stored` has None.

        Raises:
            ValueError: If the memory has parts that would have to be learned anew.
        """

    def with_patterns(self: Store, patterns: Numbers, answers: Numbers | None = None) -> Store:
        """The same memory of other patterns.

        Args:
            patterns: (K, N) with the N of this memory and any K. Floats have the dtype of the
                stored patterns; integers and numbers of Python are converted to it.
            answers: (K, M), for a memory that answers with other rows than its patterns.

        Raises:
            ValueError: On a wrong shape or dtype, numbers that the memory does not store, answers
                that are missing or not wanted, or parts that would have to be learned anew.
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
        """The same memory with one more pattern, as its last row.

        Args:
            pattern: (N,), as a row of `patterns` in `with_patterns`.
            answer: (M,), as a row of `answers`.

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
        """The same memory without one pattern; those after it move up by one row.

        Args:
            index: The row, from 0 to K - 1.

        Raises:
            ValueError: If there is no such row, or no other; or on parts that would have to be
                learned anew.
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


def _check_given(name: str, answers: Numbers | None, before: Answers) -> None:
    if before is None and answers is not None:
        requirement = "be None, as this memory answers with its patterns"
        raise argument_error(name, requirement, "numbers")
    if before is not None and answers is None:
        requirement = "be given, as this memory answers with other rows than its patterns"
        raise argument_error(name, requirement, None)


def rows_like(
    name: str, value: Numbers, rows: Float[Array, "K a"], shape: tuple[int | None, ...]
) -> Float[Array, "..."]:
    """`value` in the dtype of `rows`, refused on another shape or dtype, or NaN or infinity."""
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
