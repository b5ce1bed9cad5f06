"""Random patterns and damaged cues, and the recall of one network from them."""

import functools
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nam_jax import measure, solve
from nam_jax._types import Key, Pattern, Patterns, Scalar
from nam_jax.network import (
    AbstractNetwork,
    AbstractStart,
    Cold,
    NeuronAstrocyte,
    TripartiteState,
)


def key_of_seed(seed: int) -> Key:
    """Returns the random key of a seed from 0 to 2^63 - 1; different seeds have different keys.

    Without 64 bits, `jax.random.key` drops all but the last 32 bits of a seed.
    """
    key, high = jr.key(seed % 2**32), seed // 2**32
    return jr.fold_in(key, high) if high else key


def keys_of_seeds(seeds: Sequence[int], num: int) -> Array:
    """Returns the numbers of `fold_in(key_of_seed(seed), place)` for seeds and `num` places.

    All keys are made by one program, which is much faster.

    Args:
        seeds: Seeds from 0 to 2^63 - 1.
        num: Number of keys of each seed.

    Returns:
        The numbers of the keys, of `jax.random.key_data`, shape (seeds, num, words).
    """
    low, high = (np.array(part, np.uint32) for part in zip(*map(_halves, seeds), strict=True))
    return _keys(jnp.asarray(low), jnp.asarray(high), num)


def _halves(seed: int) -> tuple[int, int]:
    return seed % 2**32, seed // 2**32


@functools.partial(jax.jit, static_argnums=2)
def _keys(low: Any, high: Any, num: int) -> Array:
    def of_seed(low: Any, high: Any) -> Array:
        key = jr.key(low)
        first = jnp.where(high > 0, jr.key_data(jr.fold_in(key, high)), jr.key_data(key))
        places = jnp.arange(num, dtype=jnp.uint32)
        folded = jax.vmap(jr.fold_in, in_axes=(None, 0))(jr.wrap_key_data(first), places)
        return jr.key_data(folded)

    return jax.vmap(of_seed)(low, high)


class RandomProblem(NamedTuple):
    """Patterns to store, and cues with their targets.

    Attributes:
        patterns: (K, N), -1 and +1.
        targets: (C, N), the patterns that the cues are made of: target c is pattern c mod K.
        cues: (C, N), damaged targets.
    """

    patterns: Patterns
    targets: Patterns
    cues: Patterns


def random_problem(
    num_patterns: int, num_neurons: int, flipped: float, num_cues: int, *, key: Key
) -> RandomProblem:
    """Returns patterns of independent random bits, and cues with flipped bits.

    The numbers are drawn by NumPy, so that new sizes K and N need no new compilation.

    Args:
        num_patterns: Number K of patterns.
        num_neurons: Number N of bits.
        flipped: Fraction of the bits of each target that is flipped.
        num_cues: Number C of cues.
        key: Random key.
    """
    drawn = drawn_problem(
        num_patterns, num_neurons, flipped, num_cues, key_data=np.asarray(jr.key_data(key))
    )
    return RandomProblem(*map(jnp.asarray, drawn))


