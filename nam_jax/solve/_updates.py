"""Updates of discrete networks: all neurons at once or one by one, until no neuron flips."""

# Example: two neurons with weight w_12 = w_21 = 1 start at (1, -1). Their fields are (-1, 1). All
# at once, both flip: (-1, 1), whose fields are (1, -1), so both flip back. This is a cycle of two.
# One by one: neuron 1 flips first, (-1, -1). The field of neuron 2 is now -1 and it stays; a second
# sweep flips nothing. The network is at rest, its energy -w s_1 s_2 fell from 1 to -1.

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Int, UInt

from nam_jax._misc import argument_error, check_key, check_whole, is_concrete, varying_like
from nam_jax._types import Key, Pattern, Scalar
from nam_jax.network import AbstractDiscreteNetwork
from nam_jax.solve._how import AbstractHow
from nam_jax.solve._result import RESULTS, all_finite

Ending = tuple[Pattern, Scalar, Int[Array, ""], RESULTS]
"""Last state, fraction of neurons that their fields would flip, number of steps, and result."""

_AllAtOnce = tuple[Pattern, Pattern, Pattern, Pattern, Array]
"""The previous state, the state, the next state, the marked state, and the number of steps.

The marked state is an earlier state, with which later states are compared to detect a cycle.
"""

_Sweeps = tuple[Pattern, Pattern, Scalar, Array]
"""The state, the marked state, the fraction of neurons that flip, and the number of sweeps."""

_OneByOne = tuple[Pattern, Pattern, Scalar, Array, Bool[Array, ""]]
"""The same four, and whether the last sweeps changed a neuron."""

_NO_TICKET = np.uint32(2**32 - 1)
"""A number above the ticket of every neuron: no neuron flips any more."""


class AbstractUpdates(AbstractHow):
    """The order in which neurons of a discrete network take the signs of their local fields.

    Attributes:
        held: (N,), True for neurons that keep their first state; None if no neuron does.
        max_steps: Steps after which the updates give up. A step updates every neuron once.
    """

    held: eqx.AbstractVar[Bool[Array, " N"] | None]
    max_steps: eqx.AbstractVar[int | Int[Array, ""]]

    def __call__(self, network: AbstractDiscreteNetwork, state: Pattern) -> Ending:
        """Returns the state in which no neuron flips, or the state at which the updates gave up.

        Args:
            network: Any discrete network.
            state: (N,), from `network.initial_state`.

        Returns:
            The last state; the fraction of neurons that their fields, computed anew from the last
            state, would flip; the number of steps that changed a neuron; and the result, which is
            `cycled` if an earlier state came back.

        Raises:
            ValueError: If `held` or a given order has not the shape of `state`.
        """
        course = jax.lax.while_loop(
            lambda course: self.is_going(course),
            lambda course: self.advance(network, course),
            self.begin(network, state),
        )
        return self.ending(course)

    @abc.abstractmethod
    def begin(self, network: AbstractDiscreteNetwork, state: Pattern) -> Any:
        """Returns the course before its first step: a tree of arrays that `advance` goes on from.

        Args:
            network: Any discrete network.
            state: (N,), from `network.initial_state`.

        Raises:
            ValueError: If `held` or a given order has not the shape of `state`.
        """

    @abc.abstractmethod
    def is_going(self, course: Any) -> Bool[Array, ""]:
        """Returns whether the course has not ended; False for a course of zeros."""

    @abc.abstractmethod
    def advance(
        self, network: AbstractDiscreteNetwork, course: Any, most_steps: int | None = None
    ) -> Any:
        """Returns the course, which has not ended, after at least one more step.

        Args:
            network: The network.
            course: From `begin` or `advance`.
            most_steps: The largest number of steps; None for as many as compute fastest.
        """

    @abc.abstractmethod
    def ending(self, course: Any) -> Ending:
        """Returns what the call returns, of a course that has ended."""

    @abc.abstractmethod
    def of_sample(self, index: int | Int[Array, ""]) -> "AbstractUpdates":
        """Returns the updates of one sample of a batch, whose random numbers are its own.

        Args:
            index: The index of the sample.
        """

    def _all_aligned(self, network: AbstractDiscreteNetwork, state: Pattern) -> Pattern:
        """Returns the signs of all fields; held neurons and those of field 0 keep their state."""
        after = _aligned(network.local_field(state), state)
        return after if self.held is None else jnp.where(self.held, state, after)

    def _check_held(self, state: Pattern) -> None:
        """Raises a `ValueError` if `held` has not the shape of `state`."""
        if self.held is not None and self.held.shape != state.shape:
            raise argument_error("held", f"have shape {state.shape}", f"shape {self.held.shape}")


