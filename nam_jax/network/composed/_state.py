"""The state of a composed network, its inputs, and how a cue becomes a state."""

import abc
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error
from nam_jax.network._drive import Signal


class LayerStates(eqx.Module):
    """The states of all layers, in the order of their declaration, with lookup by name.

    `states["x"]` is the state of the layer x. Iteration gives the states in their order.

    Attributes:
        names: The names of the layers.
        values: One leaf for each layer; in trees like a state, such as time scales, a number.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    values: tuple[Any, ...]

    def __getitem__(self, name: str | int) -> Any:
        if isinstance(name, int):
            return self.values[name]
        if name not in self.names:
            raise KeyError(f"There is no layer {name!r}; the layers are {', '.join(self.names)}.")
        return self.values[self.names.index(name)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


class LayerInputs(eqx.Module):
    """Inputs to the layers of a composed network, by name: `LayerInputs(x=0.5, h=Pulse(...))`.

    Each is None, one number, an array of the shape of the layer, or a function of time. The input
    to a layer of pairs counts each pair once, as its leak does.

    Attributes:
        names: The names of the layers that have an input.
        signals: Their inputs.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    signals: tuple[Signal, ...]

    def __init__(self, **signals: Signal):
        self.names = tuple(signals)
        self.signals = tuple(signals.values())

    def of(self, name: str) -> Signal:
        """Returns the input to a layer; None without one."""
        return self.signals[self.names.index(name)] if name in self.names else None

    def check(self, names: tuple[str, ...]) -> None:
        """Raises a `ValueError` if a layer is driven that is not in `names`."""
        unknown = [name for name in self.names if name not in names]
        if unknown:
            requirement = f"drive layers among {', '.join(names)}"
            raise argument_error("drive", requirement, f"an input to {unknown[0]}")


class AbstractLayerStart(eqx.Module):
    """How a cue becomes the initial state of a composed network.

    Attributes:
        voltage: State of a visible unit whose cue entry is 1.
    """

    voltage: eqx.AbstractVar[float]

    @abc.abstractmethod
    def __call__(self, network: Any, visible: Float[Array, "..."]) -> LayerStates:
        """Returns the initial state.

        Args:
            network: A [`nam_jax.network.EnergyNetwork`][].
            visible: `voltage` times the cue, in the shape of the visible layer.
        """


class Silent(AbstractLayerStart):
    """All layers but the visible one start at 0.

    Attributes:
        voltage: The visible state of a unit whose cue entry is 1.
    """

    voltage: float = 1.0

    def __call__(self, network: Any, visible: Float[Array, "..."]) -> LayerStates:
        values = tuple(
            visible if name == network.visible_layer else jnp.zeros(layer.shape, network.dtype)
            for name, layer in network.by_name.items()
        )
        return LayerStates(network.names, values)


class Forward(AbstractLayerStart):
    """Layer after layer starts where its leak balances the forces of the layers before it.

    The order is that of declaration, after the visible layer. Layers that come later are at 0
    meanwhile. A layer with the leak 0 starts at 0. For two layers this is h = W g(v).

    Attributes:
        voltage: The visible state of a unit whose cue entry is 1.
    """

    voltage: float = 1.0

    def __call__(self, network: Any, visible: Float[Array, "..."]) -> LayerStates:
        states = Silent(self.voltage)(network, visible)
        for place, (name, layer) in enumerate(network.by_name.items()):
            if name == network.visible_layer:
                continue
            leak = layer.leak_in_energy.astype(network.dtype)
            force = network.forces(network.activations(states))[place]
            start = jnp.where(leak > 0, force / jnp.where(leak > 0, leak, 1), 0)
            values = (*states.values[:place], start, *states.values[place + 1 :])
            states = LayerStates(network.names, values)
        return states
