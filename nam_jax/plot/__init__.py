"""Figures: one a function, from a Dataset. The only room that imports matplotlib."""

from nam_jax.plot.basin import basin
from nam_jax.plot.capacity import capacity, capacity_per_cost
from nam_jax.plot.claims import claim, claims, curves
from nam_jax.plot.compare import compare, compare_more
from nam_jax.plot.dendritic import dendritic, dendritic_more
from nam_jax.plot.generalise import generalise
from nam_jax.plot.gradients import gradients
from nam_jax.plot.hebbian import hebbian
from nam_jax.plot.items import item_pictures, items
from nam_jax.plot.lesion import lesion
from nam_jax.plot.recognise import recognise
from nam_jax.plot.reduce import reduce
from nam_jax.plot.retrieve import retrieve
from nam_jax.plot.train import train
from nam_jax.plot.train_codec import train_codec
from nam_jax.plot.transformer import transformer

__all__ = [
    "basin",
    "capacity",
    "capacity_per_cost",
    "claim",
    "claims",
    "compare",
    "compare_more",
    "curves",
    "dendritic",
    "dendritic_more",
    "generalise",
    "gradients",
    "hebbian",
    "item_pictures",
    "items",
    "lesion",
    "recognise",
    "reduce",
    "retrieve",
    "train",
    "train_codec",
    "transformer",
]
