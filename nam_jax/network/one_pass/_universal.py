"""The universal Hopfield network, in three steps: similarity, separation, projection."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, axes_of, in_one_dtype
from nam_jax._types import AnyPattern, Pattern, Patterns, Scalar
from nam_jax.memory import (
    AbstractPatternStore,
    AbstractSimilarity,
    AbstractWeighting,
    Dot,
    LogSumExp,
    Softmax,
    check_patterns,
    rows_of,
)
from nam_jax.network._base import AbstractFeedforwardNetwork, without_energy
from nam_jax.network._drive import as_cue


class UniversalHopfield(AbstractFeedforwardNetwork, AbstractPatternStore):
    """The memory y = P^T sep(sim(M, q)); most one-shot memories are choices of sim, sep and P.

    Without a projection P, the memory M takes its place, and the network is auto-associative. It
    then has an energy if sim is the dot product and sep is the gradient of a convex potential F:

        E = |q|^2 / 2 - F(M q)

    No pass raises E, since a pass is a step of the concave-convex procedure. Source: Millidge et
    al., arXiv 2202.04557.

    Attributes:
        memory: M, (K, N).
        projection: P, with a row for each row of M; None for M itself.
        similarity: sim.
        weighting: sep.
        passes: Number of passes, at least 1; above 1 only without a projection.
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
        """Stores the rows of `memory`.

        The defaults are the softmax of dot products, which is attention.

        Args:
            memory: M, (K, N).
            similarity: sim; by default the dot product.
            weighting: sep; by default the softmax.
            projection: P, with K rows; by default M itself.
            passes: Number of passes, at least 1; above 1 only without a projection.

        Raises:
            ValueError: If `memory` or `projection` has a wrong shape or is not finite, or if
                `passes` is below 1, or above 1 with a projection.
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

    def energy(self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """Returns E at `state`, dimensionless."""
        self.as_drive(drive)
        potential = self.weighting.potential
        if not self.has_energy or potential is None:
            raise without_energy(self)
        state = self.as_state(state)
        return jnp.sum(state**2) / 2 - potential(self.similarity(self.memory, state))

    @property
    def nan_allowed(self) -> bool:
        return self.similarity.visible

    def stored_rows(self) -> Patterns | None:
        return rows_of(self)

    def row_axes(self) -> tuple[Any, None]:
        return _stored_rows(self, lambda n: n.memory), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """Returns the query itself; if the similarity is `visible`, NaN marks unseen entries."""
        nan_allowed = self.similarity.visible
        return as_cue(cue, self.memory.shape[1], self.dtype, nan_allowed=nan_allowed)

    def respond(self, state: AnyPattern) -> Float[Array, " M"]:
        weights = self.weighting(self.similarity(self.memory, self.as_state(state)))
        return weights @ (self.memory if self.projection is None else self.projection)


class ModernHopfield(AbstractFeedforwardNetwork, AbstractPatternStore):
    """The modern Hopfield network: a pass is attention, x <- Xi^T softmax(beta Xi x).

        E = -log(sum_mu exp(beta xi_mu . x)) / beta + |x|^2 / 2

    No pass raises E, which is eq 2 of the source without its constants. The network equals the
    universal network of `Dot` and `Softmax`. With a projection P the answer is P^T softmax(beta Xi
    x): the patterns are keys, and the rows of P are values. At beta = 1 / sqrt(N) it is scaled
    dot-product attention. With a projection there is no energy. Source: Ramsauer et al., arXiv
    2008.02217.

    Attributes:
        patterns: Xi, (K, N), real.
        separation: The log-sum-exp with its beta; attention has beta = 1 / sqrt(N).
        projection: P, (K, M); None for the patterns themselves.
        passes: Number of passes, at least 1; above 1 only without a projection.
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

        Args:
            patterns: Xi, (K, N).
            beta: Steepness of the softmax, above 0.
            projection: P, (K, M); by default the patterns themselves.
            passes: Number of passes, at least 1; above 1 only without a projection.

        Raises:
            ValueError: If `patterns` or `projection` has a wrong shape or is not finite, if `beta`
                is not above 0, or if `passes` is below 1, or above 1 with a projection.
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
        """Whether the network has an energy: it has none with a projection."""
        return self.projection is None

    def energy(self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """Returns E at `state`, dimensionless."""
        self.as_drive(drive)
        if not self.has_energy:
            raise without_energy(self)
        state = self.as_state(state)
        return jnp.sum(state**2) / 2 - self.separation(self.patterns @ state)

    @property
    def nan_allowed(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return rows_of(self)

    def row_axes(self) -> tuple[Any, None]:
        return _stored_rows(self, lambda n: n.patterns), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """Returns the cue itself."""
        return as_cue(cue, self.patterns.shape[1], self.dtype)

    def respond(self, state: AnyPattern) -> Float[Array, " M"]:
        weights = self.separation.slope(self.patterns @ self.as_state(state))
        return weights @ (self.patterns if self.projection is None else self.projection)


def _check_projection(
    memory: Patterns, projection: ArrayLike | None, name: str, passes: int
) -> tuple[Patterns, Float[Array, "K M"] | None]:
    """Returns `memory` and the checked `projection` in one float dtype.

    Args:
        memory: (K, N), checked already.
        projection: (K, M) or None.
        name: Name of the argument that holds `memory`, for errors.
        passes: Number of passes.
    """
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
    """Returns the axes that split the stored rows, and with them the rows of the projection."""
    if network.projection is None:
        return axes_of(network, memory, 0)
    return axes_of(network, lambda n: (memory(n), n.projection), (0, 0))
