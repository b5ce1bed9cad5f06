"""A network with some neurons held, for cues of which some entries are certain."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from nam_jax._misc import argument_error, axes_of
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.network._base import AbstractContinuousNetwork, AbstractNetwork, State
from nam_jax.network._layer import Layer


class Clamped(AbstractContinuousNetwork):
    """The network `base` with the neurons of `mask` held at `values`.

    The flow of free neurons, the energy and the readout are those of `base` with the held neurons
    at their values. Held neurons do not move. The entries of a state at held neurons do not matter.
    If `base` is certified, the free neurons stay certified.

    The neurons are the visible leaf of the state of `base`. If `base` has an energy, their
    Lagrangian must be additive: with a collective Lagrangian the activity of a neuron with a held
    voltage would still change.

    Attributes:
        base: The network.
        mask: True for neurons that are held, of the shape of the leaf of neurons, usually (N,).
        values: The voltages of held neurons, of the same shape; entries of other neurons do not
            matter.

    Raises:
        ValueError: If `mask` has not the shape of `values`, or if the readout of `base` is not the
            activation of a leaf of its state or has a collective Lagrangian.
    """

    base: AbstractContinuousNetwork
    mask: Bool[Array, "..."]
    values: Float[Array, "..."]

    def __check_init__(self):
        if self.mask.shape != self.values.shape:
            requirement = f"have the shape of `values`, {self.values.shape}"
            raise argument_error("mask", requirement, f"shape {self.mask.shape}")
        _check_neurons(self.base)

    @classmethod
    def at_cue(cls, base: AbstractNetwork, mask: Bool[Array, "..."], cue: ArrayLike) -> "Clamped":
        """Returns `base` with the neurons of `mask` held where they start for `cue`.

        Args:
            base: The network.
            mask: (N,), True for neurons to hold; neurons with another shape, as of an image, are
                numbered row by row.
            cue: (N,) finite numbers; only its entries at held neurons matter.

        Raises:
            ValueError: If `base` does not flow in time or its neurons cannot be held, or if `mask`
                or `cue` does not fit it.
        """
        flow = base.flowing("base")
        _check_neurons(flow)
        values = jax.lax.stop_gradient(flow.visible(flow.initial_state(cue)))
        return cls(flow, mask.reshape(values.shape) if mask.size == values.size else mask, values)

    @property
    def dtype(self) -> np.dtype:
        return self.base.dtype

    @property
    def drive_type(self) -> type | None:
        return self.base.drive_type

    def initial_state(self, cue: ArrayLike) -> State:
        return self._held(self.base.initial_state(cue))

    def vector_field(self, t: Scalar | float, state: State, drive: Any = None) -> State:
        flow = self.base.vector_field(t, self._held(state), self.as_drive(drive))
        return self._with_visible(flow, jnp.where(self.mask, 0, self.base.visible(flow)))

    def energy_terms(self, state: State, drive: Any = None, t: Scalar | float = 0.0) -> Any:
        return self.base.energy_terms(self._held(state), self.as_drive(drive), t)

    def visible(self, state: Any) -> Any:
        return self.base.visible(state)

    def layers(self) -> tuple[Layer, ...] | None:
        """Returns the layers of `base`; units that it holds itself stay held."""
        layers = self.base.layers()
        if layers is None:
            return None
        place = self.base.visible_place()
        return tuple(
            dataclasses.replace(layer, held=self._held_in(layer)) if i == place else layer
            for i, layer in enumerate(layers)
        )

    @property
    def restless(self) -> str | None:
        return self.base.restless

    def readout(self, state: State) -> Pattern:
        return self.base.readout(self._held(state))

    def time_scales(self) -> Any:
        return self.base.time_scales()

    def decay_rates(self) -> Any:
        return self.base.decay_rates()

    @property
    def can_be_silent(self) -> bool:
        return self.base.can_be_silent

    def stored_rows(self) -> Patterns | None:
        return self.base.stored_rows()

    def row_axes(self) -> tuple[Any, Any]:
        axes, state = self.base.row_axes()
        row = self.base.visible(state)
        where = lambda n: (n.base, n.mask, n.values)  # noqa: E731
        return axes_of(self, where, (axes, row, row)), state

    def _held_in(self, layer: Layer) -> Bool[Array, "..."]:
        """Returns which units of the layer of neurons are held, here or by `base`."""
        return self.mask if layer.held is None else self.mask | layer.held

    def _held(self, state: State) -> State:
        """Returns `state` with the held neurons at their values."""
        state = self.as_state(state)
        neurons = self.base.visible(state)
        values = self.values.astype(neurons.dtype)
        return self._with_visible(state, jnp.where(self.mask, values, neurons))

    def _with_visible(self, state: Any, neurons: Any) -> Any:
        """Returns `state` with `neurons` as its visible leaf."""
        return eqx.tree_at(self.base.visible, state, neurons)


def _check_neurons(base: AbstractContinuousNetwork) -> None:
    """Raises a `ValueError` if the neurons of `base` cannot be held."""
    place, layers = base.visible_place(), base.layers()
    if place is None:
        given = f"the type {type(base).__name__}, whose pattern is no leaf of its state"
        raise argument_error("base", "have neurons to hold", given)
    if layers is not None and not layers[place].lagrangian.additive:
        given = f"the collective {type(layers[place].lagrangian).__name__}"
        raise argument_error("base", "have neurons with an additive Lagrangian", given)
