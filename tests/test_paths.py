"""Paths as users give them: home folders, strange names, and what is no ordinary file."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from refusals import REFUSED

import nam_jax as nam
from nam_jax import cli, data
from nam_jax._paths import existing_file, expanded, kind_of


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of our own, beside the current folder."""
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_the_home_folder_is_expanded_and_a_folder_of_that_name_is_not(home):
    assert expanded("path", "~/x") == expanded("path", Path("~/x")) == home / "x"
    for text in ("x", "a/~/x", "/~"):
        assert expanded("path", text) == Path(text)
    named = expanded("path", "./~/x")
    assert named == Path.cwd() / "~" / "x" and expanded("path", named) == named


@pytest.mark.parametrize("path", ["~nobody12345/x", "a\0b", "\ud800"])
def test_a_path_that_cannot_be_is_refused(path):
    with pytest.raises(ValueError, match=r"^Argument `path` must (be a path|lie in a home folder)"):
        expanded("path", path)


@pytest.mark.parametrize("path", [b"x", 5, None])
def test_a_path_of_a_wrong_type_is_refused(path):
    with pytest.raises(REFUSED, match="path"):
        expanded("path", path)


def network():
    return nam.network.Hopfield(np.eye(3, dtype=np.float32))


def test_every_door_expands_the_home_folder(home):
    nam.save("~/network", network())
    assert (home / "network").is_file() and nam.load("~/network").weights.shape == (3, 3)
    data.save_codec(data.load_codec(), "~/codec")
    assert data.load_codec("~/codec").num_bits == 768 and "depth" in data.codec_metadata("~/codec")
    assert not list(Path.cwd().iterdir())


DOORS = {
    "load": nam.load,
    "save": lambda path: nam.save(path, network()),
    "load_codec": data.load_codec,
    "codec_metadata": data.codec_metadata,
    "load_images": data.load_images,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_a_home_of_nobody(door):
    with pytest.raises(ValueError, match="must lie in a home folder that exists, but has ~nobody"):
        DOORS[door]("~nobody12345/x")


@pytest.mark.parametrize("flag", ["--out", "--config"])
def test_flags_that_are_paths_refuse_a_home_of_nobody(flag, home, capsys):
    out = [] if flag == "--out" else ["--out", "out"]
    assert cli.main(["retrieve", "--quiet", *out, f"{flag}=~nobody12345/x"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "~nobody12345" in message
    assert not list(Path.cwd().iterdir())


SPECIAL = {
    "named pipe": lambda path: os.mkfifo(path),
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_ordinary_file_is_never_opened(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets must be short
    SPECIAL[kind](Path("x"))
    assert kind_of(Path("x")) == kind
    for door in ("load", "load_codec", "codec_metadata", "load_images"):
        with pytest.raises(ValueError, match=rf"^x: expected a file.* found a {kind}\.$"):
            DOORS[door]("x")


def test_a_folder_and_nothing_are_no_files(tmp_path):
    with pytest.raises(ValueError, match=r": expected a file, found a folder\.$"):
        existing_file("path", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"x: there is no such file\.$"):
        existing_file("path", tmp_path / "x")
    with pytest.raises(OSError, match=r": cannot be read \(.*\)\.$"):
        kind_of(tmp_path / ("x" * 5000))
