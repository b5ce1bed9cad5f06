"""The open question on Hebbian rules: how coefficients of the expanded rule set its capacity."""

from nam_jax.experiment.hebbian._figure import hebbian
from nam_jax.experiment.hebbian._run import HebbianConfig, run, table

__all__ = [
    "HebbianConfig",
    "hebbian",
    "run",
    "table",
]
