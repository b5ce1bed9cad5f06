"""Process tensors T of astrocytes and weights of synapses, both of which store patterns.

Also separation functions F of dense memories, and similarities of a query to stored patterns.
"""

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
    Cosine,
    Dot,
    Euclidean,
    Manhattan,
    Pearson,
)
from nam_jax.memory._store import AbstractPatternStore as AbstractPatternStore
from nam_jax.memory._store import rows_like as rows_like
from nam_jax.memory._store import rows_of as rows_of
from nam_jax.memory._weighting import (
    AbstractWeighting,
    Identity,
    Max,
    Normalised,
    Polynomial,
    Slope,
    Softmax,
    Threshold,
    TopQ,
)
from nam_jax.memory._weighting import unit_range as unit_range
from nam_jax.memory.rule import (
    AbstractBatchRule,
    AbstractLearningRule,
    AbstractMapRule,
    AbstractOnlineRule,
    ActivityProduct,
    ClampedOja,
    Covariance,
    Decay,
    ExpandedHebbian,
    FreeOja,
    LinearMap,
    OjaSubspace,
    Perceptron,
    PseudoInverse,
    RidgeMap,
    Sanger,
    Storkey,
    Unlearning,
    associate,
    learn,
)
from nam_jax.memory.rule import check_bits as check_bits
from nam_jax.memory.rule import learn_another as learn_another
from nam_jax.memory.tensor import (
    AbstractPatternRule,
    AbstractProcessTensor,
    DenseTensor,
    DiffusionTensor,
    DistinctTensor,
    GapJunctionTensor,
    Hebbian,
    PatternTensor,
    Projection,
    Weighted,
    exchange_within,
    grow_astrocyte,
    lattice_edges,
    lesion,
)
from nam_jax.memory.tensor import IsolatedTensor as IsolatedTensor
from nam_jax.memory.tensor import Morphology as Morphology
from nam_jax.memory.tensor import ScaledTensor as ScaledTensor
from nam_jax.memory.tensor import SumTensor as SumTensor
from nam_jax.memory.tensor import check_patterns as check_patterns
from nam_jax.memory.tensor import check_signs as check_signs
from nam_jax.memory.tensor import contract as contract
from nam_jax.memory.tensor import pair_gram as pair_gram
from nam_jax.memory.tensor import resolvent as resolvent

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
    "LinearMap",
    "LogSumExp",
    "Manhattan",
    "Max",
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
    "Slope",
    "Softmax",
    "Storkey",
    "Threshold",
    "TopQ",
    "Unlearning",
    "Weighted",
    "associate",
    "exchange_within",
    "grow_astrocyte",
    "lattice_edges",
    "learn",
    "lesion",
]
