"""Process tensors T: calcium fluxes between the processes of an astrocyte, which store patterns."""

from nam_jax.memory.tensor._base import AbstractProcessTensor, ScaledTensor, SumTensor
from nam_jax.memory.tensor._closed import contract, resolvent
from nam_jax.memory.tensor._dense import DenseTensor
from nam_jax.memory.tensor._diffusion import DiffusionTensor, lattice_edges
from nam_jax.memory.tensor._distinct import DistinctTensor
from nam_jax.memory.tensor._lesion import IsolatedTensor, lesion
from nam_jax.memory.tensor._morphology import (
    GapJunctionTensor,
    Morphology,
    exchange_within,
    grow_astrocyte,
)
from nam_jax.memory.tensor._pattern import PatternTensor, check_patterns, check_signs, pair_gram
from nam_jax.memory.tensor._rule import AbstractPatternRule, Hebbian, Projection, Weighted

__all__ = [
    "AbstractPatternRule",
    "AbstractProcessTensor",
    "DenseTensor",
    "DiffusionTensor",
    "DistinctTensor",
    "GapJunctionTensor",
    "Hebbian",
    "IsolatedTensor",
    "Morphology",
    "PatternTensor",
    "Projection",
    "ScaledTensor",
    "SumTensor",
    "Weighted",
    "check_patterns",
    "check_signs",
    "contract",
    "exchange_within",
    "grow_astrocyte",
    "lattice_edges",
    "lesion",
    "pair_gram",
    "resolvent",
]
