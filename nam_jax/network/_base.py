"""What every network can do, so that one solver serves all."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar
from nam_jax.lagrangian import AbstractLagrangian, Quadratic

State = PyTree[Float[Array, "..."]]
"""All layers of one network for one sample."""


class AbstractNetwork(eqx.Module):
    """A system that recalls a pattern from a cue.

    Everything is for one sample; batch with `jax.vmap`.
    """

    @abc.abstractmethod
    def initial_state(self, cue: Pattern) -> State:
        """The state in which recall starts.

        Args:
            cue: (N,) finite numbers, the damaged pattern.

        Returns:
            A state, to be given to the other methods.

        Raises:
            ValueError: If `cue` does not have N finite entries.
        """

    @abc.abstractmethod
    def readout(self, state: State) -> Pattern:
        """What the network says it recalled: (N,), graded; its signs are the recalled bits."""


class AbstractContinuousNetwork(AbstractNetwork):
    """A network that flows in time. Times are in units of the time constants."""

    @abc.abstractmethod
    def vector_field(self, t: Scalar | float, state: State, drive: Any = None) -> State:
        """The time derivative of every layer.

        Args:
            t: Time; matters only to a drive that changes with it.
            state: As from `initial_state`.
            drive: The network's inputs, or None for none.

        Returns:
            d(state)/dt, with the structure and dtypes of `state`.
        """

    @abc.abstractmethod
    def time_scales(self) -> PyTree[Scalar]:
        """The time in which each layer relaxes: a number in place of each layer of the state.

        They make speeds dimensionless when a solver judges whether the network is at rest.
        """


class Layer(eqx.Module):
    """One layer of a network with an energy: inertia du/dt = -dE/dy, y the activation at u.

    E holds the term `leak` (u . y - L), so that the flow is inertia du/dt = -leak u + forces that
    depend on activations only. Where an activation stands twice in E, as symmetric pairs do,
    `leak` and `inertia` are half the layer's own.

    Attributes:
        lagrangian: L; its gradient is the activation.
        leak: The layer's leak as it stands in E, at least 0.
        inertia: The layer's time constant, in the same measure, above 0.
        symmetric: Whether its states are symmetric N x N arrays.
        held: None, or true where a unit is held and its state not looked at.
    """

    lagrangian: AbstractLagrangian
    leak: Scalar
    inertia: Scalar
    symmetric: bool = eqx.field(default=False, static=True)
    held: Bool[Array, "..."] | None = None

    def bend(self, u: Float[Array, "..."], v: Float[Array, "..."]) -> Float[Array, "..."]:
        """H v, with H the Hessian of the Lagrangian at u: the change of the activation along v."""
        return jax.jvp(self.lagrangian.activation, (u,), (v,))[1]

    def slope(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """The diagonal of H, the Hessian of the Lagrangian at u.

        One number for a linear layer, which saves passes over N x N arrays; for a Lagrangian that
        couples entries the size of H along a random direction.
        """
        if isinstance(self.lagrangian, Quadratic):
            return self.lagrangian.gain.astype(u.dtype)
        if self.lagrangian.additive:
            return self.bend(u, jnp.ones_like(u))
        probe = jax.random.normal(jax.random.key(0), u.shape, u.dtype)
        size = jnp.linalg.norm(self.bend(u, probe)) / jnp.linalg.norm(probe)
        return jnp.full_like(u, size)

    def moves(self, slope: Float[Array, "..."]) -> Bool[Array, "..."] | None:
        """Where an activation of a given `slope` can change; None for everywhere.

        Not where a unit is held, nor where its slope is rounding, as 1 - tanh(u)^2 is a difference
        of numbers near 1.
        """
        free = None if self.held is None else ~self.held
        if not self.lagrangian.additive or isinstance(self.lagrangian, Quadratic):
            return free
        bound = self.lagrangian.slope_bound.astype(slope.dtype)
        bound = jnp.where(jnp.isfinite(bound), bound, jnp.max(slope))
        steep = slope > 100 * jnp.finfo(slope.dtype).eps * bound
        return steep if free is None else free & steep


class AbstractEnergyNetwork(AbstractContinuousNetwork):
    """A network whose flow goes down an energy while its drive is constant."""

    @abc.abstractmethod
    def energy(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """The energy of `state`, dimensionless; arguments as in `vector_field`."""

    @abc.abstractmethod
    def energy_terms(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Any:
        """The terms of the energy one by one, a named tuple; they sum to `energy`."""

    @abc.abstractmethod
    def visible(self, state: State) -> Float[Array, " N"]:
        """The leaf of `state` whose activation is the pattern, (N,): the layer of the cue."""

    @abc.abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """One [`nam_jax.network.Layer`][] for each leaf of the state, in the order of the tree."""

    def energy_rate(self, state: State, drive: Any = None) -> Scalar:
        """dE/dt = -sum over layers of inertia u'.H u', H the Hessian of the Lagrangian at u.

        At most 0 when every Lagrangian is convex (Kozachkov, Slotine & Krotov, eq 10).
        """
        flow = self.vector_field(0.0, state, drive)
        rates = [
            -layer.inertia.astype(u.dtype) * jnp.vdot(v, layer.bend(u, v))
            for layer, u, v in zip(
                self.layers(), jax.tree.leaves(state), jax.tree.leaves(flow), strict=True
            )
        ]
        return jnp.sum(jnp.stack(rates))


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
    def energy(self, state: Pattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        """The energy of `state`, dimensionless; the arguments besides it are not used."""

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
