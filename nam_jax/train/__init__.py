"""Training: fit the numbers of a network to its recalls, and keep what the theory promises."""

from nam_jax.train._certified import (
    WhitenedCouplings,
    certified_reduction,
    keep_margin,
    parametrise,
)
from nam_jax.train._checkpoint import Checkpoint
from nam_jax.train._fit import ENDINGS, Fit, fit
from nam_jax.train._linear_map import fit_linear_map
from nam_jax.train._loss import (
    AbstractLoss,
    ContrastiveEnergy,
    LabelCrossEntropy,
    SquaredError,
    TokenCrossEntropy,
    VoltageMargin,
)
from nam_jax.train._parameters import AbstractParameter, Positive, certify, resolve
from nam_jax.train._propagation import EquilibriumPropagation
from nam_jax.train._routes import (
    AbstractRoute,
    ClampedRoute,
    Direct,
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
    held_samples,
    sequence_samples,
)

__all__ = [
    "ENDINGS",
    "AbstractLoss",
    "AbstractParameter",
    "AbstractRoute",
    "Checkpoint",
    "ClampedRoute",
    "ContrastiveEnergy",
    "Direct",
    "EquilibriumPropagation",
    "Fit",
    "ImplicitRoute",
    "Info",
    "LabelCrossEntropy",
    "Minibatches",
    "Positive",
    "Sample",
    "SquaredError",
    "ThroughSolver",
    "TokenCrossEntropy",
    "Truncated",
    "VoltageMargin",
    "WhitenedCouplings",
    "certified_reduction",
    "certify",
    "completion_samples",
    "denoising_samples",
    "fit",
    "fit_linear_map",
    "held_samples",
    "keep_margin",
    "parametrise",
    "resolve",
    "sequence_samples",
]
