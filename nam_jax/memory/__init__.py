"""Memory: where patterns live. Process tensors T couple every astrocyte process to every other."""

from nam_jax.memory._base import AbstractProcessTensor, ScaledTensor, SumTensor
from nam_jax.memory._dense import DenseTensor
from nam_jax.memory._diffusion import DiffusionTensor, lattice_edges
from nam_jax.memory._distinct import DistinctTensor
from nam_jax.memory._lesion import IsolatedTensor, lesion
from nam_jax.memory._pattern import PatternTensor, pair_gram
from nam_jax.memory._rule import AbstractPatternRule, Hebbian, Projection, Weighted

__all__ = [
    "AbstractPatternRule",
    "AbstractProcessTensor",
    "DenseTensor",
    "DiffusionTensor",
    "DistinctTensor",
    "Hebbian",
    "IsolatedTensor",
    "PatternTensor",
    "Projection",
    "ScaledTensor",
    "SumTensor",
    "Weighted",
    "lattice_edges",
    "lesion",
    "pair_gram",
]