def drawn_problem(
    num_patterns: int, num_neurons: int, flipped: float, num_cues: int, *, key_data: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the patterns, targets and cues of `random_problem`, as arrays of NumPy.

    Many problems are moved to the device in one step then, which is much faster.

    Args:
        num_patterns: As for `random_problem`.
        num_neurons: As for `random_problem`.
        flipped: As for `random_problem`.
        num_cues: As for `random_problem`.
        key_data: The numbers of the key, of `jax.random.key_data`.
    """
    random = np.random.default_rng(key_data.tolist())
    bits = random.random((num_patterns, num_neurons)) < 0.5
    patterns = np.where(bits, 1, -1).astype(jnp.result_type(float))
    targets = patterns[np.arange(num_cues) % num_patterns]
    ranks = random.random(targets.shape).argsort(axis=1)
    cues = np.where(ranks < round(flipped * num_neurons), -targets, targets)
    return patterns, targets, cues


def padded(patterns: Patterns, num_patterns: int) -> Patterns:
    """Returns the patterns with rows of zeros added, so that there are `num_patterns` rows.

    Rows of zeros store nothing; with them, sets of different sizes share one compiled program.
    """
    return jnp.asarray(np.pad(patterns, ((0, num_patterns - len(patterns)), (0, 0))))


class Recalls(eqx.Module):
    """The result of recall from one cue, or from a batch of cues.

    Attributes:
        exact: Whether every bit of the target was recalled.
        overlap: Overlap of the signs of the read-out with the target.
        activity: Mean |read-out|.
        known: Whether the network is active at rest.
        result: How recall ended: index in `solve.OUTCOMES`.
    """

    exact: Bool[Array | np.ndarray, "*batch"]
    overlap: Float[Array | np.ndarray, "*batch"]
    activity: Float[Array | np.ndarray, "*batch"]
    known: Bool[Array | np.ndarray, "*batch"]
    result: Int[Array | np.ndarray, "*batch"]


def patterns_of(num_patterns: int, num_neurons: int, *, key: Key) -> Patterns:
    """Returns the patterns of `random_problem` alone, (K, N): independent random bits."""
    return random_problem(num_patterns, num_neurons, 0.0, 1, key=key).patterns


def recall_all(
    network: AbstractNetwork,
    cues: Patterns,
    targets: Patterns,
    *,
    how: solve.AbstractHow | None = None,
    drive: Any = None,
) -> Recalls:
    """Recalls all cues in one batch.

    Args:
        network: The network.
        cues: (C, N).
        targets: (C, N), the pattern that each cue should recall.
        how: The settings of `solve.retrieve`; None for those of `measure`.
        drive: Constant inputs to the network.
    """
    how = measure.coarse(network) if how is None else how
    return _recall_all(network, cues, targets, None, how, drive)


def recall_from_starts(
    network: NeuronAstrocyte,
    cues: Patterns,
    targets: Patterns,
    *,
    max_time: float | Scalar = float("inf"),
    drive: Any = None,
) -> Recalls:
    """Recalls all cues in one batch, from initial states that a separate program computes.

    Networks that differ only in `start` then share the program of recall.

    Args:
        network: The network.
        cues: (C, N).
        targets: (C, N), the pattern that each cue should recall.
        max_time: Time after which recall gives up, in the unit of the time constants.
        drive: Constant inputs to the network.
    """
    how = eqx.tree_at(lambda h: h.max_time, measure.COARSE, max_time)
    states = starts(network, cues)
    network = eqx.tree_at(lambda n: n.start, network, Cold())
    return _recall_all(network, cues, targets, states, how, drive)


class Given(AbstractStart):
    """A start at a given state, which does not depend on the cue."""

    needs_lagrangians: ClassVar[bool] = False
    state: TripartiteState
    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        return self.state


@eqx.filter_jit
def starts(network: NeuronAstrocyte, cues: Patterns) -> TripartiteState:
    """Returns the initial states of recall from cues, with a leading axis of C."""
    return jax.vmap(network.initial_state)(cues)


@eqx.filter_jit
def _recall_all(
    network: AbstractNetwork,
    cues: Patterns,
    targets: Patterns,
    states: TripartiteState | None,
    how: solve.AbstractHow | None,
    drive: Any,
) -> Recalls:
    def one(cue: Pattern, target: Pattern, state: TripartiteState | None) -> Recalls:
        started = network
        if state is not None:
            started = eqx.tree_at(lambda n: n.start, network, Given(state=state))
        retrieval = solve.retrieve(started, cue, how=how, drive=drive)
        return Recalls(
            measure.exact_recall(retrieval.pattern, target),
            measure.overlap(jnp.sign(retrieval.pattern), target),
            retrieval.activity,
            retrieval.is_active,
            solve.outcome(retrieval.result),
        )

    return jax.vmap(one)(cues, targets, states)
