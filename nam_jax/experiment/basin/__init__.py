"""From how damaged a cue a memory recalls at several loads, and what it reaches instead."""

from nam_jax.experiment.basin._figure import basin
from nam_jax.experiment.basin._run import BasinConfig, run, table

__all__ = [
    "BasinConfig",
    "basin",
    "run",
    "table",
]
