"""The output folder of a run: it changes as a whole, and only what runs made is replaced."""

import json
import os
import shutil
import signal

import pytest
from faults import Death, Faults, injected

from nam_jax.record import ConfigError, staged_folder, stopped_by_signals
from nam_jax.record._owned import MARK
from nam_jax.record._staging import item


def write_run(folder, text, *more):
    """Writes what a run leaves, in short."""
    names = ["config.toml", "result.zarr", *more]
    for name in ("config.toml", *more):
        (folder / name).write_text(f"{MARK}\n{text}")
    store = folder / "result.zarr"
    (store / "x").mkdir(parents=True)
    (store / ".zattrs").write_text(json.dumps({"study": text, "files": json.dumps(names)}))
    (store / "x" / ".zarray").write_text("{}")
    (store / "x" / "0").write_text(text)


def write(out, text, *more, **arguments):
    with staged_folder(out, **arguments) as staging:
        write_run(staging, text, *more)


def seen(out):
    """The texts of all items of the run, as a reader finds them."""
    names = ("config.toml", "result.zarr/.zattrs", "result.zarr/x/0", "old.txt", "new.txt")
    texts = {}
    for name in names:
        first, _, rest = name.partition("/")
        path = item(out, first) / rest
        if path.is_file():
            text = path.read_text()
            texts[name] = json.loads(text)["study"] if "zattrs" in name else text.split("\n")[-1]
    return texts


def whole(text, *more):
    names = ("config.toml", "result.zarr/.zattrs", "result.zarr/x/0", *more)
    return dict.fromkeys(names, text)


def names(folder):
    return sorted(os.listdir(folder))


def test_staged_folder_replaces_an_earlier_run_and_keeps_the_rest(tmp_path):
    out = tmp_path / "new" / "run"
    for text, more in (("first", "old.txt"), ("second", "new.txt")):
        with staged_folder(out) as staging:
            write_run(staging, text, more)
            assert staging.is_relative_to(out)
        (out / "notes.txt").write_text("mine")
        assert names(out) == sorted(["config.toml", "notes.txt", "result.zarr", more])
        assert seen(out) == whole(text, more)


def test_staged_folder_leaves_nothing_of_a_failed_run(tmp_path):
    out = tmp_path / "new" / "run"
    with pytest.raises(RuntimeError), staged_folder(out) as staging:
        write_run(staging, "failed")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []

    write(out, "good")
    with pytest.raises(KeyboardInterrupt), staged_folder(out) as staging:
        write_run(staging, "failed")
        raise KeyboardInterrupt
    assert names(out) == ["config.toml", "result.zarr"] and seen(out) == whole("good")


def test_staged_folder_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below"):
        with pytest.raises(ConfigError, match=r"`out` must .*file"), staged_folder(out):
            pytest.fail("The block must not run.")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("deadly", [True, False])
def test_after_a_fault_or_death_at_any_change_the_run_is_old_or_new(
    earlier, deadly, tmp_path, monkeypatch
):
    """The next run then succeeds, and removes all that was left."""
    monkeypatch.setattr(os, "fsync", lambda place: None)  # it takes most of the time
    start, ends = 0, set()
    for start in range(1, 1000):
        out = tmp_path / str(start) / "deep" / "run"
        if earlier:
            write(out, "old", "old.txt")
            (out / "notes.txt").write_text("mine")
        faults = Faults(start, deadly=deadly)
        try:
            with injected(faults, monkeypatch):
                write(out, "new", "new.txt")
        except (Death, OSError, ConfigError):
            failed = True
        else:
            failed = False
        if faults.count < start:  # all changes have been tried
            assert not failed
            break
        old = whole("old", "old.txt") if earlier else {}
        new = whole("new", "new.txt")
        assert seen(out) in (old, new), start
        assert failed or seen(out) == new, start
        ends.add(seen(out) == new)
        write(out, "third")
        left = names(out)
        assert left == ["config.toml", *["notes.txt"] * earlier, "result.zarr"], (start, left)
        assert seen(out) == whole("third"), start
    assert start > 30 and ends == {True, False}


