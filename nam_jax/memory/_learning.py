"""Learning rules: patterns become the N x N weights of a pairwise network."""

import abc
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool

from nam_jax._misc import argument_error, as_float, positive_number, zero_diagonal
from nam_jax._types import Pairs, Pattern, Patterns, Scalar
from nam_jax.memory._pattern import check_patterns

if TYPE_CHECKING:
    # Type checkers know no abstract class variables.
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

_Training = tuple[Pairs, Bool[Array, ""], Array]
"""Weights, whether the last pass changed them, and the number of passes."""


class AbstractLearningRule(eqx.Module):
    """How K patterns become weights w_ij, from neuron j (presynaptic) to neuron i (postsynaptic).

    Not to be confused with an [`AbstractPatternRule`][], which couples patterns within a process
    tensor.

    Attributes:
        local: Whether the change of w_ij at one pattern needs only w_ij and what its two neurons
            have: their states, their local fields, the norms of their own weights.
    """

    local: AbstractClassVar[bool]

    @abc.abstractmethod
    def __call__(self, patterns: Patterns) -> Pairs:
        """The weights.

        Args:
            patterns: Xi, (K, N) floats, usually -1 and +1; see `learn` for the check of others.

        Returns:
            W, (N, N), in the dtype of `patterns`, with its diagonal as the rule defines it.
        """


def learn(rule: AbstractLearningRule, patterns: ArrayLike) -> Pairs:
    """The weights, (N, N), by which `rule` stores `patterns`, (K, N).

    Raises:
        ValueError: If `patterns` is empty, not (K, N) with N >= 2, or not finite.
    """
    return rule(check_patterns(patterns))


class ActivityProduct(AbstractLearningRule):
    """W = Xi^T Xi / N, with its diagonal: Hebb's rule (Hopfield 1982, PNAS 79, 2554)."""

    local: ClassVar[bool] = True

    def __call__(self, patterns: Patterns) -> Pairs:
        return patterns.T @ patterns / patterns.shape[1]


class Covariance(AbstractLearningRule):
    """W = (Xi - m)^T (Xi - m) / N, with its diagonal (Sejnowski 1977, J. Math. Biol. 4, 303).

    For biased patterns. A neuron on which all patterns agree then has no input; with v the mean of
    (xi_i - m_i)^2, the threshold W m - v m gives it back its mean.

    Attributes:
        mean: m, one number (for sparse 0 and 1 their activity) or one a neuron; by default each
            neuron's mean over the patterns, with which one pattern alone leaves no trace.
    """

    mean: Pattern | Scalar | None = None
    local: ClassVar[bool] = True

    def __init__(self, mean: ArrayLike | None = None):
        self.mean = None if mean is None else as_float(mean)

    def __call__(self, patterns: Patterns) -> Pairs:
        mean = jnp.mean(patterns, axis=0) if self.mean is None else self.mean
        if mean.shape not in {(), patterns.shape[1:]}:
            requirement = f"be one number or have shape {patterns.shape[1:]}"
            raise argument_error("mean", requirement, f"shape {mean.shape}")
        centred = patterns - jnp.broadcast_to(mean.astype(patterns.dtype), patterns.shape)
        return centred.T @ centred / patterns.shape[1]


class PseudoInverse(AbstractLearningRule):
    """W = Xi^+ Xi, with its diagonal: the projector on the span of the patterns.

    Every pattern is a fixed point while they are linearly independent, correlated or not. Taken
    from the singular vectors of Xi, whose condition is the root of that of Xi Xi^T. Source:
    Personnaz, Guyon & Dreyfus 1985, J. Physique Lett. 46, 359.
    """

    local: ClassVar[bool] = False

    def __call__(self, patterns: Patterns) -> Pairs:
        _, sizes, directions = jnp.linalg.svd(patterns, full_matrices=False)
        rounding = max(patterns.shape) * jnp.finfo(patterns.dtype).eps
        spanned = jnp.where((sizes > rounding * sizes[0])[:, None], directions, 0)
        return spanned.T @ spanned


