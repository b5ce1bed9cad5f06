"""Attention and Transformers whose layers are associative memories."""

from nam_jax.attention._astrocyte import AstrocyteAttention
from nam_jax.attention._attention import AbstractAttention, DenseAttention, HebbianAttention
from nam_jax.attention._features import AbstractFeatureMap as AbstractFeatureMap
from nam_jax.attention._features import FeatureMap, RandomFeatures
from nam_jax.attention._transformer import Transformer
from nam_jax.attention._transformer import TransformerBlock as TransformerBlock

__all__ = [
    "AbstractAttention",
    "AstrocyteAttention",
    "DenseAttention",
    "FeatureMap",
    "HebbianAttention",
    "RandomFeatures",
    "Transformer",
]
