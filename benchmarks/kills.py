"""Kills runs at random moments, and looks at what they leave: a whole run, old or new."""

import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks._report import Line, Report

RETRIEVE = (
    *("retrieve", "--quiet", "--source", "digits", "--codec", "threshold"),
    *("--num-patterns", "3", "--num-times", "5", "--end-time", "3"),
)
TRAIN = (
    *("train", "--quiet", "--source", "digits", "--num-patterns", "4", "--num-training", "8"),
    *("--num-held-out", "4", "--num-stored", "4", "--steps", "150", "--inpainting-steps", "150"),
    *("--num-cues", "4", "--gains", "1.0", "--memories", "power-3", "--gradient", "truncated"),
    *("--batch-size", "4"),
)
KILLS = 30
LIVES = 5
"""Number of times that one training is killed before it may end."""
LONGEST = 0.3
"""Largest delay in seconds of a kill after the files of a run have begun to appear."""
PRELOAD = ["nam_jax.cli", "jax", "optax", "xarray", "zarr", "matplotlib.figure", "rich.table"]
NOTE = (
    f"{KILLS} SIGKILLs of each command on tiny settings. Of `retrieve`, over an old result: every "
    "second one at a random moment of the run, the others at a random moment after its first file. "
    f"Of `train --checkpoints`, at random moments; after each {LIVES} kills the same command runs "
    "to its end, and its numbers are compared with those of a run that was never killed."
)


def run(repeats: int) -> Report:
    """Counts what the kills leave; `repeats` does not matter, as nothing is timed."""
    del repeats
    with tempfile.TemporaryDirectory() as place:
        os.environ["NAM_JAX_CACHE"] = str(Path(place) / "programs")
        start, draws = starter(), np.random.default_rng(0)
        counts = Counter(_kill_retrieve(start, Path(place) / "run", draws))
        counts += Counter(_kill_train(start, Path(place), draws))
    rows = [(what, f"{number}") for what, number in sorted(counts.items())]
    wrong = sum(number for what, number in counts.items() if what.endswith("WRONG"))
    shown = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    line = Line("runs killed at random moments", shown, "0 wrong", f"{wrong}", "0", wrong == 0)
    return Report("Kills", NOTE, ("outcome", "number"), rows, [line])


def starter() -> "Start":
    """Returns a function of the words of a command that starts it in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)

    def start(*words: str) -> BaseProcess:
        process = context.Process(target=_command, args=(words,))
        process.start()
        return process

    return start


def _command(words: tuple[str, ...]) -> None:
    from nam_jax.cli import main

    raise SystemExit(main(words))


Start = Callable[..., BaseProcess]


def _kill_retrieve(start: Start, folder: Path, draws: np.random.Generator) -> list[str]:
    """Kills runs with a new seed over the result of the last one that counts."""
    last, outcomes = 0, []
    duration = max(finish(start, *RETRIEVE, "--out", str(folder)) for _ in range(2))
    for seed in range(1, KILLS + 1):
        process = start(*RETRIEVE, "--seed", str(seed), "--out", str(folder))
        if seed % 2:
            time.sleep(draws.uniform(0, duration))
        else:
            while process.is_alive() and not list(folder.glob(".nam-jax-*/new/config.toml")):
                time.sleep(0.001)
            time.sleep(draws.uniform(0, LONGEST))
        process.kill()
        process.join()
        ended = " (it had ended)" if process.exitcode == 0 else ""
        seen = _seed_of(folder)
        what = "new run" if seen == seed else "old run" if seen == last else f"{seen} WRONG"
        outcomes.append(f"retrieve: {what}{ended}")
        last = seen if isinstance(seen, int) else last
    finish(start, *RETRIEVE, "--out", str(folder))
    left = sorted(os.listdir(folder)) != ["config.toml", "figure.png", "result.zarr"]
    return [*outcomes, "retrieve: something left by the next run WRONG"] if left else outcomes


def _seed_of(folder: Path) -> int | str:
    """Returns the seed of the run in a folder, or a word if it is no whole run of one seed."""
    from nam_jax.experiment import STUDIES
    from nam_jax.record import ConfigError, read_run

    try:
        dataset, config = read_run(folder, STUDIES)
    except ConfigError:
        return "unreadable"
    return config.seed if config.seed == int(dataset.attrs["seed"]) else "mixed"


def _kill_train(start: Start, place: Path, draws: np.random.Generator) -> list[str]:
    """Kills trainings again and again, lets each end at last, and compares its numbers."""
    outcomes = []
    whole, duration = place / "whole", 0.0
    for _ in range(2):  # the first one compiles; the second takes as long as those that follow
        duration = finish(start, *TRAIN, "--out", str(whole))
    expected = xr.open_zarr(whole / "result.zarr").load()
    for number in range(KILLS // LIVES):
        kept, out = place / f"kept-{number}", place / f"trained-{number}"
        words = (*TRAIN, "--checkpoints", str(kept), "--out", str(out))
        for _ in range(LIVES):
            process = start(*words)
            time.sleep(draws.uniform(0, duration))
            process.kill()
            process.join()
            outcomes.append("train: killed" if process.exitcode else "train: (it had ended)")
        finish(start, *words)
        resumed = xr.open_zarr(out / "result.zarr").load()
        same = resumed.equals(expected) and sorted(os.listdir(out)) == sorted(os.listdir(whole))
        outcomes.append(f"train: ended {'with the same bits' if same else 'otherwise WRONG'}")
    return outcomes


def finish(start: Start, *words: str) -> float:
    """Runs a command to its end and returns the seconds that it took."""
    begin = time.monotonic()
    process = start(*words)
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"`nam-jax {' '.join(words)}` ended with status {process.exitcode}.")
    return time.monotonic() - begin
