"""The outcome of checking one claim; its verdict is computed from the measured conditions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import ArrayLike

from nam_jax import measure


class Series(NamedTuple):
    """One line of a figure: values y and ends of their intervals, for each x of the curve."""

    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


class Curve(NamedTuple):
    """The figure of a claim.

    Attributes:
        x: Values of the quantity that is varied.
        x_label: Its name with unit.
        y_label: Name with unit of the measured quantity.
        series: Lines by name; one that starts with "theory" is a prediction.
        log: Whether both axes are logarithmic.
    """

    x: Sequence[float]
    x_label: str
    y_label: str
    series: Mapping[str, Series]
    log: bool = False


class Finding(NamedTuple):
    """The outcome of one check.

    Attributes:
        value: The number that the claim is about, with its 95 % interval (equal ends if exact).
        low: Lower end.
        high: Upper end.
        meaning: What the number is.
        conditions: For each circumstance under which the claim was tested, whether it held there.
        curve: The figure of the claim, if it has one.
    """

    value: float
    low: float
    high: float
    meaning: str
    conditions: Mapping[str, bool]
    curve: Curve | None = None

    @property
    def verdict(self) -> str:
        """The verdict in words; see the function `verdict`."""
        return verdict(self.conditions)


def verdict(conditions: Mapping[str, bool]) -> str:
    """The verdict on a claim, in words.

    `{"a": True, "b": False}` gives "holds where: a. Not where: b"; all True gives "holds" and all
    False gives "does not hold".
    """
    held = [name for name, fine in conditions.items() if fine]
    failed = [name for name, fine in conditions.items() if not fine]
    if not failed:
        return "holds"
    if not held:
        return "does not hold"
    return f"holds where: {'; '.join(held)}. Not where: {'; '.join(failed)}"


def of_rate(rate: measure.Rate) -> tuple[float, float, float]:
    """Value, lower end and upper end of a rate: the first three fields of a `Finding`."""
    return rate.value, rate.low, rate.high


def of_bounds(bounds: ArrayLike) -> tuple[float, float, float]:
    """Value, lower end and upper end, (3,), as the first three fields of a `Finding`."""
    value, low, high = map(float, np.asarray(bounds))
    return value, low, high


def series_of_rates(rates: Sequence[measure.Rate]) -> Series:
    """A line of rates with their intervals."""
    return Series([r.value for r in rates], [r.low for r in rates], [r.high for r in rates])
