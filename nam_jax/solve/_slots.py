"""Refilling: recalls that share a fixed number of slots, so that none waits for the slowest.

All slots take a step at the same time. A slot whose recall has ended is given the next cue, while
the other slots go on from where they are. This happens within one compiled program.
"""

# Example: two slots, and four cues A to D that need 1, 4, 2 and 1 steps. A slot is served as soon
# as its recall has ended. A plain batch of two would take 4 steps for A and B, then 2 for C and D.
#
#     step       1    2    3    4
#     slot 0     A    C    C    D
#     slot 1     B    B    B    B
#
# With many slots, serving takes about as long as one or two steps of all served slots. So slots are
# served an eighth of them at a time, as soon as so many wait; see `SHARE`.

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from nam_jax.network import AbstractNetwork
from nam_jax.solve._retrieve import Retrieval, retrieval_at
from nam_jax.solve._settle import Equilibrium
from nam_jax.solve._stepwise import Stepwise, stepwise

SHARE = 8
"""All slots over the number of slots that are served at once: they wait for one another."""


class Work(NamedTuple):
    """The cues of one device.

    Attributes:
        cues: (P, N), one cue in a row.
        indices: (P,) rows of the cues among the cues of all devices.
        number: How many of the P rows are cues; the rest fills up.
        networks: A network for each cue, with a leading axis of P; None if all cues have the same.
        constants: What the course of a cue holds beside arrays; set while a program is traced.
    """

    cues: Array
    indices: Int[Array, " P"]
    number: Int[Array, ""]
    networks: AbstractNetwork | None
    constants: Any = None


class Slots(NamedTuple):
    """Where the recalls of one device stand.

    Attributes:
        courses: The courses of the S slots, a tree of arrays with a leading axis of S.
        places: (S,) the rows of their cues in `Work`; P for a slot without a cue.
        num_begun: How many cues were given to slots, in the order of their rows.
        num_ended: How many recalls have ended and are among the results.
        results: The recalls of the P cues; zeros for those that have not ended.
        num_steps: Number of steps of all slots.
        use: Which share of these steps of slots was a step of a recall.
    """

    courses: Any
    places: Int[Array, " S"]
    num_begun: Int[Array, ""]
    num_ended: Int[Array, ""]
    results: Retrieval
    num_steps: Int[Array, ""]
    use: Float[Array, ""]


