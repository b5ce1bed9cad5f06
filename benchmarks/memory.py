"""Measures the peak memory of 25 recalls, and whether it grows with the number of saved times."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks._peak import BATCH_SIZE, NUM_NEURONS, NUM_PATTERNS
from benchmarks._report import Line, Report

MEBI = 2**20
LIMIT = 1024 * MEBI
GROWTH = 1.05
FEW, MANY = 61, 241
NOTE = (
    f"{NUM_PATTERNS} cues at N = {NUM_NEURONS}, {BATCH_SIZE} at a time (`jax.lax.map`), with "
    "energy, activity and overlap saved. Peak resident memory of a new process, with compilation; "
    "idle: a process that only imports and starts JAX. Medians over processes (smallest, largest)."
)


def run(repeats: int) -> Report:
    """Runs each case in at most three new processes; memory varies far less than time."""
    cases = {times: [_peak(times) for _ in range(min(repeats, 3))] for times in (0, FEW, MANY)}
    peaks = {times: np.array([run["peak"] for run in runs]) for times, runs in cases.items()}
    idle = float(np.median(peaks[0]))
    rows = [("idle", _mebi(peaks[0]), "", "", "")]
    for times in (FEW, MANY):
        exact, saved = cases[times][0]["exact"], cases[times][0]["saved"]
        above = f"{(np.median(peaks[times]) - idle) / MEBI:.0f}"
        recalled = f"{exact} of {NUM_PATTERNS}"
        rows.append((f"{times} times", _mebi(peaks[times]), above, f"{saved / 1024:.0f}", recalled))
    columns = ("case", "peak (MiB)", "above idle (MiB)", "observables (KiB)", "exact recalls")
    return Report("Peak memory", NOTE, columns, rows, _lines(peaks, idle))


def _lines(peaks: dict[int, np.ndarray], idle: float) -> list[Line]:
    few, many = (float(np.median(peaks[times])) for times in (FEW, MANY))
    size = Line(
        f"peak memory, {NUM_PATTERNS} recalls, N = {NUM_NEURONS}",
        f"{few / MEBI:.0f} MiB",
        f"process that only starts JAX, {idle / MEBI:.0f} MiB",
        f"{(few - idle) / MEBI:.0f} MiB more",
        "at most 1 GiB",
        bool(max(peaks[FEW].max(), peaks[MANY].max()) <= LIMIT),
    )
    growth = Line(
        f"the same, observables saved at {MANY} times",
        f"{many / MEBI:.0f} MiB",
        f"saved at {FEW} times, {few / MEBI:.0f} MiB",
        f"{many / few:.2f}",
        f"at most {GROWTH}",
        many <= GROWTH * few,
    )
    return [size, growth]


def _peak(times: int) -> dict[str, int]:
    """Returns the numbers that a new process prints; see `_peak.py`."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks._peak", str(times)],
        cwd=Path(__file__).parents[1],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(finished.stdout)


def _mebi(peaks: np.ndarray) -> str:
    median, low, high = (value / MEBI for value in (np.median(peaks), peaks.min(), peaks.max()))
    return f"{median:.0f} ({low:.0f}, {high:.0f})"
