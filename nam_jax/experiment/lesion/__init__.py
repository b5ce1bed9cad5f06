"""What recall loses when calcium exchange between astrocyte processes is cut or modulated."""

from nam_jax.experiment.lesion._figure import lesion
from nam_jax.experiment.lesion._run import LesionConfig, run, table

__all__ = [
    "LesionConfig",
    "lesion",
    "run",
    "table",
]
