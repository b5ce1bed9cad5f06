"""Memory: where patterns live, in process tensors T of astrocytes or in weights of synapses."""

from nam_jax.memory._base import AbstractProcessTensor, ScaledTensor, SumTensor
from nam_jax.memory._closed import contract, resolvent
from nam_jax.memory._dense import DenseTensor
from nam_jax.memory._diffusion import DiffusionTensor, lattice_edges
from nam_jax.memory._distinct import DistinctTensor
from nam_jax.memory._learning import (
    AbstractBatchRule,
    AbstractLearningRule,
    AbstractOnlineRule,
    ActivityProduct,
    Covariance,
    PseudoInverse,
    learn,
)
from nam_jax.memory._lesion import IsolatedTensor, lesion
from nam_jax.memory._linear_map import (
    AbstractMapRule,
    CovarianceMap,
    LinearMap,
    RidgeMap,
    associate,
)
from nam_jax.memory._local import Decay, ExpandedHebbian, Perceptron, Storkey
from nam_jax.memory._morphology import (
    GapJunctionTensor,
    Morphology,
    exchange_within,
    grow_astrocyte,
)
from nam_jax.memory._oja import ClampedOja, FreeOja, OjaSubspace, Sanger
from nam_jax.memory._pattern import PatternTensor, check_patterns, pair_gram
from nam_jax.memory._rule import AbstractPatternRule, Hebbian, Projection, Weighted
from nam_jax.memory._separation import (
    AbstractSeparation,
    DistinctPower,
    Exponential,
    LogSumExp,
    Power,
    RectifiedPower,
)
from nam_jax.memory._similarity import (
    AbstractSimilarity,
    AbstractWeighting,
    Cosine,
    Dot,
    Euclidean,
    Identity,
    Manhattan,
    Max,
    Normalised,
    Pearson,
    Polynomial,
    Slope,
    Softmax,
    Threshold,
    TopQ,
    unit_range,
)
from nam_jax.memory._unlearning import Unlearning

__all__ = [
    "AbstractBatchRule",
    "AbstractLearningRule",
    "AbstractMapRule",
    "AbstractOnlineRule",
    "AbstractPatternRule",
    "AbstractProcessTensor",
    "AbstractSeparation",
    "AbstractSimilarity",
    "AbstractWeighting",
    "ActivityProduct",
    "ClampedOja",
    "Cosine",
    "Covariance",
    "CovarianceMap",
    "Decay",
    "DenseTensor",
    "DiffusionTensor",
    "DistinctPower",
    "DistinctTensor",
    "Dot",
    "Euclidean",
    "ExpandedHebbian",
    "Exponential",
    "FreeOja",
    "GapJunctionTensor",
    "Hebbian",
    "Identity",
    "IsolatedTensor",
    "LinearMap",
    "LogSumExp",
    "Manhattan",
    "Max",
    "Morphology",
    "Normalised",
    "OjaSubspace",
    "PatternTensor",
    "Pearson",
    "Perceptron",
    "Polynomial",
    "Power",
    "Projection",
    "PseudoInverse",
    "RectifiedPower",
    "RidgeMap",
    "Sanger",
    "ScaledTensor",
    "Slope",
    "Softmax",
    "Storkey",
    "SumTensor",
    "Threshold",
    "TopQ",
    "Unlearning",
    "Weighted",
    "associate",
    "check_patterns",
    "contract",
    "exchange_within",
    "grow_astrocyte",
    "lattice_edges",
    "learn",
    "lesion",
    "pair_gram",
    "resolvent",
    "unit_range",
]
