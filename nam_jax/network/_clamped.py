"""A network some of whose neurons are held: what is known of a pattern cannot be unlearned."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar
from nam_jax.network._base import AbstractEnergyNetwork, Layer, State


class Clamped(AbstractEnergyNetwork):
    """`base` with the neurons of `mask` held at `values`.

    The energy is that of `base` with those neurons at their values, as a function of all others,
    and so is the flow; held neurons do not move. What a state holds in their place is not looked
    at. The Lagrangian of the neurons is additive: with a collective one a held voltage would change
    its activity. The free neurons of a certified network stay certified.

    Attributes:
        base: The network.
        mask: (N,), true where a neuron is held.
        values: (N,), the voltages of held neurons; the others are not looked at.
    """

    base: AbstractEnergyNetwork
    mask: Bool[Array, " N"]
    values: Pattern

    def __check_init__(self):
        if self.mask.shape != self.values.shape:
            requirement = f"have the shape of `values`, {self.values.shape}"
            raise argument_error("mask", requirement, f"shape {self.mask.shape}")
        lagrangian = self.base.layers()[0].lagrangian
        if not lagrangian.additive:
            found = f"the collective {type(lagrangian).__name__}"
            raise argument_error("base", "have neurons with an additive Lagrangian", found)

    @classmethod
    def at_cue(
        cls, base: AbstractEnergyNetwork, mask: Bool[Array, " N"], cue: Pattern
    ) -> "Clamped":
        """Holds neurons where `base` starts them for `cue` (N,)."""
        return cls(base, mask, jax.lax.stop_gradient(base.visible(base.initial_state(cue))))

    def initial_state(self, cue: Pattern) -> State:
        return self._held(self.base.initial_state(cue))

    def vector_field(self, t: Scalar | float, state: State, drive: Any = None) -> State:
        flow = self.base.vector_field(t, self._held(state), drive)
        return self._with_visible(flow, jnp.where(self.mask, 0, self.base.visible(flow)))

    def energy(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        return self.base.energy(self._held(state), drive, t)

    def energy_terms(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Any:
        return self.base.energy_terms(self._held(state), drive, t)

    def visible(self, state: State) -> Pattern:
        return self.base.visible(state)

    def layers(self) -> tuple[Layer, ...]:
        """Those of `base`, with neurons that are held."""
        neurons, *others = self.base.layers()
        return (dataclasses.replace(neurons, held=self.mask), *others)

    def readout(self, state: State) -> Pattern:
        return self.base.readout(self._held(state))

    def time_scales(self) -> Any:
        return self.base.time_scales()

    def _held(self, state: State) -> State:
        neurons = self.base.visible(state)
        values = self.values.astype(neurons.dtype)
        return self._with_visible(state, jnp.where(self.mask, values, neurons))

    def _with_visible(self, state: State, neurons: Pattern) -> State:
        return eqx.tree_at(self.base.visible, state, neurons)
