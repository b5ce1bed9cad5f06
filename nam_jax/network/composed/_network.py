"""Networks that are composed of layers and interactions, without a class of their own."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, axes_of
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.interaction import AbstractInteraction
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import as_cue, drive_at
from nam_jax.network._layer import Layer
from nam_jax.network.composed._bounded import check_bounded, restless_layer
from nam_jax.network.composed._graph import in_words
from nam_jax.network.composed._state import AbstractLayerStart, LayerInputs, LayerStates, Silent

Activations = tuple[Float[Array, "..."], ...]


class EnergyNetwork(AbstractContinuousNetwork):
    """Any number of layers, joined by any interactions: the energy is the sum of their terms.

        E = sum_l leak_l [u_l . y_l - L_l(u_l)] + sum_s E_s(y) - sum_l b_l . y_l
        time_l du_l/dt = -leak_l u_l - d(sum_s E_s)/dy_l + b_l

    u_l is the state of a layer, L_l its Lagrangian, y_l its activation, b_l its input, and E_s an
    interaction. In a layer of pairs every term of E but E_s is halved: see
    [`nam_jax.network.Layer`][]. E does not rise along the flow if all Lagrangians are convex
    (Krotov, arXiv 2107.06446). A two-layer memory, for example, is

        EnergyNetwork(
            layers={"v": Layer(LogCosh(5.0), shape=N), "h": Layer(RectifiedPower(3), shape=K)},
            interactions=[Bilinear("v", "h", patterns)],
            visible="v",
        )

    Attributes:
        names: The names of the layers, in the order of their declaration.
        parts: The layers, in the same order.
        interactions: The interactions.
        visible_layer: The name of the layer that takes the cue and gives the pattern, unit by unit
            in the order of rows.
        start: How a cue becomes an initial state.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    parts: tuple[Layer, ...]
    interactions: tuple[AbstractInteraction, ...]
    visible_layer: str = eqx.field(static=True)
    start: AbstractLayerStart

    def __init__(
        self,
        layers: Mapping[str, Layer],
        interactions: Sequence[AbstractInteraction],
        visible: str,
        *,
        start: AbstractLayerStart | None = None,
        unbounded: bool = False,
    ):
        """Joins `layers` by `interactions`.

        Args:
            layers: The layers by name, each with its shape.
            interactions: Any number of interactions between them.
            visible: The name of the layer that takes the cue and gives the pattern.
            start: How a cue becomes an initial state; `Silent()` by default.
            unbounded: Whether to allow an energy without a lowest value, along which states may
                grow for ever. The check reads numbers, so that it is left out where they are
                traced.

        Raises:
            ValueError: If a layer has no shape, an interaction joins a layer that is not there or
                has another shape, `visible` is not among the layers, or the energy may have no
                lowest value and `unbounded` is False.
        """
        self.names = tuple(layers)
        self.parts = tuple(layers.values())
        self.interactions = tuple(interactions)
        self.visible_layer = visible
        self.start = Silent() if start is None else start
        self._check_graph()
        if not unbounded:
            check_bounded(self)

    def __check_init__(self):
        self._check_graph()

    def _check_graph(self) -> None:
        """Raises a `ValueError` unless every interaction fits layers that are there."""
        if not self.names:
            raise argument_error("layers", "hold at least one layer", "none")
        for name, layer in self.by_name.items():
            _check_layer(name, layer)
        if self.visible_layer not in self.names:
            requirement = f"be one of the layers {', '.join(self.names)}"
            raise argument_error("visible", requirement, f"{self.visible_layer!r}")
        for interaction in self.interactions:
            _check_interaction(interaction, self.names)
            interaction.check(*(self.by_name[name].units for name in interaction.joins))

    def __repr__(self) -> str:
        return in_words(self)

    @property
    def by_name(self) -> dict[str, Layer]:
        """The layers by name."""
        return dict(zip(self.names, self.parts, strict=True))

    @property
    def dtype(self) -> np.dtype:
        dtypes = [term.dtype for term in self.interactions if term.dtype is not None]
        return np.result_type(*dtypes) if dtypes else np.dtype(jnp.result_type(float))

    @property
    def drive_type(self) -> type[LayerInputs]:
        return LayerInputs

    def as_drive(self, drive: Any) -> LayerInputs:
        inputs = super().as_drive(drive)
        inputs.check(self.names)
        return inputs

    def initial_state(self, cue: ArrayLike) -> LayerStates:
        """Returns the state in which recall from `cue`, (units of the visible layer,), starts."""
        shape = self.by_name[self.visible_layer].units
        entries = as_cue(cue, math.prod(shape), self.dtype)
        return self.start(self, self.start.voltage * entries.reshape(shape))

    def states(self, **values: ArrayLike) -> LayerStates:
        """Returns a state from the states of all layers, by name.

        Raises:
            ValueError: If a layer is missing, unknown, or of another shape.
        """
        if {*values} != {*self.names}:
            requirement = f"name the layers {', '.join(self.names)}"
            raise argument_error("values", requirement, ", ".join(values) or "none")
        arrays = tuple(jnp.asarray(values[name], self.dtype) for name in self.names)
        for name, array in zip(self.names, arrays, strict=True):
            shape = self.by_name[name].shape
            if array.shape != shape:
                raise argument_error(name, f"have the shape {shape} of the layer", array.shape)
        return LayerStates(self.names, arrays)

    def activations(self, state: LayerStates) -> Activations:
        """Returns the activations y of all layers, in the order of their declaration."""
        pairs = zip(self.parts, state.values, strict=True)
        return tuple(layer.lagrangian.activation(u) for layer, u in pairs)

    def interaction_energy(self, activations: Activations) -> Scalar:
        """Returns the sum of the interactions at the activations of all layers."""
        terms = self._interaction_terms(activations)
        return jnp.sum(jnp.stack(terms)) if terms else jnp.zeros((), self.dtype)

    def forces(self, activations: Activations) -> Activations:
        """Returns -d(sum of interactions)/dy of each layer, in the order of declaration."""
        total = [jnp.zeros_like(y) for y in activations]
        for interaction in self.interactions:
            parts = interaction.forces(*self._joined(interaction, activations))
            for name, force in zip(interaction.joins, parts, strict=True):
                total[self.names.index(name)] += force
        return tuple(total)

    def vector_field(self, t: Scalar | float, state: LayerStates, drive: Any = None) -> LayerStates:
        inputs, state = self.as_drive(drive), self.as_state(state)
        forces = self.forces(self.activations(state))
        flows = []
        for name, layer, u, force in zip(self.names, self.parts, state, forces, strict=True):
            own = drive_at(inputs.of(name), t, u) - layer.leak.astype(u.dtype) * u
            flow = (own + force / layer.share) / layer.time.astype(u.dtype)
            flows.append(flow if layer.held is None else jnp.where(layer.held, 0, flow))
        return LayerStates(self.names, tuple(flows))

    def energy_terms(
        self, state: LayerStates, drive: Any = None, t: Scalar | float = 0.0
    ) -> tuple[Scalar, ...]:
        """Returns the terms of E: one for each layer, one for each interaction, and the inputs.

        `term_names` has their names, in the same order.
        """
        inputs, state = self.as_drive(drive), self.as_state(state)
        activations = self.activations(state)
        own = [
            layer.leak_in_energy.astype(u.dtype) * layer.lagrangian.energy(u)
            for layer, u in zip(self.parts, state, strict=True)
        ]
        joint = self._interaction_terms(activations)
        driven = [
            -layer.share * jnp.vdot(drive_at(inputs.of(name), t, y), y)
            for name, layer, y in zip(self.names, self.parts, activations, strict=True)
        ]
        return (*own, *joint, jnp.sum(jnp.stack(driven)))

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of the terms of E: layers, then interactions such as "Bilinear(v, h)"."""
        joint = [f"{type(term).__name__}({', '.join(term.joins)})" for term in self.interactions]
        counted = [
            name if joint.count(name) == 1 else f"{name} {joint[: i + 1].count(name)}"
            for i, name in enumerate(joint)
        ]
        return (*self.names, *counted, "inputs")

    def terms_by_name(
        self, state: LayerStates, drive: Any = None, t: Scalar | float = 0.0
    ) -> dict[str, Scalar]:
        """Returns the terms of E by name."""
        return dict(zip(self.term_names, self.energy_terms(state, drive, t), strict=True))

    def visible(self, state: Any) -> Any:
        return state[self.visible_layer]

    def layers(self) -> tuple[Layer, ...]:
        return self.parts

    @property
    def restless(self) -> str | None:
        return restless_layer(self)

    @property
    def can_be_silent(self) -> bool:
        """False: the activity of a layer of any kind does not tell whether a cue is known."""
        return False

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self) -> tuple[Any, LayerStates]:
        """Returns no axes: an interaction may need every unit of the layers that it joins."""
        return axes_of(self, lambda n: [], []), LayerStates(self.names, (None,) * len(self.names))

    def readout(self, state: LayerStates) -> Pattern:
        """Returns the activations of the visible layer, unit by unit in the order of rows."""
        lagrangian = self.by_name[self.visible_layer].lagrangian
        return lagrangian.activation(self.visible(self.as_state(state))).ravel()

    def time_scales(self) -> LayerStates:
        return LayerStates(
            self.names, tuple(layer.time / jnp.maximum(layer.leak, 1) for layer in self.parts)
        )

    def _interaction_terms(self, activations: Activations) -> list[Scalar]:
        return [term.energy(*self._joined(term, activations)) for term in self.interactions]

    def _joined(self, interaction: AbstractInteraction, activations: Activations) -> Activations:
        return tuple(activations[self.names.index(name)] for name in interaction.joins)


def _check_layer(name: str, layer: Any) -> None:
    if not isinstance(layer, Layer) or layer.shape is None:
        requirement = "hold layers with a shape, as `Layer(LogCosh(), shape=(N,))`"
        given = "no shape" if isinstance(layer, Layer) else f"a {type(layer).__name__}"
        raise argument_error("layers", requirement, f"{given} at `{name}`")


def _check_interaction(interaction: Any, names: tuple[str, ...]) -> None:
    kind = type(interaction).__name__
    if not isinstance(interaction, AbstractInteraction):
        raise argument_error("interactions", "be of `nam_jax.interaction`", f"a {kind}")
    for name in interaction.joins:
        if name not in names:
            requirement = f"join layers among {', '.join(names)}"
            raise argument_error("interactions", requirement, f"{name!r} in a {kind}")
