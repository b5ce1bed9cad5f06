"""Ways to learn a cue map and a read-out for a dendritic memory, and recall with them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from nam_jax import measure, memory, solve, train
from nam_jax._types import Key, Patterns
from nam_jax.experiment.items._problem import MOST_AT_ONCE, Bench, Items, erased, settled
from nam_jax.memory import AbstractMapRule, LinearMap, RidgeMap
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import Associator, AssociatorState

DECODERS = ("attractor", "threshold", "winners", "nearest set")
"""Ways to find the set of an image. attractor: the network settles. The others use the input to
memory neurons alone. threshold: neurons with an input above one threshold; winners: the k neurons
with the most input; nearest set: the stored set with the most input."""

ANSWERS = ("memory", "features")
"""The neurons from which the image is read."""

EXACT = RidgeMap(1e-4)
"""The read-out of trained methods: least squares, as the rates at rest have no noise."""


class CovarianceMap(AbstractMapRule):
    """Hebb's rule on deviations from the mean: W = g Y^T X for inputs X and answers Y.

    One gain g serves all synapses; it is fitted to the answers by least squares.
    """

    def weights(self, inputs: Patterns, answers: Float[Array, "K M"]) -> Float[Array, "M N"]:
        product = answers.T @ inputs
        given = inputs @ product.T
        power = jnp.sum(given**2)
        gain = jnp.sum(given * answers) / jnp.where(power > 0, power, 1)
        return gain * product


class Method(NamedTuple):
    """A way to learn the maps.

    Attributes:
        cue: From the share of pixels erased in training to the rule of the cue map; None for
            logistic regression by gradient.
        answer: The rule of the read-out.
        to_features: Whether the cue map gives rates of feature neurons, and not input to memory
            neurons.
        gains: Gains of the cue map; the gain that is best on cues with the damage of training is
            taken.
    """

    cue: Callable[[float], AbstractMapRule] | None
    answer: AbstractMapRule
    to_features: bool = False
    gains: tuple[float, ...] = (18.0, 22.0, 26.0, 32.0, 40.0)

    def with_features(self) -> "Method":
        """The same with cues that are rates of feature neurons."""
        return self._replace(to_features=True, gains=(0.5, 0.65, 0.8, 1.0, 1.3))


def hebbian() -> Method:
    """Both maps by Hebb's rule."""
    return Method(lambda erased: CovarianceMap(), CovarianceMap())


def ridge() -> Method:
    """Both maps by least squares, with the penalty that stands for erased pixels."""
    return Method(lambda erased: RidgeMap(erased / (1 - erased)), EXACT)


def gradient() -> Method:
    """The cue map by logistic regression, the read-out by least squares."""
    return Method(None, EXACT)


def hebbian_features() -> Method:
    """As `hebbian`, with cues that are rates of feature neurons."""
    return hebbian().with_features()


def ridge_features() -> Method:
    """As `ridge`, with cues that are rates of feature neurons."""
    return ridge().with_features()


class Outcome(NamedTuple):
    """The recalls of one method from C cues of each damage.

    Attributes:
        sets: (decoders, damages, C), whether the right set was found.
        exact: (answers, damages, C), whether every pixel was right.
        own: (answers, K), whether every pixel was right when read from the item's own set, which
            tests the read-out alone.
        readouts: (answers, damages, C, P), the images read.
        gain: The gain of the cue map that was chosen.
    """

    sets: Bool[np.ndarray, "decoders damages C"]
    exact: Bool[np.ndarray, "answers damages C"]
    own: Bool[np.ndarray, "answers K"]
    readouts: Float[np.ndarray, "answers damages C P"]
    gain: float


def recalled(
    bench: Bench,
    items: Items,
    method: Method,
    cues: Float[Array, "damages C P"],
    config: Any,
    *,
    key: Key,
) -> Outcome:
    """Learns both maps from `items`, recalls the items from cues, and returns the outcome.

    Args:
        bench: The network.
        items: The items to store.
        method: The way to learn the maps.
        cues: Damaged images; cue c of a damage is made of item c mod K.
        config: The settings.
        key: Random key of training and of the selection of gain and threshold.
    """
    of_training, of_selection = jr.split(key)
    place = jnp.arange(config.num_selection) % len(items.patterns)
    selection = erased(items.patterns[place], config.erased, key=of_selection)
    answers = [memory.associate(method.answer, rates, items.patterns) for rates in items.rates]
    cue_map = _cue_map(
        bench.base, items, method, selection, items.members[place], config, of_training
    )
    network = Associator(
        bench.base, cue_map, answers[1], gain=method.gains[0], to_features=method.to_features
    )
    gain, threshold = _chosen(bench, network, method, selection, items.members[place])
    flat = cues.reshape(-1, cues.shape[-1])
    targets = jnp.arange(flat.shape[0]) % cues.shape[1] % len(items.patterns)
    starts, drives = _started(_with_gain(network, gain), flat)
    reached = settled(bench, starts)
    sets = np.stack(
        [
            _strict(reached[0], items.members[targets]),
            *_without_dynamics(drives, items, targets, threshold),
        ]
    )
    readouts = np.stack(
        [jax.vmap(answer)(rates) for answer, rates in zip(answers, reached, strict=True)]
    )
    own = np.stack(
        [jax.vmap(answer)(rates) for answer, rates in zip(answers, items.rates, strict=True)]
    )
    patterns = np.asarray(items.patterns)
    return Outcome(
        sets.reshape(len(DECODERS), *cues.shape[:2]),
        (np.sign(readouts) == patterns[targets]).all(-1).reshape(-1, *cues.shape[:2]),
        (np.sign(own) == patterns).all(-1),
        readouts.reshape(-1, *cues.shape),
        gain,
    )


