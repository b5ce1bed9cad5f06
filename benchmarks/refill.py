"""Measures recall in slots that are refilled, and the work of one device among eight."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks._report import Line, Report
from benchmarks._timing import Spread, interleaved, milliseconds, spread
from nam_jax import retrieve_all
from nam_jax.network import (
    AbstractNetwork,
    EffectiveNeuronAstrocyte,
    Hopfield,
    NeuronAstrocyte,
)
from nam_jax.solve import Synchronous, in_batches
from nam_jax.solve._batch import Problem, batched
from nam_jax.solve._doors import prepared

AIM, DIFFER, MORE = 2.0, 10.0, 4
NOTE = (
    "Random patterns near capacity, where recalls differ in length. plain: batches of as many cues "
    "as there are slots, one after another, by the same program without refilling. longest/mean: "
    "the longest recall of a plain batch over the mean of all recalls, in steps. use: share of the "
    "steps of slots in which a recall went on. Last row: operations of one step and one "
    "serving in the compiled program of a device, 64 slots on one device and 8 on each of 8 "
    "simulated ones, and the instructions of that program that send between devices."
)


class Case(NamedTuple):
    """Recall of many cues.

    Attributes:
        name: What it is.
        make: Makes the network from patterns.
        num_neurons: N.
        num_patterns: K.
        flips: Probability with which a bit of a cue is flipped.
        num_cues: Number of cues.
        num_slots: Number of slots, and of cues in a plain batch.
        how: Settings; None for the defaults.
    """

    name: str
    make: Callable[[Any], AbstractNetwork]
    num_neurons: int
    num_patterns: int
    flips: float
    num_cues: int
    num_slots: int
    how: Any = None


def _certified(patterns: Any) -> NeuronAstrocyte:
    return NeuronAstrocyte.certified(patterns, margin=0.02)


CASES = (
    Case(
        "effective neuron-astrocyte network",
        lambda patterns: EffectiveNeuronAstrocyte.from_full(_certified(patterns)),
        64, 300, 0.2, 2048, 64,
    ),
    Case("neuron-astrocyte network", _certified, 24, 80, 0.2, 256, 16),
    Case("Hopfield network, all at once", Hopfield.from_patterns, 256, 30, 0.2, 8192, 64,
         Synchronous()),
)  # fmt: skip


def run(repeats: int) -> Report:
    """Times every case, then asks a process with eight devices about its program."""
    rows, lines = [], []
    for case in CASES:
        row, line = _measured(case, repeats)
        rows.append(row)
        lines.append(line)
    row, line = _shared()
    columns = (
        "case", "refilled (ms)", "plain (ms)", "faster", f"{MORE} x slots (ms)", "longest/mean",
        "longest/shortest", "use",
    )  # fmt: skip
    return Report("Refilling", NOTE, columns, [*rows, row], [*lines, line])


def problem(case: Case) -> tuple[AbstractNetwork, Any]:
    """Returns the network of a case and its cues, (B, N)."""
    of_patterns, of_flips = jr.split(jr.key(0))
    patterns = jr.rademacher(of_patterns, (case.num_patterns, case.num_neurons), jnp.float32)
    targets = patterns[jnp.arange(case.num_cues) % case.num_patterns]
    flipped = jr.bernoulli(of_flips, case.flips, targets.shape)
    return case.make(patterns), np.asarray(jnp.where(flipped, -targets, targets))


def _measured(case: Case, repeats: int) -> tuple[tuple[str, ...], Line]:
    network, cues = problem(case)
    drive, how = prepared(network, None, case.how)
    shared = (drive, how, np.asarray(0.5, network.dtype), None, None)
    whole = Problem(network, cues, shared, False, False, None)
    index, size = np.arange(case.num_cues), case.num_slots

    def refilled(num_slots: int = size) -> Any:
        return retrieve_all(network, cues, how=case.how, batch=num_slots)

    def plain() -> Any:
        return in_batches(partial(batched, whole, None), index, size)

    ours, theirs = refilled(), plain()
    agree = float(jnp.mean(jnp.all(jnp.sign(ours.pattern) == jnp.sign(theirs.pattern), axis=1)))
    waiting, ratio = _lengths(np.asarray(theirs.steps), size)
    more = partial(refilled, MORE * size)
    seconds = interleaved({"refilled": refilled, "plain": plain, "more": more}, repeats)
    faster = spread(seconds["plain"] / seconds["refilled"])
    times = {name: milliseconds(values) for name, values in seconds.items()}
    use = float(np.mean(ours.slot_use))
    row = (
        _title(case), times["refilled"], times["plain"], str(faster), times["more"],
        f"{waiting:.2f}", f"{ratio:.0f}", f"{use:.2f}",
    )  # fmt: skip
    return row, _line(case, times, faster, ratio, agree)


def _lengths(steps: np.ndarray, size: int) -> tuple[float, float]:
    """Returns the longest recall of a plain batch over the mean, and the longest over the shortest.

    Lengths are numbers of steps, at least 1. The first number is a mean over batches, the second
    one is of all recalls.
    """
    steps = np.maximum(steps, 1).astype(float)
    batches = steps[: len(steps) // size * size].reshape(-1, size)
    return float(batches.max(axis=1).mean() / steps.mean()), float(steps.max() / steps.min())


def _title(case: Case) -> str:
    return (
        f"{case.name}, N = {case.num_neurons}, K = {case.num_patterns}, {case.num_cues} cues, "
        f"{case.num_slots} slots"
    )


def _line(case: Case, times: dict[str, str], faster: Spread, ratio: float, agree: float) -> Line:
    return Line(
        f"refilled slots, {_title(case)}, lengths differ {ratio:.0f} times",
        f"{times['refilled']} ms",
        f"plain batches, {times['plain']} ms; {agree:.3f} of the patterns are the same",
        f"{faster} x faster",
        f"at least {AIM:.0f} x",
        faster.median >= AIM and ratio >= DIFFER,
    )


def _shared() -> tuple[tuple[str, ...], Line]:
    """Returns the row and the line about the program of one device among eight."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks._on_eight"],
        cwd=Path(__file__).parents[1],
        env=os.environ | flags,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    counts = json.loads(finished.stdout)
    share = counts["of_eight"] / counts["of_one"]
    name = "operations of a device among 8, neuron-astrocyte network, N = 24, 64 slots in all"
    per_device = f"{counts['of_eight'] / 1e6:.2f} million"
    alone = f"one device, {counts['of_one'] / 1e6:.2f} million"
    sends = f"{counts['sends']} instructions send between devices"
    row = (name, per_device, alone, f"share {share:.4f}", "", "", "", sends)
    met = abs(share - 1 / 8) < 0.005 and counts["sends"] == 0
    line = Line(name, per_device, f"{alone}; {sends}", f"{share:.4f}", "1/8, none sends", met)
    return row, line
