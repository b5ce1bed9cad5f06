"""Attention as associative memory: it stores pairs of keys and values, and queries are cues."""

import abc
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._precision import AbstractPrecise
from nam_jax.attention._features import AbstractFeatureMap
from nam_jax.memory import AbstractSeparation, LogSumExp

Queries = Float[Array, "T D"]
"""One query or key of D numbers for each of T positions of a sequence."""

Values = Float[Array, "T M"]
"""One value of M numbers for each of T positions; it is stored under the key of that position."""

UNBOUNDED = math.inf
"""The largest possible overlap in separations: overlaps of real vectors have no bound."""


class AbstractAttention(AbstractPrecise):
    """Causal attention with one head: each position recalls from the pairs stored up to it.

    Batch over heads and sequences with `jax.vmap`.
    """

    @abc.abstractmethod
    def __call__(self, queries: Queries, keys: Queries, values: Values) -> Values:
        """Returns the answer to each query.

        Args:
            queries: q, shape (T, D).
            keys: k, shape (T, D).
            values: v, shape (T, M).

        Returns:
            Answers, shape (T, M); row t depends only on rows up to t of keys and values.
        """

    @abc.abstractmethod
    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change."""


class DenseAttention(AbstractAttention):
    """Attention whose weights are slopes of a separation function F at the overlaps.

        o_t = sum_(s <= t) w_ts v_s,   w_ts = F'(k_s . q_t) / sum_(r <= t) |F'(k_r . q_t)|

    With [`nam_jax.memory.LogSumExp`][] and beta = 1 / sqrt(D) it is softmax attention: one update
    of the [`nam_jax.network.ModernHopfield`][] that stores the keys up to t (Ramsauer et al., arXiv
    2008.02217). With [`nam_jax.memory.RectifiedPower`][] it is one update of a dense memory (Krotov
    & Hopfield, arXiv 1606.01164), and the length of queries does not matter. If all slopes are 0,
    the answer is 0.

    Attributes:
        separation: F. Its numbers are not trained, because scaled queries have the same effect.
    """

    separation: AbstractSeparation

    @classmethod
    def softmax(cls, size: int) -> "DenseAttention":
        """Returns scaled dot-product attention for queries and keys of `size` D numbers."""
        return cls(LogSumExp(size**-0.5))

    def __call__(self, queries: Queries, keys: Queries, values: Values) -> Values:
        return jax.vmap(self._weights)(queries @ keys.T, _visible(queries)) @ values

    def trained(self) -> list[Any]:
        """Returns an empty list: nothing is trained."""
        return []

    def _weights(self, overlaps: Float[Array, " T"], visible: Float[Array, " T"]) -> Array:
        # `scaled_slope` divides by a factor that depends on the largest overlaps. Later keys must
        # not influence it, so their overlaps are replaced by the smallest overlap of visible keys.
        # After that they get the weight 0.
        least = jnp.min(jnp.where(visible > 0, overlaps, jnp.inf))
        slope = self.separation.scaled_slope(jnp.where(visible > 0, overlaps, least), UNBOUNDED)
        slope = slope * visible
        total = jnp.sum(jnp.abs(slope))
        return slope / jnp.where(total > 0, total, 1)


class HebbianAttention(AbstractAttention):
    """Linear attention: a correlation matrix that learns by the activity product (fast weights).

        W_t = W_(t-1) + v_t phi(k_t)^T,   o_t = W_t phi(q_t)

    With a feature map phi, the answer is divided by sum_(s <= t) phi(k_s) . phi(q_t). Features of
    either sign can make that sum 0 or below; the answer is then NaN. Without a feature map, the
    answer is D times the answer of [`nam_jax.network.CorrelationMatrix`][], and the memory W_t has
    D x M numbers for sequences of any length. Source: Schmidhuber 1992, Neural Comput. 4, 131;
    Schlag et al., arXiv 2102.11174.

    Attributes:
        features: phi; with None, phi(x) = x.
    """

    features: AbstractFeatureMap | None = None

    def __call__(self, queries: Queries, keys: Queries, values: Values) -> Values:
        if self.features is None:
            return _recalled(queries, keys, values)
        asked, stored = (jax.vmap(self.features)(vectors) for vectors in (queries, keys))
        totals = _recalled(asked, stored, jnp.ones_like(values))
        return mean_of(_recalled(asked, stored, values), totals)

    def trained(self) -> list[Any]:
        """Returns the trained parts of the feature map; an empty list if there is none."""
        return [] if self.features is None else self.features.trained()


def mean_of(weighted: Array, total: Array) -> Array:
    """Returns weighted sums over the totals of their weights; NaN where a total is not above 0."""
    return weighted / jnp.where(total > 0, total, jnp.nan)


def _recalled(queries: Queries, keys: Queries, values: Values) -> Values:
    """Returns W_t q_t for each t, with W_t = sum_(s <= t) v_s k_s^T."""
    # The T x T matrix of overlaps is smaller than T matrices W_t of D x M numbers.
    return (queries @ keys.T * _visible(queries)) @ values


def _visible(queries: Queries) -> Float[Array, "T T"]:
    """Returns a matrix with 1 where the key (column) is not after the query (row), else 0."""
    return jnp.tri(len(queries), dtype=queries.dtype)
