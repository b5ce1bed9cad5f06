"""Items for a dendritic memory: images, the sets that stand for them, and damaged images."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float

from nam_jax import data, solve
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns
from nam_jax.memory import LinearMap
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import Associator, AssociatorState
from nam_jax.record import reading_input

DAMAGES = ("none", "flipped", "hidden", "noisy")
MOST_AT_ONCE = 64
"""Number of recalls that share a pass over the synapses; more at once are not faster."""

Rates = tuple[Float[Array, "C N1"], Float[Array, "C N2"]]


class Items(NamedTuple):
    """The items to store in one network.

    Attributes:
        patterns: (K, P), the images, -1 and +1.
        members: (K, N1), whether each memory neuron is in the set that stands for each image; all
            sets differ.
        rates: (K, N1) and (K, N2), rates of memory and of feature neurons after the network has
            settled from each item's own set.
    """

    patterns: Patterns
    members: Bool[Array, "K N1"]
    rates: Rates

    def first(self, num: int) -> "Items":
        """Returns the first `num` items."""
        memory, feature = self.rates
        return Items(self.patterns[:num], self.members[:num], (memory[:num], feature[:num]))


class Bench(NamedTuple):
    """One network, and how its recalls are simulated.

    Attributes:
        base: The network.
        flow: The network with a stimulus. Its maps are 0, because the simulation does not use them;
            so all methods share one compiled program.
        time: Duration of a recall, in ms.
        step: Step of exponential Euler, in ms.
    """

    base: DendriticMemory
    flow: Associator
    time: float
    step: float


def make_bench(base: DendriticMemory, time: float, step: float) -> Bench:
    """Returns the bench of a network; recalls take `time` ms in steps of `step` ms."""
    n1, n2 = base.num_memory, base.num_feature
    nothing = (
        LinearMap(jnp.zeros((n1, 1)), jnp.zeros(n1)),
        LinearMap(jnp.zeros((1, n2)), jnp.zeros(1)),
    )
    return Bench(base, Associator(base, *nothing), time, step)


def make_items(bench: Bench, patterns: Patterns, num_members: int, *, key: Key) -> Items:
    """Gives each pattern its own random set of memory neurons, and settles the network at each.

    Args:
        bench: The network.
        patterns: (K, P), the images.
        num_members: Number of memory neurons in a set.
        key: Random key of the sets.

    Raises:
        ConfigError: If there are too few different sets.
    """
    with reading_input():
        members = distinct_members(len(patterns), bench.base.num_memory, num_members, key=key)
    states = solve.in_batches(lambda sets: _ideal(bench.base, sets), members, MOST_AT_ONCE)
    return Items(patterns, members, settled(bench, states))


@eqx.filter_jit
def _ideal(base: DendriticMemory, members: Bool[Array, "C N1"]) -> AssociatorState:
    """States with memory neurons at rest, feature neurons as each set drives them, no stimulus."""

    def one(members: Bool[Array, " N1"]) -> AssociatorState:
        features = base.features_of(members)
        rest = jnp.broadcast_to(base.memory_transfer.low.astype(features.dtype), members.shape)
        return AssociatorState(base.state_of(rest, features), jnp.zeros_like(rest))

    return jax.vmap(one)(members)


def distinct_members(
    num_sets: int, num_neurons: int, num_members: int, *, key: Key
) -> Bool[Array, "K N1"]:
    """Returns random sets of memory neurons, all different, (K, N1).

    Args:
        num_sets: Number K of sets.
        num_neurons: Number N1 of memory neurons.
        num_members: Number of neurons in a set.
        key: Random key.

    Raises:
        ValueError: If 2 K random sets have fewer than K different ones among them.
    """
    keys = jr.split(key, 2 * num_sets)
    drawn = jax.vmap(lambda key: data.random_members(num_neurons, num_members, key=key))(keys)
    _, first = np.unique(np.asarray(drawn), axis=0, return_index=True)
    if len(first) < num_sets:
        requirement = f"leave room for the sets of {num_sets} items"
        raise argument_error("num_members", requirement, f"{len(first)} different sets")
    return drawn[np.sort(first)[:num_sets]]


def settled(bench: Bench, states: AssociatorState) -> Rates:
    """Returns the rates of memory and feature neurons after recalls from C initial states."""
    return solve.in_batches(
        lambda batch: _follow(bench.flow, batch, bench.time, bench.step), states, MOST_AT_ONCE
    )


@eqx.filter_jit
def _follow(network: Associator, states: AssociatorState, time: float, step: float) -> Rates:
    how = solve.Flow(solver=solve.ExponentialEuler(network), step=step)

    def one(state: AssociatorState) -> tuple[Float[Array, " N1"], Float[Array, " N2"]]:
        run = solve.simulate(network, state, time, how=how, save={}, times=2)
        return run.state.rates.memory, run.state.rates.feature

    return jax.vmap(one)(states)


def damaged(
    targets: Patterns, shape: tuple[int, int], level: float, noise: float, *, key: Key
) -> Float[Array, "damages C P"]:
    """Returns the targets undamaged, with flipped pixels, with a hidden lower half, and noisy.

    Args:
        targets: (C, P), images of -1 and +1.
        shape: Numbers of rows and columns of an image.
        level: Share of flipped pixels.
        noise: Standard deviation of the noise.
        key: Random key.

    Returns:
        (damages, C, P), in the order of `DAMAGES`. Hidden pixels are 0.
    """
    of_flips, of_noise = (jr.split(damage_key, len(targets)) for damage_key in jr.split(key))
    flipped = jax.vmap(lambda x, key: data.flip(x, level, key=key))(targets, of_flips)
    hidden = jax.vmap(lambda x: data.occlude(x.reshape(shape), 0.5).ravel())(targets)
    noisy = jax.vmap(lambda x, key: data.add_noise(x, noise, key=key))(targets, of_noise)
    return jnp.stack([targets, flipped, hidden, noisy])


def erased(targets: Patterns, share: float, *, key: Key) -> Patterns:
    """Returns the targets with the damage of training: each pixel is 0 with probability `share`."""
    return jnp.where(jr.bernoulli(key, share, targets.shape), 0, targets)
