"""From memorising to generalising: what a dense memory returns as it stores ever more samples."""

from nam_jax.experiment.generalise._figure import generalise
from nam_jax.experiment.generalise._run import GeneraliseConfig, run, table

__all__ = [
    "GeneraliseConfig",
    "generalise",
    "run",
    "table",
]
