"""Memories per compute unit: neurons, synapses and processes each count as one.

Numbers or arrays of them, whole or not, go in and come out.
"""

from typing import Any


def compute_units_astrocyte(num_neurons: Any) -> Any:
    """N neurons, N^2 synapses and N^2 processes (Kozachkov, Slotine & Krotov, section 3)."""
    return num_neurons + 2 * num_neurons**2


def compute_units_two_layer(num_neurons: Any, num_patterns: Any) -> Any:
    """N feature neurons and K hidden ones (Krotov & Hopfield, arXiv 2008.06996)."""
    return num_neurons + num_patterns


def memories_per_unit_astrocyte(num_patterns: Any, num_neurons: Any) -> Any:
    """K / (N + 2 N^2)."""
    return num_patterns / compute_units_astrocyte(num_neurons)


def memories_per_unit_two_layer(num_patterns: Any, num_neurons: Any) -> Any:
    """K / (N + K), below 1 however many are stored."""
    return num_patterns / compute_units_two_layer(num_neurons, num_patterns)


def rank_limit(num_neurons: Any, *, autapses: bool = False) -> Any:
    """The number of independent pair products, N (N - 1) / 2, with autapses N (N + 1) / 2.

    With autapses that takes real-valued patterns: the squares of -1 and +1 are all the same, which
    leaves N (N - 1) / 2 + 1. The projection rule cannot store more, so a network certified with it
    stores at most a quarter of a memory per unit, whatever N.
    """
    return num_neurons * (num_neurons + (1 if autapses else -1)) / 2
