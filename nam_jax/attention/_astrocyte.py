"""Linear attention as the dynamics of Hebbian synapses and of calcium in an astrocyte."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, positive_number
from nam_jax._types import Scalar
from nam_jax.attention._attention import AbstractAttention, Queries, Values, mean_of
from nam_jax.attention._features import AbstractFeatureMap

Query = Float[Array, " D"]


class AstrocyteState(eqx.Module):
    """What neurons and an astrocyte keep between two tokens; its size is that of one memory.

    Attributes:
        synapses: H, (F, M): strengths of synapses between features and values.
        gains: P, (F,): how strongly each feature drives the calcium.
        calcium: p, the calcium that divides the answer.
    """

    synapses: Float[Array, "F M"]
    gains: Float[Array, " F"]
    calcium: Scalar


class AstrocyteAttention(AbstractAttention):
    """Linear attention by neurons and astrocytes: tokens are written and read one after another.

        writing   dH/dt = -lambda H + phi(k) v^T,   dP/dt = -lambda P + phi(k)
        reading   tau_p dp/dt = -p + P . phi(q),    o = H^T phi(q) / p

    A token is written as a pulse. Writing at a constant rate for a fixed time changes H and P by
    one common factor, which the quotient loses. Without a leak, and with calcium at rest, the
    answers are those of [`nam_jax.attention.HebbianAttention`][]. With a leak lambda, the token
    written n tokens ago has the weight exp(-lambda n). If p starts from 0 and reading ends after a
    time t, answers are too large by the factor 1 / (1 - exp(-t / tau_p)). Source: Kozachkov,
    Kastanenka & Krotov, Building transformers from neurons and astrocytes, PNAS 2023, 120,
    e2219150120.

    Attributes:
        features: phi. Features of either sign can bring p to 0 or below; the answer is then NaN.
        leak: lambda, at least 0, per token.
        reading_time: t / tau_p, above 0; infinite for calcium at rest.
        keeps_calcium: Whether the calcium of a query is the initial calcium of the next query;
            otherwise it is 0. The first query starts from 0.
    """

    features: AbstractFeatureMap
    leak: Scalar
    reading_time: float = eqx.field(static=True)
    keeps_calcium: bool = eqx.field(static=True)

    def __init__(
        self,
        features: AbstractFeatureMap,
        *,
        leak: float | Scalar = 0.0,
        reading_time: float | int = math.inf,
        keeps_calcium: bool = False,
    ):
        """Makes the attention.

        Raises:
            ValueError: If `leak` is below 0, `reading_time` not above 0, or `keeps_calcium` True
                although the reading time is infinite, so that no calcium is left to keep.
        """
        if not reading_time > 0:
            raise argument_error("reading_time", "be above 0", reading_time)
        if keeps_calcium and math.isinf(reading_time):
            requirement = "be False where the reading time is infinite, as calcium comes to rest"
            raise argument_error("keeps_calcium", requirement, True)
        self.features = features
        self.leak = positive_number("leak", leak, zero_allowed=True)
        self.reading_time = float(reading_time)
        self.keeps_calcium = keeps_calcium

    def __call__(self, queries: Queries, keys: Queries, values: Values) -> Values:
        def one(state: AstrocyteState, token: Any) -> tuple[AstrocyteState, Array]:
            query, key, value = token
            state = self.read(self.written(state, key, value), query)
            return state, self.answer(state, query)

        start = self.start(keys[0], values[0])
        return jax.lax.scan(one, start, (queries, keys, values))[1]

    def start(self, key: Query, value: Float[Array, " M"]) -> AstrocyteState:
        """Returns the state before the first token: all zeros.

        Args:
            key: Any key, for its size and dtype.
            value: Any value, for the same.
        """
        gains = jnp.zeros_like(self.features(key))
        return AstrocyteState(jnp.outer(gains, value) * 0, gains, jnp.zeros((), gains.dtype))

    def written(
        self, state: AstrocyteState, key: Query, value: Float[Array, " M"]
    ) -> AstrocyteState:
        """Returns the state after one token time of leak, and one more key and value."""
        stored = self.features(key)
        kept = jnp.exp(-self.leak.astype(stored.dtype))
        synapses = kept * state.synapses + jnp.outer(stored, value)
        return AstrocyteState(synapses, kept * state.gains + stored, state.calcium)

    def read(self, state: AstrocyteState, query: Query) -> AstrocyteState:
        """Returns the state whose calcium has followed `query` for the reading time."""
        drive = state.gains @ self.features(query)
        first = state.calcium if self.keeps_calcium else jnp.zeros_like(drive)
        # The exact solution of the calcium's equation, whose drive is constant.
        calcium = drive + (first - drive) * math.exp(-self.reading_time)
        return AstrocyteState(state.synapses, state.gains, calcium)

    def answer(self, state: AstrocyteState, query: Query) -> Float[Array, " M"]:
        """Returns o, the answer of a state in which `query` was read; NaN if p is not above 0."""
        return mean_of(self.features(query) @ state.synapses, state.calcium)

    def trained(self) -> list[Any]:
        """Returns the trained parts of the feature map; leak and reading time are not trained."""
        return self.features.trained()
