"""Criteria of storage: a criterion scores each stored pattern, and defines a capacity."""

import abc
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Int

from nam_jax import data, solve
from nam_jax._misc import argument_error
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key, Pattern, Scalar
from nam_jax.measure._settings import coarse
from nam_jax.network import AbstractNetwork

if TYPE_CHECKING:
    # Type checkers know no abstract class variables.
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

Recaller = Callable[[AbstractNetwork, Pattern, Key], solve.Retrieval]
"""Function that recalls from a cue; the key is for random choices during recall."""


def one_by_one(network: AbstractNetwork, cue: Pattern, key: Key) -> solve.Retrieval:
    """Recalls with `retrieve`; neurons of a discrete network are updated one by one, at random."""
    return solve.retrieve(network, cue, how=coarse(network, solve.Asynchronous(key)))


def all_at_once(network: AbstractNetwork, cue: Pattern, key: Key) -> solve.Retrieval:
    """Recalls with `retrieve`; neurons of a discrete network are updated all at once."""
    del key
    return solve.retrieve(network, cue, how=coarse(network))


class AbstractCriterion(AbstractPrecise):
    """A score between 0 and 1 for each stored pattern, and the mean score at capacity.

    Attributes:
        level: The mean score at which a memory is at its capacity, in (0, 1).
        all_patterns: Whether the score of a set of patterns is the lowest score of its patterns.
        one_sided: Whether scores of useful memories are all above 1/2. `capacity` then fits a
            straight line in log K to the logarithm of the probit of scores, else to the probit.
    """

    level: eqx.AbstractVar[float]
    all_patterns: eqx.AbstractVar[bool]
    one_sided: AbstractClassVar[bool]

    @abc.abstractmethod
    def __call__(self, network: AbstractNetwork, target: Pattern, *, key: Key) -> Scalar:
        """Returns the score of one stored pattern.

        Args:
            network: The network that stores the pattern.
            target: The pattern, entries -1 and +1, shape (N,).
            key: Random key, for the cue and the recall.

        Returns:
            The score, from 0 to 1. A failed recall has the score 0, and so has a score of NaN.

        Raises:
            ValueError: If the criterion has no meaning for this kind of network.
        """


class OneStep(AbstractCriterion):
    """A bit of a stored pattern is wrong with at most probability `error` after one step.

    The score is the share of right bits; a field of exactly 0 counts as half a right bit. The
    criterion is for networks that are updated in steps or answer in passes.

    Attributes:
        error: Allowed probability of a wrong bit, in (0, 1/2).
        level: Score at capacity, 1 - error.
        all_patterns: False.
    """

    error: float = eqx.field(static=True)
    level: float = eqx.field(static=True)
    all_patterns: bool = eqx.field(static=True)
    one_sided: ClassVar[bool] = True

    def __init__(self, error: float = 0.005):
        """Sets the allowed error.

        Args:
            error: Allowed probability of a wrong bit, in (0, 1/2).

        Raises:
            ValueError: If the error is not in (0, 1/2).
        """
        if not 0 < error < 0.5:
            raise argument_error("error", "lie in (0, 0.5)", error)
        self.error, self.level, self.all_patterns = error, 1 - error, False

    def __call__(self, network: AbstractNetwork, target: Pattern, *, key: Key) -> Scalar:
        del key
        return right_bits(_one_step(network, target), target)


class FixedPoint(AbstractCriterion):
    """A stored pattern is a fixed point: no bit changes.

    In networks that are updated in steps or answer in passes, one step from the pattern changes no
    bit. In networks that flow in time, recall from the pattern ends with the same bits. The score
    is 1 or 0. For even n > 2, a `DenseAssociativeMemory` with self-coupling meets this criterion at
    any K.

    Attributes:
        level: Share of patterns (or of sets, with `all_patterns`) that are fixed points at
            capacity.
        all_patterns: Whether all K patterns of a set must be fixed points.
    """

    level: float = eqx.field(default=0.5, static=True)
    all_patterns: bool = eqx.field(default=False, static=True)
    one_sided: ClassVar[bool] = False

    def __check_init__(self):
        _check_level(self.level)

    def __call__(self, network: AbstractNetwork, target: Pattern, *, key: Key) -> Scalar:
        stays = network.by_kind(
            flows=lambda net: wrong_bits(one_by_one(net, target, key).pattern, target) == 0,
            updates=lambda net: jnp.all(net.local_field(target) * target >= 0),
            passes=lambda net: jnp.all(net.respond(target) * target > 0),
        )
        return stays.astype(target.dtype)


