"""Closed forms of the dendritic memory: thresholds, rates and recall by mean-field theory.

Source: Kafraj, Krotov, Bicknell & Latham.
"""

from nam_jax.theory.dendritic._circuit import Circuit, Thresholds
from nam_jax.theory.dendritic._design import design, largest_k, refined
from nam_jax.theory.dendritic._drives import recalled_rate
from nam_jax.theory.dendritic._recall import log_capacity, recall

__all__ = [
    "Circuit",
    "Thresholds",
    "design",
    "largest_k",
    "log_capacity",
    "recall",
    "recalled_rate",
    "refined",
]
