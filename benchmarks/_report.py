"""The report of a benchmark: a table, and lines for the page on benchmarks."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
from rich.table import Table
from rich.text import Text


class Line(NamedTuple):
    """One line of the table of docs/results/benchmarks.md.

    Attributes:
        what: What was measured.
        value: The measurement, as text with its unit.
        against: The baseline or bound in the same run, with its value.
        ratio: Ratio of the two, median [quartiles].
        aim: The aim for this ratio.
        met: Whether the aim is met.
    """

    what: str
    value: str
    against: str
    ratio: str
    aim: str
    met: bool


class Report(NamedTuple):
    """The report of one benchmark.

    Attributes:
        title: Heading of the table.
        note: Caption of the table, which describes the problem and the baseline or bound.
        columns: Names of the columns of the table.
        rows: The table, as text.
        lines: Lines for the table of docs/results/benchmarks.md.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    lines: list[Line]


def rich_table(report: Report) -> Table:
    """Returns the table of a report for the terminal."""
    table = Table(title=report.title, caption=Text(report.note), caption_justify="left")
    for index, name in enumerate(report.columns):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in report.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def markdown(reports: Sequence[Report]) -> str:
    """Returns the table of docs/results/benchmarks.md, and a sentence on the machine of the run."""
    head = ("what", "measured", "against, same run", "ratio [quartiles]", "aim", "met")
    lines = [line for report in reports for line in report.lines]
    cells = [head, ("---",) * len(head)]
    cells += [(*line[:-1], "yes" if line.met else "no") for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + f"\n\n{machine()}\n"


def machine() -> str:
    """Returns a sentence with processor, number of cores, load, and versions."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"Measured on {_processor()}, {os.cpu_count()} cores{load}, {jax.default_backend()}, "
        f"float32, JAX {jax.__version__}, Python {platform.python_version()}."
    )


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
