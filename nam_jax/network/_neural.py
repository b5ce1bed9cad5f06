"""Networks of neurons alone: one layer, a leak, and the force of an interaction energy."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import ArrayLike

from nam_jax._types import Pattern, Scalar
from nam_jax.lagrangian import AbstractLagrangian
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import Drive, as_cue, drive_at, neural_only
from nam_jax.network._layer import Layer


class NeuralEnergyTerms(NamedTuple):
    """The energy's terms: the neurons' own, their interaction, and the input (0 without one)."""

    neural: Scalar
    interaction: Scalar
    inputs: Scalar


class AbstractNeuralNetwork(AbstractContinuousNetwork):
    """Neurons x whose activity phi meets a force that is minus the gradient of V(phi).

        E = lambda [x.phi - L_n] + V(phi) - b.phi
        tau dx/dt = -dE/dphi = -lambda x - dV/dphi + b

    The state is x, (N,). A drive may have a neural part only.

    Attributes:
        neural: L_n, Lagrangian of the neurons; its activation is phi.
        leak: lambda, at least 0.
        time_constant: tau, above 0, in the user's unit of time.
        num_neurons: N.
        voltage: x of a neuron whose cue entry is 1, when recall starts.
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
        """-dV/dphi, (N,), at the activity of `state`."""

    @abc.abstractmethod
    def interaction(self, state: Pattern) -> Scalar:
        """V, at the activity of `state`."""

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """`voltage` times the cue."""
        return self.voltage * as_cue(cue, self.num_neurons, self.dtype)

    def vector_field(self, t: Scalar | float, state: Pattern, drive: Any = None) -> Pattern:
        """dx/dt, (N,)."""
        force = -self.leak.astype(state.dtype) * state + self.force(state)
        force = force + drive_at(neural_only(self.as_drive(drive)), t, state)
        return force / self.time_constant.astype(state.dtype)

    def energy_terms(
        self, state: Pattern, drive: Any = None, t: Scalar | float = 0.0
    ) -> NeuralEnergyTerms:
        """The three terms of E."""
        phi = self.neural.activation(state)
        return NeuralEnergyTerms(
            self.leak.astype(state.dtype) * self.neural.energy(state),
            self.interaction(state),
            -jnp.vdot(drive_at(neural_only(self.as_drive(drive)), t, state), phi),
        )

    def visible(self, state: Any) -> Any:
        return state

    def layers(self) -> tuple[Layer, ...]:
        """The one layer of neurons."""
        return (Layer(self.neural, self.leak, self.time_constant),)

    def readout(self, state: Pattern) -> Pattern:
        """phi, (N,)."""
        return self.neural.activation(state)

    def time_scales(self) -> Scalar:
        """tau / max(lambda, 1)."""
        leak = jnp.maximum(self.leak, 1).astype(self.dtype)
        return self.time_constant.astype(self.dtype) / leak
