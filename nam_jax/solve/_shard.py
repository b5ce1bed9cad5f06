"""`shard`: one network whose rows are spread over devices, for networks larger than a device."""

# Example: a `Hopfield` network of N = 4 on two devices. Device 0 holds rows 0 and 1 of the weights,
# (2, 4), device 1 holds rows 2 and 3, and both hold the state, (4,). Each multiplies its rows by
# the state, which gives 2 fields. The devices then exchange the fields: 4 numbers, and no weight.
# In a neuron-astrocyte network the rows of synapses and processes, which are states, stay in place
# too.

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, ArrayLike, Float, Int

from nam_jax._misc import argument_error, axes_of, is_concrete, real_numbers
from nam_jax._types import AnyPattern, Pattern, Patterns, Scalar
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractFeedforwardNetwork,
    AbstractNetwork,
    Layer,
    check_cue,
)
from nam_jax.solve._doors import as_network


def shard(network: AbstractNetwork, mesh: Any, axis: str | None = None) -> AbstractNetwork:
    """Returns `network` with its rows spread over the devices of a mesh.

    `row_axes` of the network says which arrays of the network and of its states have rows. Each
    device holds an equal part of their rows, and a copy of every other array. States that the
    returned network makes from cues, or that are given to it, are spread in the same way. It is
    solved as any other network; the pattern that it recalls is copied to all devices. The compiler
    finds what the devices must exchange.

    Example: `shard(NeuronAstrocyte.released(patterns), jax.make_mesh((8,), ("rows",)))`.

    Args:
        network: Any network that declares rows.
        mesh: A `jax.sharding.Mesh` of devices, of this process or of all processes.
        axis: The axis of `mesh` over which rows are spread; by default its only axis.

    Returns:
        A network of the same kind, whose attribute `base` is `network` on the devices.

    Raises:
        ValueError: If `network` declares no rows, is spread already, or has rows that cannot be
            divided equally; or if `mesh` is no mesh or has no such axis.
    """
    mesh, name = _checked_mesh(mesh, axis)
    of_network, of_state = as_network(network).row_axes()
    if isinstance(network, AbstractSharded):
        raise argument_error("network", "be given once; shard its `base` anew", "rows on a mesh")
    if not jax.tree.leaves((of_network, of_state)):
        requirement = "have rows to spread over devices"
        raise argument_error("network", requirement, f"none in a {type(network).__name__}")
    placed = _placed(network, of_network, mesh, name)
    return placed.by_kind(
        flows=lambda base: ShardedFlow(base, mesh, name),
        updates=lambda base: ShardedUpdates(base, mesh, name),
        passes=lambda base: ShardedPasses(base=base, mesh=mesh, axis=name, passes=base.passes),
    )


