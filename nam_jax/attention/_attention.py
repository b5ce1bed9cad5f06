"""Attention as associative memory: keys are stored patterns, values their answers, queries cues."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error
from nam_jax._types import Key
from nam_jax.memory import AbstractSeparation, LogSumExp

Queries = Float[Array, "T D"]
"""One cue for each place of a sequence; keys are of the same shape."""

Values = Float[Array, "T M"]
"""What is stored under each key."""

UNBOUNDED = 2.0**64
"""Stands for the largest overlap there could be, as real vectors have none."""


class AbstractAttention(eqx.Module):
    """What each place of a sequence recalls from the pairs stored up to it: causal, one head.

    Batch over heads and sequences with `jax.vmap`.
    """

    @abc.abstractmethod
    def __call__(self, queries: Queries, keys: Queries, values: Values) -> Values:
        """The answer to each query.

        Args:
            queries: q, (T, D).
            keys: k, (T, D).
            values: v, (T, M).

        Returns:
            (T, M), of which row t depends on rows up to t of keys and values only.
        """

    @abc.abstractmethod
    def trained(self) -> list[Any]:
        """The parts with numbers that are meant to be trained."""


class DenseAttention(AbstractAttention):
    """Weights are slopes of a separation function F at the overlaps, over the sum of their sizes.

        o_t = sum_(s <= t) w_ts v_s,   w_ts = F'(k_s . q_t) / sum_(r <= t) |F'(k_r . q_t)|

    With [`nam_jax.memory.LogSumExp`][] and beta = 1 / sqrt(D) it is softmax attention, a pass of
    the [`nam_jax.network.ModernHopfield`][] that stores the keys up to t (Ramsauer et al., arXiv
    2008.02217); with a power n of [`nam_jax.memory.RectifiedPower`][] it is that of a dense memory
    (Krotov & Hopfield, arXiv 1606.01164), in which the size of queries does not matter. Where no
    overlap has a slope the answer is 0.

    Attributes:
        separation: F; its own numbers are not trained, as queries can be scaled.
    """

    separation: AbstractSeparation

    @classmethod
    def softmax(cls, size: int) -> "DenseAttention":
        """Scaled dot-product attention of heads of `size` D."""
        return cls(LogSumExp(size**-0.5))

    def __call__(self, queries: Queries, keys: Queries, values: Values) -> Values:
        return jax.vmap(self._weights)(queries @ keys.T, _visible(queries)) @ values

    def trained(self) -> list[Any]:
        """None."""
        return []

    def _weights(self, overlaps: Float[Array, " T"], visible: Float[Array, " T"]) -> Array:
        # Keys that are still to come get the least overlap, so that no factor that a separation
        # function takes out is theirs, and then no weight.
        least = jnp.min(jnp.where(visible > 0, overlaps, jnp.inf))
        slope = self.separation.scaled_slope(jnp.where(visible > 0, overlaps, least), UNBOUNDED)
        slope = slope * visible
        total = jnp.sum(jnp.abs(slope))
        return slope / jnp.where(total > 0, total, 1)


class FeatureMap(eqx.Module):
    """phi(x) = elu(A x + b) + 1, above 0: features whose products stand for overlaps.

    Katharopoulos et al., arXiv 2006.16236, with A and b that are trained.

    Attributes:
        linear: A and b.
    """

    linear: eqx.nn.Linear

    def __init__(self, size: int, num_features: int, *, key: Key):
        """For keys and queries of `size`."""
        for name, value in (("size", size), ("num_features", num_features)):
            if value < 1:
                raise argument_error(name, "be at least 1", value)
        self.linear = eqx.nn.Linear(size, num_features, key=key)

    def __call__(self, x: Float[Array, " D"]) -> Float[Array, " F"]:
        return jax.nn.elu(self.linear(x)) + 1


class HebbianAttention(AbstractAttention):
    """Linear attention: fast weights, a correlation matrix that learns by the activity product.

        W_t = W_(t-1) + v_t phi(k_t)^T,   o_t = W_t phi(q_t)

    With a feature map, whose features are above 0, the answer is divided by
    sum_(s <= t) phi(k_s) . phi(q_t). Without one it is what [`nam_jax.network.CorrelationMatrix`][]
    answers, and memory is D x M numbers however long the sequence is. Source: Schmidhuber 1992,
    Neural Comput. 4, 131; Schlag et al., arXiv 2102.11174.

    Attributes:
        features: phi; None for x itself.
    """

    features: FeatureMap | None = None

    def __call__(self, queries: Queries, keys: Queries, values: Values) -> Values:
        if self.features is None:
            return _recalled(queries, keys, values)
        asked, stored = (jax.vmap(self.features)(each) for each in (queries, keys))
        return _recalled(asked, stored, values) / _recalled(asked, stored, jnp.ones_like(values))

    def trained(self) -> list[Any]:
        """The feature map, where there is one."""
        return [] if self.features is None else [self.features]


def _recalled(queries: Queries, keys: Queries, values: Values) -> Values:
    """W_t q_t with W_t = sum_(s <= t) v_s k_s^T: in this order, as T is short beside D x M."""
    return (queries @ keys.T * _visible(queries)) @ values


def _visible(queries: Queries) -> Float[Array, "T T"]:
    """1 where a key (column) is not after a query (row), else 0."""
    return jnp.tri(len(queries), dtype=queries.dtype)
