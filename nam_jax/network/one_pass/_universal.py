"""Universal Hopfield networks: similarity, then separation, then projection."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.memory import (
    AbstractPatternStore,
    AbstractSimilarity,
    AbstractWeighting,
    Dot,
    LogSumExp,
    Softmax,
    check_patterns,
)
from nam_jax.network._base import AbstractFeedforwardNetwork
from nam_jax.network._drive import check_cue


class UniversalHopfield(AbstractFeedforwardNetwork, AbstractPatternStore):
    """y = P^T sep(sim(M, q)): most one-shot memories are choices of the three parts.

    Auto-associative where the projection P is the memory M itself. Source: Millidge et al., arXiv
    2202.04557.

    Attributes:
        memory: M, (K, N).
        projection: P, (K, M); None for the memory itself.
        similarity: sim.
        weighting: sep.
        passes: How many times; more than one only without a projection.
    """

    memory: Patterns
    projection: Float[Array, "K M"] | None
    similarity: AbstractSimilarity
    weighting: AbstractWeighting
    passes: int = eqx.field(static=True)

    def __init__(
        self,
        memory: ArrayLike,
        similarity: AbstractSimilarity | None = None,
        weighting: AbstractWeighting | None = None,
        *,
        projection: ArrayLike | None = None,
        passes: int = 1,
    ):
        """Stores the rows of `memory`; by default softmax of dot products, which is attention.

        Raises:
            ValueError: On wrong shapes, numbers that are not finite, or passes below 1; or above 1
                with a projection.
        """
        self.memory = check_patterns(memory)
        self.projection = _check_projection(projection, self.memory, "memory", passes)
        self.similarity = Dot() if similarity is None else similarity
        self.weighting = Softmax() if weighting is None else weighting
        self.passes = passes

    def stored(self) -> tuple[Patterns, Float[Array, "K M"] | None]:
        return self.memory, self.projection

    def check_rows(self, patterns: Patterns) -> None:
        check_patterns(patterns)

    def with_rows(
        self, patterns: Patterns, answers: Float[Array, "K M"] | None
    ) -> "UniversalHopfield":
        return eqx.tree_at(
            lambda net: (net.memory, net.projection),
            self,
            (patterns, answers),
            is_leaf=lambda leaf: leaf is None,
        )

    def initial_state(self, cue: Pattern) -> Pattern:
        """The query itself; NaN marks what is not seen if the similarity is `visible`."""
        if self.similarity.visible:
            check_cue(jnp.where(jnp.isnan(cue), 0, cue), self.memory.shape[1])
        else:
            check_cue(cue, self.memory.shape[1])
        return cue

    def respond(self, state: Pattern) -> Float[Array, " M"]:
        memory = self.memory.astype(state.dtype)
        weights = self.weighting(self.similarity(memory, state))
        answers = memory if self.projection is None else self.projection.astype(state.dtype)
        return weights @ answers


class ModernHopfield(AbstractFeedforwardNetwork, AbstractPatternStore):
    """x <- Xi^T softmax(beta Xi x): one pass is attention, and no pass raises the energy.

        E = -log(sum_mu exp(beta xi_mu . x)) / beta + |x|^2 / 2

    The universal network of `Dot` and `Softmax`, with an energy. With a projection P the answer is
    P^T softmax(beta Xi x): keys are the patterns, values the rows of P, and at beta = 1 / sqrt(N)
    it is scaled dot-product attention. Source: Ramsauer et al., arXiv 2008.02217.

    Attributes:
        patterns: Xi, (K, N), real.
        separation: The log-sum-exp, with beta; 1 / sqrt(N) is that of attention.
        projection: P, (K, M); None for the patterns themselves.
        passes: How many passes; more than one only without a projection.
    """

    patterns: Patterns
    separation: LogSumExp
    projection: Float[Array, "K M"] | None
    passes: int = eqx.field(static=True)

    def __init__(
        self,
        patterns: ArrayLike,
        beta: float | Scalar = 1.0,
        *,
        projection: ArrayLike | None = None,
        passes: int = 1,
    ):
        """Stores `patterns`.

        Raises:
            ValueError: On wrong patterns or projection, beta not above 0, or passes below 1; or
                above 1 with a projection.
        """
        self.patterns = check_patterns(patterns)
        self.separation = LogSumExp(beta)
        self.projection = _check_projection(projection, self.patterns, "patterns", passes)
        self.passes = passes

    def stored(self) -> tuple[Patterns, Float[Array, "K M"] | None]:
        return self.patterns, self.projection

    def check_rows(self, patterns: Patterns) -> None:
        check_patterns(patterns)

    def with_rows(
        self, patterns: Patterns, answers: Float[Array, "K M"] | None
    ) -> "ModernHopfield":
        return eqx.tree_at(
            lambda net: (net.patterns, net.projection),
            self,
            (patterns, answers),
            is_leaf=lambda leaf: leaf is None,
        )

    def initial_state(self, cue: Pattern) -> Pattern:
        """The cue itself."""
        check_cue(cue, self.patterns.shape[1])
        return cue

    def respond(self, state: Pattern) -> Float[Array, " M"]:
        xi = self.patterns.astype(state.dtype)
        answers = xi if self.projection is None else self.projection.astype(state.dtype)
        return self.separation.slope(xi @ state) @ answers

    def energy(self, state: Pattern) -> Scalar:
        """E at `state`, (N,)."""
        overlaps = self.patterns.astype(state.dtype) @ state
        return jnp.sum(state**2) / 2 - self.separation(overlaps)


def _check_projection(
    projection: ArrayLike | None, memory: Patterns, name: str, passes: int
) -> Float[Array, "K M"] | None:
    """`projection` as floats, with one row for each of `memory`, whose argument has that name."""
    if projection is None:
        return None
    found = check_patterns(projection, name="projection")
    if len(found) != len(memory):
        requirement = f"have {len(memory)} rows, one for each of the {name}"
        raise argument_error("projection", requirement, f"shape {found.shape}")
    if passes > 1:
        raise argument_error("passes", "be 1 with a projection", passes)
    return found
