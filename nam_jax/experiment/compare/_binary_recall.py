"""Recall of binary images by memories of many kinds, all from the same cues."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import data, measure, solve, train
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.experiment.common import Costs, Memory, astrocyte_costs, dense_costs
from nam_jax.experiment.compare._config import CompareConfig
from nam_jax.experiment.train import TrainConfig, trained
from nam_jax.memory import AbstractPatternRule, Hebbian, Projection
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractNetwork,
    Clamped,
)

Cues = Float[Array, "C N"]

Recalled = tuple[Float[Array, "C N"], Bool[Array, " C"]]
"""Read-outs, (C, N), and whether the network stayed active instead of becoming silent, (C,).

Always true for networks that are not continuous.
"""

OVERLAP = 0.95
"""Overlap of the recalled signs with the image from which the image counts as recalled."""

HIDDEN = "half hidden"
"""Name of the cue in which some bits are hidden."""

CERTIFIED = ("astrocyte, Hebbian", "astrocyte, projection", "astrocyte, trained")
"""Names of the certified networks, which have no name in `MEMORIES`."""

MOST_SWEEPS = 100
"""Sweeps after which recall stops, because networks with asymmetric weights may never rest."""


class Contender(NamedTuple):
    """One memory of the comparison.

    Attributes:
        recall: Function of patterns, cues, `held` and a random key that returns `Recalled`. `held`,
            (C, N), is true for bits that the cue gives for certain and recall may not change.
        costs: Function of N and K that returns the `Costs`.
        most: The largest K that is tried; None: all.
        cues: The largest number of cues; None: all.
    """

    recall: Callable[..., Recalled]
    costs: Callable[[int, int], Costs]
    most: int | None = None
    cues: int | None = None


def contenders(
    config: CompareConfig, memories: Mapping[str, Memory], occluded: Bool[Array, " N"]
) -> dict[str, Contender]:
    """Returns all contenders by name: memories, certified networks, and the nearest stored image.

    Args:
        config: The settings.
        memories: Memories by name.
        occluded: Whether each bit is hidden in the cue `HIDDEN`.
    """
    made = {name: _contender(memory, config, len(occluded)) for name, memory in memories.items()}
    for name, recall in _certified(config, occluded).items():
        made[name] = Contender(
            recall, astrocyte_costs, config.largest_astrocyte, config.num_astrocyte_cues
        )
    made["nearest stored"] = Contender(_nearest, dense_costs)
    return made


def make_cues(
    targets: Cues, flips: tuple[float, ...], occluded: Bool[Array, " N"], *, key: Key
) -> dict[str, Cues]:
    """Returns cues by kind of damage: flipped bits for each fraction, and hidden bits.

    Args:
        targets: (C, N), the patterns to damage.
        flips: Fractions of flipped bits.
        occluded: Whether each bit is hidden; hidden bits are 0.
        key: Random key of the flips.
    """
    keys = jr.split(key, (len(flips), len(targets)))
    flipped = {
        f"{fraction:.0%} flipped": jax.vmap(lambda x, k, f=fraction: data.flip(x, f, key=k))(
            targets, cue_keys
        )
        for fraction, cue_keys in zip(flips, keys, strict=True)
    }
    return flipped | {HIDDEN: jnp.where(occluded[None, :], 0, targets)}


def _contender(memory: Memory, config: CompareConfig, num_neurons: int) -> Contender:
    """The contender of a named memory; a slow memory gets fewer patterns or cues."""

    def recall(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
        of_storing, of_order = jr.split(key) if memory.keyed else (None, key)
        network = memory.make(patterns, of_storing)

        def updated(network: AbstractDiscreteNetwork) -> Recalled:
            if memory.together:
                return _discrete(network, cues, held, solve.Synchronous)
            return _one_by_one(network, cues, held, key=of_order)

        return network.by_kind(
            flows=lambda network: _continuous(network, cues, held),
            updates=updated,
            passes=lambda network: _answered(network, cues),
        )

    patterns = jax.ShapeDtypeStruct((2, num_neurons), jnp.result_type(float))
    network = eqx.filter_eval_shape(memory.make, patterns, jr.key(0))
    few = Contender(recall, memory.costs, config.largest_astrocyte, config.num_astrocyte_cues)
    many = Contender(recall, memory.costs, config.largest_iterated if memory.slow else None)
    return network.by_kind(flows=lambda _: few, updates=lambda _: many, passes=lambda _: many)


def _nearest(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
    del held, key
    return patterns[jnp.argmax(cues @ patterns.T, axis=1)], jnp.ones(len(cues), bool)


def _one_by_one(
    network: AbstractDiscreteNetwork, cues: Cues, held: Bool[Array, "C N"], *, key: Key
) -> Recalled:
    """Updates neurons one by one, in one random order for all cues, which is faster in a batch."""
    order = jr.permutation(key, cues.shape[1])
    return _discrete(network, cues, held, functools.partial(solve.Asynchronous, order=order))


@eqx.filter_jit
def _discrete(
    network: AbstractDiscreteNetwork,
    cues: Cues,
    held: Bool[Array, "C N"],
    make_updates: Callable[..., solve.AbstractUpdates],
) -> Recalled:
    def one(cue: Pattern, held: Bool[Array, " N"]) -> Pattern:
        updates = make_updates(held=held, max_steps=MOST_SWEEPS)
        return solve.retrieve(network, cue, how=updates).pattern

    return jax.vmap(one)(cues, held), jnp.ones(len(cues), bool)


def _certified(
    config: CompareConfig, occluded: Bool[Array, " N"]
) -> dict[str, Callable[..., Recalled]]:
    """Recall by the certified networks, by name: two with a pattern rule and one trained."""

    def untrained(rule: AbstractPatternRule) -> Callable[..., Recalled]:
        def recall(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
            del key
            network = train.certified_reduction(
                patterns, rule, margin=config.margin, gain=config.gain
            )
            return _continuous(network, cues, held)

        return recall

    def by_training(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
        settings = dataclasses.replace(
            TrainConfig(), margin=config.margin, gain=config.gain, level=config.flips[0],
            steps=config.training_steps, hidden=config.hidden,
        )  # fmt: skip
        fit = trained(patterns, occluded, settings, key=key, checkpoint=None)
        return _continuous(train.resolve(fit.network), cues, held)

    recalls = untrained(Hebbian()), untrained(Projection()), by_training
    return dict(zip(CERTIFIED, recalls, strict=True))


@eqx.filter_jit
def _answered(network: AbstractNetwork, cues: Cues) -> Recalled:
    """The answers of a network without dynamics; it cannot hold bits."""
    answers = jax.vmap(lambda cue: solve.retrieve(network, cue).pattern)(cues)
    return answers, jnp.ones(len(cues), bool)


@eqx.filter_jit
def _continuous(
    network: AbstractContinuousNetwork, cues: Cues, held: Bool[Array, "C N"]
) -> Recalled:
    """Recalls one cue after another, because a batch of N x N states is slow on a CPU."""

    def one(asked: tuple[Pattern, Bool[Array, " N"]]) -> tuple[Pattern, Bool[Array, ""]]:
        cue, held = asked
        retrieval = solve.retrieve(Clamped.at_cue(network, held, cue), cue, how=measure.COARSE)
        return retrieval.pattern, retrieval.is_active

    return jax.lax.map(one, (cues, held))


def judged(
    readouts: Float[np.ndarray, "*kinds C N"],
    known: Bool[np.ndarray, "*kinds C"],
    targets: Float[np.ndarray, "C N"],
) -> tuple[Bool[np.ndarray, "*kinds C"], Bool[np.ndarray, "*kinds C"]]:
    """Returns whether the overlap of signs is at least `OVERLAP`, and whether all signs are right.

    The overlap is 2 f - 1, where f is the fraction of neurons whose sign equals the target's.

    Args:
        readouts: (kinds, C, N), read-outs for C cues of each kind.
        known: (kinds, C), false where the network became silent; both results are false there.
        targets: (C, N), -1 and +1, the pattern that each cue should recall.

    Returns:
        Two arrays, (kinds, C).
    """
    right = np.sign(readouts) == targets
    share = 2 * right.mean(axis=-1) - 1
    return (share >= OVERLAP) & known, right.all(axis=-1) & known
