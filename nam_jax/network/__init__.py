"""Networks: one a file. A memory drives a network; a network is solved by `nam_jax.solve`."""

from nam_jax.network import dendritic
from nam_jax.network._base import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractEnergyNetwork,
    AbstractFeedforwardNetwork,
    AbstractNetwork,
    Layer,
)
from nam_jax.network._clamped import Clamped
from nam_jax.network._drive import Drive, drive_at
from nam_jax.network._neural import AbstractNeuralNetwork, NeuralEnergyTerms
from nam_jax.network.astrocyte import (
    AbstractStart,
    Algebraic,
    Cold,
    Conditional,
    EffectiveNeuronAstrocyte,
    EnergyTerms,
    NeuronAstrocyte,
    PerLayer,
    QuasiStatic,
    TripartiteNetwork,
    TripartiteState,
    settle_fast,
)
from nam_jax.network.dendritic import DendriticMemory
from nam_jax.network.dense import (
    ContinuousDenseMemory,
    DenseAssociativeMemory,
    Hopfield,
    TwoLayerMemory,
    TwoLayerState,
    TwoLayerTerms,
)
from nam_jax.network.one_pass import (
    CorrelationMatrix,
    Echo,
    Minerva2,
    ModernHopfield,
    UniversalHopfield,
)

__all__ = [
    "AbstractContinuousNetwork",
    "AbstractDiscreteNetwork",
    "AbstractEnergyNetwork",
    "AbstractFeedforwardNetwork",
    "AbstractNetwork",
    "AbstractNeuralNetwork",
    "AbstractStart",
    "Algebraic",
    "Clamped",
    "Cold",
    "Conditional",
    "ContinuousDenseMemory",
    "CorrelationMatrix",
    "DendriticMemory",
    "DenseAssociativeMemory",
    "Drive",
    "Echo",
    "EffectiveNeuronAstrocyte",
    "EnergyTerms",
    "Hopfield",
    "Layer",
    "Minerva2",
    "ModernHopfield",
    "NeuralEnergyTerms",
    "NeuronAstrocyte",
    "PerLayer",
    "QuasiStatic",
    "TripartiteNetwork",
    "TripartiteState",
    "TwoLayerMemory",
    "TwoLayerState",
    "TwoLayerTerms",
    "UniversalHopfield",
    "dendritic",
    "drive_at",
    "settle_fast",
]
