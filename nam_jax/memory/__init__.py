"""Memory: where patterns live. Process tensors T couple every astrocyte process to every other."""

from nam_jax.memory._base import AbstractProcessTensor, ScaledTensor, SumTensor
from nam_jax.memory._closed import contract, resolvent
from nam_jax.memory._dense import DenseTensor
from nam_jax.memory._diffusion import DiffusionTensor, lattice_edges
from nam_jax.memory._distinct import DistinctTensor
from nam_jax.memory._lesion import IsolatedTensor, lesion
from nam_jax.memory._morphology import (
    GapJunctionTensor,
    Morphology,
    exchange_within,
    grow_astrocyte,
)
from nam_jax.memory._pattern import PatternTensor, check_patterns, pair_gram
from nam_jax.memory._rule import AbstractPatternRule, Hebbian, Projection, Weighted
from nam_jax.memory._separation import AbstractSeparation, Power

__all__ = [
    "AbstractPatternRule",
    "AbstractProcessTensor",
    "AbstractSeparation",
    "DenseTensor",
    "DiffusionTensor",
    "DistinctTensor",
    "GapJunctionTensor",
    "Hebbian",
    "IsolatedTensor",
    "Morphology",
    "PatternTensor",
    "Power",
    "Projection",
    "ScaledTensor",
    "SumTensor",
    "Weighted",
    "check_patterns",
    "contract",
    "exchange_within",
    "grow_astrocyte",
    "lattice_edges",
    "lesion",
    "pair_gram",
    "resolvent",
]
