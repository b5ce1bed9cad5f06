"""Recall of correlated patterns: a trained tensor beside untrained ones and classical rules."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import data, measure, solve, train
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.experiment.common import Memory, cosine_adam, gradient_routes, with_gain
from nam_jax.experiment.train._settings import HOW, RULES
from nam_jax.network import (
    AbstractNetwork,
    EffectiveNeuronAstrocyte,
)

DAMAGES = ("flipped", "occluded")

HOLD = 4.0
"""Voltage near which the drive of a training sample holds neurons whose cue entry is 1."""


class Variant(NamedTuple):
    """A network and the way in which it is run; a method chooses its best variant.

    Attributes:
        setting: Name of the variant, such as "gain 0.9".
        network: The network.
        how: The settings of `retrieve`.
    """

    setting: str
    network: AbstractNetwork
    how: solve.AbstractHow | None


class Outcomes(NamedTuple):
    """The recalls of one method from flipped cues (row 0) and from occluded cues (row 1).

    Attributes:
        exact: (2, C), whether every bit is right and the network is active.
        settings: Names of the variants for flipped and for occluded cues; they were chosen on other
            cues.
        readouts: (2, C, N), graded read-outs.
    """

    exact: Bool[np.ndarray, "2 C"]
    settings: tuple[str, ...]
    readouts: Float[np.ndarray, "2 C N"]


class Cues(NamedTuple):
    """Damaged patterns, which all methods share.

    Attributes:
        targets: (C, N), the patterns.
        damaged: (2, C, N): row 0, the patterns with flipped bits; row 1, the patterns with hidden
            bits, which are 0.
    """

    targets: Patterns
    damaged: Float[Array, "2 C N"]


def make_cues(
    patterns: Patterns, level: float, occluded: Bool[Array, " N"], num_cues: int, *, key: Key
) -> Cues:
    """Returns two cues for each of the first `num_cues` patterns: with flips, and with hidden bits.

    A hidden bit is 0 in the cue. In a continuous network its neuron starts silent. In a discrete
    network its neuron is 0 at first and takes the sign of its field when it is updated.

    Args:
        patterns: (K, N).
        level: Fraction of flipped bits.
        occluded: Whether each bit is hidden.
        num_cues: Number C of cues, at most K.
        key: Random key of the flips.

    Returns:
        The patterns, (C, N), and their cues, (2, C, N): flipped, then occluded.
    """
    targets = patterns[:num_cues]
    keys = jr.split(key, num_cues)
    flipped = jax.vmap(lambda target, cue_key: data.flip(target, level, key=cue_key))(targets, keys)
    return Cues(targets, jnp.stack([flipped, jnp.where(occluded[None, :], 0, targets)]))


def certified_variants(
    network: EffectiveNeuronAstrocyte, gains: tuple[float, ...]
) -> list[Variant]:
    """Returns variants of a network with several neural leaks, one for each of `gains`."""
    return [Variant(f"gain {g:g}", with_gain(network, g), measure.COARSE) for g in gains]


def discrete_variants(network: AbstractNetwork, *, key: Key) -> list[Variant]:
    """Returns variants of a discrete network: neurons updated all at once, and one by one."""
    return [
        Variant("synchronous", network, solve.Synchronous()),
        Variant("asynchronous", network, solve.Asynchronous(key)),
    ]


def named_variants(memory: Memory, patterns: Patterns, *, key: Key) -> list[Variant]:
    """Returns the variants of a memory: both orders of updates if its neurons are binary."""

    def as_it_is(network: AbstractNetwork) -> list[Variant]:
        return [Variant("as it is", network, measure.coarse(network))]

    def updated(network: AbstractNetwork) -> list[Variant]:
        return as_it_is(network) if memory.together else discrete_variants(network, key=key)

    network = memory.maker(key)(patterns)
    return network.by_kind(flows=as_it_is, updates=updated, passes=as_it_is)


def best_of(variants: list[Variant], selection: Cues, test: Cues) -> Outcomes:
    """Returns the recalls from `test` by the best variant, chosen for each damage separately.

    The best variant is the one that recalls most of the cues in `selection`.
    """
    both = jnp.concatenate([selection.damaged, test.damaged], axis=1)
    targets = np.concatenate([selection.targets, test.targets])
    recalls = [
        _recall(variant.network, both.reshape(-1, both.shape[-1]), variant.how)
        for variant in variants
    ]
    readouts = np.stack([np.asarray(readout).reshape(both.shape) for readout, _ in recalls])
    known = np.stack([np.asarray(known).reshape(both.shape[:2]) for _, known in recalls])
    exact = (np.sign(readouts) == targets).all(-1) & known
    split = len(selection.targets)
    best = exact[..., :split].mean(-1).argmax(0)
    places = np.arange(len(DAMAGES))
    settings = tuple(variants[index].setting for index in best)
    return Outcomes(exact[best, places, split:], settings, readouts[best, places, split:])


def nearest(patterns: Patterns, test: Cues) -> Outcomes:
    """Returns the stored pattern with the largest overlap with each cue, found by direct search.

    It is the reference that memories are compared with.
    """
    answers = patterns[jnp.argmax(test.damaged @ patterns.T, axis=-1)]
    exact = np.asarray((answers == test.targets[None]).all(-1))
    return Outcomes(exact, ("", ""), np.asarray(answers))


def trained(
    patterns: Patterns,
    occluded: Bool[Array, " N"],
    config: Any,
    *,
    key: Key,
    checkpoint: train.Checkpoint | None,
) -> train.Fit:
    """Trains the couplings on damaged cues, starting from those of the rule `config.start`.

    Args:
        patterns: (K, N), the patterns to store.
        occluded: Whether each bit is hidden in occluded cues.
        config: The settings.
        key: Random key of training.
        checkpoint: Where the state of training is kept; None: nowhere.

    Returns:
        The result of `train.fit`.
    """
    rule = RULES[config.start]
    start = train.certified_reduction(patterns, rule, margin=config.margin, gain=config.gain)
    make: Callable[..., train.Sample] = jax.tree_util.Partial(
        train.held_samples,
        fraction=config.level,
        occluded=occluded,
        strength=HOLD * start.leak,
    )
    return train.fit(
        train.parametrise(start),
        train.Minibatches(patterns, make, min(config.batch_size, len(patterns))),
        loss=train.VoltageMargin(),
        optimizer=cosine_adam(config.learning_rate, config.steps),
        num_steps=config.steps,
        key=key,
        gradient=gradient_routes(HOW)[config.gradient],
        trainable=lambda net: [
            net.excess.couplings.root,
            *([net.excess.patterns] if config.train_patterns else []),
        ],
        project=jax.tree_util.Partial(train.keep_margin, margin=config.margin),
        checkpoint=checkpoint,
    )


@eqx.filter_jit
def _recall(
    network: AbstractNetwork, cues: Patterns, how: solve.AbstractHow | None
) -> tuple[Float[Array, "C N"], Bool[Array, " C"]]:
    """Returns the read-outs at rest, and whether the network is active there."""

    def one(cue: Pattern) -> tuple[Pattern, Bool[Array, ""]]:
        retrieval = solve.retrieve(network, cue, how=how)
        return retrieval.pattern, retrieval.is_active

    return jax.vmap(one)(cues)
