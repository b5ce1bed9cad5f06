"""Networks: one a file. A memory drives a network; a network is solved by `nam_jax.solve`."""

from nam_jax.network._base import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractEnergyNetwork,
    AbstractNetwork,
    Layer,
)
from nam_jax.network._clamped import Clamped
from nam_jax.network._dense_memory import ContinuousDenseMemory, DenseAssociativeMemory
from nam_jax.network._effective import EffectiveNeuronAstrocyte
from nam_jax.network._fast import settle_fast
from nam_jax.network._hopfield import Hopfield
from nam_jax.network._layers import Drive, PerLayer, TripartiteState, drive_at
from nam_jax.network._neural import AbstractNeuralNetwork, NeuralEnergyTerms
from nam_jax.network._neuron_astrocyte import EnergyTerms, NeuronAstrocyte
from nam_jax.network._quasi_static import QuasiStatic
from nam_jax.network._start import AbstractStart, Algebraic, Cold, Conditional
from nam_jax.network._tripartite import TripartiteNetwork
from nam_jax.network._two_layer import TwoLayerMemory, TwoLayerState, TwoLayerTerms

__all__ = [
    "AbstractContinuousNetwork",
    "AbstractDiscreteNetwork",
    "AbstractEnergyNetwork",
    "AbstractNetwork",
    "AbstractNeuralNetwork",
    "AbstractStart",
    "Algebraic",
    "Clamped",
    "Cold",
    "Conditional",
    "ContinuousDenseMemory",
    "DenseAssociativeMemory",
    "Drive",
    "EffectiveNeuronAstrocyte",
    "EnergyTerms",
    "Hopfield",
    "Layer",
    "NeuralEnergyTerms",
    "NeuronAstrocyte",
    "PerLayer",
    "QuasiStatic",
    "TripartiteNetwork",
    "TripartiteState",
    "TwoLayerMemory",
    "TwoLayerState",
    "TwoLayerTerms",
    "drive_at",
    "settle_fast",
]
