"""Binary images recalled by every learning rule, dense memories and neuron-astrocyte networks."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import data, memory, solve, theory, train
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.experiment.train import TrainConfig, trained
from nam_jax.network import (
    AbstractDiscreteNetwork,
    AbstractEnergyNetwork,
    Clamped,
    DenseAssociativeMemory,
    Hopfield,
    NeuronAstrocyte,
)

Cues = Float[Array, "C N"]

Recalled = tuple[Float[Array, "C N"], Bool[Array, " C"]]
"""Read-outs, and whether the network is active."""

OVERLAP = 0.95
"""Least overlap of the signs recalled with the image that counts as recalled."""

HIDDEN = "half hidden"
"""The cue of which some bits are not known."""

MOST_SWEEPS = 100
"""Sweeps after which recall is given up; asymmetric weights need not come to rest."""


class Costs(NamedTuple):
    """What a memory of K patterns over N neurons is made of."""

    neurons: float
    synapses: float
    compute_units: float


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


def contenders(config: Any, occluded: Bool[Array, " N"]) -> dict[str, Contender]:
    """Every memory by name, the nearest stored image last."""
    found = {
        name: Contender(_rule_recall(rule), _pairwise_costs, most)
        for name, (rule, most) in _rules(config).items()
    }
    for name, separation in _separations(config).items():
        found[name] = Contender(_dense_recall(separation), _dense_costs)
    found["single pass, n = 4"] = Contender(_single_pass, _dense_costs)
    for name, recall in _astrocytes(config, occluded).items():
        found[name] = Contender(
            recall, _astrocyte_costs, config.largest_astrocyte, config.num_astrocyte_cues
        )
    found["nearest stored"] = Contender(_nearest, _dense_costs)
    return found


def make_cues(
    targets: Cues, flips: tuple[float, ...], occluded: Bool[Array, " N"], *, key: Key
) -> dict[str, Cues]:
    """Cues by kind of damage: flipped bits, and hidden ones, which are 0 (the others are held)."""
    keys = jr.split(key, (len(flips), len(targets)))
    found = {
        f"{fraction:.0%} flipped": jax.vmap(lambda x, k, f=fraction: data.flip(x, f, key=k))(
            targets, each
        )
        for fraction, each in zip(flips, keys, strict=True)
    }
    return found | {HIDDEN: jnp.where(occluded[None, :], 0, targets)}


def _pairwise_costs(num_neurons: int, num_patterns: int) -> Costs:
    del num_patterns
    units = theory.compute_units_two_layer(num_neurons, 0)
    return Costs(num_neurons, num_neurons**2, units)


def _dense_costs(num_neurons: int, num_patterns: int) -> Costs:
    """Of the two-layer form: a hidden neuron a pattern."""
    units = theory.compute_units_two_layer(num_neurons, num_patterns)
    return Costs(num_neurons + num_patterns, num_neurons * num_patterns, units)


def _astrocyte_costs(num_neurons: int, num_patterns: int) -> Costs:
    del num_patterns
    return Costs(num_neurons, num_neurons**2, theory.compute_units_astrocyte(num_neurons))


def _rules(config: Any) -> dict[str, tuple[Callable[[Patterns], memory.AbstractLearningRule], Any]]:
    """Every learning rule, and the largest K at which those are tried that go on for long.

    Coefficients of the expanded rule are those of the covariance by one mean for all pixels.
    """
    most, passes = config.largest_iterated, config.passes

    def expanded(patterns: Patterns) -> memory.AbstractLearningRule:
        mean = jnp.mean(patterns)
        return memory.ExpandedHebbian(c0=mean**2, c1pre=-mean, c1post=-mean)

    return {
        "Hebb": (lambda xi: memory.ActivityProduct(), None),
        "covariance": (lambda xi: memory.Covariance(), None),
        "expanded Hebb": (expanded, None),
        "decay": (lambda xi: memory.ExpandedHebbian(c0=memory.Decay(config.decay)), None),
        "clamped Oja": (lambda xi: memory.ClampedOja(config.decay), None),
        "free Oja": (lambda xi: memory.FreeOja(passes=passes), most),
        "Sanger": (lambda xi: memory.Sanger(passes=passes), most),
        "Oja subspace": (lambda xi: memory.OjaSubspace(passes=passes), most),
        "unlearning": (lambda xi: memory.Unlearning(config.dreams), most),
        "Storkey": (lambda xi: memory.Storkey(), most),
        "perceptron": (lambda xi: memory.Perceptron(passes=passes), most),
        "pseudo-inverse": (lambda xi: memory.PseudoInverse(), None),
    }


def _separations(config: Any) -> dict[str, memory.AbstractSeparation]:
    powers: dict[str, memory.AbstractSeparation] = {
        f"dense, n = {n}": memory.Power(n) for n in config.powers
    }
    rectified = {f"dense, rectified n = {n}": memory.RectifiedPower(n) for n in config.powers}
    steep = {f"log-sum-exp {beta:g}": memory.LogSumExp(beta) for beta in config.betas}
    return {**powers, **rectified, "exponential 1": memory.Exponential(1.0), **steep}


def _rule_recall(
    rule: Callable[[Patterns], memory.AbstractLearningRule],
) -> Callable[..., Recalled]:
    def recall(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
        of_rule, of_order = jr.split(key)
        chosen = rule(patterns)
        weights = memory.learn(chosen, patterns, key=of_rule)
        threshold = 0.0
        if isinstance(chosen, memory.Covariance):
            # The means go back in: else pixels on which all images agree have no field.
            mean = jnp.mean(patterns, axis=0)
            variance = jnp.mean((patterns - mean[None, :]) ** 2)
            threshold = _mean_field(weights, mean) - variance * mean
        return _one_by_one(Hopfield(weights, threshold=threshold), cues, held, key=of_order)

    return recall


def _mean_field(weights: Float[Array, "N N"], mean: Pattern) -> Pattern:
    """What the mean image is to a neuron, without the weight to itself, which is not kept."""
    return weights @ mean - jnp.diag(weights) * mean


def _dense_recall(separation: memory.AbstractSeparation) -> Callable[..., Recalled]:
    def recall(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
        return _one_by_one(DenseAssociativeMemory(patterns, separation), cues, held, key=key)

    return recall


def _single_pass(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
    """The literal update, all neurons at once."""
    del key
    network = DenseAssociativeMemory(patterns, memory.Power(4), self_coupling=True)
    return _discrete(network, cues, held, solve.Synchronous)


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


def _astrocytes(config: Any, occluded: Bool[Array, " N"]) -> dict[str, Callable[..., Recalled]]:
    def released(patterns: Patterns, cues: Cues, held: Bool[Array, "C N"], key: Key) -> Recalled:
        del key
        return _continuous(NeuronAstrocyte.released(patterns), cues, held)

    def certified(rule: memory.AbstractPatternRule) -> Callable[..., Recalled]:
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

    return {
        "astrocyte, released": released,
        "astrocyte, Hebbian": certified(memory.Hebbian()),
        "astrocyte, projection": certified(memory.Projection()),
        "astrocyte, trained": by_training,
    }


@eqx.filter_jit
def _continuous(network: AbstractEnergyNetwork, cues: Cues, held: Bool[Array, "C N"]) -> Recalled:
    """One cue after another: an N x N state each, which a CPU does not batch well."""

    def one(each: tuple[Pattern, Bool[Array, " N"]]) -> tuple[Pattern, Bool[Array, ""]]:
        cue, held = each
        found = solve.retrieve(Clamped.at_cue(network, held, cue), cue)
        return found.pattern, found.known

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