class AbstractSharded(AbstractNetwork):
    """The network `base`, with rows spread over devices.

    Attributes:
        base: The network, whose arrays are placed.
        mesh: The devices.
        axis: The axis of `mesh` over which rows are spread.
    """

    base: eqx.AbstractVar[Any]
    mesh: eqx.AbstractVar[Mesh]
    axis: eqx.AbstractVar[str]

    @property
    def dtype(self) -> np.dtype:
        return self.base.dtype

    @property
    def drive_type(self) -> Any:
        return self.base.drive_type

    @property
    def has_energy(self) -> bool:
        return self.base.has_energy

    @property
    def can_be_silent(self) -> bool:
        return self.base.can_be_silent

    @property
    def nan_allowed(self) -> bool:
        return self.base.nan_allowed

    def stored_rows(self) -> Patterns | None:
        return self.base.stored_rows()

    def row_axes(self) -> tuple[Any, Any]:
        axes, state = self.base.row_axes()
        return axes_of(self, lambda n: n.base, axes), state

    def initial_state(self, cue: ArrayLike | Sequence[Any]) -> Any:
        # Within a program, so that no device holds a whole state on the way. Values can be checked
        # only here.
        entries = real_numbers("cue", cue)
        check_cue(cue, self.dtype, nan_allowed=self.nan_allowed)
        return _started(self, np.asarray(entries) if is_concrete(entries) else entries)

    def as_state(self, state: Any) -> Any:
        """Returns `state` in the network's dtype, with its rows spread over the devices."""
        return self.with_rows_in_place(self.base.as_state(state))

    def with_rows_in_place(self, state: Any) -> Any:
        """Returns `state`, or any tree like it, with its rows spread over the devices.

        States of networks that do not flow in time are small, so that every device has them whole.
        """
        rows = self.base.row_axes()[1]
        axes = self.by_kind(flows=lambda _: rows, updates=_whole, passes=_whole)
        return _placed(state, axes, self.mesh, self.axis)

    def gathered(self, answer: Float[Array, " M"]) -> Float[Array, " M"]:
        """Returns `answer`, of which each device computes a part, whole on every device."""
        if answer.shape[0] % self.mesh.shape[self.axis] == 0:
            # Otherwise the compiler may gather the rows of a matrix and compute W x everywhere.
            answer = _placed(answer, 0, self.mesh, self.axis)
        return _placed(answer, None, self.mesh, self.axis)

    def readout(self, state: Any) -> Pattern:
        return self.gathered(self.base.readout(self.as_state(state)))

    def energy(self, state: Any, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        return self.base.energy(self.as_state(state), drive, t)


class ShardedFlow(AbstractSharded, AbstractContinuousNetwork):
    """A network that flows in time, with rows spread over devices."""

    base: AbstractContinuousNetwork
    mesh: Mesh = eqx.field(static=True)
    axis: str = eqx.field(static=True)

    def vector_field(self, t: Scalar | float, state: Any, drive: Any = None) -> Any:
        flow = self.base.vector_field(t, self.as_state(state), self.as_drive(drive))
        return self.with_rows_in_place(flow)

    def energy_terms(self, state: Any, drive: Any = None, t: Scalar | float = 0.0) -> Any:
        return self.base.energy_terms(self.as_state(state), self.as_drive(drive), t)

    def time_scales(self) -> Any:
        return self.base.time_scales()

    def decay_rates(self) -> Any:
        return self.base.decay_rates()

    def visible(self, state: Any) -> Any:
        return self.base.visible(state)

    def layers(self) -> tuple[Layer, ...] | None:
        """Returns the layers of `base`."""
        return self.base.layers()

    @property
    def restless(self) -> str | None:
        return self.base.restless


class ShardedUpdates(AbstractSharded, AbstractDiscreteNetwork):
    """A discrete network, with rows spread over devices; its state is whole on each of them."""

    base: AbstractDiscreteNetwork
    mesh: Mesh = eqx.field(static=True)
    axis: str = eqx.field(static=True)

    def local_field(self, state: AnyPattern) -> Pattern:
        return self.gathered(self.base.local_field(self.as_state(state)))

    def carry(self, state: AnyPattern) -> Any:
        return self.base.carry(self.as_state(state))

    def field_of(self, carry: Any, state: Pattern, i: int | Int[Array, ""]) -> Scalar:
        return self.base.field_of(carry, state, i)

    def fields_in(self, carry: Any) -> Pattern | None:
        return self.base.fields_in(carry)

    def flipped(self, carry: Any, state: Pattern, i: int | Int[Array, ""], change: Scalar) -> Any:
        return self.base.flipped(carry, state, i, change)

    def partial_fields(
        self, state: Pattern, counts: tuple[int, ...]
    ) -> Float[Array, "counts N"] | None:
        return self.base.partial_fields(self.as_state(state), counts)


class ShardedPasses(AbstractSharded, AbstractFeedforwardNetwork):
    """A network that answers in passes, with rows spread over devices."""

    base: AbstractFeedforwardNetwork
    mesh: Mesh = eqx.field(static=True)
    axis: str = eqx.field(static=True)
    passes: int = eqx.field(static=True)

    def respond(self, state: AnyPattern) -> Float[Array, " M"]:
        return self.gathered(self.base.respond(self.as_state(state)))


@eqx.filter_jit
def _started(network: AbstractSharded, cue: Any) -> Any:
    """Returns the initial state of `network`, made where its rows belong."""
    whole = _placed(cue, None, network.mesh, network.axis)
    return network.with_rows_in_place(network.base.initial_state(whole))


def _placed(tree: Any, axes: Any, mesh: Mesh, name: str) -> Any:
    """Returns `tree` with its arrays on the devices of a mesh.

    Args:
        tree: Any tree.
        axes: A tree like it, with the axis along which each array is divided, or None for an array
            that every device has whole.
        mesh: The devices.
        name: The axis of `mesh` over which arrays are divided.

    Raises:
        ValueError: If an axis cannot be divided equally.
    """
    number = mesh.shape[name]

    def place(axis: int | None, leaf: Any) -> Any:
        if not eqx.is_array_like(leaf) or isinstance(leaf, bool | int | float | complex):
            return leaf
        if axis is not None and leaf.shape[axis] % number:
            requirement = (
                f"have rows that {number} devices can share equally; take a number of devices that "
                "divides the number of rows"
            )
            raise argument_error("network", requirement, f"{leaf.shape[axis]} rows")
        spec = PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, name)
        sharding = NamedSharding(mesh, spec)
        if is_concrete(leaf):
            return jax.device_put(leaf, sharding)
        return jax.lax.with_sharding_constraint(leaf, sharding)

    return jax.tree.map(place, axes, tree, is_leaf=lambda axis: axis is None)


def _checked_mesh(mesh: Any, axis: str | None) -> tuple[Mesh, str]:
    """Returns `mesh` with automatic axes, and the name of the axis for rows."""
    if not isinstance(mesh, Mesh):
        requirement = 'be devices, such as `jax.make_mesh((8,), ("rows",))`'
        raise argument_error("mesh", requirement, f"the type {type(mesh).__name__}")
    names = mesh.axis_names
    if axis is None and len(names) != 1:
        raise argument_error("axis", f"be one of {names}, the axes of `mesh`", None)
    name = names[0] if axis is None else axis
    if name not in names:
        raise argument_error("axis", f"be one of {names}, the axes of `mesh`", repr(axis))
    # With explicit axes, as those of `jax.make_mesh`, JAX would ask for the sharding of the result
    # of each product instead of finding it.
    automatic = (AxisType.Auto,) * len(names)
    return Mesh(mesh.devices, names, axis_types=automatic), name


def _whole(_: Any) -> None:
    """The axis of an array that every device has whole."""
