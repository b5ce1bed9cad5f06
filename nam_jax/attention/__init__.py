"""Attention and Transformers whose layers are associative memories."""

from nam_jax.attention._attention import (
    AbstractAttention,
    DenseAttention,
    FeatureMap,
    HebbianAttention,
)
from nam_jax.attention._transformer import Transformer
from nam_jax.attention._transformer import TransformerBlock as TransformerBlock

__all__ = [
    "AbstractAttention",
    "DenseAttention",
    "FeatureMap",
    "HebbianAttention",
    "Transformer",
]