def _cue_map(
    base: DendriticMemory,
    items: Items,
    method: Method,
    selection: Patterns,
    members: Bool[Array, "C N1"],
    config: Any,
    key: Key,
) -> LinearMap:
    """The learned cue map.

    A map to memory neurons is scaled so that its mean output on `selection` is 1 for members of the
    right set and 0 for other neurons.
    """
    rule = None if method.cue is None else method.cue(config.erased)
    if method.to_features:
        assert rule is not None
        features = solve.in_batches(lambda sets: _features(base, sets), items.members, MOST_AT_ONCE)
        return memory.associate(rule, items.patterns, features)
    answers = items.members.astype(items.patterns.dtype)
    if rule is not None:
        fitted = memory.associate(rule, items.patterns, answers)
    else:
        fitted, _ = train.fit_linear_map(
            items.patterns, answers, erased=config.erased,
            optimizer=optax.adam(config.learning_rate), num_steps=config.steps, key=key,
        )  # fmt: skip
    outputs = jax.vmap(fitted)(selection)
    high, low = jnp.mean(outputs[members]), jnp.mean(outputs[~members])
    return LinearMap(fitted.weights / (high - low), (fitted.offset - low) / (high - low))


@eqx.filter_jit
def _features(base: DendriticMemory, members: Bool[Array, "C N1"]) -> Float[Array, "C N2"]:
    return jax.vmap(base.features_of)(members)


def _chosen(
    bench: Bench,
    network: Associator,
    method: Method,
    cues: Patterns,
    members: Bool[Array, "C N1"],
) -> tuple[float, float]:
    """The gain with which the network finds most sets, and the best threshold of the cue map."""
    starts = [_started(_with_gain(network, gain), cues) for gain in method.gains]
    rates = [_strict(settled(bench, states)[0], members).mean() for states, _ in starts]
    best = int(np.argmax(rates))
    return method.gains[best], _best_threshold(starts[best][1], members)


def _with_gain(network: Associator, gain: float) -> Associator:
    return eqx.tree_at(lambda net: net.gain, network, jnp.asarray(gain, network.gain.dtype))


def _started(network: Associator, cues: Patterns) -> tuple[AssociatorState, Float[Array, "C N1"]]:
    """Initial states, and the input to memory neurons in these states."""
    return solve.in_batches(lambda batch: _start(network, batch), cues, MOST_AT_ONCE)


@eqx.filter_jit
def _start(network: Associator, cues: Patterns) -> tuple[AssociatorState, Float[Array, "C N1"]]:
    return jax.vmap(lambda cue: (network.initial_state(cue), network.first_drive(cue)))(cues)


def _strict(rates: Float[Array, "C N1"], members: Bool[Array, "C N1"]) -> Bool[np.ndarray, " C"]:
    return np.asarray(jax.vmap(measure.strict_recall)(rates, members))


def _gaps(
    drives: Float[Array, "C N1"], members: Bool[Array, "C N1"]
) -> tuple[Float[np.ndarray, " C"], Float[np.ndarray, " C"]]:
    """For each cue, the smallest input of a member and the largest input of another neuron."""
    least = jnp.min(jnp.where(members, drives, jnp.inf), axis=1)
    return np.asarray(least), np.asarray(jnp.max(jnp.where(members, -jnp.inf, drives), axis=1))


def _best_threshold(drives: Float[Array, "C N1"], members: Bool[Array, "C N1"]) -> float:
    """The threshold with which the cue map alone finds most sets.

    A threshold finds the set of a cue if it is above the largest input of another neuron and at
    most the smallest input of a member. With members' inputs from 2 on and others' up to 1 for one
    cue, and 3 and 2.5 for another, no threshold finds both sets. It is enough to try the smallest
    inputs of members: here 2 and 3.
    """
    least, most = _gaps(drives, members)
    right = (most[None, :] < least[:, None]) & (least[:, None] <= least[None, :])
    return float(least[right.sum(axis=1).argmax()])


def _without_dynamics(
    drives: Float[Array, "C N1"], items: Items, targets: Array, threshold: float
) -> list[Bool[np.ndarray, " C"]]:
    """Whether the cue map alone finds the set: by threshold, by winners, by the nearest set."""
    least, most = _gaps(drives, items.members[targets])
    nearest = jnp.argmax(drives @ items.members.T.astype(drives.dtype), axis=1)
    return [
        (most < threshold) & (threshold <= least),
        most < least,
        np.asarray(nearest == targets),
    ]
