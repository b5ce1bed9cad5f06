"""Networks: one a file. A memory drives a network; a network is solved by `nam_jax.solve`."""

from nam_jax.network._base import AbstractEnergyNetwork, AbstractNetwork
from nam_jax.network._layers import Drive, PerLayer, TripartiteState
from nam_jax.network._neuron_astrocyte import EnergyTerms, NeuronAstrocyte
from nam_jax.network._start import AbstractStart, Algebraic, Cold, Conditional
from nam_jax.network._tripartite import TripartiteNetwork

__all__ = [
    "AbstractEnergyNetwork",
    "AbstractNetwork",
    "AbstractStart",
    "Algebraic",
    "Cold",
    "Conditional",
    "Drive",
    "EnergyTerms",
    "NeuronAstrocyte",
    "PerLayer",
    "TripartiteNetwork",
    "TripartiteState",
]
