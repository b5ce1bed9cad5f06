"""Trials of dendritic networks: memories, cues, simulation, and verdicts on the final rates."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import data, measure, solve
from nam_jax._types import Key, Scalar
from nam_jax.network import AbstractContinuousNetwork, DendriticMemory
from nam_jax.network.dendritic import Ramp, State
from nam_jax.solve import ExponentialEuler

MOST_AT_ONCE = 32
"""Number of trials that share a pass over the synapses; more at once are not faster."""
Members = Bool[np.ndarray, "trials N1"]
"""Sets of memory neurons E1, one set (a memory) for each trial: True for the members of the set."""
Starts = Callable[[DendriticMemory, Members, Key], Any]
"""Function of a network, of memories (trials, N1) and of a key; returns the initial states."""


class Follow(NamedTuple):
    """Simulated time of a trial and step of the solver, both in ms."""

    time: float = 300.0
    step: float = 2.0


class Trials(NamedTuple):
    """Verdicts and rates at the end of trials; the first axis is the network.

    Attributes:
        strict: Every member fires, none is saturated, and every other neuron is at rest.
        separable: A threshold of 10 Hz tells members from others; members may be saturated.
        cued: Mean rate of the members in Hz.
        lowest: The lowest rate of a member.
        highest: The highest rate of a member.
        others: The highest rate of a neuron that is no member.
    """

    strict: Bool[np.ndarray, "networks trials"]
    separable: Bool[np.ndarray, "networks trials"]
    cued: Float[np.ndarray, "networks trials"]
    lowest: Float[np.ndarray, "networks trials"]
    highest: Float[np.ndarray, "networks trials"]
    others: Float[np.ndarray, "networks trials"]


def memories(num_memory: int, k: int, trials: int, *, key: Key) -> Members:
    """Returns random sets of exactly k neurons, (trials, N1), True for members.

    NumPy draws the sets, so that another k needs no new compiled program.

    Args:
        num_memory: N1, the number of memory neurons.
        k: Neurons of a memory.
        trials: Number of sets.
        key: Random key.
    """
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    order = np.argsort(random.random((trials, num_memory)), axis=1)
    return order < k


def from_features(width: float = 0.0, *, matched: bool = True) -> Starts:
    """Returns a function that makes initial states from the features of memories plus noise.

    Memory neurons start at rest.

    Args:
        width: The noise of a feature is uniform in (0, width), in Hz.
        matched: If True, inhibition starts at its steady state for the initial rates of the
            excitatory neurons. If False, it starts at 0.
    """

    def starts(network: DendriticMemory, members: Members, key: Key) -> State:
        keys = jr.split(key, len(members))
        state = _features(network, jnp.asarray(members), jnp.asarray(width, float), keys)
        return state if matched else without_inhibition(state)

    return starts


@eqx.filter_jit
def _features(network: DendriticMemory, members: Array, width: Scalar, keys: Array) -> State:
    def one(members: Array, key: Key) -> State:
        features = data.add_uniform_noise(network.features_of(members), width, key=key)
        return network.initial_state(features)

    return jax.vmap(one)(members, keys)


def without_inhibition(states: State) -> State:
    """Returns the states of one trial or of a batch with all inhibitory rates set to 0."""

    def inhibition(states: State) -> tuple[Any, Any]:
        return states.memory_inhibition, states.feature_inhibition

    return eqx.tree_at(inhibition, states, replace_fn=jnp.zeros_like)


@eqx.filter_jit
def follow(network: AbstractContinuousNetwork, states: Any, time: Scalar, step: Scalar) -> Any:
    """Returns the states of a batch of trials after `time`, by exponential Euler with `step`.

    Both are in ms. This is a plain loop over the steps of the solver: it saves nothing on the way
    and compiles in half the time of `simulate`. Compilation is most of the time of a quick run.
    """
    solver = ExponentialEuler(network)
    begin = jnp.zeros_like(time)
    terms = dfx.ODETerm(lambda t, y, args: network.vector_field(begin, y, args))

    def advance(_: Any, state: Any) -> Any:
        return solver.step(terms, begin, step, state, None, None, False)[0]

    def one(state: Any) -> Any:
        return jax.lax.fori_loop(0, jnp.round(time / step).astype(int), advance, state)

    return jax.vmap(one)(states)


def ended(
    network: AbstractContinuousNetwork, states: Any, how: Follow
) -> Float[np.ndarray, "trials N1"]:
    """Returns the rates of memory neurons at the end of a batch of trials, in Hz."""
    time, step = (jnp.asarray(value, float) for value in how)
    end = follow(network, states, time, step)
    return np.asarray(jax.vmap(network.readout)(end))


class TrialRates(NamedTuple):
    """The trials of one network, and the rates at their end.

    A memory is a set of members among the N1 memory neurons; each trial recalls one memory.

    Attributes:
        network: The network.
        members: (trials, N1), True for the members of the memory of a trial.
        rates: (trials, N1), rates of all memory neurons at the end of a trial, in Hz.
    """

    network: Any
    members: Members
    rates: Float[np.ndarray, "trials N1"]


def rates_of(
    networks: Iterable[Any],
    k: int,
    num_trials: int,
    *,
    key: Key,
    starts: Starts | None = None,
    how: Follow,
    run: Callable[[Any, Any, Follow], np.ndarray] | None = None,
    cued_by: Sequence[Any] | None = None,
) -> list[TrialRates]:
    """Returns the rates at the end of recall of random k-neuron memories, for each network.

    Memories and noise depend only on the network's place in `networks`, on k and on `key`. Two
    calls with different conditions therefore have equal memories and equal noise.

    Args:
        networks: Networks of one size.
        k: Neurons of a memory.
        num_trials: Number of memories for each network.
        key: Random key.
        starts: Makes initial states; by default they are features without noise.
        how: Simulated time and step of a trial.
        run: Function of a network, of the initial states of a batch and of `how`; returns the rates
            at the end. By default `ended`.
        cued_by: The networks that initial states are made for; by default `networks`.
    """
    starts = from_features() if starts is None else starts
    run = ended if run is None else run
    trials = []
    for place, network in enumerate(networks):
        cued = network if cued_by is None else cued_by[place]
        of_memories, of_cues = jr.split(jr.fold_in(jr.fold_in(key, place), k))
        members = memories(cued.num_memory, k, num_trials, key=of_memories)
        rates = [
            run(network, starts(cued, members[chunk], jr.fold_in(of_cues, index)), how)
            for index, chunk in enumerate(solve.batches(num_trials, MOST_AT_ONCE))
        ]
        trials.append(TrialRates(network, members, np.concatenate(rates)[:num_trials]))
    return trials


def judged(
    trials: Sequence[TrialRates], targets: Callable[[Members], Members] | None = None
) -> Trials:
    """Returns verdicts on the trials of several networks, and rates; see `Trials`.

    Args:
        trials: The trials of each network; every network has the same number of trials.
        targets: Function of the memories of a network, (trials, N1); returns True for the neurons
            that ought to fire at the end, (trials, N1). By default the members of the memory.

    Returns:
        Arrays of shape (networks, trials).
    """
    rows = []
    for network, members, rates in trials:
        wanted = members if targets is None else targets(members)
        rows.append(judge(rates, wanted, network.memory_transfer))
    return Trials(*(np.stack(column) for column in zip(*rows, strict=True)))


def judge(rates: np.ndarray, members: Members, transfer: Ramp) -> Trials:
    """Returns verdicts on the trials of one network, and rates, in arrays of shape (trials,).

    Args:
        rates: (trials, N1), rates at the end in Hz.
        members: (trials, N1), True for the neurons that ought to fire.
        transfer: F of the memory neurons, whose bounds are the rates at rest and at saturation.
    """
    rest, most = transfer.low, float(transfer.high) - 1
    strict, separable = _verdicts(jnp.asarray(rates), jnp.asarray(members), rest, most)
    cued = np.where(members, rates, np.nan)
    return Trials(
        np.asarray(strict), np.asarray(separable), np.nanmean(cued, axis=1),
        np.nanmin(cued, axis=1), np.nanmax(cued, axis=1),
        np.where(members, -np.inf, rates).max(axis=1),
    )  # fmt: skip


@eqx.filter_jit
def _verdicts(rates: Array, members: Array, rest: Scalar, most: float) -> tuple[Array, Array]:
    def one(rates: Array, members: Array) -> tuple[Array, Array]:
        at_rest = rest.astype(rates.dtype)
        strict = measure.strict_recall(rates, members, rest=at_rest, most=most)
        return strict, measure.separable_recall(rates, members)

    return jax.vmap(one)(rates, members)
