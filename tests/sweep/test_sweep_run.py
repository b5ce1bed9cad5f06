"""A sweep computes each unit once, goes on where it was, and never mixes results."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import xarray as xr
from tables import stores, toys

import nam_jax
from nam_jax import cli, record, sweep
from nam_jax.experiment import SWEEP
from nam_jax.record import ConfigError, StoreError
from nam_jax.sweep import SweepConfig, SweepError


@pytest.fixture
def marks(tmp_path):
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


def test_a_sweep_holds_the_numbers_of_its_units(tmp_path):
    whole = stores.run(tmp_path / "a")
    assert whole.recalled.dims == ("size", "level", "seed") and bool(whole.computed.all())
    for size in (1, 2):
        for level in (0.25, 0.75):
            for seed in (0, 1):
                unit = toys.run(toys.Config(size=size, level=level, seed=seed))
                there = whole.sel(size=size, level=level, seed=seed)
                assert float(there.recalled) == float(unit.recalled)
                assert str(there.name.values) == str(unit.name.values)
    attrs = whole.attrs
    assert (attrs["study"], attrs["swept_study"], attrs["headline"]) == ("sweep", "toy", "recalled")
    assert json.loads(attrs["swept"]) == ["size", "level", "seed"] and "seed" not in attrs
    assert {"jax", "platform", "precision", "jax_enable_x64"} <= json.loads(
        attrs["environment"]
    ).keys()
    xr.testing.assert_identical(
        stores.run(tmp_path / "b", study=toys.AT_ONCE).drop_attrs(), whole.drop_attrs()
    )
    backwards = stores.run(tmp_path / "a", {name: stores.GRID[name] for name in ("level", "size")})
    xr.testing.assert_identical(backwards.transpose(*whole.dims).drop_attrs(), whole.drop_attrs())


def test_a_finished_sweep_reads_back(tmp_path):
    out = tmp_path / "out"
    whole = stores.run(out, {"size": [1, 2], ("kind", "most"): [("one", None), ("other", 3)]})
    assert {*os.listdir(out)} == {"chunks", "config.toml", "result.zarr"}
    dataset, config = record.read_run(out, [SWEEP])
    assert config == SweepConfig(
        "toy", seeds=2, chunk=3, grid={"size": [1, 2]},
        zip=[{"kind": ["one", "other"], "most": ["None", 3]}],
    )  # fmt: skip
    xr.testing.assert_equal(dataset, whole)
    assert dataset.most.values.tolist() == ["None", "3"]
    again = sweep.run_config(config, toys.ONE_BY_ONE, out)
    xr.testing.assert_identical(again, whole)
    xr.testing.assert_identical(sweep.read(out, [toys.ONE_BY_ONE]), whole)
    assert nam_jax.load(out)[1] == config


def test_nothing_is_computed_twice_and_more_units_add_chunks(tmp_path, marks):
    out, where = tmp_path / "out", {"where": str(marks)}
    stores.run(out, {"size": [1, 2]}, settings=where, study=toys.AT_ONCE)
    before = stores.places(out)
    assert len(before) == 2 and set(stores.marks(marks).values()) <= {1, 2}  # padded units
    first = stores.marks(marks)
    whole = stores.run(out, {"size": [1, 2, 3]}, settings=where, study=toys.AT_ONCE, seeds=4)
    after = stores.places(out)
    assert before.items() <= after.items() and len(after) == 6
    assert first.items() <= stores.marks(marks).items() and bool(whole.computed.all())
    assert len(stores.marks(marks)) == 12
    marked = stores.marks(marks)
    smaller = stores.run(out, {"size": [2]}, settings=where, study=toys.AT_ONCE, seeds=3)
    assert stores.places(out) == after and stores.marks(marks) == marked
    for name in ("recalled", "set_mean", "name", "trials"):
        xr.testing.assert_equal(
            smaller[name].variable, whole[name].sel(size=[2], seed=[0, 1, 2]).variable
        )
    other = stores.run(out, {"size": [2]}, settings=where, study=toys.AT_ONCE, chunk=1)
    assert stores.places(out) == after and other.sizes["seed"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"settings": {"kind": "other"}},
            r"same settings, but has `kind` = 'one', and not 'other'",
        ),
        ({"grid": {"size": [1]}, "settings": {"most": 3}}, r"`most` = None, and not 3"),
        ({"study": toys.AT_ONCE}, r"a sweep of `toy-many`, but has one of `toy`"),
    ],
)
def test_settings_that_would_mix_are_refused_by_name(change, message, tmp_path):
    stores.run(tmp_path)
    before = stores.files(tmp_path)
    with pytest.raises(ConfigError, match=message):
        stores.run(tmp_path, **change)
    assert stores.files(tmp_path) == before


def test_other_seeds_are_other_units(tmp_path):
    stores.run(tmp_path)
    before = stores.places(tmp_path)
    stores.run(tmp_path, settings={"seed": 7})
    assert before.items() <= stores.places(tmp_path).items()


def test_another_environment_is_refused_by_name(tmp_path, monkeypatch):
    stores.run(tmp_path)
    before = stores.files(tmp_path)
    other = {**record.versions(), "jax": "0.0.1"}
    monkeypatch.setattr("nam_jax.sweep._chunk.versions", lambda: other)
    with pytest.raises(
        ConfigError, match=r"this environment, but has jax \S+ there and 0.0.1 here"
    ):
        stores.run(tmp_path)
    assert stores.files(tmp_path) == before
    assert "8 of 8 units" in str(sweep.status(tmp_path, [toys.ONE_BY_ONE]))


def test_other_precision_is_refused_by_name(tmp_path):
    import jax

    stores.run(tmp_path)
    with (
        jax.enable_x64(True),
        pytest.raises(ConfigError, match="but has jax_enable_x64 False ther"),
    ):
        stores.run(tmp_path)


def test_files_of_the_user_are_found_before_anything_runs(tmp_path, marks):
    out = tmp_path / "out"
    out.mkdir()
    (out / "config.toml").write_text("mine")
    with pytest.raises(ConfigError, match=r"config.toml: was not written by a run"):
        stores.run(out, settings={"where": str(marks)})
    assert os.listdir(out) == ["config.toml"] and list(marks.iterdir()) == []


def test_failed_chunks_are_counted_and_the_others_kept(tmp_path, marks, capsys):
    settings = {"where": str(marks)}
    grid = {"size": [1, 2], "fault": ["", "raise", "input"]}
    message = (
        r"^4 of 6 chunks failed and all others are kept; the first, \w+, with ValueError: no luck"
    )
    with pytest.raises(SweepError, match=message):
        stores.run(tmp_path / "out", grid, settings=settings, seeds=None, chunk=1, progress=True)
    assert "4 failed" in capsys.readouterr().err
    there = sweep.read(tmp_path / "out", [toys.ONE_BY_ONE])
    assert there.computed.sel(fault="").all() and int(there.computed.sum()) == 2
    assert np.isnan(there.recalled.sel(fault="raise")).all()
    assert os.listdir(tmp_path / "out" / "chunks" / "claims") == []


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "other"])
def test_a_damaged_chunk_is_named_and_made_anew_on_request(how, tmp_path, capsys, monkeypatch):
    whole = stores.run(tmp_path)
    before = stores.files(tmp_path / "chunks")
    file = sorted((tmp_path / "chunks").glob("*.safetensors"))[1]
    data = bytearray(file.read_bytes())
    data[-9] ^= 4
    file.write_bytes({"cut": data[:-20], "flipped": data, "empty": b"", "other": b"x" * 99}[how])
    with pytest.raises(
        StoreError, match=rf"{file.name}: cannot be read .*; give --repair, or repair"
    ):
        stores.run(tmp_path)
    monkeypatch.setattr("nam_jax.cli._main.STUDIES", (toys.ONE_BY_ONE,))
    assert cli.main(["plot", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and file.name in message
    untouched = stores.places(tmp_path)
    xr.testing.assert_identical(stores.run(tmp_path, repair=True), whole)
    assert stores.files(tmp_path / "chunks") == before
    changed = {name for name, place in stores.places(tmp_path).items() if untouched[name] != place}
    assert changed == {file.name}


@pytest.mark.parametrize(
    "text",
    ["{}", '{"study": "toy", "environment": {}, "grids": [], "current": 0}',
     '{"study": "toy", "environment": {}, "grids": [3], "current": 0}',
     '{"study": "toy", "environment": {}, "grids": [{"zebra": 1}], "current": 0}',
     '{"study": "toy", "environment": {}, "grids": [{"grid": 3}], "current": 0}'],
)  # fmt: skip
def test_a_damaged_header_is_refused_in_one_line(text, tmp_path):
    (tmp_path / "chunks").mkdir()
    (tmp_path / "chunks" / "store.json").write_text(text)
    for call in (sweep.status, sweep.read):
        with pytest.raises(ConfigError, match=r"store.json: is damaged, or of another version"):
            call(tmp_path, [toys.ONE_BY_ONE])


def test_status_of_what_is_no_sweep(tmp_path):
    with pytest.raises(ConfigError, match="is not the folder of a sweep"):
        sweep.status(tmp_path, [toys.ONE_BY_ONE])
    stores.run(tmp_path)
    with pytest.raises(ConfigError, match="is of an unknown study, 'toy'"):
        sweep.status(tmp_path, [toys.AT_ONCE])


def test_a_full_disk_is_told_and_harms_nothing(tmp_path, monkeypatch):
    whole = stores.run(tmp_path / "whole")
    write, left = os.fsync, [2]  # the header, and the first chunk

    def full(place):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        write(place)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StoreError, match=r"\(No space left on device\); the chunks before it are kept"
    ):
        stores.run(tmp_path / "full")
    assert len(stores.places(tmp_path / "full")) == 1
    assert "2 of 8 units (1 of 4 chunks)" in str(sweep.status(tmp_path / "full", [toys.ONE_BY_ONE]))
    left[0] = 3  # for the chunks that are left; none for the results
    with pytest.raises(
        StoreError, match=r"result.zarr cannot be written \(No space left on device\)"
    ):
        stores.run(tmp_path / "full")
    monkeypatch.undo()
    xr.testing.assert_identical(stores.run(tmp_path / "full"), whole)
    assert stores.files(tmp_path / "full") == stores.files(tmp_path / "whole")


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_the_command_with_its_status_and_a_sentence(
    number, status, tmp_path, marks, capsys, monkeypatch
):
    monkeypatch.setattr("nam_jax.cli._main.STUDIES", (toys.ONE_BY_ONE,))
    words = ["sweep", "toy", "--grid", "size=1,2", "--seeds", "3", "--chunk", "1", "--quiet"]
    words += ["--where", str(marks), "--out", str(tmp_path / "out")]
    # A process that runs in the background, as the gate may, ignores SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ended = cli.main([*words, "--zip", "level=0.5,0.6", f"fault=,{number}"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == status
    said = "interrupted; finished chunks are kept, and the same command goes on with the rest."
    assert capsys.readouterr().err == f"nam-jax: {said}\n"
    assert len(stores.places(tmp_path / "out")) == 3
    assert os.listdir(tmp_path / "out" / "chunks" / "claims") == []
    assert not (tmp_path / "out" / "result.zarr").exists()
    assert cli.main(["sweep", "--status", str(tmp_path / "out")]) == 0
    assert "toy: 3 of 12 units (3 of 12 chunks)" in capsys.readouterr().out


def test_the_command_plots_and_tells_of_a_sweep(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("nam_jax.cli._main.STUDIES", (toys.ONE_BY_ONE,))
    words = ["sweep", "toy", "--grid", "size=1,2", "--seeds", "2", "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    out, err = capsys.readouterr()
    assert "config.toml, result.zarr, figure.png" in out and "4 of 4 units" in err
    assert cli.main(["plot", str(tmp_path / "out"), "--out", str(tmp_path / "figures")]) == 0
    assert (tmp_path / "figures" / "figure.png").exists()
    assert cli.main([*words, "--format", "svg"]) == 0
    assert "config.toml, result.zarr, figure.svg" in capsys.readouterr().out
    assert not (tmp_path / "out" / "figure.png").exists()
    assert cli.main([*words, "--format", "bmp"]) == 2
    assert "--format: invalid choice: 'bmp'" in capsys.readouterr().err
    assert cli.main(["sweep", "toy", "--out", str(tmp_path / "none")]) == 2
    assert "is empty" in capsys.readouterr().err and not (tmp_path / "none").exists()


def test_status_starts_no_jax(tmp_path):
    """Nor does it import what takes long."""
    header = {"study": "rate", "environment": {}, "grids": [{"study": "rate", "seeds": 3}]}
    record.Store(tmp_path).agree(lambda _: {**header, "current": 0})
    code = (
        "import sys\nfrom nam_jax import cli\n"
        f"cli.main(['sweep', '--status', {str(tmp_path)!r}])\n"
        "print(*{'jax', 'numpy', 'xarray', 'distributed'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "rate: 0 of 3 units (0 of 1 chunks)\n\n", done.stderr


def test_two_runs_at_once_compute_nothing_twice(tmp_path, marks):
    """Threads take turns at a unit's pause, and have claims of their own as processes have."""
    options = {"settings": {"where": str(marks), "pause": 0.02}, "seeds": 6, "chunk": 1}
    results, errors = [], []

    def work():
        try:
            results.append(stores.run(tmp_path / "out", **options))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors and len(results) == 3
    for result in results[1:]:
        xr.testing.assert_identical(result, results[0])
    assert set(stores.marks(marks).values()) == {1} and len(stores.marks(marks)) == 24
    assert os.listdir(tmp_path / "out" / "chunks" / "claims") == []


