"""When a memory counts as working: the criterion without which no capacity is defined."""

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
from nam_jax._types import Key, Pattern, Scalar
from nam_jax.network import (
    AbstractDiscreteNetwork,
    AbstractFeedforwardNetwork,
    AbstractNetwork,
)

if TYPE_CHECKING:
    # Type checkers know no abstract class variables.
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

Recaller = Callable[[AbstractNetwork, Pattern, Key], solve.Retrieval]
"""Recalls from a cue; the key is for whatever is random in it."""


def one_by_one(network: AbstractNetwork, cue: Pattern, key: Key) -> solve.Retrieval:
    """`retrieve`, with the neurons of a discrete network updated one by one in random order."""
    return solve.retrieve(network, cue, updates=solve.Asynchronous(key))


def all_at_once(network: AbstractNetwork, cue: Pattern, key: Key) -> solve.Retrieval:
    """`retrieve`, with the neurons of a discrete network updated all at once."""
    del key
    return solve.retrieve(network, cue)


class AbstractCriterion(eqx.Module):
    """A score between 0 and 1 for each stored pattern, and the mean score at capacity.

    Attributes:
        level: The mean score at which a memory is at its capacity, in (0, 1).
        all_patterns: Whether a set of patterns scores only if every one of them does.
        one_sided: Whether scores stay above one half wherever the memory is of use, so that the
            logarithm of their probit is a straight line, rather than the probit itself.
    """

    level: eqx.AbstractVar[float]
    all_patterns: eqx.AbstractVar[bool]
    one_sided: AbstractClassVar[bool]

    @abc.abstractmethod
    def __call__(self, network: AbstractNetwork, target: Pattern, *, key: Key) -> Scalar:
        """The score of `target`, (N,) of -1 and +1, one of the patterns stored in `network`.

        Raises:
            ValueError: If the criterion has no meaning for this kind of network.
        """


class OneStep(AbstractCriterion):
    """Bits of a stored pattern are wrong with at most probability `error` after one step.

    The score is the share of right bits; a field of exactly 0 counts as half a right bit. For
    networks that are updated or answer in passes.

    Attributes:
        error: In (0, 1/2).
    """

    error: float = eqx.field(static=True)
    level: float = eqx.field(static=True)
    all_patterns: bool = eqx.field(static=True)
    one_sided: ClassVar[bool] = True

    def __init__(self, error: float = 0.005):
        """Sets the error.

        Raises:
            ValueError: If it is not in (0, 1/2).
        """
        if not 0 < error < 0.5:
            raise argument_error("error", "lie in (0, 0.5)", error)
        self.error, self.level, self.all_patterns = error, 1 - error, False

    def __call__(self, network: AbstractNetwork, target: Pattern, *, key: Key) -> Scalar:
        del key
        return right_bits(_one_step(network, target), target)


class FixedPoint(AbstractCriterion):
    """A stored pattern stays: one step changes no bit, or no recall from it ends elsewhere.

    One step for networks that are updated or answer in passes, and recall to rest for those that
    flow in time. For even n > 2 a `DenseAssociativeMemory` with self-coupling passes at any K.

    Attributes:
        level: The share of patterns (or of sets, with `all_patterns`) that stay, at capacity.
        all_patterns: Whether all K must stay.
    """

    level: float = eqx.field(default=0.5, static=True)
    all_patterns: bool = eqx.field(default=False, static=True)
    one_sided: ClassVar[bool] = False

    def __check_init__(self):
        _check_level(self.level)

    def __call__(self, network: AbstractNetwork, target: Pattern, *, key: Key) -> Scalar:
        if isinstance(network, AbstractDiscreteNetwork):
            stays = jnp.all(network.local_field(target) * target >= 0)
        elif isinstance(network, AbstractFeedforwardNetwork):
            stays = jnp.all(network.respond(target) * target > 0)
        else:
            stays = wrong_bits(one_by_one(network, target, key).pattern, target) == 0
        return stays.astype(target.dtype)


class Recall(AbstractCriterion):
    """A stored pattern is recalled from a cue with a given fraction of flipped bits.

    Attributes:
        flips: The fraction of flipped bits of the cues, in [0, 1/2].
        overlap: The smallest overlap of what is recalled with the pattern that counts. 1 asks for
            every bit; less allows floor((1 - overlap) N / 2) wrong bits, none at small N.
        level: The share of cues (or of sets, with `all_patterns`) recalled, at capacity.
        all_patterns: Whether all K must be recalled, from one cue each.
        recall: How: [`nam_jax.measure.one_by_one`][] unless given.
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
        return (wrong <= allowed_errors(target.shape[0], self.overlap)).astype(target.dtype)


def right_bits(field: Pattern, target: Pattern) -> Scalar:
    """The share of bits whose field has the sign of `target`; one of exactly 0 counts half."""
    return 0.5 + 0.5 * jnp.mean(jnp.sign(field) * target)


def wrong_bits(recalled: Pattern, target: Pattern) -> Int[Array, ""]:
    """How many bits have not the sign of `target`."""
    return jnp.sum(jnp.sign(recalled) != target)


def allowed_errors(num_neurons: int, overlap: float) -> int:
    """The number of wrong bits that leaves at least `overlap`."""
    return math.floor((1 - overlap) * num_neurons / 2 + 1e-9)


def _one_step(network: AbstractNetwork, state: Pattern) -> Pattern:
    """What the signs of all neurons are taken from in one step."""
    if isinstance(network, AbstractDiscreteNetwork):
        return network.local_field(state)
    if isinstance(network, AbstractFeedforwardNetwork):
        return network.respond(state)
    found = f"OneStep, which needs steps, for a {type(network).__name__}, which flows in time"
    raise argument_error("criterion", "be FixedPoint or Recall", found)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise argument_error("level", "lie in (0, 1)", level)
