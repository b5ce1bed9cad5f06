"""Random patterns and damaged cues, and what one network recalls from them."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from nam_jax import measure, solve
from nam_jax._types import Key, Pattern, Patterns
from nam_jax.network import (
    AbstractNetwork,
    AbstractStart,
    Cold,
    NeuronAstrocyte,
    TripartiteState,
)


class RandomProblem(NamedTuple):
    """Patterns to store, and cues with the patterns that they stem from.

    Attributes:
        patterns: (K, N), -1 and +1.
        targets: (C, N), the first patterns, again from the start where there are fewer than C.
        cues: (C, N), damaged targets.
    """

    patterns: Patterns
    targets: Patterns
    cues: Patterns


def random_problem(
    num_patterns: int, num_neurons: int, flipped: float, num_cues: int, *, key: Key
) -> RandomProblem:
    """Independent random bits; a fraction `flipped` of each target's bits is flipped.

    Drawn on the host, where other numbers of patterns and neurons need no new program.
    """
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    bits = random.random((num_patterns, num_neurons)) < 0.5
    patterns = np.where(bits, 1, -1).astype(jnp.result_type(float))
    targets = patterns[np.arange(num_cues) % num_patterns]
    ranks = random.random(targets.shape).argsort(axis=1)
    cues = np.where(ranks < round(flipped * num_neurons), -targets, targets)
    return RandomProblem(*map(jnp.asarray, (patterns, targets, cues)))


def padded(patterns: Patterns, num_patterns: int) -> Patterns:
    """With patterns of zeros up to a number of them: stored nowhere, but sharing a program."""
    return jnp.asarray(np.pad(patterns, ((0, num_patterns - len(patterns)), (0, 0))))


class Recalls(eqx.Module):
    """What a network recalled from one cue, or from a batch.

    Attributes:
        exact: Whether every bit of the target was recalled.
        overlap: Of the read-out's signs with the target.
        activity: Mean |read-out|.
        known: Whether the network is active at rest.
        outcome: Place in `solve.OUTCOMES`.
    """

    exact: Bool[Array | np.ndarray, "*batch"]
    overlap: Float[Array | np.ndarray, "*batch"]
    activity: Float[Array | np.ndarray, "*batch"]
    known: Bool[Array | np.ndarray, "*batch"]
    outcome: Int[Array | np.ndarray, "*batch"]


def patterns_of(num_patterns: int, num_neurons: int, *, key: Key) -> Patterns:
    """Independent random bits, (K, N); drawn on the host as those of `random_problem` are."""
    return random_problem(num_patterns, num_neurons, 0.0, 1, key=key).patterns


def recall_all(
    network: AbstractNetwork, cues: Patterns, targets: Patterns, **options: Any
) -> Recalls:
    """`retrieve` for every cue at once, with `options` for it.

    Three layers start in a program of their own, so that one for their recall serves every start.
    """
    if not isinstance(network, NeuronAstrocyte):
        return _recall_all(network, cues, targets, None, **options)
    states = starts(network, cues)
    network = eqx.tree_at(lambda n: n.start, network, Cold())
    return _recall_all(network, cues, targets, states, **options)


class Given(AbstractStart):
    """A state that is known, whatever the cue."""

    state: TripartiteState
    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        return self.state


@eqx.filter_jit
def starts(network: NeuronAstrocyte, cues: Patterns) -> TripartiteState:
    """The states in which recall from cues starts."""
    return jax.vmap(network.initial_state)(cues)


@eqx.filter_jit
def _recall_all(
    network: AbstractNetwork,
    cues: Patterns,
    targets: Patterns,
    states: TripartiteState | None,
    **options: Any,
) -> Recalls:
    def one(cue: Pattern, target: Pattern, state: TripartiteState | None) -> Recalls:
        started = network
        if state is not None:
            started = eqx.tree_at(lambda n: n.start, network, Given(state=state))
        retrieval = solve.retrieve(started, cue, **options)
        return Recalls(
            measure.exact_recall(retrieval.pattern, target),
            measure.overlap(jnp.sign(retrieval.pattern), target),
            retrieval.activity,
            retrieval.known,
            solve.outcome(retrieval.result),
        )

    return jax.vmap(one)(cues, targets, states)