class Recall(AbstractCriterion):
    """A stored pattern is recalled from a cue with a given fraction of flipped bits.

    The score is 1 or 0.

    Attributes:
        flips: Fraction of flipped bits of the cues, in [0, 1/2].
        overlap: Smallest overlap of the recalled pattern with the stored one, in (0, 1]. With 1
            every bit must be right. A smaller number allows `wrong_bits(N)` wrong bits, which is
            not one share of N: 0.95 allows 0, 1 and 3 wrong bits of 32, 64 and 128, and exponents
            fitted over these N are too large. Compare capacities at several N with an overlap of
            1, or at N with (1 - overlap) N / 2 a whole number, as 40, 80 and 120 for 0.95.
        level: Share of cues (or of sets, with `all_patterns`) that are recalled at capacity.
        all_patterns: Whether all K patterns of a set must be recalled, from one cue per pattern.
        recall: Function that recalls from a cue; [`nam_jax.measure.one_by_one`][] by default.
    """

    flips: float = eqx.field(default=0.1, static=True)
    overlap: float = eqx.field(default=1.0, static=True)
    level: float = eqx.field(default=0.5, static=True)
    all_patterns: bool = eqx.field(default=False, static=True)
    recall: Recaller = eqx.field(default=one_by_one, static=True)
    one_sided: ClassVar[bool] = False

    def __check_init__(self):
        _check_level(self.level)
        if not 0 <= self.flips <= 0.5:
            raise argument_error("flips", "lie in [0, 0.5]", self.flips)
        if not 0 < self.overlap <= 1:
            raise argument_error("overlap", "lie in (0, 1]", self.overlap)

    def __call__(self, network: AbstractNetwork, target: Pattern, *, key: Key) -> Scalar:
        of_flips, of_recall = jr.split(key)
        cue = data.flip(target, self.flips, key=of_flips)
        wrong = wrong_bits(self.recall(network, cue, of_recall).pattern, target)
        return (wrong <= self.wrong_bits(target.shape[0])).astype(target.dtype)

    def wrong_bits(self, num_neurons: int) -> int:
        """Returns the number of wrong bits among N = `num_neurons` that still count as recall."""
        return allowed_errors(num_neurons, self.overlap)


def right_bits(field: Pattern, target: Pattern) -> Scalar:
    """Returns the share of fields with the sign of `target`; 0 counts half, and NaN is wrong."""
    return 0.5 + 0.5 * jnp.mean(jnp.where(jnp.isnan(field), -1, jnp.sign(field) * target))


def wrong_bits(recalled: Pattern, target: Pattern) -> Int[Array, ""]:
    """Returns the number of bits whose sign differs from `target`."""
    return jnp.sum(jnp.sign(recalled) != target)


def allowed_errors(num_neurons: int, overlap: float) -> int:
    """Returns the largest number of wrong bits at which the overlap is at least `overlap`."""
    return math.floor((1 - overlap) * num_neurons / 2 + 1e-9)


def _one_step(network: AbstractNetwork, state: Pattern) -> Pattern:
    """Returns the numbers whose signs are the bits after one step from `state`."""

    def refuse(network: AbstractNetwork) -> Pattern:
        given = f"OneStep, which needs steps, for a {type(network).__name__}, which flows in time"
        raise argument_error("criterion", "be FixedPoint or Recall", given)

    return network.by_kind(
        flows=refuse,
        updates=lambda net: net.local_field(state),
        passes=lambda net: net.respond(state),
    )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise argument_error("level", "lie in (0, 1)", level)
