"""Discrete networks: in which order neurons are updated, until nothing flips."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Int

from nam_jax._misc import argument_error, is_concrete
from nam_jax._types import Key, Pattern, Scalar
from nam_jax.network import AbstractDiscreteNetwork
from nam_jax.solve._result import RESULTS, all_finite

Ending = tuple[Pattern, Scalar, Int[Array, ""], RESULTS]
"""Last state, fraction of neurons that want to flip, number of steps, and how it ended."""


class AbstractUpdates(eqx.Module):
    """In which order the neurons of a discrete network take the signs of their fields."""

    @abc.abstractmethod
    def __call__(self, network: AbstractDiscreteNetwork, state: Pattern, max_steps: int) -> Ending:
        """Updates until nothing flips.

        Args:
            network: Any discrete network.
            state: (N,), from `network.initial_state`.
            max_steps: Steps after which to give up; in one step every neuron is updated once.

        Returns:
            The last state; the fraction of neurons whose fields, computed anew from it, would flip
            them; the number of steps that changed something; and how it ended.
        """


class Synchronous(AbstractUpdates):
    """All neurons at once, from the same fields. It may end in a cycle of two states."""

    def __call__(self, network: AbstractDiscreteNetwork, state: Pattern, max_steps: int) -> Ending:
        def unfinished(carry: tuple[Pattern, Pattern, Pattern, Array]) -> Bool[Array, ""]:
            before, state, after, count = carry
            moving = jnp.any(after != state) & jnp.any(after != before)
            return moving & (count < max_steps) & all_finite(after)

        def advance(
            carry: tuple[Pattern, Pattern, Pattern, Array],
        ) -> tuple[Pattern, Pattern, Pattern, Array]:
            _, state, after, count = carry
            return state, after, _aligned(network.local_field(after), after), count + 1

        # NaN never equals the first `after`, so the first update is no cycle.
        first = _aligned(network.local_field(state), state)
        start = (jnp.full_like(state, jnp.nan), state, first, jnp.asarray(0))
        before, state, after, count = jax.lax.while_loop(unfinished, advance, start)
        flips = jnp.mean((after != state).astype(state.dtype))
        result = RESULTS.where(jnp.all(after == before), RESULTS.cycled, RESULTS.step_limit)
        result = RESULTS.where(flips == 0, RESULTS.converged, result)
        return state, flips, count, RESULTS.where(all_finite(after), result, RESULTS.non_finite)


class Asynchronous(AbstractUpdates):
    """One neuron after another, each from the states of the moment, in sweeps over all of them.

    Where a flip lowers an energy, as in a [`nam_jax.network.DenseAssociativeMemory`][] without
    self-coupling or a [`nam_jax.network.Hopfield`][] network with symmetric weights, the updates
    come to rest. Elsewhere they need not, and run into the step limit. A step is a sweep. Source:
    Hopfield 1982, PNAS 79, 2554.

    Attributes:
        key: Random key; each sweep has a random order of its own. In a batch, one a sample.
        order: Or the order of every sweep, (N,), in which each neuron occurs once.
    """

    key: Key | None
    order: Int[Array, " N"] | None

    def __init__(self, key: Key | None = None, *, order: ArrayLike | None = None):
        """Sweeps in random order, by `key`, or in the given `order`.

        Raises:
            ValueError: If not exactly one of them is given, or `order` is no permutation.
        """
        if (key is None) == (order is None):
            found = "neither" if key is None else "both"
            raise argument_error("key", "be given, or else `order`", found)
        self.key = key
        self.order = None if order is None else _permutation(order)

    def __call__(self, network: AbstractDiscreteNetwork, state: Pattern, max_steps: int) -> Ending:
        if self.order is not None and self.order.shape != state.shape:
            raise argument_error("order", f"have shape {state.shape}", f"shape {self.order.shape}")

        def unfinished(carry: tuple[Pattern, Scalar, Array]) -> Bool[Array, ""]:
            state, flips, count = carry
            return (flips > 0) & (count < max_steps) & all_finite(state)

        def advance(carry: tuple[Pattern, Scalar, Array]) -> tuple[Pattern, Scalar, Array]:
            state, _, count = carry
            after = _sweep(network, state, self._order_of(count, state.shape[0]))
            changed = jnp.mean((after != state).astype(state.dtype))
            return after, changed, count + (changed > 0).astype(count.dtype)

        start = (state, _flips(network, state), jnp.asarray(0))
        state, changed, count = jax.lax.while_loop(unfinished, advance, start)
        flips = _flips(network, state)
        at_rest = (changed == 0) | (flips == 0)
        result = RESULTS.where(at_rest, RESULTS.converged, RESULTS.step_limit)
        return state, flips, count, RESULTS.where(all_finite(state), result, RESULTS.non_finite)

    def _order_of(self, sweep: Int[Array, ""], size: int) -> Int[Array, " N"]:
        if self.key is None:
            assert self.order is not None
            return self.order
        return jax.random.permutation(jax.random.fold_in(self.key, sweep), size)


SYNCHRONOUS = Synchronous()


def _sweep(network: AbstractDiscreteNetwork, state: Pattern, order: Int[Array, " N"]) -> Pattern:
    """The state after each neuron was updated once. The carry is new, so no round-off gathers."""

    def visit(place: Array, both: tuple[Pattern, object]) -> tuple[Pattern, object]:
        state, carry = both
        i = order[place]
        after = _aligned(network.field_of(carry, state, i), state[i])
        # A change of 0 is carried too: batched, the two branches of a test would both be computed.
        carry = network.flipped(carry, state, i, after - state[i])
        return state.at[i].set(after), carry

    after, _ = jax.lax.fori_loop(0, order.shape[0], visit, (state, network.carry(state)))
    return after


def _aligned(field: Array, state: Array) -> Array:
    """The signs of fields; neurons with none keep their state."""
    return jnp.where(field == 0, state, jnp.sign(field))


def _flips(network: AbstractDiscreteNetwork, state: Pattern) -> Scalar:
    """The fraction of neurons that their fields would flip."""
    return jnp.mean((_aligned(network.local_field(state), state) != state).astype(state.dtype))


def _permutation(order: ArrayLike) -> Int[Array, " N"]:
    found = jnp.asarray(order)
    if is_concrete(found) and not np.array_equal(np.sort(found), np.arange(found.size)):
        requirement = "hold each of 0, ..., N - 1 once"
        raise argument_error("order", requirement, f"{np.asarray(found)}")
    return found
