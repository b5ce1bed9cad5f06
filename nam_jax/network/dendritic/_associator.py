"""Content for the fixed attractors of a dendritic memory: a learned cue map and a read-out."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import axes_of, positive_number
from nam_jax._types import Pattern, Scalar
from nam_jax.memory import LinearMap
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import as_cue, drive_at
from nam_jax.network.dendritic._memory import DendriticMemory
from nam_jax.network.dendritic._state import ExternalInputs, State


class AssociatorState(eqx.Module):
    """The rates of a dendritic memory, and the trace of the stimulus that drives it.

    Attributes:
        rates: In Hz.
        stimulus: Input to memory neurons, (N1,).
    """

    rates: State
    stimulus: Float[Array, " N1"] | Scalar


class Associator(AbstractContinuousNetwork):
    """A dendritic memory whose sets of memory neurons stand for items, such as images.

    An item x is cued by u = [g (W x + b)]^+, either as input to memory neurons, which fades with a
    time constant of its own while the network starts from rest, or as the initial rates of feature
    neurons. At rest a second linear map reads the item from the rates of memory or of feature
    neurons. The weights within the memory are not changed: items are stored in the two maps.

    Attributes:
        base: The memory.
        cue_map: From an item, (P,), to memory neurons (N1,) or to feature neurons (N2,).
        answer_map: From the rates of memory (N1,) or feature neurons (N2,) to an item.
        gain: g, above 0.
        fading: Time constant of the stimulus, in ms.
        to_features: Whether the cue is rates of feature neurons.
        from_features: Whether the answer is read from feature neurons.
    """

    base: DendriticMemory
    cue_map: LinearMap
    answer_map: LinearMap
    gain: Scalar
    fading: Scalar
    to_features: bool = eqx.field(static=True)
    from_features: bool = eqx.field(static=True)

    def __init__(
        self,
        base: DendriticMemory,
        cue_map: LinearMap,
        answer_map: LinearMap,
        *,
        gain: float | Scalar = 1.0,
        fading: float | Scalar = 40.0,
        to_features: bool = False,
        from_features: bool = True,
    ):
        """Joins a memory and two maps.

        Raises:
            ValueError: On a map whose size is not that of its population, or a gain or time
                constant that is not above 0.
        """
        self.base, self.cue_map, self.answer_map = base, cue_map, answer_map
        self.gain = positive_number("gain", gain)
        self.fading = positive_number("fading", fading)
        self.to_features, self.from_features = to_features, from_features

    def __check_init__(self):
        sizes = {False: self.base.num_memory, True: self.base.num_feature}
        for name, actual, wanted in (
            ("cue_map", self.cue_map.weights.shape[0], sizes[self.to_features]),
            ("answer_map", self.answer_map.weights.shape[1], sizes[self.from_features]),
        ):
            if actual != wanted:
                raise ValueError(
                    f"Argument `{name}` must fit a population of {wanted} neurons, "
                    f"but has {actual}."
                )

    @property
    def dtype(self) -> np.dtype:
        return self.base.dtype

    @property
    def drive_type(self) -> type[ExternalInputs]:
        return ExternalInputs

    def initial_state(self, cue: ArrayLike) -> AssociatorState:
        """What a damaged item, (P,), evokes."""
        cue = as_cue(cue, self.cue_map.weights.shape[1], self.dtype)
        drive = jax.nn.relu(self.gain.astype(cue.dtype) * self.cue_map(cue))
        low = self.base.memory_transfer.low.astype(cue.dtype)
        memory = jnp.broadcast_to(low, self.base.num_memory)
        if self.to_features:
            return AssociatorState(self.base.state_of(memory, drive), jnp.zeros_like(memory))
        features = self.base.evoked_features(memory)
        return AssociatorState(self.base.state_of(memory, features), drive)

    def first_drive(self, cue: Pattern) -> Float[Array, " N1"]:
        """The input to memory neurons that the cue makes before anything has moved, (N1,)."""
        state = self.initial_state(cue)
        rates = state.rates
        inhibition = (rates.memory_inhibition, rates.feature_inhibition)
        return self.base.memory_drive(rates.feature, *inhibition) + state.stimulus

    def vector_field(
        self, t: Scalar | float, state: AssociatorState, drive: Any = None
    ) -> AssociatorState:
        """The flow; `drive` is what acts on the memory besides the stimulus."""
        inputs = self.as_drive(drive)
        further = drive_at(inputs.memory, t, state.stimulus)
        both = ExternalInputs(state.stimulus + further, inputs.branches)
        flow = self.base.vector_field(t, state.rates, both)
        return AssociatorState(flow, -state.stimulus / self.fading.astype(state.stimulus.dtype))

    def visible(self, state: Any) -> Any:
        """None: an item is read from a whole population."""
        return None

    def layers(self) -> None:
        return None

    def energy_terms(
        self, state: AssociatorState, drive: Any = None, t: Scalar | float = 0.0
    ) -> None:
        return None

    def row_axes(self) -> tuple[Any, AssociatorState]:
        axes, rates = self.base.row_axes()
        state = axes_of(self.time_scales(), lambda s: s.rates, rates)
        return axes_of(self, lambda n: n.base, axes), state

    def readout(self, state: AssociatorState) -> Pattern:
        """The recalled item, (P,), graded."""
        rates = state.rates.feature if self.from_features else state.rates.memory
        return self.answer_map(rates)

    def time_scales(self) -> AssociatorState:
        return AssociatorState(self.base.time_scales(), self.fading)
