"""The executable ledger: every claim of the theory, what is measured, and whether it holds."""

from nam_jax.experiment.claims._figure import claim, claims, curves
from nam_jax.experiment.claims._run import ClaimsConfig, run, table

__all__ = [
    "ClaimsConfig",
    "claim",
    "claims",
    "curves",
    "run",
    "table",
]
