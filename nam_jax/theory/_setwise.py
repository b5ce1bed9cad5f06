"""The law of one step of a memory whose connections are sets of neurons."""

import math

import numpy as np


def setwise_signal_to_noise(
    num_sets: float | int | np.ndarray, num_patterns: float | int
) -> float | np.ndarray:
    """Returns sqrt(d / (K - 1)), the ratio of signal to noise of a neuron's field in one step.

    The neuron is in d sets of any sizes, whose weights are sum_mu prod_(i in sigma) xi_i^mu for K
    patterns of random bits, and the state is a stored pattern. Each set adds 1 to the signal, and
    K - 1 to the variance of the noise, whatever its size: products of different sets are not
    correlated. A bit is wrong after one step with the probability Phi(-sqrt(d / (K - 1))), as long
    as the noise is normal. Derived for this project.

    Args:
        num_sets: d, above 0; one number or an array.
        num_patterns: K, above 1.
    """
    return num_sets**0.5 / math.sqrt(num_patterns - 1)
