"""Training: fit the numbers of a network to its recalls, and keep what the theory promises."""

from nam_jax.train import _certified as certified_family
from nam_jax.train._checkpoint import Checkpoint
from nam_jax.train._fit import ENDINGS, Fit, fit, metrics_dataset
from nam_jax.train._linear_map import fit_linear_map
from nam_jax.train._loss import (
    AbstractLoss,
    ClampedRoute,
    ContrastiveEnergy,
    Cost,
    LabelCrossEntropy,
    Margin,
    SquaredError,
    TokenCrossEntropy,
)
from nam_jax.train._parameters import (
    AbstractParameter,
    Bounded,
    BoundedTensor,
    Positive,
    PositiveSemidefinite,
    Reduced,
    SymmetricParameter,
    certified_bound,
    certify,
    resolve,
)
from nam_jax.train._propagation import ROUTES, EquilibriumPropagation
from nam_jax.train._routes import (
    AbstractRoute,
    Adjoint,
    Direct,
    Effort,
    ImplicitRoute,
    Info,
    Sample,
    ThroughSolver,
    Truncated,
)
from nam_jax.train._samples import (
    Minibatches,
    completion_samples,
    denoising_samples,
    label_samples,
    read_label,
    sequence_samples,
    with_labels,
)
from nam_jax.train._step import Metrics

__all__ = [
    "ENDINGS",
    "ROUTES",
    "AbstractLoss",
    "AbstractParameter",
    "AbstractRoute",
    "Adjoint",
    "Bounded",
    "BoundedTensor",
    "Checkpoint",
    "ClampedRoute",
    "ContrastiveEnergy",
    "Cost",
    "Direct",
    "Effort",
    "EquilibriumPropagation",
    "Fit",
    "ImplicitRoute",
    "Info",
    "LabelCrossEntropy",
    "Margin",
    "Metrics",
    "Minibatches",
    "Positive",
    "PositiveSemidefinite",
    "Reduced",
    "Sample",
    "SquaredError",
    "SymmetricParameter",
    "ThroughSolver",
    "TokenCrossEntropy",
    "Truncated",
    "certified_bound",
    "certified_family",
    "certify",
    "completion_samples",
    "denoising_samples",
    "fit",
    "fit_linear_map",
    "label_samples",
    "metrics_dataset",
    "read_label",
    "resolve",
    "sequence_samples",
    "with_labels",
]
