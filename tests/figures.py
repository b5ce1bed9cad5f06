"""What a figure shows, to be compared with the numbers that it should show."""

from typing import NamedTuple

import numpy as np
from matplotlib.container import ErrorbarContainer


class Curve(NamedTuple):
    """The points of one line; `low` and `high` are the ends of its error bars, None without."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def curves(axes):
    """The lines of axes that have a label, by it, those with error bars first."""
    barred = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    actual = {one.get_label(): _with_bars(one) for one in barred}
    plain = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    return actual | {line.get_label(): Curve(*_points(line)) for line in plain}


def assert_shows(curve, rates):
    """The line has the values and intervals of an array with `bound` value, low and high."""
    for name, shown in (("value", curve.y), ("low", curve.low), ("high", curve.high)):
        np.testing.assert_allclose(shown, rates.sel(bound=name), rtol=1e-6, atol=1e-6)


def labels(axes):
    return axes.get_xlabel(), axes.get_ylabel()


def _with_bars(container):
    line, _, (bars,) = container.lines
    ends = np.array([segment[:, 1] for segment in bars.get_segments()]).reshape(-1, 2)
    return Curve(*_points(line), *ends.T)


def _points(line):
    return (np.asarray(value, float) for value in line.get_data())