class Refill(eqx.Module):
    """Recalls the cues of one device in `num_slots` slots.

    Attributes:
        network: The network of all cues; None if each cue has its own.
        drive: Their inputs.
        how: Their settings.
        silence: As for [`nam_jax.retrieve`][].
        num_slots: S, the number of slots.
        keep_states: Whether to return the last states.
    """

    network: AbstractNetwork | None
    drive: Any
    how: Any
    silence: Any
    num_slots: int = eqx.field(static=True)
    keep_states: bool = eqx.field(static=True)

    def empty(self, work: Work) -> Slots:
        """Returns slots without cues."""
        size, zero = self.num_slots, jnp.zeros((), jnp.int32)
        course, result = self._shapes(work)
        num_places = len(work.cues)

        def zeros(count: int, tree: Any) -> Any:
            arrays = eqx.filter(tree, _is_shape)
            return jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape), leaf.dtype), arrays)

        return Slots(
            zeros(size, course), jnp.full((size,), num_places, jnp.int32), zero, zero,
            zeros(num_places, result), zero, jnp.zeros((), jnp.float32),
        )  # fmt: skip

    def __call__(self, work: Work, slots: Slots, until: Int[Array, ""]) -> Slots:
        """Returns the slots when at least `until` recalls have ended, at most `work.number`."""
        until = jnp.minimum(until, work.number)
        work = work._replace(constants=eqx.filter(self._shapes(work)[0], _is_shape, inverse=True))
        return jax.lax.while_loop(
            lambda slots: slots.num_ended < until,
            lambda slots: self._serve(work, self._burst(work, slots)),
            slots,
        )

    @property
    def _num_served(self) -> int:
        return max(1, self.num_slots // SHARE)

    def _shapes(self, work: Work) -> tuple[Any, Any]:
        """Returns the shapes of the course and of the result of one cue."""

        def one(work: Work) -> tuple[Any, Any]:
            network = _rows(work.networks, 0) if self.network is None else self.network
            steps = stepwise(network, self.drive, self.how, work.indices[0])
            course = steps.begin(work.cues[0])
            return course, self._result(network, steps.end(course))

        return eqx.filter_eval_shape(one, work)

    def _result(self, network: AbstractNetwork, equilibrium: Equilibrium) -> Retrieval:
        result = retrieval_at(network, equilibrium, self.drive, self.silence)
        if self.keep_states:
            return result
        return eqx.tree_at(lambda r: r.state, result, None, is_leaf=lambda x: x is None)

    def _going(self, work: Work, slots: Slots) -> Bool[Array, " S"]:
        """Returns which slots have a recall that has not ended."""
        going = self._of_courses(
            lambda _, steps, course: steps.is_going(course), work, slots.places
        )
        return going(slots.courses) & (slots.places < work.number)

    def _waiting(self, work: Work, slots: Slots, going: Bool[Array, " S"]) -> Bool[Array, " S"]:
        """Returns which slots are to be served: to hand in a result, or to be given a cue."""
        return ~going & ((slots.places < work.number) | (slots.num_begun < work.number))

    def _burst(self, work: Work, slots: Slots) -> Slots:
        """Returns the slots after steps of all of them, until enough of them wait."""
        step = self._of_courses(lambda _, steps, course: steps.step(course), work, slots.places)

        def goes_on(slots: Slots) -> Bool[Array, ""]:
            going = self._going(work, slots)
            num_waiting = _count(self._waiting(work, slots, going))
            # Without further cues there is nothing to serve before all recalls have ended.
            served = (num_waiting >= self._num_served) & (slots.num_begun < work.number)
            return jnp.any(going) & ~served

        def advance(slots: Slots) -> Slots:
            share = jnp.mean(self._going(work, slots).astype(jnp.float32))
            num_steps = slots.num_steps + 1
            use = slots.use + (share - slots.use) / num_steps.astype(jnp.float32)
            return slots._replace(courses=step(slots.courses), num_steps=num_steps, use=use)

        return jax.lax.while_loop(goes_on, advance, slots)

    def _serve(self, work: Work, slots: Slots) -> Slots:
        """Returns the slots after some that wait handed in their results and were given cues."""
        size, num_places = self.num_slots, len(work.cues)
        waiting = self._waiting(work, slots, self._going(work, slots))
        # Slot number `size` stands for no slot: what is written there is dropped.
        chosen = jnp.nonzero(waiting, size=self._num_served, fill_value=size)[0].astype(jnp.int32)
        is_slot = chosen < size
        inside = jnp.minimum(chosen, size - 1)

        places = slots.places[inside]
        ends = is_slot & (places < work.number)
        end = self._of_courses(
            lambda network, steps, course: self._result(network, steps.end(course)), work, places
        )
        results = end(_rows(slots.courses, inside))
        results = _put(slots.results, jnp.where(ends, places, num_places), results)

        new_places = slots.num_begun + jnp.cumsum(is_slot, dtype=jnp.int32) - 1
        begins = is_slot & (new_places < work.number)
        new_places = jnp.where(begins, new_places, num_places)
        begin = self._of_cues(lambda _, steps, cue: steps.begin(cue), work, new_places)
        courses = begin(work.cues[jnp.minimum(new_places, num_places - 1)])
        return slots._replace(
            courses=_put(slots.courses, jnp.where(begins, chosen, size), courses),
            places=_put(slots.places, chosen, new_places),
            num_begun=slots.num_begun + _count(begins),
            num_ended=slots.num_ended + _count(ends),
            results=results,
        )

    def _of_courses(
        self, function: Callable[..., Any], work: Work, places: Int[Array, " M"]
    ) -> Callable[[Any], Any]:
        """Returns a batched `function`, of the network, the steps and the course of one cue."""

        def one(network: AbstractNetwork, steps: Stepwise, arrays: Any) -> Any:
            return function(network, steps, eqx.combine(arrays, work.constants))

        return self._of_cues(one, work, places)

    def _of_cues(
        self, function: Callable[..., Any], work: Work, places: Int[Array, " M"]
    ) -> Callable[[Any], Any]:
        """Returns a batched `function`, of the network, the steps and any arrays of one cue."""
        inside = jnp.minimum(places, len(work.cues) - 1)
        networks = None if work.networks is None else _rows(work.networks, inside)

        def one(network: AbstractNetwork | None, index: Any, arrays: Any) -> Any:
            network = self.network if network is None else network
            assert network is not None
            steps = stepwise(network, self.drive, self.how, index)
            return eqx.filter(function(network, steps, arrays), eqx.is_array)

        batched = eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0, 0))
        return lambda arrays: batched(networks, work.indices[inside], arrays)


def _count(chosen: Bool[Array, " M"]) -> Int[Array, ""]:
    """Returns how many are chosen, in 32 bits, whatever JAX's usual whole numbers are."""
    return jnp.sum(chosen, dtype=jnp.int32)


def _is_shape(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def _rows(tree: Any, index: Any) -> Any:
    """Returns rows `index` of all arrays."""
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, tree)


def _put(tree: Any, index: Int[Array, " M"], rows: Any) -> Any:
    """Returns `tree` with new rows; a row whose index is too large is dropped."""
    return jax.tree.map(lambda leaf, new: leaf.at[index].set(new, mode="drop"), tree, rows)
