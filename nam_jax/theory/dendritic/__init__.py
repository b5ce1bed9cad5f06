"""Closed forms of the dendritic memory."""

from nam_jax.theory.dendritic._circuit import DendriticCircuit, DendriticThresholds
from nam_jax.theory.dendritic._design import (
    LargestMemory,
    dendritic_design,
    dendritic_largest_k,
    dendritic_refined,
)
from nam_jax.theory.dendritic._drives import (
    DendriticDrives,
    Moments,
    dendritic_drives,
    dendritic_rate,
    dendritic_saturated_rate,
    dendritic_signal,
)
from nam_jax.theory.dendritic._law import BranchDrive, dendritic_branch_drive
from nam_jax.theory.dendritic._recall import (
    DendriticRecall,
    Fold,
    dendritic_fold,
    dendritic_ignition_margin,
    dendritic_log_capacity,
    dendritic_log_recall,
    dendritic_recall,
)

__all__ = [
    "BranchDrive",
    "DendriticCircuit",
    "DendriticDrives",
    "DendriticRecall",
    "DendriticThresholds",
    "Fold",
    "LargestMemory",
    "Moments",
    "dendritic_branch_drive",
    "dendritic_design",
    "dendritic_drives",
    "dendritic_fold",
    "dendritic_ignition_margin",
    "dendritic_largest_k",
    "dendritic_log_capacity",
    "dendritic_log_recall",
    "dendritic_rate",
    "dendritic_recall",
    "dendritic_refined",
    "dendritic_saturated_rate",
    "dendritic_signal",
]
