"""Networks: one a file. A memory drives a network; a network is solved by `nam_jax.solve`."""

from nam_jax.network._associator import AssociatorState, DendriticAssociator
from nam_jax.network._attention import (
    AbstractAttention,
    DenseAttention,
    FeatureMap,
    HebbianAttention,
)
from nam_jax.network._base import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractEnergyNetwork,
    AbstractFeedforwardNetwork,
    AbstractNetwork,
    Layer,
)
from nam_jax.network._branch_packing import BranchBlock
from nam_jax.network._clamped import Clamped
from nam_jax.network._correlation_matrix import CorrelationMatrix
from nam_jax.network._dendrites import AbstractDendrites, Dendrites, PointSynapses
from nam_jax.network._dendritic import DendriticMemory, point_synapses
from nam_jax.network._dendritic_inhibition import InhibitoryPopulation
from nam_jax.network._dendritic_reduced import (
    ExcitatoryState,
    HeldFeatures,
    ReducedDendriticMemory,
)
from nam_jax.network._dendritic_start import AbstractDendriticStart, FeatureCue, MemoryCue
from nam_jax.network._dendritic_state import DendriticDrive, DendriticState
from nam_jax.network._dendritic_thresholds import (
    THRESHOLDS,
    Thresholds,
    check_branch_threshold,
)
from nam_jax.network._dendritic_wiring import DendriticWiring
from nam_jax.network._dense_memory import ContinuousDenseMemory, DenseAssociativeMemory
from nam_jax.network._effective import EffectiveNeuronAstrocyte
from nam_jax.network._fast import settle_fast
from nam_jax.network._hopfield import Hopfield
from nam_jax.network._layers import Drive, PerLayer, TripartiteState, drive_at
from nam_jax.network._minerva import Echo, Minerva2
from nam_jax.network._neural import AbstractNeuralNetwork, NeuralEnergyTerms
from nam_jax.network._neuron_astrocyte import EnergyTerms, NeuronAstrocyte
from nam_jax.network._quasi_static import QuasiStatic
from nam_jax.network._ramp import Linear, Ramp
from nam_jax.network._start import AbstractStart, Algebraic, Cold, Conditional
from nam_jax.network._transformer import Transformer, TransformerBlock
from nam_jax.network._tripartite import TripartiteNetwork
from nam_jax.network._two_layer import TwoLayerMemory, TwoLayerState, TwoLayerTerms
from nam_jax.network._universal import ModernHopfield, UniversalHopfield

__all__ = [
    "THRESHOLDS",
    "AbstractAttention",
    "AbstractContinuousNetwork",
    "AbstractDendrites",
    "AbstractDendriticStart",
    "AbstractDiscreteNetwork",
    "AbstractEnergyNetwork",
    "AbstractFeedforwardNetwork",
    "AbstractNetwork",
    "AbstractNeuralNetwork",
    "AbstractStart",
    "Algebraic",
    "AssociatorState",
    "BranchBlock",
    "Clamped",
    "Cold",
    "Conditional",
    "ContinuousDenseMemory",
    "CorrelationMatrix",
    "Dendrites",
    "DendriticAssociator",
    "DendriticDrive",
    "DendriticMemory",
    "DendriticState",
    "DendriticWiring",
    "DenseAssociativeMemory",
    "DenseAttention",
    "Drive",
    "Echo",
    "EffectiveNeuronAstrocyte",
    "EnergyTerms",
    "ExcitatoryState",
    "FeatureCue",
    "FeatureMap",
    "HebbianAttention",
    "HeldFeatures",
    "Hopfield",
    "InhibitoryPopulation",
    "Layer",
    "Linear",
    "MemoryCue",
    "Minerva2",
    "ModernHopfield",
    "NeuralEnergyTerms",
    "NeuronAstrocyte",
    "PerLayer",
    "PointSynapses",
    "QuasiStatic",
    "Ramp",
    "ReducedDendriticMemory",
    "Thresholds",
    "Transformer",
    "TransformerBlock",
    "TripartiteNetwork",
    "TripartiteState",
    "TwoLayerMemory",
    "TwoLayerState",
    "TwoLayerTerms",
    "UniversalHopfield",
    "check_branch_threshold",
    "drive_at",
    "point_synapses",
    "settle_fast",
]
