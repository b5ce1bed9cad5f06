"""Leak gating: does the network stay active for known cues, and fall silent for unknown ones?"""

from nam_jax.experiment.recognise._figure import recognise
from nam_jax.experiment.recognise._run import RecogniseConfig, run, table

__all__ = [
    "RecogniseConfig",
    "recognise",
    "run",
    "table",
]