def test_runs_of_different_grids_at_once_get_what_they_asked_for(tmp_path, marks, monkeypatch):
    """The second one comes between the plan of the first and its end."""
    from nam_jax.sweep import _run

    compute, others = _run._compute, []

    def disturbed(*arguments):
        if not others:
            others.append(None)
            others.append(stores.run(tmp_path / "out", {"size": [2, 3]}))
        return compute(*arguments)

    monkeypatch.setattr(_run, "_compute", disturbed)
    first = stores.run(tmp_path / "out", {"size": [1, 2]})
    assert first["size"].values.tolist() == [1, 2] and bool(first.computed.all())
    assert others[1]["size"].values.tolist() == [2, 3] and bool(others[1].computed.all())
    xr.testing.assert_equal(first.sel(size=2).set_mean, others[1].sel(size=2).set_mean)


def test_a_chunk_that_another_run_has_failed_to_make_is_taken_over(tmp_path, monkeypatch):
    """It waits while the other one has the claim."""
    from nam_jax.sweep import _run

    whole = stores.run(tmp_path / "whole")
    name = sorted(stores.places(tmp_path / "whole"))[0].removesuffix(".safetensors")
    naps = []
    claimed = record.Store.claim
    monkeypatch.setattr(_run.time, "sleep", naps.append)

    @contextlib.contextmanager
    def busy(self, chunk):
        if chunk == name and len(naps) < 3:
            yield False
        else:
            with claimed(self, chunk) as mine:
                yield mine

    monkeypatch.setattr(record.Store, "claim", busy)
    xr.testing.assert_identical(stores.run(tmp_path / "out"), whole)
    assert len(naps) == 3