class Synchronous(AbstractUpdates):
    """Updates all neurons at once, from the same fields.

    The updates may end in a cycle: of two states if couplings are symmetric, of any number of
    states if not. A cycle of two is found by a comparison with the state two steps before. A longer
    cycle is found by a comparison with one marked state, which is replaced by the state after 0, 1,
    3, 7, ... steps (Brent 1980, BIT 20, 176), so that no other states are stored.
    """

    # Example: the states a, b, c, a, b, c, ... are a cycle of three. After 3 steps the marked state
    # is b, the state after 1 step. The next state, after 4 steps, is b again: a cycle.

    held: Bool[Array, " N"] | None = None
    max_steps: int | Int[Array, ""] = 4096

    def __check_init__(self):
        check_whole("max_steps", self.max_steps, least=0)

    def of_sample(self, index: int | Int[Array, ""]) -> "Synchronous":
        return self

    def begin(self, network: AbstractDiscreteNetwork, state: Pattern) -> _AllAtOnce:
        self._check_held(state)
        # NaN equals no state, so the first update is not taken for a cycle.
        no_state = jnp.full_like(state, jnp.nan)
        first = self._all_aligned(network, state)
        return varying_like((no_state, state, first, no_state, jnp.zeros((), jnp.int32)), state)

    def is_going(self, course: _AllAtOnce) -> Bool[Array, ""]:
        before, state, after, mark, count = course
        moving = jnp.any(after != state) & ~_cycled(after, before, mark)
        return moving & (count < self.max_steps) & all_finite(after)

    def advance(
        self, network: AbstractDiscreteNetwork, course: _AllAtOnce, most_steps: int | None = None
    ) -> _AllAtOnce:
        """Returns the course after one more step, whatever `most_steps` is."""
        _, state, after, mark, count = course
        mark = _marked(count, state, mark)
        return state, after, self._all_aligned(network, after), mark, count + 1

    def ending(self, course: _AllAtOnce) -> Ending:
        before, state, after, mark, count = course
        flips = jnp.mean((after != state).astype(state.dtype))
        result = RESULTS.where(_cycled(after, before, mark), RESULTS.cycled, RESULTS.step_limit)
        result = RESULTS.where(flips == 0, RESULTS.converged, result)
        return state, flips, count, RESULTS.where(all_finite(after), result, RESULTS.non_finite)


