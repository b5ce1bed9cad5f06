"""Training: recall of correlated images by trained and untrained tensors, and inpainting."""

from nam_jax.experiment.train import _recall as recall
from nam_jax.experiment.train._figure import train
from nam_jax.experiment.train._run import TrainConfig, run, table

__all__ = [
    "TrainConfig",
    "recall",
    "run",
    "table",
    "train",
]
