"""Learning rules: patterns become the N x N weights of a pairwise network."""

import abc
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, ArrayLike, Bool, Float

from nam_jax._misc import argument_error, as_float, check_key
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key, Pairs, Pattern, Patterns, Scalar
from nam_jax.memory.tensor import check_patterns, check_signs

if TYPE_CHECKING:
    # Type checkers know no abstract class variables.
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

Learned = Float[Array, "outputs N"]
"""The array that a rule changes at each pattern: N x N weights, or weights to output neurons."""


class AbstractLearningRule(AbstractPrecise):
    """A rule that turns K patterns into weights w_ij, from neuron j (presynaptic) to neuron i.

    Not to be confused with an `AbstractPatternRule`, which couples patterns within a process
    tensor.

    Attributes:
        local: Whether the change of w_ij at one pattern depends only on w_ij and on quantities of
            neurons i and j. These quantities are the states for products, the expanded rule and
            clamped Oja, and also the means over patterns for covariance. Storkey also needs the
            local fields of both neurons, free Oja the field of neuron i, the perceptron also the
            norm of all weights to neuron i, and unlearning the states in which the network comes to
            rest.
        random: Whether the rule starts from random weights or states, so that it needs a key.
        zero_one: Whether patterns of 0 and 1 may be stored. Rules for -1 and +1 refuse them, as
            their weights would store the sum of the patterns.
    """

    local: AbstractClassVar[bool]
    random: AbstractClassVar[bool]
    zero_one: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(
        self, patterns: Patterns, *, passes: int | None = None, key: Key | None = None
    ) -> Pairs:
        """Returns the weights that store the patterns.

        Args:
            patterns: Xi, (K, N) floats, usually -1 and +1; `learn` checks them.
            passes: As for `learn`.
            key: As for `learn`.

        Returns:
            W, (N, N), in the dtype of `patterns`, with its diagonal as the rule defines it.
        """


class AbstractBatchRule(AbstractLearningRule):
    """A rule that computes the weights of all patterns at once, in closed form."""

    @abc.abstractmethod
    def weights(self, patterns: Patterns) -> Pairs:
        """Returns W, (N, N), for patterns (K, N)."""

    def __call__(
        self, patterns: Patterns, *, passes: int | None = None, key: Key | None = None
    ) -> Pairs:
        del key
        if passes not in {None, 1}:
            requirement = f"be 1 for {type(self).__name__}, which takes all patterns at once"
            raise argument_error("passes", requirement, passes)
        return self.weights(patterns)


class AbstractOnlineRule(AbstractLearningRule):
    """A rule that changes the weights at one pattern after another.

    Attributes:
        passes: Largest number of times that all patterns are shown; `learn(passes=...)` overrules
            it.
    """

    passes: eqx.AbstractVar[int]

    @abc.abstractmethod
    def start(self, patterns: Patterns, key: Key | None) -> Learned:
        """Returns the array before the first pattern; `patterns`, (K, N), will be shown."""

    @abc.abstractmethod
    def show(self, learned: Learned, pattern: Pattern) -> Learned:
        """Returns the array after one more pattern, (N,)."""

    def weights(self, learned: Learned) -> Pairs:
        """Returns W, (N, N), computed from the learned array; by default the array itself."""
        return learned

    def __call__(
        self, patterns: Patterns, *, passes: int | None = None, key: Key | None = None
    ) -> Pairs:
        passes = check_passes(self.passes if passes is None else passes)
        start_key, order_key = (None, None) if key is None else jr.split(key)
        tolerance = 4 * jnp.finfo(patterns.dtype).eps

        def show_all(learned: Learned, count: Array) -> Learned:
            shown = patterns
            if order_key is not None:
                shown = jr.permutation(jr.fold_in(order_key, count), patterns)
            return jax.lax.scan(lambda w, x: (self.show(w, x), None), learned, shown)[0]

        def unfinished(carry: tuple[Learned, Learned, Array]) -> Bool[Array, ""]:
            before, learned, count = carry
            change, size = jnp.max(jnp.abs(learned - before)), jnp.max(jnp.abs(learned))
            return (change > tolerance * size) & (count < passes)

        def advance(carry: tuple[Learned, Learned, Array]) -> tuple[Learned, Learned, Array]:
            _, learned, count = carry
            return learned, show_all(learned, count), count + 1

        start = self.start(patterns, start_key)
        learned = show_all(start, jnp.asarray(0))
        if passes > 1:
            carry = (start, learned, jnp.asarray(1))
            _, learned, _ = jax.lax.while_loop(unfinished, advance, carry)
        return self.weights(learned)


