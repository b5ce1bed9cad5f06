"""Walk from the full neuron-astrocyte network to the discrete dense memory on the same cues."""

from nam_jax.experiment.reduce._figure import reduce
from nam_jax.experiment.reduce._run import ReduceConfig, run, table

__all__ = [
    "ReduceConfig",
    "reduce",
    "run",
    "table",
]
