"""What checking one claim finds; the verdict is computed from what was measured, never written."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nam_jax import measure


class Series(NamedTuple):
    """One line of a figure: y with its interval at each x."""

    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


class Curve(NamedTuple):
    """The curve behind a claim.

    Attributes:
        x: What is varied.
        x_label: Its name with unit.
        y_label: Name with unit of what is measured.
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
        conditions: Circumstances under which the claim was tested, and whether it held in each.
        curve: None, or what it looks like.
    """

    value: float
    low: float
    high: float
    meaning: str
    conditions: Mapping[str, bool]
    curve: Curve | None = None

    @property
    def verdict(self) -> str:
        """In words: holds, holds where some conditions are met, or does not hold."""
        return verdict(self.conditions)


def verdict(conditions: Mapping[str, bool]) -> str:
    """The verdict on a claim that was tested under `conditions`."""
    held = [name for name, fine in conditions.items() if fine]
    failed = [name for name, fine in conditions.items() if not fine]
    if not failed:
        return "holds"
    if not held:
        return "does not hold"
    return f"holds where: {'; '.join(held)}. Not where: {'; '.join(failed)}"


def of_rate(rate: measure.Rate) -> tuple[float, float, float]:
    """Value and interval of a rate, as the first fields of a finding."""
    return rate.value, rate.low, rate.high


def series_of_rates(rates: Sequence[measure.Rate]) -> Series:
    """A line of rates with their intervals."""
    return Series([r.value for r in rates], [r.low for r in rates], [r.high for r in rates])
