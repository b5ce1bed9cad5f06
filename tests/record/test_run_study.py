"""The one writer of runs: everything or nothing, and what is left of a run that fails."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
import xarray as xr
from faults import Death, Faults, injected

from nam_jax.record import (
    ConfigError,
    Context,
    ImportPath,
    RunError,
    Study,
    read_run,
    redraw,
    run_study,
    study_of,
)


@dataclass(frozen=True)
class Config:
    seed: int = 0
    fault: str = ""


def run(config, context):
    if config.fault == "input":
        raise ConfigError("Argument `seed` must be odd.")
    if config.fault == "silent":
        raise AssertionError
    if config.fault:
        raise ValueError(config.fault)
    (context.folder / "extra.txt").write_text(f"{context.device}, {context.batch}")
    return xr.Dataset({"seed": config.seed, "name": ("place", ["a", "é"])})


def table(dataset):
    return f"a table of {int(dataset.seed)}"


def figure(dataset):
    return matplotlib.figure.Figure()


def more(dataset):
    return {"figure-more": matplotlib.figure.Figure()}


def broken(dataset):
    raise KeyError("no such line")


def here(function):
    return ImportPath(f"{__name__}:{function.__name__}")


TOY = Study(
    "toy", "A toy.", "try", "toy", 1, here(Config), here(run), here(table), here(figure),
    more=here(more),
)  # fmt: skip
FILES = ("config.toml", "result.zarr", "figure.png", "figure-more.png", "extra.txt")


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_run_writes_settings_numbers_and_figures(tmp_path):
    out = tmp_path / "new" / "out"
    finished = run_study(TOY, Config(seed=3), out, Context(device="cpu", batch=2))
    assert finished.files == FILES and names(out) == {*FILES}
    assert (finished.dataset.seed, finished.table) == (3, "a table of 3")
    text = (out / "config.toml").read_text()
    assert text == '# Written by nam-jax.\nseed = 3\nfault = ""\n'
    assert (out / "extra.txt").read_text() == "cpu, 2"
    with xr.open_zarr(out / "result.zarr") as dataset:
        assert int(dataset.seed) == 3


def test_wrong_input_leaves_nothing(tmp_path):
    with pytest.raises(ConfigError, match="must be odd"):
        run_study(TOY, Config(fault="input"), tmp_path / "new" / "out", Context())
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("no luck\nat all", "ValueError: no luck (traceback in "),
        ("silent", "AssertionError (traceback in "),
        ("x" * 9999, f"ValueError: {'x' * 288}... (traceback in "),
        ("a\x1b[31mcolour", r"ValueError: a\x1b[31mcolour (traceback in "),
    ],
)
def test_a_fault_leaves_its_traceback_alone(fault, sentence, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(RunError) as caught:
        run_study(TOY, Config(fault=fault), out, Context())
    message = str(caught.value)
    assert message.startswith(sentence) and message.endswith("log.txt)") and "\n" not in message
    assert names(out) == {"log.txt"}
    log = (out / "log.txt").read_text()
    assert log.startswith("# Written by nam-jax.\nTraceback") and "in run" in log
    assert fault.split("\n")[-1] in log or fault == "silent"


@pytest.mark.parametrize("part", ["table", "figure", "more"])
def test_a_fault_in_any_part_spares_an_earlier_run(part, tmp_path):
    run_study(TOY, Config(seed=1), tmp_path, Context())
    faulty = dataclasses.replace(TOY, **{part: here(broken)})
    with pytest.raises(RunError, match="KeyError: 'no such line'"):
        run_study(faulty, Config(seed=2), tmp_path, Context())
    assert names(tmp_path) == {*FILES, "log.txt"}
    assert "seed = 1" in (tmp_path / "config.toml").read_text()
    run_study(TOY, Config(seed=3), tmp_path, Context())
    assert names(tmp_path) == {*FILES}


def test_a_missing_package_is_told_before_anything_runs(tmp_path):
    lacking = dataclasses.replace(TOY, figure=ImportPath("no_such_package.figures:draw"))
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        run_study(lacking, Config(fault="must not run"), tmp_path / "out", Context())
    assert names(tmp_path) == set()


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(dataset):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{__name__}.figure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(TOY, Config(), tmp_path / "new" / "out", Context())
    assert names(tmp_path) == set()


def test_files_of_the_user_are_kept_and_named(tmp_path):
    (tmp_path / "log.txt").write_text("mine")
    with pytest.raises(RunError, match=r"no log was written; .*log.txt: was not written by a run"):
        run_study(TOY, Config(fault="no luck"), tmp_path, Context())
    run_study(TOY, Config(), tmp_path, Context())
    assert names(tmp_path) == {*FILES, "log.txt"}
    (tmp_path / "extra.txt").rename(tmp_path / "mine.txt")
    run_study(dataclasses.replace(TOY, more=None), Config(seed=2), tmp_path, Context())
    assert names(tmp_path) == {*FILES, "log.txt", "mine.txt"} - {"figure-more.png"}
    assert (tmp_path / "log.txt").read_text() == "mine"
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "figure.png").write_text("mine")
    with pytest.raises(ConfigError, match=r"figure.png: was not written by a run"):
        redraw(TOY, read_run(tmp_path, [TOY]).dataset, figures)
    assert (figures / "figure.png").read_text() == "mine" and names(figures) == {"figure.png"}


FORMATS = pytest.mark.parametrize("format", ["pdf", "svg"])


@FORMATS
def test_figures_of_another_format_replace_those_of_an_earlier_run(format, tmp_path):
    run_study(TOY, Config(), tmp_path, Context())
    finished = run_study(TOY, Config(seed=2), tmp_path, Context(), format)
    drawn = {f"figure.{format}", f"figure-more.{format}"}
    plain = {*FILES} - {"figure.png", "figure-more.png"}
    assert names(tmp_path) == {*finished.files} == plain | drawn
    redraw(TOY, finished.dataset, tmp_path)  # adds figures that the run does not list
    assert names(tmp_path) == {*FILES} | drawn
    run_study(TOY, Config(seed=3), tmp_path, Context())
    assert names(tmp_path) == {*FILES}


@FORMATS
def test_a_figure_of_the_user_is_kept_in_every_format(format, tmp_path):
    run_study(TOY, Config(), tmp_path, Context())
    mine = tmp_path / f"figure.{format}"
    matplotlib.figure.Figure().savefig(mine)
    with pytest.raises(ConfigError, match=rf"figure.{format}: was not written by a run"):
        run_study(TOY, Config(), tmp_path, Context(), format)
    run_study(TOY, Config(seed=2), tmp_path, Context())
    assert names(tmp_path) == {*FILES, mine.name}


class Picture:
    """A figure that is drawn at once."""

    def savefig(self, path, **options):
        path.write_text("# Written by nam-jax.")


@pytest.mark.slow
@pytest.mark.parametrize("deadly", [True, False])
def test_after_a_fault_at_any_change_the_folder_holds_the_old_run_or_the_new(
    deadly, tmp_path, monkeypatch
):
    """With the files that xarray and zarr write, and the log."""
    monkeypatch.setattr(f"{__name__}.figure", lambda dataset: Picture())
    monkeypatch.setattr(os, "fsync", lambda place: None)
    small = dataclasses.replace(TOY, more=None)
    run_study(small, Config(seed=0), tmp_path, Context())
    last, failed, at = 0, True, 0
    while failed:
        at += 1
        faults = Faults(at, deadly=deadly)
        try:
            with injected(faults, monkeypatch):
                run_study(small, Config(seed=at), tmp_path, Context())
        except (Death, RunError, ConfigError):
            failed = True
        else:
            failed = faults.count >= at
        dataset, config = read_run(tmp_path, [small])
        assert int(dataset.seed) == config.seed and config.seed in (last, at)
        last = config.seed
    assert at > 50 and last == at
    assert names(tmp_path) == {*FILES} - {"figure-more.png"}


KILLS = 30


def write_for_ever(folder, seed):
    """Writes runs with ascending seeds until the process is killed."""
    this = sys.modules[__name__]
    this.figure = lambda dataset: Picture()
    while True:
        seed += 1
        run_study(dataclasses.replace(TOY, more=None), Config(seed=seed), Path(folder), Context())
        print(seed, flush=True)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_after_kills_at_random_moments_the_folder_holds_a_whole_run(tmp_path):
    """All that the processes do is write, so that the kills hit every part of the writing."""
    run_study(TOY, Config(seed=0), tmp_path, Context())
    draws, last, unfinished = np.random.default_rng(0), 0, 0
    for _ in range(KILLS):
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}; import test_run_study as t; "
            f"t.write_for_ever({str(tmp_path)!r}, {last})"
        )
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        victim = subprocess.Popen([sys.executable, "-c", code], **pipes)
        assert victim.stdout is not None and victim.stdout.readline()  # the first run is written
        time.sleep(draws.uniform(0, 0.5))
        victim.kill()
        errors = victim.communicate(timeout=60)[1].decode()
        assert victim.returncode == -signal.SIGKILL, errors
        dataset, config = read_run(tmp_path, [TOY])
        assert int(dataset.seed) == config.seed > last
        last = config.seed
        unfinished += len(list(tmp_path.glob(".nam-jax-*")))
    assert unfinished > 5
    run_study(TOY, Config(seed=last + 1), tmp_path, Context())
    assert names(tmp_path) == {*FILES}


def test_a_reader_gets_one_run_while_others_take_its_place(folder, monkeypatch):
    from nam_jax.record import _read

    reads = []
    once = _read._read_once

    def disturbed(folder, studies):
        run = once(folder, studies)
        reads.append(run.config.seed)
        if len(reads) < 3:
            run_study(TOY, Config(seed=10 + len(reads)), folder, Context())
        return run

    monkeypatch.setattr(_read, "_read_once", disturbed)
    dataset, config = read_run(folder, [TOY])
    assert reads == [3, 11, 12] and int(dataset.seed) == config.seed == 12
    monkeypatch.setattr(_read, "_read_once", lambda *_: run_study(TOY, Config(), folder, Context()))
    with pytest.raises(ConfigError, match="changes while it is read"):
        read_run(folder, [TOY])


def test_attributes_are_valid_json_and_read_back_equal(tmp_path, monkeypatch):
    given = {
        "nan": np.nan,
        "inf": np.float64(np.inf),
        "list": [1.5, -np.inf, {"deep": np.nan}],
        "array": np.array([1.0, np.nan]),
        "text": "NaN is a word",
        "number": np.int64(3),
    }
    expected = given | {"array": [1.0, np.nan], "inf": np.inf, "number": 3}

    def with_attributes(config, context):
        dataset = xr.Dataset({"seed": ((), config.seed, given)}, attrs=given)
        return dataset.assign_coords(place=("place", [1, 2], given))

    monkeypatch.setattr(f"{__name__}.run", with_attributes)
    run_study(TOY, Config(), tmp_path, Context())

    def refuse(number):
        raise AssertionError(f"{number} is no JSON")

    for file in (tmp_path / "result.zarr").rglob(".z*"):
        json.loads(file.read_text(), parse_constant=refuse)
    dataset = read_run(tmp_path, [TOY]).dataset
    for attributes in (dataset.attrs, dataset.seed.attrs, dataset.place.attrs):
        np.testing.assert_equal({key: attributes[key] for key in given}, expected)


@pytest.fixture
def folder(tmp_path):
    run_study(TOY, Config(seed=3), tmp_path / "run", Context())
    return tmp_path / "run"


def test_a_run_is_read_back(folder):
    dataset, config = read_run(folder, [TOY])
    assert config == Config(seed=3) and study_of(dataset, [TOY]) is TOY
    assert int(dataset.seed) == 3 and dataset.name.values.tolist() == ["a", "é"]
    shutil.rmtree(folder)  # the numbers are in memory
    assert int(dataset.seed) == 3


def edit(file, **changes):
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | changes))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.toml").unlink(), "it has no config.toml"),
        (lambda folder: shutil.rmtree(folder / "result.zarr"), "it has no result.zarr"),
        (lambda folder: (folder / "config.toml").write_text("seed = 'x'"), "key `seed`"),
        (lambda folder: (folder / "config.toml").write_text("zebra = 1"), "unknown key `zebra`"),
        (lambda folder: (folder / "result.zarr" / ".zgroup").unlink(), "cannot be read"),
        (lambda folder: (folder / "result.zarr/seed/.zarray").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "result.zarr/name/0").write_bytes(b"x"), "cannot be read"),
        (lambda folder: edit(folder / "result.zarr/.zattrs", study="zebra"), "names 'zebra'"),
        (lambda folder: edit(folder / "result.zarr/.zattrs", study=None), "names None"),
        (
            lambda folder: edit(folder / "result.zarr/name/.zarray", dtype="|O"),
            "has an encoding that runs do not use",
        ),
        (
            lambda folder: edit(folder / "result.zarr/name/.zarray", compressor={"id": "pickle"}),
            "has an encoding that runs do not use",
        ),
        (
            lambda folder: edit(folder / "result.zarr/name/.zarray", filters=[{"id": "pickle"}]),
            "has an encoding that runs do not use",
        ),
    ],
)
def test_a_damaged_or_foreign_run_is_refused_in_one_line(folder, damage, message):
    damage(folder)
    with pytest.raises(ConfigError, match=message) as caught:
        read_run(folder, [TOY])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", ["png", "pdf", "svg"])
def test_figures_are_drawn_anew(format, folder, tmp_path):
    dataset, drawn = read_run(folder, [TOY]).dataset, (f"figure.{format}", f"figure-more.{format}")
    for _ in range(2):  # the second time over the files of the first
        assert redraw(TOY, dataset, tmp_path / "new", format) == drawn
    assert names(tmp_path / "new") == {*drawn}
    (folder / "figure.png").write_text("old")
    redraw(TOY, dataset, folder, format)
    assert names(folder) == {*FILES, *drawn}
    images = [(place / drawn[0]).read_bytes() for place in (tmp_path / "new", folder)]
    assert images[0] == images[1]


def test_a_figure_that_cannot_be_drawn_leaves_its_traceback(folder):
    dataset = read_run(folder, [TOY]).dataset
    faulty = dataclasses.replace(TOY, more=here(broken))
    with pytest.raises(RunError, match="KeyError: 'no such line'"):
        redraw(faulty, dataset, folder)
    assert names(folder) == {*FILES, "log.txt"}
