"""The output folder of a run: written whole or not at all."""

import pytest

from nam_jax.record import ConfigError, staged_folder


def write_run(folder, text):
    (folder / "config.toml").write_text(text)
    (folder / "result.zarr").mkdir()
    (folder / "result.zarr" / text).write_text(text)


def test_staged_folder_replaces_an_earlier_run_and_keeps_the_rest(tmp_path):
    out = tmp_path / "new" / "run"
    for text in ("first", "second"):
        with staged_folder(out) as staging:
            write_run(staging, text)
            assert staging.parent == out
        (out / "notes.txt").write_text("mine")
    assert sorted(path.name for path in out.iterdir()) == [
        "config.toml",
        "notes.txt",
        "result.zarr",
    ]
    assert (out / "config.toml").read_text() == "second"
    assert [path.name for path in (out / "result.zarr").iterdir()] == ["second"]


def test_staged_folder_leaves_nothing_of_a_failed_run(tmp_path):
    out = tmp_path / "new" / "run"
    with pytest.raises(RuntimeError), staged_folder(out) as staging:
        write_run(staging, "failed")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []

    with staged_folder(out) as staging:
        write_run(staging, "good")
    with pytest.raises(KeyboardInterrupt), staged_folder(out) as staging:
        write_run(staging, "failed")
        raise KeyboardInterrupt
    assert sorted(path.name for path in out.iterdir()) == ["config.toml", "result.zarr"]
    assert (out / "config.toml").read_text() == "good"


def test_staged_folder_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below"):
        with pytest.raises(ConfigError, match=r"`out` must .*file"), staged_folder(out):
            pytest.fail("The block must not run.")
    assert file.read_text() == "mine"
