"""Memories per compute unit: neurons, synapses and processes each count as one."""

from nam_jax.theory._astrocyte import Number


def compute_units_astrocyte(num_neurons: Number) -> Number:
    """N neurons, N^2 synapses and N^2 processes (Kozachkov, Slotine & Krotov, section 3)."""
    return num_neurons + 2 * num_neurons**2  # type: ignore[operator]


def compute_units_two_layer(num_neurons: Number, num_patterns: Number) -> Number:
    """N feature neurons and K hidden ones (Krotov & Hopfield, arXiv 2008.06996)."""
    return num_neurons + num_patterns  # type: ignore[operator]


def memories_per_unit_astrocyte(num_patterns: Number, num_neurons: Number) -> Number:
    """K / (N + 2 N^2)."""
    return num_patterns / compute_units_astrocyte(num_neurons)  # type: ignore[operator]


def memories_per_unit_two_layer(num_patterns: Number, num_neurons: Number) -> Number:
    """K / (N + K), below 1 however many are stored."""
    return num_patterns / compute_units_two_layer(num_neurons, num_patterns)  # type: ignore[operator]


def rank_limit(num_neurons: Number, *, autapses: bool = False) -> Number:
    """The number of independent pair products, N (N - 1) / 2, with autapses N (N + 1) / 2.

    The projection rule cannot store more, so a network certified with it stores at most a quarter
    of a memory per unit, whatever N.
    """
    return num_neurons * (num_neurons + (1 if autapses else -1)) / 2  # type: ignore[operator]
