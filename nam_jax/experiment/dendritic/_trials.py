"""Trials of dendritic networks: memories, cues, and what recall ends in."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import data, measure
from nam_jax._types import Key, Scalar
from nam_jax.network import AbstractContinuousNetwork, DendriticMemory
from nam_jax.network.dendritic import Ramp, State
from nam_jax.solve import ExponentialEuler

BATCH = 32
"""Trials that are followed side by side: one pass over the synapses serves them all."""
Members = Bool[np.ndarray, "trials N1"]
Starts = Callable[[DendriticMemory, Members, Key], Any]
"""States from which trials of given memories start, on a given network."""


class Follow(NamedTuple):
    """How long trials are followed, and in which steps, both in ms."""

    time: float = 300.0
    step: float = 2.0


class Trials(NamedTuple):
    """How trials of several networks ended; networks first.

    Attributes:
        strict: Every member fires, none is saturated, and every other neuron is at rest.
        separable: A threshold tells members from others; they may be saturated.
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
    """Random sets of exactly k neurons, drawn on the host, where a new k needs no new program."""
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    order = np.argsort(random.random((trials, num_memory)), axis=1)
    return order < k


def from_features(width: float = 0.0, *, matched: bool = True) -> Starts:
    """Features of the memory plus noise uniform in (0, width) Hz, memory neurons at rest.

    Inhibition starts at its steady state for these rates if `matched`, otherwise at 0.
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
    """The same, of one trial or a batch, with all inhibitory rates at 0."""

    def inhibition(states: State) -> tuple[Any, Any]:
        return states.memory_inhibition, states.feature_inhibition

    return eqx.tree_at(inhibition, states, replace_fn=jnp.zeros_like)


@eqx.filter_jit
def follow(network: AbstractContinuousNetwork, states: Any, time: Scalar, step: Scalar) -> Any:
    """The states of a batch after some time in ms, by exponential Euler.

    A plain loop over the steps of the solver: nothing is saved on the way, and it compiles in half
    the time of `simulate`, which is most of the time of a quick run.
    """
    solver = ExponentialEuler(network.time_scales())
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
    """Rates of memory neurons after the trials, in Hz."""
    time, step = (jnp.asarray(value, float) for value in how)
    end = follow(network, states, time, step)
    return np.asarray(jax.vmap(network.readout)(end))


class Found(NamedTuple):
    """Trials of one network: which neurons were the memory, and rates at the end in Hz."""

    network: Any
    members: Members
    rates: Float[np.ndarray, "trials N1"]


def rates_of(
    networks: Sequence[Any],
    k: int,
    num_trials: int,
    *,
    key: Key,
    starts: Starts | None = None,
    how: Follow,
    run: Callable[[Any, Any, Follow], np.ndarray] | None = None,
    cued_by: Sequence[Any] | None = None,
) -> list[Found]:
    """Recall of random k-neuron memories, `num_trials` on each network.

    Memories and noise depend on network, k and `key` alone, so that conditions are compared on the
    same ones.

    Args:
        networks: Networks of one size.
        k: Neurons of a memory.
        num_trials: Memories for each network.
        key: Random key.
        starts: Makes initial states; by default from features without noise.
        how: How long to follow, and in which steps.
        run: Rates at the end of a batch of trials; by default `ended`.
        cued_by: Networks that initial states are made for; by default the same.
    """
    starts = from_features() if starts is None else starts
    run = ended if run is None else run
    found = []
    for place, network in enumerate(networks):
        cued = network if cued_by is None else cued_by[place]
        of_memories, of_cues = jr.split(jr.fold_in(jr.fold_in(key, place), k))
        members = memories(cued.num_memory, k, num_trials, key=of_memories)
        rates = [
            run(network, starts(cued, members[chunk], jr.fold_in(of_cues, index)), how)
            for index, chunk in enumerate(_batches(num_trials))
        ]
        found.append(Found(network, members, np.concatenate(rates)[:num_trials]))
    return found


def _batches(num_trials: int) -> np.ndarray:
    """Places of trials in batches of one size, so that they share a program; some repeat."""
    chunks = math.ceil(num_trials / BATCH)
    size = math.ceil(num_trials / chunks)
    return (np.arange(chunks * size) % num_trials).reshape(chunks, size)


def judged(found: Sequence[Found], targets: Callable[[Members], Members] | None = None) -> Trials:
    """What became of the memories, or of `targets` made from them."""
    rows = []
    for network, members, rates in found:
        wanted = members if targets is None else targets(members)
        rows.append(judge(rates, wanted, network.memory_transfer))
    return Trials(*(np.stack(column) for column in zip(*rows, strict=True)))


def judge(rates: np.ndarray, members: Members, transfer: Ramp) -> Trials:
    """What rates (trials, N1) say about each trial, without the axis of networks."""
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
