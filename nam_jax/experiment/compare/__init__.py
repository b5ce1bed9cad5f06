"""Memories on real images: recall from damaged queries, and classes by what is recalled."""

from nam_jax.experiment.compare._figure import compare, compare_more
from nam_jax.experiment.compare._run import CompareConfig, run, table

__all__ = [
    "CompareConfig",
    "compare",
    "compare_more",
    "run",
    "table",
]
