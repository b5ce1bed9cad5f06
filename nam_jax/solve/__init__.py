"""Solvers: simulate a network in time, bring it to rest, or recall a pattern with it."""

from nam_jax.solve._batch import at_once as at_once
from nam_jax.solve._batch import batches as batches
from nam_jax.solve._batch import in_batches as in_batches
from nam_jax.solve._exponential import ExponentialEuler
from nam_jax.solve._how import REST as REST
from nam_jax.solve._how import AbstractHow, Flow, Passes
from nam_jax.solve._implicit import Adjoint as Adjoint
from nam_jax.solve._implicit import adjoint
from nam_jax.solve._implicit import nearer as nearer
from nam_jax.solve._linearised import Implicit
from nam_jax.solve._linearised import force as force
from nam_jax.solve._observe import AbstractObservable, Activity, Energy, FullState, Overlap, Readout
from nam_jax.solve._processes import start_processes
from nam_jax.solve._result import OUTCOMES, RESULTS, outcome, residual, sentences
from nam_jax.solve._retrieve import Retrieval, retrieve
from nam_jax.solve._retrieve_all import retrieve_all
from nam_jax.solve._settle import Equilibrium, settle
from nam_jax.solve._shard import shard
from nam_jax.solve._simulate import Trajectory, simulate
from nam_jax.solve._unrolled import Unrolled
from nam_jax.solve._updates import AbstractUpdates, Asynchronous, Synchronous

__all__ = [
    "OUTCOMES",
    "RESULTS",
    "AbstractHow",
    "AbstractObservable",
    "AbstractUpdates",
    "Activity",
    "Asynchronous",
    "Energy",
    "Equilibrium",
    "ExponentialEuler",
    "Flow",
    "FullState",
    "Implicit",
    "Overlap",
    "Passes",
    "Readout",
    "Retrieval",
    "Synchronous",
    "Trajectory",
    "Unrolled",
    "adjoint",
    "outcome",
    "residual",
    "retrieve",
    "retrieve_all",
    "sentences",
    "settle",
    "shard",
    "simulate",
    "start_processes",
]
