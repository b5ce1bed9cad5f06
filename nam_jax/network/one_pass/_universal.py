"""Universal Hopfield networks: similarity, then separation, then projection."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, axes_of, in_one_dtype
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
from nam_jax.network._base import AbstractFeedforwardNetwork, without_energy
from nam_jax.network._drive import as_cue


class UniversalHopfield(AbstractFeedforwardNetwork, AbstractPatternStore):
    """y = P^T sep(sim(M, q)): most one-shot memories are choices of the three parts.

    Auto-associative where the projection P is the memory M itself. Source: Millidge et al., arXiv
    2202.04557. With dot products and a weighting that has a convex potential F, sep = F', such a
    memory has an energy that no pass raises, as a pass is a step of the concave-convex procedure:

        E = |q|^2 / 2 - F(M q)

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
        stored = check_patterns(memory)
        self.memory, self.projection = _check_projection(stored, projection, "memory", passes)
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

    @property
    def dtype(self) -> np.dtype:
        return self.memory.dtype

    @property
    def has_energy(self) -> bool:
        potential = self.weighting.potential
        return self.projection is None and self.similarity.linear and potential is not None

    def energy(self, state: Pattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """E at `state`, (N,)."""
        self.as_drive(drive)
        potential = self.weighting.potential
        if not self.has_energy or potential is None:
            raise without_energy(self)
        return jnp.sum(state**2) / 2 - potential(self.similarity(self.memory, state))

    def row_axes(self) -> tuple[Any, None]:
        return _stored_rows(self, lambda n: n.memory), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """The query itself; NaN marks what is not seen if the similarity is `visible`."""
        seen = self.similarity.visible
        return as_cue(cue, self.memory.shape[1], self.dtype, nan_allowed=seen)

    def respond(self, state: Pattern) -> Float[Array, " M"]:
        weights = self.weighting(self.similarity(self.memory, state))
        return weights @ (self.memory if self.projection is None else self.projection)


class ModernHopfield(AbstractFeedforwardNetwork, AbstractPatternStore):
    """x <- Xi^T softmax(beta Xi x): one pass is attention, and no pass raises the energy.

        E = -log(sum_mu exp(beta xi_mu . x)) / beta + |x|^2 / 2

    The universal network of `Dot` and `Softmax`. E is eq 2 of the source without its constants.
    With a projection P the answer is P^T softmax(beta Xi x): keys are the patterns, values the rows
    of P, and at beta = 1 / sqrt(N) it is scaled dot-product attention, which has no energy. Source:
    Ramsauer et al., arXiv 2008.02217.

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
        stored = check_patterns(patterns)
        self.patterns, self.projection = _check_projection(stored, projection, "patterns", passes)
        self.separation = LogSumExp(beta)
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

    @property
    def dtype(self) -> np.dtype:
        return self.patterns.dtype

    @property
    def has_energy(self) -> bool:
        """Whether an answer is a state: with a projection it is not."""
        return self.projection is None

    def energy(self, state: Pattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """E at `state`, (N,)."""
        self.as_drive(drive)
        if not self.has_energy:
            raise without_energy(self)
        return jnp.sum(state**2) / 2 - self.separation(self.patterns @ state)

    def row_axes(self) -> tuple[Any, None]:
        return _stored_rows(self, lambda n: n.patterns), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """The cue itself."""
        return as_cue(cue, self.patterns.shape[1], self.dtype)

    def respond(self, state: Pattern) -> Float[Array, " M"]:
        weights = self.separation.slope(self.patterns @ state)
        return weights @ (self.patterns if self.projection is None else self.projection)


def _check_projection(
    memory: Patterns, projection: ArrayLike | None, name: str, passes: int
) -> tuple[Patterns, Float[Array, "K M"] | None]:
    """`memory`, whose argument has that `name`, and `projection`, both in one float dtype."""
    if projection is None:
        return memory, None
    answers = check_patterns(projection, name="projection")
    if len(answers) != len(memory):
        requirement = f"have {len(memory)} rows, one for each of the {name}"
        raise argument_error("projection", requirement, f"shape {answers.shape}")
    if passes > 1:
        raise argument_error("passes", "be 1 with a projection", passes)
    return in_one_dtype(memory, answers)


def _stored_rows(network: Any, memory: Callable[[Any], Patterns]) -> Any:
    """Axes that split stored rows, and their answers with them."""
    if network.projection is None:
        return axes_of(network, memory, 0)
    return axes_of(network, lambda n: (memory(n), n.projection), (0, 0))
