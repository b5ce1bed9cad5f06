"""Images stored as sets of neurons of a dendritic memory, by a learned cue map and read-out."""

from nam_jax.experiment.items._figure import item_pictures, items
from nam_jax.experiment.items._run import ItemsConfig, run, table

__all__ = [
    "ItemsConfig",
    "item_pictures",
    "items",
    "run",
    "table",
]
