"""Means over independent seeds, with their intervals."""

import numpy as np
import scipy.stats
from jaxtyping import Float


def over_seeds(values: Float[np.ndarray, "seeds *rest"]) -> Float[np.ndarray, "*rest 3"]:
    """Returns the mean over seeds and the ends of Student's 95 % interval, along a new last axis.

    Args:
        values: One measurement of each of two or more seeds.
    """
    mean, num = values.mean(axis=0), len(values)
    half = scipy.stats.t.ppf(0.975, num - 1) * values.std(axis=0, ddof=1) / np.sqrt(num)
    return np.stack([mean, mean - half, mean + half], axis=-1)
