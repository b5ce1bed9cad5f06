"""The interface of all networks: what a network declares, and what each of three kinds can do."""

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

    All methods are for one sample; batch with `jax.vmap`.

    A network declares what it has: a dtype, the class of its inputs, whether it has an energy, and
    which of its arrays may be split over devices. Solvers and measures read these declarations and
    never ask for the class of a network. They refuse by name a network that lacks what they need.
    A network is of one of three kinds, the abstract classes below, and `by_kind` tells them apart.
    """

    @property
    @abc.abstractmethod
    def dtype(self) -> np.dtype:
        """The float dtype of the patterns or weights, in which the network computes.

        Cues and states are converted to it. Patterns and weights are never converted to the dtype
        of a cue. Single numbers, such as leaks and gains, are converted to it where they are used.
        """

    @property
    @abc.abstractmethod
    def drive_type(self) -> type | None:
        """The class of the network's inputs; None if the network takes no inputs.

        An instance made without arguments stands for no inputs.
        """

    @property
    @abc.abstractmethod
    def has_energy(self) -> bool:
        """Whether the network has an energy."""

    @abc.abstractmethod
    def initial_state(self, cue: ArrayLike) -> State:
        """Returns the state in which recall starts, in the network's dtype.

        Args:
            cue: (N,) finite real numbers of any dtype, the damaged pattern.

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
        """Returns the energy of `state`, dimensionless.

        Args:
            state: As from `initial_state`.
            drive: The network's inputs; None for no inputs.
            t: Time at which a drive that changes in time is taken.

        Raises:
            ValueError: If the network has no energy, or takes no such drive.
        """

    @abc.abstractmethod
    def row_axes(self) -> tuple[Any, Any]:
        """Returns the axes along which arrays may be split over devices.

        Example: a Hopfield network may be split along the rows of its weights, (N, N), and along
        its thresholds, (N,), so that both have the axis 0.

        Returns:
            Two trees. The first has the structure of the network, the second that of its state. In
            place of each array stands the number of an axis, or None if every device needs the
            whole array. [`nam_jax.network.split_rows`][] takes them.
        """

    @abc.abstractmethod
    def by_kind(
        self, *, flows: Callable[..., _T], updates: Callable[..., _T], passes: Callable[..., _T]
    ) -> _T:
        """Returns what one of three functions, chosen by the kind of this network, returns for it.

        Args:
            flows: Called with an `AbstractContinuousNetwork`.
            updates: Called with an `AbstractDiscreteNetwork`.
            passes: Called with an `AbstractFeedforwardNetwork`.
        """

    def flowing(self, name: str = "network") -> "AbstractContinuousNetwork":
        """Returns this network if it flows in time, and refuses it otherwise.

        Args:
            name: The name of the argument that is refused.

        Raises:
            ValueError: If the network is of another kind.
        """

        def refuse(network: AbstractNetwork) -> AbstractContinuousNetwork:
            raise argument_error(name, "flow in time", f"the type {type(network).__name__}")

        return self.by_kind(flows=lambda network: network, updates=refuse, passes=refuse)

    def as_drive(self, drive: Any) -> Any:
        """Returns `drive`, or for None a drive without inputs.

        Raises:
            ValueError: If `drive` is not of the class `drive_type`.
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
        """Returns the leaf of `state` that is the pattern: its activation is the readout.

        Args:
            state: Any tree with the structure of a state, such as a flow or `time_scales()`.

        Returns:
            The leaf, or None if the readout is made of several leaves or of a linear map.
        """

    @abc.abstractmethod
    def layers(self) -> tuple[Layer, ...] | None:
        """Returns a [`nam_jax.network.Layer`][] per leaf of the state, in the order of the tree.

        Returns None if the network has no energy.
        """

    @abc.abstractmethod
    def energy_terms(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Any:
        """Returns the terms of the energy as a named tuple, None if the network has no energy.

        The terms sum to `energy`. The arguments are those of `energy`.
        """

    def visible_place(self) -> int | None:
        """Returns the index of the visible leaf among the leaves of the state, None without one."""
        structure = jax.tree.structure(self.time_scales())
        return self.visible(jax.tree.unflatten(structure, range(structure.num_leaves)))

    @property
    def has_energy(self) -> bool:
        """Whether the network has an energy, that is, `layers`."""
        return self.layers() is not None

    def energy(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """Returns the sum of `energy_terms`."""
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
        """Returns the local fields of memories of the first K patterns, for every K in `counts`.

        Returns None if the fields of the network are no sums over patterns.

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
    """Returns the error about a network without an energy."""
    given = f"the type {type(network).__name__}, which has none"
    return argument_error("network", "have an energy", given)
