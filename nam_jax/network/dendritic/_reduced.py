"""Dendritic memories with fewer moving parts: instantaneous inhibition, or held features."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import axes_of
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network.dendritic._memory import DendriticMemory
from nam_jax.network.dendritic._state import ExternalInputs, State


class ExcitatoryState(eqx.Module):
    """The rates of excitatory populations, in Hz.

    Attributes:
        memory: nu_E1, (N1,).
        feature: nu_E2, (N2,).
    """

    memory: Float[Array, " N1"] | Scalar
    feature: Float[Array, " N2"] | Scalar


class ReducedMemory(AbstractContinuousNetwork):
    """A dendritic memory whose inhibition is always at its steady state for the excitatory rates.

    Source: Kafraj, Krotov, Bicknell & Latham, eqs 9a-d.

    Attributes:
        base: The network of four populations.
        population_mean: If True, the rate of every inhibitory neuron is the mean rate of the
            excitatory population that drives it: I = J <nu_E> with J = 1 (eqs 9c-d). If False,
            each inhibitory neuron has its own steady state, and the fixed points are those of
            `base`.
    """

    base: DendriticMemory
    population_mean: bool = eqx.field(default=False, static=True)

    @property
    def dtype(self) -> np.dtype:
        return self.base.dtype

    @property
    def drive_type(self) -> type[ExternalInputs]:
        return ExternalInputs

    def initial_state(self, cue: ArrayLike) -> ExcitatoryState:
        """Returns the excitatory rates of the initial state of `base`."""
        start = self.base.initial_state(cue)
        return ExcitatoryState(start.memory, start.feature)

    def lift(self, state: ExcitatoryState) -> State:
        """Returns the state of `base`: the excitatory rates of `state` and their inhibition."""
        state = self.as_state(state)
        i1, i2 = self.base.memory_inhibition, self.base.feature_inhibition
        if not self.population_mean:
            return self.base.state_of(state.memory, state.feature)
        return State(
            state.memory,
            state.feature,
            jnp.full(i1.num_neurons, jnp.mean(state.memory)),
            jnp.full(i2.num_neurons, jnp.mean(state.feature)),
        )

    def vector_field(
        self, t: Scalar | float, state: ExcitatoryState, drive: Any = None
    ) -> ExcitatoryState:
        flow = self.base.vector_field(t, self.lift(state), self.as_drive(drive))
        return ExcitatoryState(flow.memory, flow.feature)

    def visible(self, state: Any) -> Any:
        """Returns the leaf of memory neurons."""
        return state.memory

    def layers(self) -> None:
        return None

    def energy_terms(
        self, state: ExcitatoryState, drive: Any = None, t: Scalar | float = 0.0
    ) -> None:
        return None

    @property
    def can_be_silent(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self) -> tuple[Any, ExcitatoryState]:
        axes, _ = self.base.row_axes()
        state = axes_of(self.time_scales(), lambda s: s.feature, 0)
        return axes_of(self, lambda n: n.base, axes), state

    def readout(self, state: ExcitatoryState) -> Pattern:
        """Returns the rates of memory neurons, (N1,), in Hz."""
        return self.as_state(state).memory

    def time_scales(self) -> ExcitatoryState:
        tau_e1, tau_e2, _ = self.base.time_constants
        return ExcitatoryState(tau_e1, tau_e2)


class HeldFeatures(AbstractContinuousNetwork):
    """A dendritic memory whose feature neurons are held at the rates with which they start.

    This is the effect of a sustained stimulus. Memory neurons and inhibition move to their steady
    state for it. Simulate this network for a while, then simulate `base` from the last state.

    Attributes:
        base: The same network with free feature neurons.
    """

    base: DendriticMemory

    @property
    def dtype(self) -> np.dtype:
        return self.base.dtype

    @property
    def drive_type(self) -> type[ExternalInputs]:
        return ExternalInputs

    def initial_state(self, cue: ArrayLike) -> State:
        """Returns the initial state of `base`."""
        return self.base.initial_state(cue)

    def vector_field(self, t: Scalar | float, state: State, drive: Any = None) -> State:
        flow = self.base.vector_field(t, state, self.as_drive(drive))
        still = jnp.zeros_like(state.feature)
        return State(flow.memory, still, flow.memory_inhibition, flow.feature_inhibition)

    def visible(self, state: Any) -> Any:
        """Returns the leaf of memory neurons."""
        return state.memory

    def layers(self) -> None:
        return None

    def energy_terms(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> None:
        return None

    @property
    def can_be_silent(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self) -> tuple[Any, State]:
        axes, state = self.base.row_axes()
        return axes_of(self, lambda n: n.base, axes), state

    def readout(self, state: State) -> Pattern:
        """Returns the rates of memory neurons, (N1,), in Hz."""
        return self.as_state(state).memory

    def time_scales(self) -> State:
        return self.base.time_scales()
