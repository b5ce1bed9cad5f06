"""Store images in an astrocyte's process tensor and recall them from damaged cues (Figure 2)."""

from nam_jax.experiment.retrieve._figure import retrieve
from nam_jax.experiment.retrieve._run import RetrieveConfig, run, table

__all__ = [
    "RetrieveConfig",
    "retrieve",
    "run",
    "table",
]
