"""Kills sweeps at random moments until they end, and compares what they leave bit for bit."""

import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks._report import Line, Report
from benchmarks.kills import finish, starter

SWEEP = (
    *("sweep", "rate", "--quiet", "--memory", "hebb", "--grid", "num_neurons=8,12"),
    *("--grid", "load=0.1,0.2,0.3", "--seeds", "24", "--chunk", "4", "--num-sets", "2"),
)
CHUNKS = 36
LIVES = 5
"""Number of times that one sweep is killed before it may end."""
NOTE = (
    "{kills} SIGKILLs of `nam-jax sweep rate` with {chunks} chunks, at random moments; `--repeats` "
    "gives their number. After {lives} kills the same command runs to its end; all files of the "
    "sweep, of which the figure is one, are then compared byte by byte with those of a sweep that "
    "was never killed. No chunk may have been written twice."
)


def run(repeats: int) -> Report:
    """Counts what `repeats` kills leave."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["NAM_JAX_CACHE"] = str(Path(place) / "programs")
        counts = Counter(_kill(Path(place), repeats))
    rows = [(what, f"{number}") for what, number in sorted(counts.items())]
    wrong = sum(number for what, number in counts.items() if what.endswith("WRONG"))
    shown = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    line = Line("sweeps killed at random moments", shown, "0 wrong", f"{wrong}", "0", wrong == 0)
    note = NOTE.format(kills=repeats, chunks=CHUNKS, lives=LIVES)
    return Report("Kills of sweeps", note, ("outcome", "number"), rows, [line])


def _kill(place: Path, kills: int) -> list[str]:
    start, draws, outcomes = starter(), np.random.default_rng(0), []
    whole, duration = place / "whole", 0.0
    for name in ("first", "whole"):  # the first one compiles
        duration = finish(start, *SWEEP, "--out", str(place / name))
    expected = _files(whole)
    for number in range(-(-kills // LIVES)):
        out = place / f"sweep-{number}"
        words = (*SWEEP, "--out", str(out))
        for _ in range(min(LIVES, kills - number * LIVES)):
            kept = _places(out)
            process = start(*words)
            time.sleep(draws.uniform(0, 0.6 * duration))  # it need not begin anew each time
            process.kill()
            process.join()
            outcomes.append("killed" if process.exitcode else "(it had ended)")
            if not kept.items() <= _places(out).items():
                outcomes.append("a chunk was written twice WRONG")
        finish(start, *words)
        same = _files(out) == expected
        outcomes.append(f"ended {'with the same bits' if same else 'otherwise WRONG'}")
        shutil.rmtree(out)
    return outcomes


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _places(folder: Path) -> dict[str, int]:
    """The inode of each chunk, which changes when the chunk is written anew."""
    return {path.name: path.stat().st_ino for path in folder.glob("chunks/*.safetensors")}
