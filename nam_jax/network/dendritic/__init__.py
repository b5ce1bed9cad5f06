"""Networks of rates whose neurons have dendritic branches."""

from nam_jax.network.dendritic._associator import AssociatorState, DendriticAssociator
from nam_jax.network.dendritic._dendrites import AbstractDendrites, Dendrites, PointSynapses
from nam_jax.network.dendritic._inhibition import InhibitoryPopulation
from nam_jax.network.dendritic._memory import DendriticMemory, point_synapses
from nam_jax.network.dendritic._packing import BranchBlock
from nam_jax.network.dendritic._ramp import Linear, Ramp
from nam_jax.network.dendritic._reduced import ExcitatoryState, HeldFeatures, ReducedDendriticMemory
from nam_jax.network.dendritic._start import AbstractDendriticStart, FeatureCue, MemoryCue
from nam_jax.network.dendritic._state import DendriticDrive, DendriticState
from nam_jax.network.dendritic._thresholds import THRESHOLDS, Thresholds, check_branch_threshold
from nam_jax.network.dendritic._wiring import DendriticWiring

__all__ = [
    "THRESHOLDS",
    "AbstractDendrites",
    "AbstractDendriticStart",
    "AssociatorState",
    "BranchBlock",
    "Dendrites",
    "DendriticAssociator",
    "DendriticDrive",
    "DendriticMemory",
    "DendriticState",
    "DendriticWiring",
    "ExcitatoryState",
    "FeatureCue",
    "HeldFeatures",
    "InhibitoryPopulation",
    "Linear",
    "MemoryCue",
    "PointSynapses",
    "Ramp",
    "ReducedDendriticMemory",
    "Thresholds",
    "check_branch_threshold",
    "point_synapses",
]