class Asynchronous(AbstractUpdates):
    """Updates neurons one by one, each from the current states of all, in sweeps over all neurons.

    A step is a sweep, which updates each neuron once. Source: Hopfield 1982, PNAS 79, 2554.

    The updates come to rest if each flip lowers an energy, as in a
    [`nam_jax.network.DenseAssociativeMemory`][] without self-coupling or a
    [`nam_jax.network.Hopfield`][] network with symmetric weights. In other networks they may never
    rest. With a given order they then end in a cycle, which is found as in `Synchronous`; with
    random orders they end at the step limit.

    Attributes:
        key: Random key; each sweep has its own random order. In a batch give one key per sample.
        order: The order of every sweep, (N,), in which each neuron occurs once. Give either `key`
            or `order`.
        held: (N,), True for neurons that keep their first state; None if no neuron does.
        max_steps: Sweeps after which the updates give up.
    """

    key: Key | None
    order: Int[Array, " N"] | None
    held: Bool[Array, " N"] | None
    max_steps: int | Int[Array, ""]

    def __init__(
        self,
        key: Key | None = None,
        *,
        order: ArrayLike | None = None,
        held: Bool[Array, " N"] | None = None,
        max_steps: int | Int[Array, ""] = 4096,
    ):
        """Makes sweeps in random orders, drawn with `key`, or in the given `order`.

        Raises:
            ValueError: If both or neither of `key` and `order` are given, if `order` does not hold
                each of 0, ..., N - 1 once, or if `max_steps` is no whole number of at least 0.
        """
        check_whole("max_steps", max_steps, least=0)
        if (key is None) == (order is None):
            description = "neither" if key is None else "both"
            raise argument_error("key", "be given, or else `order`", description)
        check_key(key)
        self.key = key
        self.order = None if order is None else _permutation(order)
        self.held = held
        self.max_steps = max_steps

    def of_sample(self, index: int | Int[Array, ""]) -> "Asynchronous":
        if self.key is None:
            return self
        return eqx.tree_at(lambda a: a.key, self, jax.random.fold_in(self.key, index))

    def begin(self, network: AbstractDiscreteNetwork, state: Pattern) -> _OneByOne:
        self._check_held(state)
        if self.order is not None and self.order.shape != state.shape:
            raise argument_error("order", f"have shape {state.shape}", f"shape {self.order.shape}")
        no_state, flips = jnp.full_like(state, jnp.nan), self._flips(network, state)
        start = (state, no_state, flips, jnp.zeros((), jnp.int32), jnp.asarray(True))
        return varying_like(start, state)

    def is_going(self, course: _OneByOne) -> Bool[Array, ""]:
        *loop, moving = course
        return self._unfinished(*loop) & moving

    def advance(
        self, network: AbstractDiscreteNetwork, course: _OneByOne, most_steps: int | None = None
    ) -> _OneByOne:
        """Makes a new carry and sweeps with it until no neuron flips, or `most_steps` times.

        Each flip adds round-off to the carry. So the flips of the course are computed anew from the
        last state. If a neuron would still flip, the course goes on, with a new carry, until a call
        changes nothing.
        """
        state, mark, flips, count, _ = course

        def unfinished(loop_and_carry: tuple[_Sweeps, Any]) -> Bool[Array, ""]:
            loop, _ = loop_and_carry
            going = self._unfinished(*loop)
            return going if most_steps is None else going & (loop[3] < count + most_steps)

        def sweep(loop_and_carry: tuple[_Sweeps, Any]) -> tuple[_Sweeps, Any]:
            (state, mark, _, count), carry = loop_and_carry
            after, carry = self._sweep(network, state, carry, count)
            flips = jnp.mean((after != state).astype(state.dtype))
            changed = (flips > 0).astype(count.dtype)
            return (after, _marked(count, state, mark), flips, count + changed), carry

        first = ((state, mark, flips, count), network.carry(state))
        (state, mark, _, new_count), _ = jax.lax.while_loop(unfinished, sweep, first)
        return state, mark, self._flips(network, state), new_count, new_count > count

    def ending(self, course: _OneByOne) -> Ending:
        state, mark, flips, count, moving = course
        result = RESULTS.where(self._returned(state, mark), RESULTS.cycled, RESULTS.step_limit)
        result = RESULTS.where((flips == 0) | ~moving, RESULTS.converged, result)
        return state, flips, count, RESULTS.where(all_finite(state), result, RESULTS.non_finite)

    def _unfinished(self, state: Pattern, mark: Pattern, flips: Any, count: Any) -> Bool[Array, ""]:
        """Returns whether a neuron flips, and sweeps have neither returned nor given up."""
        going = (flips > 0) & ~self._returned(state, mark) & all_finite(state)
        return going & (count < self.max_steps)

    def _returned(self, state: Pattern, mark: Pattern) -> Bool[Array, ""]:
        """Returns whether the marked state came back; False for random orders.

        With random orders the updates after a state are not the same when the state comes back.
        """
        return jnp.asarray(False) if self.order is None else jnp.all(state == mark)

    def _flips(self, network: AbstractDiscreteNetwork, state: Pattern) -> Scalar:
        """Returns the fraction of neurons that their fields would flip."""
        return jnp.mean((self._all_aligned(network, state) != state).astype(state.dtype))

    def _sweep(
        self, network: AbstractDiscreteNetwork, state: Pattern, carry: Any, sweep: Array
    ) -> tuple[Pattern, Any]:
        """Returns the state after each neuron was updated once, and the carry of that state."""
        if network.fields_in(carry) is not None:
            return self._from_flip_to_flip(network, state, carry, sweep)
        order = self._order_of(sweep, state.shape[0])

        def visit(turn: Array, state_and_carry: tuple[Pattern, Any]) -> tuple[Pattern, Any]:
            # The carry is updated for a change of 0 too: a test for it would save nothing, as in a
            # batch both of its branches are computed.
            return self._updated(network, *state_and_carry, order[turn])

        return jax.lax.fori_loop(0, order.shape[0], visit, (state, carry))

    def _from_flip_to_flip(
        self, network: AbstractDiscreteNetwork, state: Pattern, carry: Any, sweep: Array
    ) -> tuple[Pattern, Any]:
        """Returns the same as `_sweep`, for a carry that holds all fields.

        Only neurons that flip are visited. The smallest ticket among them says who is next.
        """
        tickets = self._tickets(sweep, state.shape[0])

        def next_ticket(least: Array, state: Pattern, carry: Any) -> UInt[Array, ""]:
            """Returns the smallest ticket, of at least `least`, of a neuron that would flip."""
            fields = network.fields_in(carry)
            assert fields is not None
            flips = (_aligned(fields, state) != state) & (tickets >= least)
            if self.held is not None:
                flips &= ~self.held
            return jnp.min(jnp.where(flips, tickets, _NO_TICKET))

        def visit(loop: tuple[Array, Pattern, Any]) -> tuple[Array, Pattern, Any]:
            ticket, state, carry = loop
            i = ticket & (2 ** _bits_of(state.shape[0]) - 1)
            state, carry = self._updated(network, state, carry, i.astype(jnp.int32))
            return next_ticket(ticket + 1, state, carry), state, carry

        start = (next_ticket(jnp.zeros_like(tickets[0]), state, carry), state, carry)
        return jax.lax.while_loop(lambda loop: loop[0] != _NO_TICKET, visit, start)[1:]

    def _updated(
        self, network: AbstractDiscreteNetwork, state: Pattern, carry: Any, i: Int[Array, ""]
    ) -> tuple[Pattern, Any]:
        """Returns the state, and its carry, after neuron i took the sign of its field."""
        after = _aligned(network.field_of(carry, state, i), state[i])
        if self.held is not None:
            after = jnp.where(self.held[i], state[i], after)
        is_i = jnp.arange(state.shape[0], dtype=i.dtype) == i  # on CPUs faster than a scatter
        carry = network.flipped(carry, state, i, after - state[i])
        return jnp.where(is_i, after, state), carry

    def _order_of(self, sweep: Array, size: int) -> Int[Array, " N"]:
        """Returns the neurons in the order in which sweep number `sweep` updates them."""
        if self.key is None:
            assert self.order is not None
            return self.order
        return jax.random.permutation(jax.random.fold_in(self.key, sweep), size)

    def _tickets(self, sweep: Array, size: int) -> UInt[Array, " N"]:
        """Returns a number for each neuron i: its turn in the upper bits, i in the lower bits.

        Random turns need no sort. Two neurons have the same turn with probability
        2^bits / 2^31, where i has `bits` bits; then the smaller i is first.

        Raises:
            ValueError: If a given order holds more neurons than fit into 16 bits.
        """
        # Example: N = 3 needs 2 bits. In the order 2, 0, 1 neuron 0 has turn 1, neuron 1 has turn 2
        # and neuron 2 has turn 0. Tickets: 4 * 1 + 0 = 4, 4 * 2 + 1 = 9 and 4 * 0 + 2 = 2. From the
        # smallest up they are 2, 4, 9, and their lower two bits are the neurons 2, 0, 1.
        bits = _bits_of(size)
        if self.key is None:
            assert self.order is not None
            if size >= 2**16:
                requirement = "hold fewer than 65536 neurons where all fields are carried"
                raise argument_error("order", requirement, size)
            turn = jnp.argsort(self.order).astype(jnp.uint32)
        else:
            random = jax.random.bits(jax.random.fold_in(self.key, sweep), (size,), jnp.uint32)
            turn = random >> (bits + 1)  # the highest bit of a ticket is 0, unlike in _NO_TICKET
        return (turn << bits) | jnp.arange(size, dtype=jnp.uint32)


