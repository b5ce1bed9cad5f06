"""Figures: one a function, from a Dataset. The only room that imports matplotlib."""

from nam_jax.plot.retrieve import retrieve
from nam_jax.plot.train_codec import train_codec

__all__ = ["retrieve", "train_codec"]