@pytest.mark.parametrize(
    "make",
    [
        lambda out: (out / "config.toml").mkdir(),
        lambda out: (out / "config.toml").write_text("seed = 3"),
        lambda out: (out / "config.toml").symlink_to(out / "notes.txt"),
        lambda out: os.mkfifo(out / "config.toml"),
        lambda out: (out / "result.zarr").write_text("mine"),
        lambda out: (out / "result.zarr").mkdir() or (out / "result.zarr/notes.txt").write_text(""),
        lambda out: write_run(out, "old") or (out / "result.zarr/x/notes.txt").write_text(""),
        lambda out: write_run(out, "old") or (out / "result.zarr/y").symlink_to(out),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_items_of_the_user_are_neither_replaced_nor_removed(make, early, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    make(tmp_path)
    if (tmp_path / "config.toml").is_dir():
        (tmp_path / "config.toml" / "precious").write_text("mine")
    before = {path: path.lstat().st_ino for path in sorted(tmp_path.rglob("*"))}
    needed = ("config.toml", "result.zarr") if early else ()
    with pytest.raises(
        ConfigError, match=r"(config.toml|result.zarr).*: (was not written|is a sym)"
    ):
        write(tmp_path, "new", names=needed)
    assert before.items() <= {path: path.lstat().st_ino for path in tmp_path.rglob("*")}.items()
    kept = [name for name in names(tmp_path) if name.startswith("nam-jax-")]
    assert len(kept) == (0 if early else 1)  # found only after the work: the results are kept
    assert early or seen(tmp_path / kept[0]) == whole("new")
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_run_replaces_its_own_items_also_where_its_numbers_were_deleted(tmp_path):
    write(tmp_path, "old", "old.txt")
    shutil.rmtree(tmp_path / "result.zarr")
    (tmp_path / "result.zarr").mkdir()
    (tmp_path / ".DS_Store").write_text("")
    write(tmp_path, "new", names=("config.toml", "result.zarr"))
    assert seen(tmp_path) == whole("new", "old.txt") | {"old.txt": "old"}
    (tmp_path / "result.zarr" / ".DS_Store").write_text("")
    write(tmp_path, "newer", names=("config.toml", "result.zarr"))
    assert seen(tmp_path) == whole("newer") | {"old.txt": "old"}


def test_folders_of_dead_runs_are_removed_and_those_of_live_ones_are_not(tmp_path, monkeypatch):
    faults = Faults(8, deadly=True)
    with pytest.raises(Death), injected(faults, monkeypatch):
        write(tmp_path, "dead")
    (tmp_path / ".nam-jax-12345678").mkdir()  # died before it was locked
    (tmp_path / ".nam-jax-87654321" / "new").mkdir(parents=True)  # written after it was removed
    assert len(names(tmp_path)) == 3
    with staged_folder(tmp_path) as first:
        assert names(tmp_path) == [first.parent.name]
        write(tmp_path, "second")
        write_run(first, "first")
        assert names(tmp_path) == [first.parent.name, "config.toml", "result.zarr"]
    assert names(tmp_path) == ["config.toml", "result.zarr"] and seen(tmp_path) == whole("first")


@pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="needs signals")
def test_a_signal_during_the_moves_waits_for_their_end(tmp_path, monkeypatch):
    rename, handled = os.rename, []

    def interrupted(*places):
        signal.raise_signal(signal.SIGTERM)
        handled.append(places)
        rename(*places)

    write(tmp_path, "old")
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught, stopped_by_signals():
        write(tmp_path, "new")
    assert caught.value.__notes__ == ["all results were written"] and len(handled) > 3
    assert seen(tmp_path) == whole("new") and names(tmp_path) == ["config.toml", "result.zarr"]


def test_an_item_that_the_run_has_read_stays(tmp_path):
    write(tmp_path, "old", "old.txt")
    write(tmp_path, "new", kept={os.path.realpath(tmp_path / "old.txt")})
    assert seen(tmp_path) == whole("new") | {"old.txt": "old"}
