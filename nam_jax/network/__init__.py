"""Networks, one in each file. A network recalls patterns; `nam_jax.solve` holds its solvers."""

from nam_jax.network import dendritic
from nam_jax.network._base import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractFeedforwardNetwork,
    AbstractNetwork,
)
from nam_jax.network._clamped import Clamped
from nam_jax.network._drive import Drive
from nam_jax.network._drive import check_cue as check_cue
from nam_jax.network._drive import drive_at as drive_at
from nam_jax.network._layer import Layer
from nam_jax.network._neural import AbstractNeuralNetwork
from nam_jax.network._neural import NeuralEnergyTerms as NeuralEnergyTerms
from nam_jax.network._signal import AbstractSignal as AbstractSignal
from nam_jax.network._signal import Pulse, Steps
from nam_jax.network._signal import frozen as frozen
from nam_jax.network._signal import jump_times as jump_times
from nam_jax.network.astrocyte import (
    AbstractStart,
    Algebraic,
    Cold,
    Conditional,
    EffectiveNeuronAstrocyte,
    NeuronAstrocyte,
    PerLayer,
    QuasiStatic,
    TripartiteNetwork,
    TripartiteState,
    settle_fast,
)
from nam_jax.network.astrocyte import EnergyTerms as EnergyTerms
from nam_jax.network.composed import (
    AbstractLayerStart,
    EnergyNetwork,
    Forward,
    LayerInputs,
    LayerStates,
    Silent,
    diagram,
)
from nam_jax.network.dendritic import DendriticMemory
from nam_jax.network.dense import (
    ContinuousDenseMemory,
    DenseAssociativeMemory,
    Hopfield,
    TwoLayerMemory,
    TwoLayerState,
)
from nam_jax.network.dense import TwoLayerTerms as TwoLayerTerms
from nam_jax.network.one_pass import CorrelationMatrix, Minerva2, ModernHopfield, UniversalHopfield
from nam_jax.network.one_pass import Echo as Echo

__all__ = [
    "AbstractContinuousNetwork",
    "AbstractDiscreteNetwork",
    "AbstractFeedforwardNetwork",
    "AbstractLayerStart",
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
    "EffectiveNeuronAstrocyte",
    "EnergyNetwork",
    "Forward",
    "Hopfield",
    "Layer",
    "LayerInputs",
    "LayerStates",
    "Minerva2",
    "ModernHopfield",
    "NeuronAstrocyte",
    "PerLayer",
    "Pulse",
    "QuasiStatic",
    "Silent",
    "Steps",
    "TripartiteNetwork",
    "TripartiteState",
    "TwoLayerMemory",
    "TwoLayerState",
    "UniversalHopfield",
    "dendritic",
    "diagram",
    "settle_fast",
]
