"""Networks with a layer of neurons and no other layer: a leak and an interaction energy."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import ArrayLike

from nam_jax._types import AnyPattern, Pattern, Scalar
from nam_jax.lagrangian import AbstractLagrangian
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import Drive, as_cue, drive_at, neural_only
from nam_jax.network._layer import Layer


class NeuralEnergyTerms(NamedTuple):
    """The terms of the energy, which sum to it.

    Attributes:
        neural: lambda [x.phi - L_n].
        interaction: V(phi).
        inputs: -b.phi; 0 without inputs.
    """

    neural: Scalar
    interaction: Scalar
    inputs: Scalar


class AbstractNeuralNetwork(AbstractContinuousNetwork):
    """Neurons x, driven by minus the gradient of an interaction energy V of their activity phi.

        E = lambda [x.phi - L_n] + V(phi) - b.phi
        tau dx/dt = -dE/dphi = -lambda x - dV/dphi + b

    The state is x, (N,). A drive may have a neural part only.

    Attributes:
        neural: L_n, Lagrangian of the neurons; its activation is phi.
        leak: lambda, at least 0.
        time_constant: tau, above 0, in the user's unit of time.
        num_neurons: N.
        voltage: x of a neuron whose cue entry is 1, at the start of recall.
    """

    neural: eqx.AbstractVar[AbstractLagrangian]
    leak: eqx.AbstractVar[Scalar]
    time_constant: eqx.AbstractVar[Scalar]
    num_neurons: eqx.AbstractVar[int]
    voltage: eqx.AbstractVar[float]

    @property
    def drive_type(self) -> type[Drive]:
        """`Drive`, with a neural part only."""
        return Drive

    @abc.abstractmethod
    def force(self, state: Pattern) -> Pattern:
        """Returns -dV/dphi, (N,), at the activity of `state`, (N,)."""

    @abc.abstractmethod
    def interaction(self, state: Pattern) -> Scalar:
        """Returns V at the activity of `state`, (N,)."""

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """Returns `voltage` times `cue`, both (N,).

        Raises:
            ValueError: If `cue` does not have N finite entries.
        """
        return self.voltage * as_cue(cue, self.num_neurons, self.dtype)

    def vector_field(self, t: Scalar | float, state: AnyPattern, drive: Any = None) -> Pattern:
        """Returns dx/dt, (N,).

        Args:
            t: Time; it matters only to a drive that changes in time.
            state: x, (N,).
            drive: A [`nam_jax.network.Drive`][] with a neural part only; None for no inputs.

        Raises:
            ValueError: If the network takes no such drive.
        """
        state = self.as_state(state)
        force = -self.leak.astype(state.dtype) * state + self.force(state)
        force = force + drive_at(neural_only(self.as_drive(drive)), t, state)
        return force / self.time_constant.astype(state.dtype)

    def energy_terms(
        self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0
    ) -> NeuralEnergyTerms:
        """Returns the three terms of E; the arguments are those of `vector_field`.

        Raises:
            ValueError: If the network takes no such drive.
        """
        state = self.as_state(state)
        phi = self.neural.activation(state)
        return NeuralEnergyTerms(
            self.leak.astype(state.dtype) * self.neural.energy(state),
            self.interaction(state),
            -jnp.vdot(drive_at(neural_only(self.as_drive(drive)), t, state), phi),
        )

    def visible(self, state: Any) -> Any:
        return state

    def layers(self) -> tuple[Layer, ...]:
        """Returns the layer of neurons."""
        return (Layer(self.neural, self.leak, self.time_constant),)

    def readout(self, state: AnyPattern) -> Pattern:
        """Returns phi, (N,), the activity of `state`."""
        return self.neural.activation(self.as_state(state))

    def time_scales(self) -> Scalar:
        """Returns tau / max(lambda, 1)."""
        leak = jnp.maximum(self.leak, 1).astype(self.dtype)
        return self.time_constant.astype(self.dtype) / leak
