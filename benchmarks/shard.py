"""Counts what 8 devices exchange in a step of one network, from its compiled program."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks._report import Line, Report
from benchmarks._shard import BRANCHES, MEMORY, NUM_PATTERNS

DEVICES = 8
SIZES = 256, 512, 1024
NOTE = (
    f"Programs of `settle` on {DEVICES} simulated devices, K = {NUM_PATTERNS} patterns. dendritic: "
    f"N feature neurons, {MEMORY} memory neurons, {BRANCHES} branches a neuron. exchanged: bytes "
    "of the results of all collectives of one step on each device; a step is three vector fields, "
    "or one update of all neurons. largest: numbers in the largest result. memory: arguments and "
    "temporary arrays of the program, on one device alone and on each of 8. Nothing is timed."
)


def run(_: int) -> Report:
    """Compiles the programs once, as they do not vary."""
    cases = [case for size in SIZES for case in _cases(size)]
    rows = [
        (
            case["name"],
            f"{case['size']}",
            f"{case['step']:,}",
            f"{case['step'] / case['size']:.0f}",
            f"{case['largest']:,}",
            f"{case['alone'] / 2**20:.2f}",
            f"{case['device'] / 2**20:.2f}",
        )
        for case in cases
    ]
    columns = (
        "network", "N", "exchanged (bytes a step)", "per N", "largest", "memory alone (MiB)",
        "1 of 8",
    )  # fmt: skip
    first = cases[0]["name"]
    line = _line([case for case in cases if case["name"] == first])
    return Report("One network on 8 devices", NOTE, columns, rows, [line])


def _cases(size: int) -> list[dict[str, Any]]:
    """Returns what a new process with 8 devices prints for N = `size`; see `_shard.py`."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={DEVICES}"
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks._shard", str(size)],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(finished.stdout)


def _line(cases: list[dict[str, Any]]) -> Line:
    """Returns the line of one network for docs/results/benchmarks.md."""
    small, large = cases[0], cases[-1]
    growth = (large["step"] / small["step"]) / (large["size"] / small["size"])
    return Line(
        f"bytes that each of 8 devices gets in a step, {large['name']}, N = {large['size']}",
        f"{large['step'] / 1024:.0f} KiB",
        f"N = {small['size']}, {small['step'] / 1024:.0f} KiB",
        f"{growth:.2f} of the growth of N",
        "at most 1.05",
        growth <= 1.05,
    )
