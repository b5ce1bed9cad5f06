"""Train the binary autoencoder on crops of photographs and compare it with simple codecs."""

from nam_jax.experiment.train_codec._figure import train_codec
from nam_jax.experiment.train_codec._run import TrainCodecConfig, run, table

__all__ = [
    "TrainCodecConfig",
    "run",
    "table",
    "train_codec",
]
