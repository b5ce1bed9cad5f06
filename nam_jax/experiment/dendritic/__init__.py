"""Recall by the dendritic memory: size of memories, noise, wiring, controls, scaling, damage."""

from nam_jax.experiment.dendritic._bench import Bench, Point
from nam_jax.experiment.dendritic._changes import held, with_inhibition
from nam_jax.experiment.dendritic._controls import (
    KINDS,
    Candidate,
    best_of,
    from_evoked,
    one_branch,
)
from nam_jax.experiment.dendritic._design import network_of, wiring_of
from nam_jax.experiment.dendritic._figure import dendritic, dendritic_more
from nam_jax.experiment.dendritic._recall import first
from nam_jax.experiment.dendritic._run import DendriticConfig, run, table
from nam_jax.experiment.dendritic._trials import (
    Follow,
    Found,
    ended,
    follow,
    from_features,
    judged,
    memories,
)

__all__ = [
    "KINDS",
    "Bench",
    "Candidate",
    "DendriticConfig",
    "Follow",
    "Found",
    "Point",
    "best_of",
    "dendritic",
    "dendritic_more",
    "ended",
    "first",
    "follow",
    "from_evoked",
    "from_features",
    "held",
    "judged",
    "memories",
    "network_of",
    "one_branch",
    "run",
    "table",
    "wiring_of",
    "with_inhibition",
]
