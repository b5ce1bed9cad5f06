"""Binary images recalled by memories of many kinds, each asked the same cues."""

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

from nam_jax import data, solve, train
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.experiment.common import Costs, Memory, astrocyte_costs, dense_costs
from nam_jax.experiment.compare._config import CompareConfig
from nam_jax.experiment.train import TrainConfig, trained
from nam_jax.memory import AbstractPatternRule, Hebbian, Projection
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractEnergyNetwork,
    AbstractNetwork,
    Clamped,
)

Cues = Float[Array, "C N"]

Recalled = tuple[Float[Array, "C N"], Bool[Array, " C"]]
"""Read-outs, and whether the network is active."""

OVERLAP = 0.95
"""Least overlap of the signs recalled with the image that counts as recalled."""

HIDDEN = "half hidden"
"""The cue of which some bits are not known."""

CERTIFIED = ("astrocyte, Hebbian", "astrocyte, projection", "astrocyte, trained")
"""Names of the rows that are no memories by name: they have the margin and gain of the config."""

MOST_SWEEPS = 100
"""Sweeps after which recall is given up; asymmetric weights need not come to rest."""


class Contender(NamedTuple):
    """One memory.

    Attributes:
        recall: (patterns, cues, held, key) -> read-outs; bits (C, N) that are held are known.
        costs: (N, K) -> what it is made of.
        most: The largest K it is tried at, and how many cues; None for all.
        cues: How many cues, at most.
    """

    recall: Callable[..., Recalled]
    costs: Callable[[int, int], Costs]
    most: int | None = None
    cues: int | None = None


def contenders(
    config: CompareConfig, memories: Mapping[str, Memory], occluded: Bool[Array, " N"]
) -> dict[str, Contender]:
    """Memories by name, certified networks, and last the nearest stored image."""
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
    """Cues by kind of damage: flipped bits, and hidden ones, which are 0 (the others are held)."""
    keys = jr.split(key, (len(flips), len(targets)))
    flipped = {
        f"{fraction:.0%} flipped": jax.vmap(lambda x, k, f=fraction: data.flip(x, f, key=k))(
            targets, cue_keys
        )
        for fraction, cue_keys in zip(flips, keys, strict=True)
    }
    return flipped | {HIDDEN: jnp.where(occluded[None, :], 0, targets)}


def _contender(memory: Memory, config: CompareConfig, num_neurons: int) -> Contender:
    """A named memory, tried with fewer patterns and cues where it is slow."""

    def recall(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
        of_storing, of_order = jr.split(key) if memory.keyed else (None, key)
        network = memory.make(patterns, of_storing)
        if isinstance(network, AbstractEnergyNetwork):
            return _continuous(network, cues, held)
        if not isinstance(network, AbstractDiscreteNetwork):
            return _answered(network, cues)
        if memory.together:
            return _discrete(network, cues, held, solve.Synchronous)
        return _one_by_one(network, cues, held, key=of_order)

    patterns = jax.ShapeDtypeStruct((2, num_neurons), jnp.result_type(float))
    network = eqx.filter_eval_shape(memory.make, patterns, jr.key(0))
    if isinstance(network, AbstractContinuousNetwork):
        return Contender(recall, memory.costs, config.largest_astrocyte, config.num_astrocyte_cues)
    return Contender(recall, memory.costs, config.largest_iterated if memory.slow else None)


def _nearest(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
    del held, key
    return patterns[jnp.argmax(cues @ patterns.T, axis=1)], jnp.ones(len(cues), bool)


def _one_by_one(
    network: AbstractDiscreteNetwork, cues: Cues, held: Bool[Array, "C N"], *, key: Key
) -> Recalled:
    """Neurons one by one in a random order, the same for all cues: much faster in a batch."""
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
        updates = make_updates(held=held)
        return solve.retrieve(network, cue, updates=updates, max_steps=MOST_SWEEPS).pattern

    return jax.vmap(one)(cues, held), jnp.ones(len(cues), bool)


def _certified(
    config: CompareConfig, occluded: Bool[Array, " N"]
) -> dict[str, Callable[..., Recalled]]:
    """Certified networks with the margin and the gain of `config`, by rule and trained."""

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
    """The answers of a network without dynamics, which can hold no bits."""
    answers = jax.vmap(lambda cue: solve.retrieve(network, cue).pattern)(cues)
    return answers, jnp.ones(len(cues), bool)


@eqx.filter_jit
def _continuous(network: AbstractEnergyNetwork, cues: Cues, held: Bool[Array, "C N"]) -> Recalled:
    """One cue after another: an N x N state each, which a CPU does not batch well."""

    def one(asked: tuple[Pattern, Bool[Array, " N"]]) -> tuple[Pattern, Bool[Array, ""]]:
        cue, held = asked
        retrieval = solve.retrieve(Clamped.at_cue(network, held, cue), cue)
        return retrieval.pattern, retrieval.known

    return jax.lax.map(one, (cues, held))


def judged(
    readouts: Float[np.ndarray, "*kinds C N"],
    known: Bool[np.ndarray, "*kinds C"],
    targets: Float[np.ndarray, "C N"],
) -> tuple[Bool[np.ndarray, "*kinds C"], Bool[np.ndarray, "*kinds C"]]:
    """Whether nearly all signs are right (`OVERLAP`), and whether all are."""
    right = np.sign(readouts) == targets
    share = 2 * right.mean(axis=-1) - 1
    return (share >= OVERLAP) & known, right.all(axis=-1) & known
