"""Exponents from slopes in logarithmic axes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Slope(NamedTuple):
    """An exponent with its 95 % interval."""

    value: float
    low: float
    high: float

    def reaches(self, exponent: float) -> bool:
        """Whether `exponent` is within the interval, or at most 0.35 from the value.

        The allowance is for the sizes at hand, which are small: the exact one-step law of a quartic
        memory itself has slopes of 3.07 between 32 and 64 neurons.
        """
        return self.low <= exponent <= self.high or abs(self.value - exponent) <= 0.35


def log_slope(
    x: Sequence[float] | Sequence[int], y: Sequence[float], errors: Sequence[float]
) -> Slope:
    """Exponent of y against x by least squares weighted with the relative `errors` of y."""
    u, v = np.log(np.asarray(x, float)), np.log(np.asarray(y, float))
    weights = 1 / np.maximum(np.asarray(errors, float), 1e-3)
    (slope, _), covariance = np.polyfit(u, v, 1, w=weights, cov="unscaled")
    spread = 1.96 * float(np.sqrt(covariance[0, 0]))
    return Slope(float(slope), float(slope) - spread, float(slope) + spread)
