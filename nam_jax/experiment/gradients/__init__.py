"""Gradient routes against finite differences, from saturation to the critical point."""

from nam_jax.experiment.gradients._figure import gradients
from nam_jax.experiment.gradients._run import GradientsConfig, run, table

__all__ = [
    "GradientsConfig",
    "gradients",
    "run",
    "table",
]
