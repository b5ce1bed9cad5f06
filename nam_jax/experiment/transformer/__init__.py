"""Which attention recalls: a Transformer block on associative recall, beyond trained lengths."""

from nam_jax.experiment.transformer._figure import transformer
from nam_jax.experiment.transformer._run import TransformerConfig, run, table

__all__ = [
    "TransformerConfig",
    "run",
    "table",
    "transformer",
]
