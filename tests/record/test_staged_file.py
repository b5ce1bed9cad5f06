"""A file that is written whole or not at all."""

import contextlib
import os

import pytest
from faults import Death, Faults, injected

from nam_jax.record import staged_file


def test_the_file_appears_at_the_end_with_the_usual_rights(tmp_path):
    path = tmp_path / "a.txt"
    with staged_file(path) as place:
        place.write_text("new")
        assert not path.exists()
    (tmp_path / "plain").write_text("")
    assert path.read_text() == "new"
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("content", [None, "old"])
def test_an_error_leaves_what_there_was(content, tmp_path):
    path = tmp_path / "a.txt"
    if content is not None:
        path.write_text(content)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyError), staged_file(path) as place:
        place.write_text("half")
        raise KeyError
    assert sorted(tmp_path.iterdir()) == before
    assert content is None or path.read_text() == content


def test_an_earlier_file_is_replaced_also_through_a_link(tmp_path):
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with staged_file(link) as place:
        place.write_text("new")
    assert link.is_symlink() and target.read_text() == "new"


def test_nothing_but_a_file_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "folder", tmp_path / "pipe", "/dev/null"):
        with pytest.raises(FileExistsError, match="is not an ordinary file"), staged_file(path):
            pytest.fail("the block must not start")
    with pytest.raises(FileNotFoundError), staged_file(tmp_path / "none" / "a.txt"):
        pytest.fail("the block must not start")


@pytest.mark.parametrize("deadly", [True, False])
def test_after_a_fault_or_death_at_any_change_the_file_is_old_or_new(deadly, tmp_path, monkeypatch):
    path, text, at = tmp_path / "a.txt", "old", 0
    path.write_text(text)
    while text != "done":
        at += 1
        faults = Faults(at, deadly=deadly)
        new = f"new {at}"
        with contextlib.suppress(Death, OSError), injected(faults, monkeypatch):
            with staged_file(path) as place:
                place.write_text(new)
            new = "done" if faults.count < at else new
        assert path.read_text() in (text, new.replace("done", f"new {at}"))
        text = "done" if new == "done" else path.read_text()
    assert at > 5 and os.listdir(tmp_path) == ["a.txt"]
