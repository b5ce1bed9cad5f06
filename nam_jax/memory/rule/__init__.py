"""Learning rules: from patterns to the weights of synapses."""

from nam_jax.memory.rule._another import learn_another as learn_another
from nam_jax.memory.rule._learning import (
    AbstractBatchRule,
    AbstractLearningRule,
    AbstractOnlineRule,
    ActivityProduct,
    Covariance,
    PseudoInverse,
    learn,
)
from nam_jax.memory.rule._learning import check_bits as check_bits
from nam_jax.memory.rule._linear_map import (
    AbstractMapRule,
    LinearMap,
    RidgeMap,
    associate,
)
from nam_jax.memory.rule._local import Decay, ExpandedHebbian, Perceptron, Storkey
from nam_jax.memory.rule._oja import ClampedOja, FreeOja, OjaSubspace, Sanger
from nam_jax.memory.rule._unlearning import Unlearning

__all__ = [
    "AbstractBatchRule",
    "AbstractLearningRule",
    "AbstractMapRule",
    "AbstractOnlineRule",
    "ActivityProduct",
    "ClampedOja",
    "Covariance",
    "Decay",
    "ExpandedHebbian",
    "FreeOja",
    "LinearMap",
    "OjaSubspace",
    "Perceptron",
    "PseudoInverse",
    "RidgeMap",
    "Sanger",
    "Storkey",
    "Unlearning",
    "associate",
    "learn",
]
