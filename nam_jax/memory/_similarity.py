"""Similarities of a query to stored rows."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from nam_jax._misc import argument_error, as_float, wide_integers_as_floats
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Pattern, Patterns

Similarities = Float[Array, " K"]
"""One number for each stored row, (K,)."""


class AbstractSimilarity(AbstractPrecise):
    """A function that says how similar a query is to each row of a memory; larger is more similar.

    If `visible` is True, entries where the query is NaN are hidden: they are left out of the query
    and of all rows. For distances and norms this differs from filling them with zeros.

    The query is converted to the float dtype of the rows. Similarities keep their digits if all
    entries share a large offset, or are very large or very small: see each class.

    Attributes:
        visible: If True, entries where the query is NaN are left out. If False, a query with NaN
            gives similarities that are NaN.
        linear: Whether the similarity is memory @ query, over the entries that are not hidden.
    """

    visible: eqx.AbstractVar[bool]
    linear: ClassVar[bool]

    @abc.abstractmethod
    def __call__(
        self, memory: Shaped[ArrayLike, "K N"], query: Shaped[ArrayLike, " N"]
    ) -> Similarities:
        """Returns one similarity for each row, (K,), in the float dtype of the rows.

        Args:
            memory: (K, N) finite real numbers.
            query: (N,), finite real numbers of any dtype; NaN marks hidden entries if `visible` is
                True.

        Raises:
            ValueError: If `query` holds complex numbers.
        """


class Dot(AbstractSimilarity):
    """The dot product with each row."""

    linear: ClassVar[bool] = True
    visible: bool = eqx.field(default=False, static=True)

    def __call__(
        self, memory: Shaped[ArrayLike, "K N"], query: Shaped[ArrayLike, " N"]
    ) -> Similarities:
        rows, query, _ = _prepared(memory, query, self.visible)
        return rows @ query


class Cosine(AbstractSimilarity):
    """The cosine of the angle between the query and each row; 0 for a row or query of zeros.

    Each row is divided by its own norm. Division by the norm of the whole memory would give a
    multiple of the dot product. Derivatives by a row or query of zeros are 0.

    If all entries share an offset of a thousand times their spread, all cosines are near 1 and
    differ by less than the rounding of 32 bits; [`nam_jax.memory.Pearson`][] tells the rows apart.
    """

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(
        self, memory: Shaped[ArrayLike, "K N"], query: Shaped[ArrayLike, " N"]
    ) -> Similarities:
        rows, query, seen = _prepared(memory, query, self.visible)
        return _cosines(rows, query, seen)


class Pearson(AbstractSimilarity):
    """The correlation coefficient of the query with each row; 0 for a constant row or query.

    Rows and the query are centred first, so that an offset that is much larger than their spread
    costs no digits. Derivatives by a constant row or query are 0. With `visible`, a row is constant
    if the spread of its visible entries is below about 1 / 360 (in 32 bits) of their distance from
    the mean of the whole row, where the difference of two sums would be only rounding.
    """

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(
        self, memory: Shaped[ArrayLike, "K N"], query: Shaped[ArrayLike, " N"]
    ) -> Similarities:
        rows, query, seen = _prepared(memory, query, self.visible)
        rows, query = _centred_rows(rows), _centred(query, seen)
        if seen is None:
            return _cosines(rows, query, None)
        # The rows are centred over all their entries, which no query changes. What is left of the
        # mean over visible entries is subtracted from the sums.
        count = jnp.maximum(jnp.sum(seen), 1)
        scaled, direction = rows / _size(rows)[:, None], _direction(query)
        sums, squares = scaled @ seen, scaled**2 @ seen
        variance = squares - sums**2 / count
        rounding = 64 * jnp.finfo(rows.dtype).eps * squares
        products = scaled @ direction - sums * (jnp.sum(direction) / count)
        return _over_root(products, variance, variance <= rounding)


class Euclidean(AbstractSimilarity):
    """Minus the squared distance to each row; 0 for a row that equals the query, up to rounding.

    The reciprocal of the distance, another usual similarity, would be infinite there. The distances
    are those of centred rows: a usual row, and then from each row its own mean, is subtracted. So
    they keep their digits if rows differ much less from each other than from 0.
    """

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(
        self, memory: Shaped[ArrayLike, "K N"], query: Shaped[ArrayLike, " N"]
    ) -> Similarities:
        rows, query, seen = _prepared(memory, query, self.visible)
        # With m = c + r + m' and q = c + s + q' for each entry, where c is one of the rows, and r
        # and s are the means of a row and of the query after that, the squared distance is
        # sum (m' - q')^2 - n a^2 + n (r - s + a)^2, where a is the mean of m' - q' and n the number
        # of entries. Example: m = (300, 302), q = (300, 301), c = (299, 299): r = 2, s = 1.5,
        # m' = (-1, 1), q' = (-0.5, 0.5): 0.25 + 0.25 - 0 + 2 * 0.25 = 1. The identity holds for
        # any c, r and s, so that they need no derivatives.
        common = _usual_row(rows)
        rows, query = rows - common[None, :], query - common
        ones = jnp.ones_like(query) if seen is None else seen
        number = jnp.sum(ones)
        count = jnp.maximum(number, 1)
        query = query if seen is None else jnp.where(seen == 0, 0, query)
        row_means = jax.lax.stop_gradient(jnp.mean(rows, axis=1))
        mean = jax.lax.stop_gradient(jnp.sum(query) / count)
        rows, query = rows - row_means[:, None], (query - mean) * ones
        gaps = (rows @ ones - jnp.sum(query)) / count
        squares = jnp.sum(rows**2, axis=1) if seen is None else rows**2 @ ones
        shape = squares - 2 * (rows @ query) + jnp.sum(query**2) - count * gaps**2
        return -(jnp.maximum(shape, 0) + number * (row_means - mean + gaps) ** 2)


class Manhattan(AbstractSimilarity):
    """Minus the sum of absolute differences to each row."""

    linear: ClassVar[bool] = False
    visible: bool = eqx.field(default=False, static=True)

    def __call__(
        self, memory: Shaped[ArrayLike, "K N"], query: Shaped[ArrayLike, " N"]
    ) -> Similarities:
        rows, query, seen = _prepared(memory, query, self.visible)
        # Hidden entries become 0 in the query and in the memory. The plain sum over entries needs
        # no array of differences; |memory - query| @ seen would need one for each query of a batch.
        rows = rows if seen is None else rows * seen[None, :]
        return -jnp.sum(jnp.abs(rows - query[None, :]), axis=1)


def _prepared(
    memory: Shaped[ArrayLike, "K N"], query: Shaped[ArrayLike, " N"], visible: bool
) -> tuple[Patterns, Pattern, Pattern | None]:
    """Returns rows and query in the dtype of the rows, and a mask: 0 if hidden, 1 otherwise.

    For example, the query (2, NaN) gives (2, 0) and the mask (1, 0). Entries that are NaN are
    hidden if `visible` is True. If it is False, the mask is None.
    """
    rows, asked = as_float(memory), jnp.asarray(wide_integers_as_floats(query))
    if jnp.issubdtype(asked.dtype, jnp.complexfloating):
        raise argument_error("query", "hold real numbers", f"dtype {asked.dtype}")
    asked = asked.astype(rows.dtype)
    if not visible:
        return rows, asked, None
    hidden = jnp.isnan(asked)
    return rows, jnp.where(hidden, 0, asked), 1 - hidden.astype(rows.dtype)


def _cosines(rows: Patterns, query: Pattern, seen: Pattern | None) -> Similarities:
    """Returns the cosines over visible entries; hidden entries of `query` are 0."""
    # Rows are scaled before they are squared: squares of numbers below 1e-22 or above 1e18 have no
    # place in 32 bits. A single product with the rows themselves saves the copy of scaled rows.
    sizes = _size(rows)
    scaled = rows / sizes[:, None]
    squares = jnp.sum(scaled**2, axis=1) if seen is None else scaled**2 @ seen
    return _over_root(rows @ _direction(query) / sizes, squares, squares == 0)


def _over_root(
    products: Similarities, squares: Similarities, blank: Bool[Array, " K"]
) -> Similarities:
    """Returns products / sqrt(squares), and 0 without derivatives where `blank` is True.

    A product that is NaN gives NaN.
    """
    result = products / jnp.sqrt(jnp.where(blank, 1, squares))
    return jnp.where(blank, 0 * jax.lax.stop_gradient(products), result)


def _direction(query: Pattern) -> Pattern:
    """Returns the query over its norm; zeros, without derivatives, for a query of zeros."""
    scaled = query / _size(query)
    squares = jnp.sum(scaled**2)
    blank = squares == 0
    return jnp.where(blank, 0, scaled / jnp.sqrt(jnp.where(blank, 1, squares)))


def _size(array: Float[Array, "*K N"]) -> Float[Array, "*K"]:
    """Returns the largest |entry| of each row without derivatives, or 1 if all entries are 0."""
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(array), axis=-1))
    return jnp.where(largest == 0, 1, largest)


def _usual_row(rows: Patterns) -> Pattern:
    """Returns the row whose mean is nearest to the mean of all entries, without derivatives.

    It is one of the rows, and not their mean: a compiler may compute a mean anew, with other
    rounding errors, wherever it is subtracted.
    """
    means = jnp.mean(rows, axis=1)
    return jax.lax.stop_gradient(rows[jnp.argmin(jnp.abs(means - jnp.mean(means)))])


def _centred_rows(rows: Patterns) -> Patterns:
    """Returns rows minus their means; exactly 0 for a constant row."""
    # The middle of the range is subtracted first: a mean of large numbers has rounding errors, so
    # that a constant row would not become 0. Correlations do not depend on it, so that it needs no
    # derivatives.
    least, most = (jax.lax.stop_gradient(f(rows, axis=1)) for f in (jnp.min, jnp.max))
    rows = rows - (least + (most - least) / 2)[:, None]
    return rows - jnp.mean(rows, axis=1)[:, None]


def _centred(query: Pattern, seen: Pattern | None) -> Pattern:
    """Returns `query` minus its mean over visible entries, and 0 at hidden entries."""
    if seen is None:
        return _centred_rows(query[None, :])[0]
    hidden, count = seen == 0, jnp.maximum(jnp.sum(seen), 1)
    some = jax.lax.stop_gradient(query)
    least = jnp.min(jnp.where(hidden, jnp.inf, some))
    most = jnp.max(jnp.where(hidden, -jnp.inf, some))
    middle = jnp.where(jnp.isfinite(least), least + (most - least) / 2, 0)
    query = jnp.where(hidden, 0, query - middle)
    return jnp.where(hidden, 0, query - jnp.sum(query) / count)