def learn(
    rule: AbstractLearningRule,
    patterns: ArrayLike,
    *,
    passes: int | None = None,
    key: Key | None = None,
) -> Pairs:
    """Returns the weights, (N, N), by which `rule` stores `patterns`, (K, N).

    Args:
        rule: Any learning rule.
        patterns: (K, N) finite numbers, usually -1 and +1. Rules with `zero_one` also take 0 and 1.
        passes: Largest number of times that all patterns are shown, for a rule that takes one after
            another; by default the number of the rule. Learning stops after a pass that changes no
            weight by more than round-off. Reverse-mode derivatives need a single pass.
        key: If given, each pass shows the patterns in a random order; otherwise in the given order.
            Rules that start from random weights or states need it.

    Raises:
        ValueError: If `patterns` is empty, not (K, N) with N >= 2, or not finite, or holds 0 and 1
            or booleans although the rule is for -1 and +1; if `passes` is
            below 1, or not 1 for a rule that takes all patterns at once; or if `key` is missing.
    """
    check_key(key)
    check_bits(rule, patterns)
    return rule(check_patterns(patterns), passes=passes, key=key)


def check_bits(rule: AbstractLearningRule, patterns: ArrayLike, name: str = "patterns") -> None:
    """Raises a `ValueError` if `patterns` hold 0 and 1, and `rule` is for -1 and +1."""
    if not rule.zero_one:
        remedy = f"use `2 * {name} - 1`, or the rule `Covariance`, which takes 0 and 1"
        check_signs(patterns, name=name, remedy=remedy)


def check_passes(passes: int) -> int:
    """Returns `passes`; raises a `ValueError` if it is below 1."""
    if passes < 1:
        raise argument_error("passes", "be at least 1", passes)
    return passes


class ActivityProduct(AbstractBatchRule):
    """W = Xi^T Xi / N, with its diagonal: Hebb's rule (Hopfield 1982, PNAS 79, 2554)."""

    local: ClassVar[bool] = True
    random: ClassVar[bool] = False

    def weights(self, patterns: Patterns) -> Pairs:
        return patterns.T @ patterns / patterns.shape[1]


class Covariance(AbstractBatchRule):
    """W = (Xi - m)^T (Xi - m) / N, with its diagonal (Sejnowski 1977, J. Math. Biol. 4, 303).

    It suits biased patterns, of -1 and +1 or of 0 and 1. The neurons of a
    [`nam_jax.network.Hopfield`][] network have the states -1 and +1 also then: 2 xi - 1 is recalled
    for a pattern xi of 0 and 1.

    A neuron whose state is the same in all patterns gets no input; with the threshold W m - v m,
    where v is the mean of (xi_i - m_i)^2, such a neuron keeps its mean.

    Attributes:
        mean: m, one number (for sparse patterns of 0 and 1 their activity) or (N,) numbers; by
            default the mean of each neuron over the patterns. With that default a single pattern
            gives zero weights.
    """

    mean: Pattern | Scalar | None = None
    local: ClassVar[bool] = True
    random: ClassVar[bool] = False
    zero_one: ClassVar[bool] = True

    def __init__(self, mean: ArrayLike | None = None):
        self.mean = None if mean is None else as_float(mean)

    def weights(self, patterns: Patterns) -> Pairs:
        mean = jnp.mean(patterns, axis=0) if self.mean is None else self.mean
        if mean.shape not in {(), patterns.shape[1:]}:
            requirement = f"be one number or have shape {patterns.shape[1:]}"
            raise argument_error("mean", requirement, f"shape {mean.shape}")
        centred = patterns - jnp.broadcast_to(mean.astype(patterns.dtype), patterns.shape)
        return centred.T @ centred / patterns.shape[1]


class PseudoInverse(AbstractBatchRule):
    """W = Xi^+ Xi, with its diagonal: the projector on the span of the patterns.

    All patterns are fixed points if they are linearly independent, also if they are correlated. W
    is made of the singular vectors of Xi, whose condition number is the root of that of Xi Xi^T.
    Source: Personnaz, Guyon & Dreyfus 1985, J. Physique Lett. 46, 359.
    """

    local: ClassVar[bool] = False
    random: ClassVar[bool] = False

    def weights(self, patterns: Patterns) -> Pairs:
        _, sizes, directions = jnp.linalg.svd(patterns, full_matrices=False)
        rounding = max(patterns.shape) * jnp.finfo(patterns.dtype).eps
        spanned = jnp.where((sizes > rounding * sizes[0])[:, None], directions, 0)
        return spanned.T @ spanned