class Storkey(AbstractLearningRule):
    """One pattern after another; the diagonal is zero.

        dw_ij = (x_i x_j - x_i h_ji - h_ij x_j) / N,   h_ij = sum_{k != i, j} w_ik x_k

    h_ij is the local field of neuron i without the share w_ij x_j, so the rule is local. K N^2.
    Source: Storkey & Valabregue 1999, Neural Networks 12, 869.
    """

    local: ClassVar[bool] = True

    def __call__(self, patterns: Patterns) -> Pairs:
        size = patterns.shape[1]

        def add(weights: Pairs, x: Pattern) -> tuple[Pairs, None]:
            mixed = jnp.outer(x, weights @ x)
            squares = jnp.broadcast_to(x**2, (size, size))
            own_shares = weights * (squares + squares.T)
            change = jnp.outer(x, x) - (mixed + mixed.T) + own_shares
            return weights + zero_diagonal(change) / size, None

        weights, _ = jax.lax.scan(add, jnp.zeros((size, size), patterns.dtype), patterns)
        return weights


class Perceptron(AbstractLearningRule):
    """Each neuron learns to keep its state in every pattern, with a margin; the diagonal is zero.

    From the activity product, the patterns are shown in turn, and where the stability of neuron i
    is not above kappa its weights change:

        dw_ij = eta x_i x_j / N   where   x_i sum_j w_ij x_j <= kappa |w_i|.

    It stops after a pass that changes nothing: all stabilities are then above kappa. For random
    patterns that is possible up to K / N = 1 / [(1 + kappa^2) Phi(kappa) + kappa phi(kappa)], 2 at
    kappa = 0 and 0.52 at 1. The weights are not symmetric. Source: Gardner 1988, J. Phys. A 21,
    257.

    Attributes:
        kappa: The margin, at least 0, dimensionless.
        passes: The largest number of times that all patterns are shown.
        learning_rate: eta, above 0: the size of a change beside the activity product.
    """

    kappa: Scalar
    learning_rate: Scalar
    passes: int = eqx.field(static=True)
    local: ClassVar[bool] = True

    def __init__(
        self,
        kappa: float | Scalar = 0.5,
        *,
        passes: int = 200,
        learning_rate: float | Scalar = 1.0,
    ):
        """By default a margin that random patterns allow up to K = 0.96 N.

        Raises:
            ValueError: On a negative margin, no passes, or a learning rate that is not above 0.
        """
        self.kappa = positive_number("kappa", kappa, zero_allowed=True)
        self.learning_rate = positive_number("learning_rate", learning_rate)
        self.passes = passes
        if passes < 1:
            raise argument_error("passes", "be at least 1", passes)

    def __call__(self, patterns: Patterns) -> Pairs:
        """The weights, (N, N).

        Raises:
            ValueError: If `patterns` holds anything but -1 and +1.
        """
        patterns = check_patterns(patterns, binary=True)

        def unfinished(carry: _Training) -> Bool[Array, ""]:
            _, changed, count = carry
            return changed & (count < self.passes)

        def show_all(carry: _Training) -> _Training:
            weights, changes = jax.lax.scan(lambda w, x: self._show(w, x), carry[0], patterns)
            return weights, jnp.any(changes), carry[2] + 1

        start = zero_diagonal(ActivityProduct()(patterns))
        weights, _, _ = jax.lax.while_loop(
            unfinished, show_all, (start, jnp.asarray(True), jnp.asarray(0))
        )
        return weights

    def _show(self, weights: Pairs, x: Pattern) -> tuple[Pairs, Bool[Array, ""]]:
        """The weights after one pattern, and whether any neuron needed a change."""
        margin = self.kappa.astype(x.dtype) * jnp.linalg.norm(weights, axis=1)
        unstable = x * (weights @ x) <= margin
        rate = self.learning_rate.astype(x.dtype) / x.shape[0]
        change = jnp.outer(jnp.where(unstable, rate * x, 0), x)
        return weights + zero_diagonal(change), jnp.any(unstable)
