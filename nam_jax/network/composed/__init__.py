"""Networks that are composed of layers and interactions."""

from nam_jax.network.composed._bounded import scales_of_bounds as scales_of_bounds
from nam_jax.network.composed._curvature import largest_curvature as largest_curvature
from nam_jax.network.composed._graph import diagram
from nam_jax.network.composed._network import EnergyNetwork
from nam_jax.network.composed._state import (
    AbstractLayerStart,
    Forward,
    LayerInputs,
    LayerStates,
    Silent,
)

__all__ = [
    "AbstractLayerStart",
    "EnergyNetwork",
    "Forward",
    "LayerInputs",
    "LayerStates",
    "Silent",
    "diagram",
]
