"""Attention, Transformers whose layers are associative memories, and the Energy Transformer."""

from nam_jax.attention._astrocyte import AstrocyteAttention
from nam_jax.attention._attention import AbstractAttention, DenseAttention, HebbianAttention
from nam_jax.attention._energy import EnergyBlock
from nam_jax.attention._features import AbstractFeatureMap as AbstractFeatureMap
from nam_jax.attention._features import FeatureMap, RandomFeatures, TrigonometricFeatures
from nam_jax.attention._transformer import Transformer
from nam_jax.attention._transformer import TransformerBlock as TransformerBlock

__all__ = [
    "AbstractAttention",
    "AstrocyteAttention",
    "DenseAttention",
    "EnergyBlock",
    "FeatureMap",
    "HebbianAttention",
    "RandomFeatures",
    "Transformer",
    "TrigonometricFeatures",
]
