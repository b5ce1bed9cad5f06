"""Dense associative memories, among them the pairwise Hopfield network."""

from nam_jax.network.dense._continuous import ContinuousDenseMemory
from nam_jax.network.dense._dense_memory import DenseAssociativeMemory
from nam_jax.network.dense._hopfield import Hopfield
from nam_jax.network.dense._two_layer import TwoLayerMemory, TwoLayerState, TwoLayerTerms

__all__ = [
    "ContinuousDenseMemory",
    "DenseAssociativeMemory",
    "Hopfield",
    "TwoLayerMemory",
    "TwoLayerState",
    "TwoLayerTerms",
]
