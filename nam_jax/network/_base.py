"""What every network says of itself and can do, so that one solver serves all."""

import abc
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PyTree

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar
from nam_jax.network._layer import Layer

State = PyTree[Float[Array, "..."]]
"""All layers of one network for one sample."""

_T = TypeVar("_T")


class AbstractNetwork(eqx.Module):
    """A system that recalls a pattern from a cue.

    Everything is for one sample; batch with `jax.vmap`. A network says what it has: a dtype, inputs
    of some class or none, an energy or none, arrays that may be split over devices. Solvers and
    measures ask for that, never for its class, and refuse by name a network that lacks what they
    need. How a network is solved depends on its kind, one of the three classes below; `by_kind` is
    the only place that tells them apart.
    """

    @property
    @abc.abstractmethod
    def dtype(self) -> np.dtype:
        """The float dtype in which the network computes: that of its patterns or weights.

        Cues and states are converted to it, and no pattern or weight to the dtype of a cue. Other
        numbers of the network, such as leaks and gains, follow it where they are used.
        """

    @property
    @abc.abstractmethod
    def drive_type(self) -> type | None:
        """The class of the network's inputs, or None for a network that takes none.

        An instance that is made without arguments has no inputs.
        """

    @property
    @abc.abstractmethod
    def has_energy(self) -> bool:
        """Whether `energy` is defined."""

    @abc.abstractmethod
    def initial_state(self, cue: ArrayLike) -> State:
        """The state in which recall starts, in the network's dtype.

        Args:
            cue: (N,) finite numbers of any dtype, the damaged pattern.

        Returns:
            A state, to be given to the other methods.

        Raises:
            ValueError: If `cue` does not have N finite entries.
        """

    @abc.abstractmethod
    def readout(self, state: State) -> Pattern:
        """What the network says it recalled: (N,), graded; its signs are the recalled bits."""

    @abc.abstractmethod
    def energy(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """The energy of `state`, dimensionless.

        Args:
            state: As from `initial_state`.
            drive: The network's inputs, or None for none.
            t: Time; matters only to a drive that changes with it.

        Raises:
            ValueError: If the network has no energy, or takes no such drive.
        """

    @abc.abstractmethod
    def row_axes(self) -> tuple[Any, Any]:
        """The axis of each array along which it may be split over devices.

        Returns:
            Two trees, one with the structure of the network and one with that of its state, that
            hold in place of each array the number of that axis, or None if every device needs the
            whole array. See [`nam_jax.network.split_rows`][].
        """

    @abc.abstractmethod
    def by_kind(
        self, *, flows: Callable[..., _T], updates: Callable[..., _T], passes: Callable[..., _T]
    ) -> _T:
        """Calls one of three functions with this network, and returns what it returns.

        Args:
            flows: Called with an `AbstractContinuousNetwork`.
            updates: Called with an `AbstractDiscreteNetwork`.
            passes: Called with an `AbstractFeedforwardNetwork`.
        """

    def flowing(self, name: str = "network") -> "AbstractContinuousNetwork":
        """This network, for those who need one that flows in time.

        Args:
            name: What the network is called among the caller's arguments.

        Raises:
            ValueError: If it is of another kind.
        """

        def refuse(network: AbstractNetwork) -> AbstractContinuousNetwork:
            raise argument_error(name, "flow in time", f"the type {type(network).__name__}")

        return self.by_kind(flows=lambda network: network, updates=refuse, passes=refuse)

    def as_drive(self, drive: Any) -> Any:
        """`drive` itself, or one without inputs where it is None.

        Raises:
            ValueError: If the network takes no drive, or one of another class.
        """
        kind, name = self.drive_type, type(self).__name__
        if drive is None:
            return None if kind is None else kind()
        if kind is None:
            requirement = f"be None, as {name} takes no inputs"
            raise argument_error("drive", requirement, f"the type {type(drive).__name__}")
        if not isinstance(drive, kind):
            requirement = f"be None or of the type {kind.__name__}, which {name} takes"
            raise argument_error("drive", requirement, f"the type {type(drive).__name__}")
        return drive


class AbstractContinuousNetwork(AbstractNetwork):
    """A network that flows in time. Times are in units of the time constants.

    If it has `layers`, its flow goes down an energy while its drive is constant.
    """

    @abc.abstractmethod
    def vector_field(self, t: Scalar | float, state: State, drive: Any = None) -> State:
        """The time derivative of every layer.

        Args:
            t: Time; matters only to a drive that changes with it.
            state: As from `initial_state`.
            drive: The network's inputs, or None for none.

        Returns:
            d(state)/dt, with the structure and dtypes of `state`.

        Raises:
            ValueError: If the network takes no such drive.
        """

    @abc.abstractmethod
    def time_scales(self) -> PyTree[Scalar]:
        """The time in which each layer relaxes: a number in place of each layer of the state.

        They make speeds dimensionless when a solver judges whether the network is at rest.
        """

    @abc.abstractmethod
    def visible(self, state: Any) -> Any:
        """The leaf of `state` that is the pattern: the one whose activation is read out.

        Args:
            state: Any tree with the structure of a state, such as a flow or `time_scales()`.

        Returns:
            The leaf, or None for a network whose readout is no single layer.
        """

    @abc.abstractmethod
    def layers(self) -> tuple[Layer, ...] | None:
        """One [`nam_jax.network.Layer`][] for each leaf of the state, in the order of the tree.

        None for a flow that comes from no energy.
        """

    @abc.abstractmethod
    def energy_terms(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Any:
        """The terms of the energy, a named tuple; None for a flow that comes from no energy.

        They sum to `energy`, whose arguments they take.
        """

    def visible_place(self) -> int | None:
        """The place of the visible leaf among the leaves of the state; None if there is none."""
        structure = jax.tree.structure(self.time_scales())
        return self.visible(jax.tree.unflatten(structure, range(structure.num_leaves)))

    @property
    def has_energy(self) -> bool:
        """Whether the flow comes from an energy, so that the network has `layers`."""
        return self.layers() is not None

    def energy(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """The sum of `energy_terms`."""
        terms = self.energy_terms(state, drive, t)
        if terms is None:
            raise without_energy(self)
        return jnp.sum(jnp.stack(terms))

    def energy_rate(self, state: State, drive: Any = None) -> Scalar:
        """dE/dt = -sum over layers of inertia u'.H u', H the Hessian of the Lagrangian at u.

        At most 0 when every Lagrangian is convex (Kozachkov, Slotine & Krotov, eq 10).

        Raises:
            ValueError: If the network has no energy, or takes no such drive.
        """
        layers = self.layers()
        if layers is None:
            raise without_energy(self)
        flow = self.vector_field(0.0, state, drive)
        rates = [
            -layer.inertia.astype(u.dtype) * jnp.vdot(v, layer.bend(u, v))
            for layer, u, v in zip(
                layers, jax.tree.leaves(state), jax.tree.leaves(flow), strict=True
            )
        ]
        return jnp.sum(jnp.stack(rates))

    def by_kind(
        self, *, flows: Callable[..., _T], updates: Callable[..., _T], passes: Callable[..., _T]
    ) -> _T:
        return flows(self)


class AbstractDiscreteNetwork(AbstractNetwork):
    """A network of neurons with states -1 and +1 that are updated, not integrated.

    Its state is the pattern itself, (N,). A neuron takes the sign of its local field; where the
    field is exactly 0 it keeps its state.

    Neurons that are updated one by one need one field at a time, so a network keeps what makes
    that cheap, its carry: `field_of(carry(state), state, i)` is `local_field(state)[i]`, and
    `flipped` follows a change of one neuron without starting anew. Where the carry holds all
    fields, `fields_in` gives them, and those that do not flip need no visit.
    """

    @abc.abstractmethod
    def local_field(self, state: Pattern) -> Pattern:
        """The local field of every neuron, (N,), given the states of all."""

    @abc.abstractmethod
    def carry(self, state: Pattern) -> PyTree[Float[Array, "..."]]:
        """What is kept beside `state` while its neurons change one by one."""

    @abc.abstractmethod
    def field_of(self, carry: Any, state: Pattern, i: int | Int[Array, ""]) -> Scalar:
        """The local field of neuron i.

        Args:
            carry: That of `state`, from `carry` or `flipped`.
            state: (N,), the states of all neurons.
            i: The neuron.
        """

    @abc.abstractmethod
    def fields_in(self, carry: Any) -> Pattern | None:
        """The local fields of all neurons, (N,), if `carry` holds them; None if not."""

    @abc.abstractmethod
    def flipped(self, carry: Any, state: Pattern, i: int | Int[Array, ""], change: Scalar) -> Any:
        """The carry after neuron i changes.

        Args:
            carry: That of `state`.
            state: (N,), the states before the change.
            i: The neuron that changes.
            change: Its new state minus its old one: 2, -2, or 1 from a state that was not known.
        """

    @abc.abstractmethod
    def partial_fields(
        self, state: Pattern, counts: tuple[int, ...]
    ) -> Float[Array, "counts N"] | None:
        """The local fields if only the first K patterns were stored, for each K in `counts`.

        None for a network whose fields are no sums over patterns.

        Args:
            state: (N,).
            counts: Ascending numbers of patterns, at least 1.

        Raises:
            ValueError: If the numbers do not ascend from at least 1 to the number of patterns.
        """

    @property
    def drive_type(self) -> None:
        """None: fields have no place for inputs."""
        return None

    def by_kind(
        self, *, flows: Callable[..., _T], updates: Callable[..., _T], passes: Callable[..., _T]
    ) -> _T:
        return updates(self)


class AbstractFeedforwardNetwork(AbstractNetwork):
    """A network that answers in passes: no dynamics, and no claim to be at rest.

    Its state is the cue, then the answer.

    Attributes:
        passes: How many, at least 1; more than one only where an answer can be a cue.
    """

    passes: eqx.AbstractVar[int]

    def __check_init__(self):
        if self.passes < 1:
            raise argument_error("passes", "be at least 1", self.passes)

    @abc.abstractmethod
    def respond(self, state: Pattern) -> Float[Array, " M"]:
        """The answer, (M,), to `state`, (N,): one pass."""

    def readout(self, state: Pattern) -> Pattern:
        """The answer itself."""
        return state

    @property
    def drive_type(self) -> None:
        """None: answers depend on the cue alone."""
        return None

    def by_kind(
        self, *, flows: Callable[..., _T], updates: Callable[..., _T], passes: Callable[..., _T]
    ) -> _T:
        return passes(self)


def without_energy(network: AbstractNetwork) -> ValueError:
    """The error about a network that has no energy where one is needed."""
    description = f"the type {type(network).__name__}, which has none"
    return argument_error("network", "have an energy", description)
