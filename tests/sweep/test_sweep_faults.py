"""Stopped at any moment, by any fault or death, a sweep ends with the store of one that was not."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from faults import Death, Faults, injected
from tables import stores, toys

from nam_jax.record import ConfigError, RunError, StoreError, staged_folder
from nam_jax.sweep import _run

GRID = {"size": [1, 2]}


def write_little(config, dataset, folder, drawn_by=None, format="png"):
    """Stands for the writer of `result.zarr`, whose own faults the slow test has."""
    with staged_folder(folder) as staging:
        (staging / "config.toml").write_text(f"# Written by nam-jax.\n{dataset.recalled.values}")


def after_faults(run, tmp_path, monkeypatch, *, deadly):
    """Lets the changes of files fail one after another; returns how many there are.

    After each fault the same call goes on to the end, and the store is that of a run without.
    """
    monkeypatch.setattr(os, "fsync", lambda place: None)
    run(tmp_path / "whole")
    expected = stores.files(tmp_path / "whole")
    for at in range(1, 10_000):
        faults, out = Faults(at, deadly=deadly), tmp_path / str(at)
        errors = contextlib.suppress(Death, OSError, ConfigError, StoreError, RunError)
        with errors, injected(faults, monkeypatch):
            run(out)
        kept = stores.places(out)
        run(out)
        assert stores.files(out) == expected, at
        assert kept.items() <= stores.places(out).items(), at  # nothing is written twice
        if faults.count < at:
            return at
    raise AssertionError


@pytest.mark.parametrize("deadly", [True, False])
def test_after_a_fault_or_death_at_any_change_the_same_call_ends_with_the_same_bits(
    deadly, tmp_path, monkeypatch
):
    monkeypatch.setattr(_run, "write_result", write_little)
    changes = after_faults(
        lambda out: stores.run(out, GRID, seeds=None, chunk=1, study=toys.LITTLE),
        tmp_path, monkeypatch, deadly=deadly,
    )  # fmt: skip
    assert changes > 40


@pytest.mark.slow
@pytest.mark.parametrize("deadly", [True, False])
def test_the_same_with_the_results_that_xarray_and_zarr_write(deadly, tmp_path, monkeypatch):
    changes = after_faults(
        lambda out: stores.run(out, {"size": [1]}, seeds=None, study=toys.LITTLE),
        tmp_path, monkeypatch, deadly=deadly,
    )  # fmt: skip
    assert changes > 60


@pytest.mark.slow
@pytest.mark.parametrize("deadly", [True, False])
def test_a_fault_while_a_sweep_grows_spares_what_is_there(deadly, tmp_path, monkeypatch):
    """Also the result of the smaller sweep, until the larger one takes its place."""
    monkeypatch.setattr(_run, "write_result", write_little)

    def run(out):
        if not (out / "config.toml").exists():
            with without_faults():
                stores.run(out, {"size": [1]}, seeds=1)
        stores.run(out, {"size": [1, 2]}, seeds=1)

    assert after_faults(run, tmp_path, monkeypatch, deadly=deadly) > 25


@contextlib.contextmanager
def without_faults():
    import faults

    active, faults.active = faults.active, None
    try:
        yield
    finally:
        faults.active = active


needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


@needs_kill
def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path):
    """The process kills itself in the middle of its third chunk."""
    (tmp_path / "marks").mkdir()
    grid = {"size": [1, 2], "fault": ["", "die"]}
    options = {"settings": {"where": str(tmp_path / "marks")}, "chunk": 1}
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        f"from tables import stores; stores.run({str(tmp_path / 'out')!r}, {grid!r}, **{options!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    kept = stores.places(tmp_path / "out")
    assert len(kept) == 2 and os.listdir(tmp_path / "out" / "chunks" / "claims")
    stores.run(tmp_path / "out", grid, **options)
    assert kept.items() <= stores.places(tmp_path / "out").items()
    stores.run(tmp_path / "whole", grid, **options)
    assert stores.files(tmp_path / "out") == stores.files(tmp_path / "whole")


KILLS = 20


def sweep_for_ever(place, number, told):
    """Runs one sweep after another, each in a new folder, until the process is killed."""
    while True:
        stores.run(Path(place) / str(number), seeds=3, chunk=2)
        told.set()
        number += 1


@pytest.mark.slow
@needs_kill
def test_after_kills_at_random_moments_every_store_has_the_same_bits(tmp_path):
    """All that the processes do is write, so that the kills hit every part of the writing."""
    stores.run(tmp_path / "whole", seeds=3, chunk=2)
    expected = stores.files(tmp_path / "whole")
    context = multiprocessing.get_context("spawn")
    draws, unfinished, number = np.random.default_rng(0), 0, 0
    for _ in range(KILLS):
        told = context.Event()
        process = context.Process(target=sweep_for_ever, args=(str(tmp_path), number, told))
        process.start()
        try:
            assert told.wait(120)
            process.join(draws.uniform(0.0, 1.0))
        finally:
            process.kill()
            process.join()
        assert process.exitcode == -signal.SIGKILL
        there = sorted(int(path.name) for path in tmp_path.iterdir() if path.name.isdecimal())
        number = there[-1] if there else 0
        unfinished += stores.files(tmp_path / str(number)) != expected
        stores.run(tmp_path / str(number), seeds=3, chunk=2)
        for place in there:
            assert stores.files(tmp_path / str(place)) == expected
        number += 1
    assert unfinished > KILLS / 2
