"""Discrete networks: in which order neurons are updated, until nothing flips."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Int, UInt

from nam_jax._misc import argument_error, is_concrete
from nam_jax._types import Key, Pattern, Scalar
from nam_jax.network import AbstractDiscreteNetwork
from nam_jax.solve._result import RESULTS, all_finite

Ending = tuple[Pattern, Scalar, Int[Array, ""], RESULTS]
"""Last state, fraction of neurons that want to flip, number of steps, and how it ended."""

_Together = tuple[Pattern, Pattern, Pattern, Pattern, Array]
"""The state before, the state, the one after, the one kept in mind, and the number of steps."""

_NOBODY = np.uint32(2**32 - 1)
"""The ticket of no neuron."""

_InTurn = tuple[Pattern, Pattern, Scalar, Array]
"""The state, the one kept in mind, the fraction that the last sweep flipped, number of sweeps."""


class AbstractUpdates(eqx.Module):
    """In which order the neurons of a discrete network take the signs of their fields.

    Attributes:
        held: (N,), true for neurons that keep the state they start with; None for none of them.
    """

    held: eqx.AbstractVar[Bool[Array, " N"] | None]

    @abc.abstractmethod
    def __call__(self, network: AbstractDiscreteNetwork, state: Pattern, max_steps: int) -> Ending:
        """Updates until nothing flips, or a state that it had before comes again.

        Args:
            network: Any discrete network.
            state: (N,), from `network.initial_state`.
            max_steps: Steps after which to give up; in one step every neuron is updated once.

        Returns:
            The last state; the fraction of neurons whose fields, computed anew from it, would flip
            them; the number of steps that changed something; and how it ended.

        Raises:
            ValueError: If `held` has not the shape of `state`.
        """

    def _all_aligned(self, network: AbstractDiscreteNetwork, state: Pattern) -> Pattern:
        """The signs of all fields; neurons that are held, or have no field, keep their state."""
        after = _aligned(network.local_field(state), state)
        return after if self.held is None else jnp.where(self.held, state, after)

    def _check_held(self, state: Pattern) -> None:
        if self.held is not None and self.held.shape != state.shape:
            raise argument_error("held", f"have shape {state.shape}", f"shape {self.held.shape}")


class Synchronous(AbstractUpdates):
    """All neurons at once, from the same fields.

    It may end in a cycle: of two states if couplings are symmetric, of any number if not. Cycles
    of more than two are found by comparing with the state at the last power of two steps (Brent
    1980, BIT 20, 176), with no memory of the others.
    """

    held: Bool[Array, " N"] | None = None

    def __call__(self, network: AbstractDiscreteNetwork, state: Pattern, max_steps: int) -> Ending:
        self._check_held(state)

        def unfinished(carry: _Together) -> Bool[Array, ""]:
            before, state, after, mark, count = carry
            moving = jnp.any(after != state) & ~_cycled(after, before, mark)
            return moving & (count < max_steps) & all_finite(after)

        def advance(carry: _Together) -> _Together:
            _, state, after, mark, count = carry
            mark = _marked(count, state, mark)
            return state, after, self._all_aligned(network, after), mark, count + 1

        # NaN never equals the first `after`, so the first update is no cycle.
        nothing = jnp.full_like(state, jnp.nan)
        first = self._all_aligned(network, state)
        start = (nothing, state, first, nothing, jnp.asarray(0))
        before, state, after, mark, count = jax.lax.while_loop(unfinished, advance, start)
        flips = jnp.mean((after != state).astype(state.dtype))
        result = RESULTS.where(_cycled(after, before, mark), RESULTS.cycled, RESULTS.step_limit)
        result = RESULTS.where(flips == 0, RESULTS.converged, result)
        return state, flips, count, RESULTS.where(all_finite(after), result, RESULTS.non_finite)


class Asynchronous(AbstractUpdates):
    """One neuron after another, each from the states of the moment, in sweeps over all of them.

    Where a flip lowers an energy, as in a [`nam_jax.network.DenseAssociativeMemory`][] without
    self-coupling or a [`nam_jax.network.Hopfield`][] network with symmetric weights, the updates
    come to rest. Elsewhere they need not: a given order then ends in a cycle, which is found as in
    [`Synchronous`][], and random orders run into the step limit. A step is a sweep. Source:
    Hopfield 1982, PNAS 79, 2554.

    Attributes:
        key: Random key; each sweep has a random order of its own. In a batch, one a sample.
        order: Or the order of every sweep, (N,), in which each neuron occurs once.
    """

    key: Key | None
    order: Int[Array, " N"] | None
    held: Bool[Array, " N"] | None

    def __init__(
        self,
        key: Key | None = None,
        *,
        order: ArrayLike | None = None,
        held: Bool[Array, " N"] | None = None,
    ):
        """Sweeps in random order, by `key`, or in the given `order`.

        Raises:
            ValueError: If not exactly one of them is given, or `order` is no permutation.
        """
        if (key is None) == (order is None):
            description = "neither" if key is None else "both"
            raise argument_error("key", "be given, or else `order`", description)
        self.key = key
        self.order = None if order is None else _permutation(order)
        self.held = held

    def __call__(self, network: AbstractDiscreteNetwork, state: Pattern, max_steps: int) -> Ending:
        self._check_held(state)
        if self.order is not None and self.order.shape != state.shape:
            raise argument_error("order", f"have shape {state.shape}", f"shape {self.order.shape}")

        def unfinished(loop: _InTurn) -> Bool[Array, ""]:
            state, mark, flips, count = loop
            return (
                (flips > 0) & ~self._returned(state, mark) & (count < max_steps) & all_finite(state)
            )

        def sweep(both: tuple[_InTurn, Any]) -> tuple[_InTurn, Any]:
            (state, mark, _, count), carry = both
            after, carry = self._sweep(network, state, carry, count)
            flips = jnp.mean((after != state).astype(state.dtype))
            more = (flips > 0).astype(count.dtype)
            return (after, _marked(count, state, mark), flips, count + more), carry

        def exhaust(both: tuple[_InTurn, Array]) -> tuple[_InTurn, Array]:
            """Sweeps until nothing flips by one carry, and asks a new one: no round-off gathers."""
            (state, _, _, count), _ = both
            start = (both[0], network.carry(state))
            (state, mark, _, after), _ = jax.lax.while_loop(
                lambda both: unfinished(both[0]), sweep, start
            )
            return (state, mark, self._flips(network, state), after), after > count

        nothing = jnp.full_like(state, jnp.nan)
        start = (state, nothing, self._flips(network, state), jnp.asarray(0))
        (state, mark, flips, count), moving = jax.lax.while_loop(
            lambda both: unfinished(both[0]) & both[1], exhaust, (start, jnp.asarray(True))
        )
        result = RESULTS.where(self._returned(state, mark), RESULTS.cycled, RESULTS.step_limit)
        result = RESULTS.where((flips == 0) | ~moving, RESULTS.converged, result)
        return state, flips, count, RESULTS.where(all_finite(state), result, RESULTS.non_finite)

    def _returned(self, state: Pattern, mark: Pattern) -> Bool[Array, ""]:
        """Whether all that follows was there before; in random order that is never so."""
        return jnp.asarray(False) if self.order is None else jnp.all(state == mark)

    def _flips(self, network: AbstractDiscreteNetwork, state: Pattern) -> Scalar:
        """The fraction of neurons that their fields would flip."""
        return jnp.mean((self._all_aligned(network, state) != state).astype(state.dtype))

    def _sweep(
        self, network: AbstractDiscreteNetwork, state: Pattern, carry: Any, sweep: Array
    ) -> tuple[Pattern, Any]:
        """The state after each neuron was updated once, and its carry."""
        if network.fields_in(carry) is not None:
            return self._from_flip_to_flip(network, state, carry, sweep)
        order = self._order_of(sweep, state.shape[0])

        def visit(place: Array, both: tuple[Pattern, Any]) -> tuple[Pattern, Any]:
            # A change of 0 is carried too: batched, both branches of a test would be computed.
            return self._updated(network, *both, order[place])

        return jax.lax.fori_loop(0, order.shape[0], visit, (state, carry))

    def _from_flip_to_flip(
        self, network: AbstractDiscreteNetwork, state: Pattern, carry: Any, sweep: Array
    ) -> tuple[Pattern, Any]:
        """The same where all fields are known: only neurons that flip are visited."""
        tickets = self._tickets(sweep, state.shape[0])

        def following(first: Array, state: Pattern, carry: Any) -> UInt[Array, ""]:
            """The first ticket, from `first` on, of a neuron that would flip."""
            fields = network.fields_in(carry)
            assert fields is not None
            moves = (_aligned(fields, state) != state) & (tickets >= first)
            if self.held is not None:
                moves &= ~self.held
            return jnp.min(jnp.where(moves, tickets, _NOBODY))

        def visit(loop: tuple[Array, Pattern, Any]) -> tuple[Array, Pattern, Any]:
            ticket, state, carry = loop
            i = ticket & (2 ** _bits_of(state.shape[0]) - 1)
            state, carry = self._updated(network, state, carry, i.astype(jnp.int32))
            return following(ticket + 1, state, carry), state, carry

        start = (following(jnp.zeros_like(tickets[0]), state, carry), state, carry)
        return jax.lax.while_loop(lambda loop: loop[0] != _NOBODY, visit, start)[1:]

    def _updated(
        self, network: AbstractDiscreteNetwork, state: Pattern, carry: Any, i: Int[Array, ""]
    ) -> tuple[Pattern, Any]:
        """The state, and its carry, after neuron i took the sign of its field."""
        after = _aligned(network.field_of(carry, state, i), state[i])
        if self.held is not None:
            after = jnp.where(self.held[i], state[i], after)
        chosen = jnp.arange(state.shape[0], dtype=i.dtype) == i  # on CPUs faster than a scatter
        carry = network.flipped(carry, state, i, after - state[i])
        return jnp.where(chosen, after, state), carry

    def _order_of(self, sweep: Array, size: int) -> Int[Array, " N"]:
        if self.key is None:
            assert self.order is not None
            return self.order
        return jax.random.permutation(jax.random.fold_in(self.key, sweep), size)

    def _tickets(self, sweep: Array, size: int) -> UInt[Array, " N"]:
        """One number for each neuron i: its turn, and in the lower bits i itself.

        Turns at random need no sort. Two may be the same, one pair in 2^31 / 2^bits of i; then
        the lower i is first.

        Raises:
            ValueError: If a given order holds more neurons than fit into the half of a number.
        """
        bits = _bits_of(size)
        if self.key is None:
            assert self.order is not None
            if size >= 2**16:
                requirement = "hold fewer than 65536 neurons where all fields are carried"
                raise argument_error("order", requirement, size)
            turn = jnp.argsort(self.order).astype(jnp.uint32)
        else:
            random = jax.random.bits(jax.random.fold_in(self.key, sweep), (size,), jnp.uint32)
            turn = random >> (bits + 1)  # below every turn of _NOBODY
        return (turn << bits) | jnp.arange(size, dtype=jnp.uint32)


SYNCHRONOUS = Synchronous()


def _bits_of(size: int) -> int:
    """The lower bits of a ticket, which are the neuron's number."""
    return (size - 1).bit_length()


def _aligned(field: Array, state: Array) -> Array:
    """The signs of fields; neurons with none keep their state."""
    return jnp.where(field == 0, state, jnp.sign(field))


def _marked(count: Int[Array, ""], state: Pattern, mark: Pattern) -> Pattern:
    """The state at the last power of two steps."""
    return jnp.where((count & (count + 1)) == 0, state, mark)


def _cycled(after: Pattern, before: Pattern, mark: Pattern) -> Bool[Array, ""]:
    """Whether a state is that of two steps ago, or the one kept in mind."""
    return jnp.all(after == before) | jnp.all(after == mark)


def _permutation(order: ArrayLike) -> Int[Array, " N"]:
    indices = jnp.asarray(order)
    if is_concrete(indices) and not np.array_equal(np.sort(indices), np.arange(indices.size)):
        requirement = "hold each of 0, ..., N - 1 once"
        raise argument_error("order", requirement, f"{np.asarray(indices)}")
    return indices
