"""Networks of neurons, synapses and astrocyte processes, and their reductions."""

from nam_jax.network.astrocyte._effective import EffectiveNeuronAstrocyte
from nam_jax.network.astrocyte._fast import settle_fast
from nam_jax.network.astrocyte._neuron_astrocyte import EnergyTerms, NeuronAstrocyte
from nam_jax.network.astrocyte._quasi_static import QuasiStatic
from nam_jax.network.astrocyte._start import AbstractStart, Algebraic, Cold, Conditional
from nam_jax.network.astrocyte._state import PerLayer, TripartiteState
from nam_jax.network.astrocyte._tripartite import TripartiteNetwork

__all__ = [
    "AbstractStart",
    "Algebraic",
    "Cold",
    "Conditional",
    "EffectiveNeuronAstrocyte",
    "EnergyTerms",
    "NeuronAstrocyte",
    "PerLayer",
    "QuasiStatic",
    "TripartiteNetwork",
    "TripartiteState",
    "settle_fast",
]
