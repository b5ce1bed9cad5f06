"""The dendritic memory, a network of rates whose neurons have dendritic branches, and its parts.

The network itself is [`nam_jax.network.DendriticMemory`][]. Source: Kafraj, Krotov, Bicknell &
Latham.
"""

from nam_jax.network.dendritic._associator import Associator
from nam_jax.network.dendritic._associator import AssociatorState as AssociatorState
from nam_jax.network.dendritic._dendrites import AbstractDendrites, Dendrites, PointSynapses
from nam_jax.network.dendritic._inhibition import InhibitoryPopulation
from nam_jax.network.dendritic._memory import DendriticMemory as DendriticMemory
from nam_jax.network.dendritic._packing import BranchBlock as BranchBlock
from nam_jax.network.dendritic._ramp import Linear, Ramp
from nam_jax.network.dendritic._reduced import ExcitatoryState as ExcitatoryState
from nam_jax.network.dendritic._reduced import HeldFeatures, ReducedMemory
from nam_jax.network.dendritic._start import AbstractCue, FeatureCue, MemoryCue
from nam_jax.network.dendritic._state import ExternalInputs, State
from nam_jax.network.dendritic._thresholds import (
    check_branch_threshold as check_branch_threshold,
)
from nam_jax.network.dendritic._thresholds import known_thresholds as known_thresholds
from nam_jax.network.dendritic._wiring import Wiring

__all__ = [
    "AbstractCue",
    "AbstractDendrites",
    "Associator",
    "Dendrites",
    "ExternalInputs",
    "FeatureCue",
    "HeldFeatures",
    "InhibitoryPopulation",
    "Linear",
    "MemoryCue",
    "PointSynapses",
    "Ramp",
    "ReducedMemory",
    "State",
    "Wiring",
]
