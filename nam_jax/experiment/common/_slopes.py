"""Exponents of power laws, from slopes on logarithmic axes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Slope(NamedTuple):
    """An exponent with its 95 % interval."""

    value: float
    low: float
    high: float

    def reaches(self, exponent: float) -> bool:
        """Returns whether `exponent` is within the interval, or at most 0.35 from the value.

        The 0.35 is there because the networks are small: between 32 and 64 neurons, the exact
        one-step law of a quartic memory itself has a slope of 3.07.
        """
        return self.low <= exponent <= self.high or abs(self.value - exponent) <= 0.35


def log_slope(
    x: Sequence[float] | Sequence[int], y: Sequence[float], errors: Sequence[float]
) -> Slope:
    """Returns the exponent of y against x, by weighted least squares of log y on log x.

    Args:
        x: Positive numbers, such as sizes.
        y: Positive numbers, as many as `x`.
        errors: Relative standard errors of `y`; values below 0.001 count as 0.001.
    """
    u, v = np.log(np.asarray(x, float)), np.log(np.asarray(y, float))
    weights = 1 / np.maximum(np.asarray(errors, float), 1e-3)
    (slope, _), covariance = np.polyfit(u, v, 1, w=weights, cov="unscaled")
    spread = 1.96 * float(np.sqrt(covariance[0, 0]))
    return Slope(float(slope), float(slope) - spread, float(slope) + spread)
