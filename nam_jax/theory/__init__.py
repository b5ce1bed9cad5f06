"""Closed forms, with citation and validity; what they judge never imports them."""

from nam_jax.theory._astrocyte import (
    SUPPORT,
    certificate_margin,
    gating_window,
    load_limit,
    memory_gain,
    mode_eigenvalue_of_gap_junction,
    mode_eigenvalue_of_lesion,
    recall_threshold,
    relaxation_time,
    relaxation_time_asymptotic,
    saddle_eigenvalues,
    transfer,
    wrong_bit_flips,
)
from nam_jax.theory._dense_memory import (
    capacity_at_error,
    capacity_without_errors,
    self_coupled_capacity,
)
from nam_jax.theory._units import (
    compute_units_astrocyte,
    compute_units_two_layer,
    memories_per_unit_astrocyte,
    memories_per_unit_two_layer,
    rank_limit,
)

__all__ = [
    "SUPPORT",
    "capacity_at_error",
    "capacity_without_errors",
    "certificate_margin",
    "compute_units_astrocyte",
    "compute_units_two_layer",
    "gating_window",
    "load_limit",
    "memories_per_unit_astrocyte",
    "memories_per_unit_two_layer",
    "memory_gain",
    "mode_eigenvalue_of_gap_junction",
    "mode_eigenvalue_of_lesion",
    "rank_limit",
    "recall_threshold",
    "relaxation_time",
    "relaxation_time_asymptotic",
    "saddle_eigenvalues",
    "self_coupled_capacity",
    "transfer",
    "wrong_bit_flips",
]
