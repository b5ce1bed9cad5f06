"""Closed forms, with citation and validity; what they judge never imports them."""

from nam_jax.theory import dendritic
from nam_jax.theory._astrocyte import SUPPORT as SUPPORT
from nam_jax.theory._astrocyte import (
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
    pairwise_load,
    self_coupled_capacity,
)
from nam_jax.theory._expanded import Centred as Centred
from nam_jax.theory._expanded import (
    Coefficients,
    centred_coefficients,
    hebbian_one_step_error,
    hebbian_winners_error,
    sparse_best_threshold,
    sparse_threshold_error,
    sparse_winners_error,
)
from nam_jax.theory._generalisation import circle_attractors, sphere_attractors
from nam_jax.theory._hebbian import (
    common_field_capacity,
    oja_capacity,
    oja_lifetime,
    oja_signal_to_noise,
    postsynaptic_capacity,
    postsynaptic_capacity_without_errors,
    postsynaptic_error,
    presynaptic_capacity,
    sparse_capacity,
    sparse_separation,
)
from nam_jax.theory._one_step import NoValueError as NoValueError
from nam_jax.theory._one_step import TiedError as TiedError
from nam_jax.theory._one_step import (
    basin_load,
    bayes_beta,
    bounded_one_step_error,
    distinct_capacity,
    distinct_difference,
    exact_capacity_at_error,
    exponential_growth,
    one_step_error,
    power_difference,
    quadratic_one_step_error,
    rectified_difference,
    self_coupled_error,
)
from nam_jax.theory._predictive import implicit_recall as implicit_recall
from nam_jax.theory._quadrature import patterns_at_error
from nam_jax.theory._setwise import setwise_signal_to_noise
from nam_jax.theory._superposition import superposition_capacity, superposition_error
from nam_jax.theory._terms import Bounded as Bounded
from nam_jax.theory._units import (
    compute_units_astrocyte,
    compute_units_two_layer,
    memories_per_unit_astrocyte,
    memories_per_unit_two_layer,
    rank_limit,
)

__all__ = [
    "Coefficients",
    "basin_load",
    "bayes_beta",
    "bounded_one_step_error",
    "capacity_at_error",
    "capacity_without_errors",
    "centred_coefficients",
    "certificate_margin",
    "circle_attractors",
    "common_field_capacity",
    "compute_units_astrocyte",
    "compute_units_two_layer",
    "dendritic",
    "distinct_capacity",
    "distinct_difference",
    "exact_capacity_at_error",
    "exponential_growth",
    "gating_window",
    "hebbian_one_step_error",
    "hebbian_winners_error",
    "load_limit",
    "memories_per_unit_astrocyte",
    "memories_per_unit_two_layer",
    "memory_gain",
    "mode_eigenvalue_of_gap_junction",
    "mode_eigenvalue_of_lesion",
    "oja_capacity",
    "oja_lifetime",
    "oja_signal_to_noise",
    "one_step_error",
    "pairwise_load",
    "patterns_at_error",
    "postsynaptic_capacity",
    "postsynaptic_capacity_without_errors",
    "postsynaptic_error",
    "power_difference",
    "presynaptic_capacity",
    "quadratic_one_step_error",
    "rank_limit",
    "recall_threshold",
    "rectified_difference",
    "relaxation_time",
    "relaxation_time_asymptotic",
    "saddle_eigenvalues",
    "self_coupled_capacity",
    "self_coupled_error",
    "setwise_signal_to_noise",
    "sparse_best_threshold",
    "sparse_capacity",
    "sparse_separation",
    "sparse_threshold_error",
    "sparse_winners_error",
    "sphere_attractors",
    "superposition_capacity",
    "superposition_error",
    "transfer",
    "wrong_bit_flips",
]
