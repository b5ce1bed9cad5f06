"""Measures how the time of the vector field grows with numbers of neurons and of patterns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds
from benchmarks.vector_field import functions

NEURONS, PATTERNS = (128, 256, 512, 1024), (64, 128, 256, 512, 1024)
FIXED_PATTERNS, FIXED_NEURONS = 64, 512
NOTE = (
    "slope: least-squares slope of log median time over log size, with its standard error. "
    "Products cost K N^2 and elementwise passes N^2, so the slopes tend to 2 in N and 1 in K. "
    "Measured slopes are smaller, because part of the time does not grow: calls, and passes as K "
    "grows. bound: the two bare products and one elementwise pass of `vector_field`, as written "
    "there."
)


class Slope(NamedTuple):
    """Exponent of a power law and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.2f} +- {self.error:.2f}"


def run(repeats: int) -> Report:
    """Times one cue over four sizes and five numbers of patterns."""
    in_n = [(FIXED_PATTERNS, size) for size in NEURONS]
    in_k = [(number, FIXED_NEURONS) for number in PATTERNS]
    rows, lines = [], []
    for symbol, sizes, cases in (("N", NEURONS, in_n), ("K", PATTERNS, in_k)):
        more, line = _grow(symbol, sizes, cases, repeats)
        rows += more
        lines.append(line)
    columns = ("case", "flow (ms)", "bound (ms)")
    return Report("Growth of the vector field, one cue", NOTE, columns, rows, lines)


def slope(sizes: Sequence[int], seconds: Sequence[np.ndarray]) -> Slope:
    """Returns the least-squares slope of log median seconds over log size."""
    medians = [float(np.median(times)) for times in seconds]
    fit: Any = stats.linregress(np.log(sizes), np.log(medians))
    return Slope(float(fit.slope), float(fit.stderr))


def _grow(
    symbol: str, sizes: Sequence[int], cases: list[tuple[int, int]], repeats: int
) -> tuple[list[tuple[str, ...]], Line]:
    """Returns the rows of all `cases` and of the slope, and the line of the page on benchmarks."""
    runs: dict[str, Any] = {}
    for k, n in cases:
        of_case = functions(k, n)
        runs |= {f"{name} {k} {n}": of_case[name] for name in ("flow", "bound")}
    seconds = interleaved(runs, repeats)
    flow, bound = ([seconds[f"{name} {k} {n}"] for k, n in cases] for name in ("flow", "bound"))
    rows = [
        (f"K = {k}, N = {n}", milliseconds(ours), milliseconds(least))
        for (k, n), ours, least in zip(cases, flow, bound, strict=True)
    ]
    growth, least = slope(sizes, flow), slope(sizes, bound)
    span = f"{milliseconds(flow[0])} to {milliseconds(flow[-1])} ms"
    return [*rows, (f"slope in {symbol}", str(growth), str(least))], _line(
        symbol, sizes, span, growth, least
    )


def _line(symbol: str, sizes: Sequence[int], span: str, growth: Slope, least: Slope) -> Line:
    exponent = {"N": 2, "K": 1}[symbol]
    return Line(
        f"growth of the vector field, {symbol} = {sizes[0]} to {sizes[-1]}",
        span,
        f"bound of the vector field, slope {least}",
        f"slope {growth}",
        f"about {exponent} at most",
        growth.value <= exponent + 0.2,
    )
