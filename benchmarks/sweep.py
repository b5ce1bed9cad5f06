"""Measures what a sweep adds to its units, `run_many` against a plain loop, and a worker's peak."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr

from benchmarks._report import Line, Report
from benchmarks._timing import Spread, interleaved, milliseconds, spread
from nam_jax import measure, sweep
from nam_jax.experiment import rate
from nam_jax.experiment.common import MEMORIES, key_of_seed, random_problem
from nam_jax.record import Context, ImportPath, Seed, Study

UNITS, SECOND, MOST_OVERHEAD = 1000, 1.0, 0.05
"""Units of a sweep, the seconds of a unit for which the overhead is stated, and the aim."""
SMALL = {"memory": "hebb", "num_neurons": 32, "num_sets": 1}
"""Small units: a network of 32 neurons, 3 patterns and 3 cues each."""
FASTER = 5.0
BUDGET = 1.5e9
"""Bytes that a worker may need."""
ROUNDS = 3
NOTE = (
    f"{UNITS} units. Chunks of one unit: a study that only makes a Dataset of three numbers; the "
    "overhead is the time of the sweep less that of as many direct calls, from the grid to "
    "result.zarr. One program: `rate` with the Hebbian network, N = 32, one set of 3 patterns and "
    "3 cues; the overhead is the time of the sweep less that of `run_many` with the same units. "
    "Plain loop: random problem, one compiled call and the share of recalled cues, unit by unit. "
    "Peak: 25 sizes N, each with programs of its own, in one process. Medians [quartiles]."
)


@dataclass(frozen=True)
class Config:
    """A unit that takes no time."""

    seed: Seed = 0
    """Seed."""


def nothing(config: Config, context: Any = None) -> xr.Dataset:
    """Returns numbers of the kind that `rate` returns."""
    del context
    return xr.Dataset({"recalled": 0.5, "trials": 8, "mean_overlap": float(config.seed)})


def _here(name: str) -> ImportPath:
    return ImportPath(f"benchmarks.sweep:{name}")


NOTHING = Study(
    "nothing", "Nothing.", "measure", "nothing", 1,
    _here("Config"), _here("nothing"), _here("nothing"), _here("nothing"),
)  # fmt: skip


def run(repeats: int) -> Report:
    """Times sweeps, and measures the peak of a process that runs one."""
    overhead = 1e3 * _overhead(min(repeats, ROUNDS)) / UNITS
    in_one, faster, ours, theirs = _small(min(repeats, ROUNDS))
    peaks = [_peak(units) for units in (0, UNITS)]
    each_second = overhead.max() / (1e3 * SECOND)
    rows = [
        ("overhead a unit, chunks of one unit (ms)", _three(spread(overhead))),
        ("overhead a unit, one program (ms)", _three(spread(1e3 * in_one / UNITS))),
        ("`run_many` of all units (ms)", ours),
        ("plain loop over all units (ms)", theirs),
        ("peak of a process, one unit (MB)", f"{peaks[0] / 1e6:.0f}"),
        (f"peak of a process, {UNITS} units of 25 sizes (MB)", f"{peaks[1] / 1e6:.0f}"),
    ]
    lines = [
        Line(
            f"a sweep of {UNITS} units of {SECOND:g} s, beside its units",
            f"{_three(spread(overhead))} ms a unit",
            f"{SECOND:g} s",
            f"{100 * spread(overhead / (1e3 * SECOND)).median:.2f} %",
            f"at most {100 * MOST_OVERHEAD:g} %",
            bool(each_second <= MOST_OVERHEAD),
        ),
        Line(
            f"`run_many`, {UNITS} small units",
            f"{ours} ms",
            f"plain loop over compiled calls, {theirs} ms",
            f"{spread(faster)} x faster",
            f"at least {FASTER:g} x faster",
            spread(faster).median >= FASTER,
        ),
        Line(
            f"peak memory of a sweep of {UNITS} units of 25 sizes",
            f"{peaks[1] / 1e9:.2f} GB",
            f"budget of {BUDGET / 1e9:g} GB",
            f"{peaks[1] / BUDGET:.2f} x",
            "at most 1 x",
            peaks[1] <= BUDGET,
        ),
    ]
    return Report("Sweeps", NOTE, ("quantity", "value"), rows, lines)


def _three(values: Spread) -> str:
    return f"{values.median:.3g} [{values.low:.3g}, {values.high:.3g}]"


def _overhead(rounds: int) -> np.ndarray:
    """Returns the seconds that a sweep of single units takes beside its units, (rounds,)."""
    units = [Config(seed=seed) for seed in range(UNITS)]
    nothing(units[0])
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for unit in units:
            nothing(unit)
        alone = time.perf_counter() - begun
        seconds.append(_swept(NOTHING, {}, chunk=1) - alone)
    return np.array(seconds)


def _small(rounds: int) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Returns the overhead with one program, how much faster it is than a loop, and both times."""
    configs = [rate.study.config(**SMALL, seed=seed) for seed in range(UNITS)]
    many: Any = rate.study.run_many
    runs = {
        "many": lambda: many(configs, Context()),
        "loop": lambda: [_one(config) for config in configs],
    }
    same = runs["many"]()["recalled"].values.tolist() == runs["loop"]()
    assert same, "the loop recalls otherwise; comparing speeds would have no meaning"
    seconds = interleaved(runs, rounds)
    _swept(rate.study, SMALL, chunk=UNITS)
    swept = np.array([_swept(rate.study, SMALL, chunk=UNITS) for _ in range(rounds)])
    many_seconds = seconds["many"]
    overhead = swept - float(np.median(many_seconds))
    return (
        overhead,
        seconds["loop"] / many_seconds,
        milliseconds(many_seconds),
        milliseconds(seconds["loop"]),
    )


def _swept(study: Study, settings: dict[str, Any], chunk: int) -> float:
    """Returns the seconds of a whole sweep over seeds in a new folder."""
    with tempfile.TemporaryDirectory() as store:
        begun = time.perf_counter()
        sweep.run(study, {}, settings=settings, seeds=UNITS, store=store, chunk=chunk)
        return time.perf_counter() - begun


MEMORY: Any = MEMORIES.make(SMALL["memory"], "memory")


@jax.jit
def _overlaps(patterns: Any, cues: Any, key: Any) -> Any:
    network = MEMORY.make(patterns, None)

    def one(cue: Any, number: Any) -> Any:
        retrieval = measure.one_by_one(network, cue, jr.fold_in(key, number))
        return measure.overlap(jnp.sign(retrieval.pattern), patterns[number])

    return jax.vmap(one)(cues, jnp.arange(len(cues)))


def _one(config: Any) -> float:
    """Returns the share of recalled cues of one unit, as a user would write it."""
    key = jr.fold_in(key_of_seed(config.seed), 0)
    problem = random_problem(
        config.stored, config.num_neurons, config.flips, config.queries, key=key
    )
    overlaps = np.asarray(_overlaps(problem.patterns, problem.cues, key))
    return float((overlaps >= config.overlap - 1e-6).mean())


def _peak(units: int) -> float:
    """Returns the peak resident bytes of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._sweep_peak", str(units)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return float(json.loads(done.stdout)["peak"])
