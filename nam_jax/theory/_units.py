"""Memories per compute unit: each neuron, synapse and process counts as one unit.

Arguments are numbers or arrays, and need not be whole.
"""

from typing import Any


def compute_units_astrocyte(num_neurons: Any) -> Any:
    """Returns N + 2 N^2: neurons, synapses, processes (Kozachkov, Slotine & Krotov, section 3)."""
    return num_neurons + 2 * num_neurons**2


def compute_units_two_layer(num_neurons: Any, num_patterns: Any) -> Any:
    """Returns N + K: feature neurons and hidden neurons (Krotov & Hopfield, arXiv 2008.06996)."""
    return num_neurons + num_patterns


def memories_per_unit_astrocyte(num_patterns: Any, num_neurons: Any) -> Any:
    """Returns K / (N + 2 N^2)."""
    return num_patterns / compute_units_astrocyte(num_neurons)


def memories_per_unit_two_layer(num_patterns: Any, num_neurons: Any) -> Any:
    """Returns K / (N + K), which is below 1 for every K."""
    return num_patterns / compute_units_two_layer(num_neurons, num_patterns)


def rank_limit(num_neurons: Any, *, autapses: bool = False) -> Any:
    """Returns the largest number of independent pair products xi xi^T.

    The projection rule cannot store more patterns. It is N (N - 1) / 2 without autapses and N (N +
    1) / 2 with them, the latter for real-valued patterns: patterns of -1 and +1 all have the same
    squares, which leaves N (N - 1) / 2 + 1. A network that is certified with the projection rule
    therefore stores at most a quarter of a memory per compute unit.
    """
    return num_neurons * (num_neurons + (1 if autapses else -1)) / 2