SYNCHRONOUS = Synchronous()


def _bits_of(size: int) -> int:
    """Returns how many bits the numbers of `size` neurons need."""
    return (size - 1).bit_length()


def _aligned(field: Array, state: Array) -> Array:
    """Returns the signs of fields; neurons with field 0 keep their state."""
    return jnp.where(field == 0, state, jnp.sign(field))


def _marked(count: Int[Array, ""], state: Pattern, mark: Pattern) -> Pattern:
    """Returns the new marked state: `state` if `count` is 0, 1, 3, 7, ..., else `mark`."""
    return jnp.where((count & (count + 1)) == 0, state, mark)


def _cycled(after: Pattern, before: Pattern, mark: Pattern) -> Bool[Array, ""]:
    """Returns whether the next state is the previous one or the marked one."""
    return jnp.all(after == before) | jnp.all(after == mark)


def _permutation(order: ArrayLike) -> Int[Array, " N"]:
    """Returns `order` as an array; raises a `ValueError` if it is not a permutation."""
    indices = jnp.asarray(order)
    if is_concrete(indices) and not np.array_equal(np.sort(indices), np.arange(indices.size)):
        requirement = "hold each of 0, ..., N - 1 once"
        raise argument_error("order", requirement, f"{np.asarray(indices)}")
    return indices
