"""The interface of all networks: their declarations, and the methods of each of three kinds."""

import abc
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PyTree, Shaped

from nam_jax._misc import argument_error, lines, real_numbers
from nam_jax._precision import AbstractPrecise
from nam_jax._types import AnyPattern, Pattern, Patterns, Scalar
from nam_jax.network._layer import Layer

State = PyTree[Shaped[Array, "..."]]
"""The states of all layers of a network, for one sample: a tree of arrays of real numbers.

They are converted to the float dtype of the network."""

_T = TypeVar("_T")


class AbstractNetwork(AbstractPrecise):
    """A system that recalls a pattern from a cue.

    All methods are for one sample; batch with `jax.vmap`.

    A network declares its dtype, the class of its inputs, whether it has an energy, and which of
    its arrays may be split over devices. Solvers and measures read these declarations and never
    ask for the class of a network. They refuse, by name, a network that lacks what they need.
    A network is of one of three kinds, the abstract classes below, and `by_kind` tells them apart.
    """

    def __repr__(self) -> str:
        return lines(self)

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

    @property
    @abc.abstractmethod
    def can_be_silent(self) -> bool:
        """Whether low activity of the readout tells that a cue is unknown.

        False for neurons that are always at -1 or 1, or fire at rest.
        """

    @property
    @abc.abstractmethod
    def nan_allowed(self) -> bool:
        """Whether NaN in a cue marks an entry that is not known."""

    @abc.abstractmethod
    def stored_rows(self) -> Patterns | None:
        """Returns the patterns that can be recalled, (K, N), as readouts; None if none are kept."""

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
        """Returns the recalled pattern, graded; its signs are the recalled bits.

        Args:
            state: As from `initial_state` or a solver.

        Returns:
            (N,); for a feedforward network (M,), the length of its answers.
        """

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
            whole array. [`nam_jax.solve.shard`][] takes them.
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
            requirement = "flow in time; `retrieve` and `settle` take networks of all kinds"
            raise argument_error(name, requirement, f"the type {type(network).__name__}")

        return self.by_kind(flows=lambda network: network, updates=refuse, passes=refuse)

    def as_state(self, state: Any) -> Any:
        """Returns `state` in the network's dtype, as `initial_state` returns cues.

        All methods of a network do this first, so that a state of whole numbers, pixels or booleans
        counts as the same state of floats.

        Args:
            state: A tree of arrays of any real dtype.

        Raises:
            ValueError: If a leaf of `state` is no array of real numbers.
        """
        return jax.tree.map(lambda leaf: real_numbers("state", leaf).astype(self.dtype), state)

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
    """A network whose state follows a differential equation in time.

    Times are in the unit of the time constants. A network with `layers` has an energy, which does
    not rise while the drive is constant.
    """

    @abc.abstractmethod
    def vector_field(self, t: Scalar | float, state: State, drive: Any = None) -> State:
        """Returns the time derivative of every layer.

        Args:
            t: Time; it matters only to a drive that changes in time.
            state: As from `initial_state`.
            drive: The network's inputs; None for no inputs.

        Returns:
            d(state)/dt, with the structure and dtypes of `state`.

        Raises:
            ValueError: If the network takes no such drive.
        """

    @abc.abstractmethod
    def time_scales(self) -> PyTree[Scalar | float]:
        """Returns the relaxation time of each layer, a number in place of each leaf of the state.

        A solver multiplies the speed of a layer by this time to judge whether the network is at
        rest. It is tau / max(leak, 1), so that it is finite without a leak; `decay_rates` returns
        leak / tau.
        """

    @abc.abstractmethod
    def visible(self, state: Any) -> Any:
        """Returns the leaf of `state` whose activation is the readout, usually the neurons.

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
        """Returns the terms of the energy as a named tuple; None if the network has no energy.

        The sum of the terms is `energy`.

        Args:
            state: As from `initial_state`.
            drive: The network's inputs; None for no inputs.
            t: Time at which a drive that changes in time is taken.

        Raises:
            ValueError: If the network takes no such drive.
        """

    @property
    def restless(self) -> str | None:
        """Why the states of this network can never come to rest; None if they may."""
        return None

    def decay_rates(self) -> PyTree[Scalar | float]:
        """Returns leak / tau of each layer, a number in place of each leaf of the state.

        Without an input a layer decays as exp(-rate t). A network without `layers` is taken to have
        leaks of 1, so that its rates are 1 / `time_scales()`; it declares its rates by this method
        if it has other leaks.
        """
        layers = self.layers()
        scales, structure = jax.tree.flatten(self.time_scales())
        if layers is None:
            return jax.tree.unflatten(structure, [1 / scale for scale in scales])
        rates = [layer.leak.astype(self.dtype) / layer.time.astype(self.dtype) for layer in layers]
        return jax.tree.unflatten(structure, rates)

    def visible_place(self) -> int | None:
        """Returns the index of the visible leaf among the leaves of the state; None without it."""
        structure = jax.tree.structure(self.time_scales())
        return self.visible(jax.tree.unflatten(structure, range(structure.num_leaves)))

    @property
    def nan_allowed(self) -> bool:
        """False: each neuron of the cue has a state."""
        return False

    @property
    def has_energy(self) -> bool:
        """Whether the network has an energy, that is, `layers`."""
        return self.layers() is not None

    def energy(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """Returns the sum of `energy_terms`; see [`nam_jax.network.AbstractNetwork`][]."""
        terms = self.energy_terms(state, drive, t)
        if terms is None:
            raise without_energy(self)
        return jnp.sum(jnp.stack(terms))

    def energy_rate(self, state: State, drive: Any = None) -> Scalar:
        """Returns dE/dt = -sum over layers of inertia u'.H u', per unit of time.

        u' is the flow of a layer, H the Hessian of its Lagrangian at u. The rate is at most 0 if
        every Lagrangian is convex (Kozachkov, Slotine & Krotov, eq 10).

        Args:
            state: As from `initial_state`.
            drive: The network's inputs, taken at time 0; None for no inputs.

        Raises:
            ValueError: If the network has no energy, or takes no such drive.
        """
        layers = self.layers()
        if layers is None:
            raise without_energy(self)
        state = self.as_state(state)
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
    """A network of neurons with states -1 and +1 that are updated in steps.

    The state is the pattern itself, (N,). An update gives a neuron the sign of its local field; a
    neuron whose field is exactly 0 keeps its state.

    Updates one by one need one field at a time. For them a network makes a carry: arrays, kept
    beside the state, from which a field is cheap to compute. `field_of(carry(state), state, i)`
    equals `local_field(state)[i]`. After a change of a neuron `flipped` returns the new carry
    without computing it anew. If the carry holds all fields, `fields_in` returns them, and neurons
    that would not flip need no update.
    """

    # Example: a Hopfield network of N = 2 with weight w_12 = w_21 = 1 may carry its fields. At
    # (1, -1) they are (-1, 1). Neuron 1 changes by -2, so field 2 changes by w_21 * (-2): the new
    # carry is (-1, -1), which is `local_field` at (-1, -1).

    @abc.abstractmethod
    def local_field(self, state: AnyPattern) -> Pattern:
        """Returns the local field of every neuron, (N,), at the states of all neurons, (N,)."""

    @abc.abstractmethod
    def carry(self, state: AnyPattern) -> PyTree[Float[Array, "..."]]:
        """Returns the carry of `state`, (N,): arrays kept while neurons change one by one."""

    @abc.abstractmethod
    def field_of(self, carry: Any, state: Pattern, i: int | Int[Array, ""]) -> Scalar:
        """Returns the local field of neuron i.

        Args:
            carry: The carry of `state`, from `carry` or `flipped`.
            state: (N,), the states of all neurons.
            i: Index of the neuron.
        """

    @abc.abstractmethod
    def fields_in(self, carry: Any) -> Pattern | None:
        """Returns the local fields of all neurons, (N,), if `carry` holds them; otherwise None."""

    @abc.abstractmethod
    def flipped(self, carry: Any, state: Pattern, i: int | Int[Array, ""], change: Scalar) -> Any:
        """Returns the carry after neuron i changes.

        Args:
            carry: The carry of `state`.
            state: (N,), the states before the change.
            i: Index of the neuron that changes.
            change: The new state of the neuron minus its old state: 2 or -2, or 0 if it keeps its
                state. From the state 0 of an unknown entry it is 1 or -1.
        """

    @abc.abstractmethod
    def partial_fields(
        self, state: Pattern, counts: tuple[int, ...]
    ) -> Float[Array, "counts N"] | None:
        """Returns the local fields if only the first K patterns were stored, for every K.

        Args:
            state: (N,), the states of all neurons.
            counts: The values of K, ascending, at least 1.

        Returns:
            (counts, N), a row of fields for each K; None if the fields of the network are not sums
            over patterns.

        Raises:
            ValueError: If `counts` do not ascend from at least 1 to at most the number of patterns.
        """

    @property
    def drive_type(self) -> None:
        """None: a discrete network takes no inputs."""
        return None

    @property
    def can_be_silent(self) -> bool:
        """False: every neuron is at -1 or 1."""
        return False

    @property
    def nan_allowed(self) -> bool:
        """False: each neuron of the cue has a state."""
        return False

    def by_kind(
        self, *, flows: Callable[..., _T], updates: Callable[..., _T], passes: Callable[..., _T]
    ) -> _T:
        return updates(self)


class AbstractFeedforwardNetwork(AbstractNetwork):
    """A network that computes an answer from a cue in one or several passes.

    It has no dynamics and is never said to be at rest. Its state is the cue before the first pass,
    and then the last answer.

    Attributes:
        passes: Number of passes, at least 1. More than one pass needs answers of the shape of cues.
    """

    passes: eqx.AbstractVar[int]

    def __check_init__(self):
        if self.passes < 1:
            raise argument_error("passes", "be at least 1", self.passes)

    @abc.abstractmethod
    def respond(self, state: AnyPattern) -> Float[Array, " M"]:
        """Returns the answer, (M,), to `state`, (N,), in one pass."""

    def readout(self, state: AnyPattern) -> Pattern:
        """Returns `state`, the answer itself."""
        return self.as_state(state)

    @property
    def drive_type(self) -> None:
        """None: a feedforward network takes no inputs beside the cue."""
        return None

    @property
    def can_be_silent(self) -> bool:
        """True: the answer to an unknown cue may be a mean of patterns, of low activity."""
        return True

    def by_kind(
        self, *, flows: Callable[..., _T], updates: Callable[..., _T], passes: Callable[..., _T]
    ) -> _T:
        return passes(self)


def without_energy(network: AbstractNetwork) -> ValueError:
    """Returns the error about a network without an energy."""
    given = f"the type {type(network).__name__}, which has none"
    return argument_error("network", "have an energy", given)
