"""Experiments: one a file, a frozen config and `run(config) -> xarray.Dataset`."""

from nam_jax.experiment.basin import BasinConfig
from nam_jax.experiment.capacity import CapacityConfig
from nam_jax.experiment.claims import ClaimsConfig
from nam_jax.experiment.compare import CompareConfig
from nam_jax.experiment.dendritic import DendriticConfig
from nam_jax.experiment.generalise import GeneraliseConfig
from nam_jax.experiment.gradients import GradientsConfig
from nam_jax.experiment.hebbian import HebbianConfig
from nam_jax.experiment.items import ItemsConfig
from nam_jax.experiment.lesion import LesionConfig
from nam_jax.experiment.recognise import RecogniseConfig
from nam_jax.experiment.reduce import ReduceConfig
from nam_jax.experiment.retrieve import RetrieveConfig
from nam_jax.experiment.train import TrainConfig
from nam_jax.experiment.train_codec import TrainCodecConfig
from nam_jax.experiment.transformer import TransformerConfig
from nam_jax.record import ConfigError, read_config, staged_folder, validate, write_config

__all__ = [
    "BasinConfig",
    "CapacityConfig",
    "ClaimsConfig",
    "CompareConfig",
    "ConfigError",
    "DendriticConfig",
    "GeneraliseConfig",
    "GradientsConfig",
    "HebbianConfig",
    "ItemsConfig",
    "LesionConfig",
    "RecogniseConfig",
    "ReduceConfig",
    "RetrieveConfig",
    "TrainCodecConfig",
    "TrainConfig",
    "TransformerConfig",
    "read_config",
    "staged_folder",
    "validate",
    "write_config",
]
