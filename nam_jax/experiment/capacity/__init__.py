"""How many random patterns memories hold, at several sizes, and how that grows."""

from nam_jax.experiment.capacity._figure import capacity, capacity_per_cost
from nam_jax.experiment.capacity._run import CapacityConfig, run, table

__all__ = [
    "CapacityConfig",
    "capacity",
    "capacity_per_cost",
    "run",
    "table",
]
