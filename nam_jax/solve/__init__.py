"""Solvers: follow a network in time, bring it to rest, or recall a pattern with it."""

from nam_jax.solve._observe import Activity, Energy, FullState, Overlap, Readout
from nam_jax.solve._result import RESULTS, residual
from nam_jax.solve._retrieve import Retrieval, retrieve
from nam_jax.solve._settle import Equilibrium, settle
from nam_jax.solve._simulate import Trajectory, simulate

__all__ = [
    "RESULTS",
    "Activity",
    "Energy",
    "Equilibrium",
    "FullState",
    "Overlap",
    "Readout",
    "Retrieval",
    "Trajectory",
    "residual",
    "retrieve",
    "settle",
    "simulate",
]
