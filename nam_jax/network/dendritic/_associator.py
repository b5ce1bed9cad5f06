"""The associator: two linear maps, to and from a dendritic memory, by which it stores items."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import axes_of, positive_number
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.memory import LinearMap
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import as_cue, drive_at
from nam_jax.network.dendritic._memory import DendriticMemory
from nam_jax.network.dendritic._state import ExternalInputs, State


class AssociatorState(eqx.Module):
    """The state of an associator: the rates of its memory, and the fading stimulus.

    Attributes:
        rates: Rates of all four populations, in Hz.
        stimulus: Input to memory neurons that the cue made and that fades, (N1,).
    """

    rates: State
    stimulus: Float[Array, " N1"] | Scalar


class Associator(AbstractContinuousNetwork):
    """A dendritic memory whose sets of memory neurons stand for items, such as images.

    The cue map W x + b turns an item x into u = [g (W x + b)]^+. The drive u is either an input to
    memory neurons, or the initial rates of feature neurons. As an input it fades with the time
    constant `fading`, and the network starts at rest. The answer map, also linear, reads an item
    from the rates of memory neurons or of feature neurons. Items are stored in the two maps; the
    weights within the memory do not change.

    Attributes:
        base: The memory.
        cue_map: From an item, (P,), to memory neurons, (N1,), or to feature neurons, (N2,).
        answer_map: From the rates of memory neurons, (N1,), or feature neurons, (N2,), to an item.
        gain: g, above 0.
        fading: Time constant of the stimulus, in ms, above 0.
        to_features: Whether u is the initial rates of feature neurons, in Hz.
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

        Args:
            base: The memory.
            cue_map: From items to memory neurons, or to feature neurons with `to_features`.
            answer_map: From feature neurons to items, or from memory neurons without
                `from_features`.
            gain: g, above 0.
            fading: Time constant of the stimulus, in ms, above 0.
            to_features: Whether u is the initial rates of feature neurons, in Hz.
            from_features: Whether the answer is read from feature neurons.

        Raises:
            ValueError: If the size of a map is not that of its population, or if `gain` or
                `fading` is not above 0.
        """
        self.base, self.cue_map, self.answer_map = base, cue_map, answer_map
        self.gain = positive_number("gain", gain)
        self.fading = positive_number("fading", fading)
        self.to_features, self.from_features = to_features, from_features

    def __check_init__(self):
        sizes = {False: self.base.num_memory, True: self.base.num_feature}
        for name, size, population_size in (
            ("cue_map", self.cue_map.weights.shape[0], sizes[self.to_features]),
            ("answer_map", self.answer_map.weights.shape[1], sizes[self.from_features]),
        ):
            if size != population_size:
                raise ValueError(
                    f"Argument `{name}` must fit a population of {population_size} neurons, "
                    f"but has {size}."
                )

    @property
    def dtype(self) -> np.dtype:
        return self.base.dtype

    @property
    def drive_type(self) -> type[ExternalInputs]:
        return ExternalInputs

    def initial_state(self, cue: ArrayLike) -> AssociatorState:
        """Returns the state in which recall of a damaged item starts.

        Args:
            cue: The damaged item, (P,).

        Raises:
            ValueError: If `cue` does not have P finite entries.
        """
        cue = as_cue(cue, self.cue_map.weights.shape[1], self.dtype)
        drive = jax.nn.relu(self.gain.astype(cue.dtype) * self.cue_map(cue))
        low = self.base.memory_transfer.low.astype(cue.dtype)
        memory = jnp.broadcast_to(low, self.base.num_memory)
        if self.to_features:
            return AssociatorState(self.base.state_of(memory, drive), jnp.zeros_like(memory))
        features = self.base.evoked_features(memory)
        return AssociatorState(self.base.state_of(memory, features), drive)

    def first_drive(self, cue: Pattern) -> Float[Array, " N1"]:
        """Returns the input to memory neurons in the initial state for `cue`, (N1,).

        It is the sum of the input from the network and of the stimulus.

        Args:
            cue: The damaged item, (P,).

        Raises:
            ValueError: If `cue` does not have P finite entries.
        """
        state = self.initial_state(cue)
        rates = state.rates
        inhibition = (rates.memory_inhibition, rates.feature_inhibition)
        return self.base.memory_drive(rates.feature, *inhibition) + state.stimulus

    def vector_field(
        self, t: Scalar | float, state: AssociatorState, drive: Any = None
    ) -> AssociatorState:
        """Returns the time derivative; `drive` acts on the memory in addition to the stimulus."""
        inputs, state = self.as_drive(drive), self.as_state(state)
        memory_input = drive_at(inputs.memory, t, state.stimulus)
        all_inputs = ExternalInputs(state.stimulus + memory_input, inputs.branches)
        flow = self.base.vector_field(t, state.rates, all_inputs)
        return AssociatorState(flow, -state.stimulus / self.fading.astype(state.stimulus.dtype))

    def visible(self, state: Any) -> Any:
        """Returns None: the readout is a linear map of a population's rates."""
        return None

    def layers(self) -> None:
        return None

    def energy_terms(
        self, state: AssociatorState, drive: Any = None, t: Scalar | float = 0.0
    ) -> None:
        return None

    @property
    def can_be_silent(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self) -> tuple[Any, AssociatorState]:
        axes, rates = self.base.row_axes()
        state = axes_of(self.time_scales(), lambda s: s.rates, rates)
        return axes_of(self, lambda n: n.base, axes), state

    def readout(self, state: AssociatorState) -> Pattern:
        """Returns the recalled item, (P,), graded."""
        state = self.as_state(state)
        rates = state.rates.feature if self.from_features else state.rates.memory
        return self.answer_map(rates)

    def time_scales(self) -> AssociatorState:
        return AssociatorState(self.base.time_scales(), self.fading)
