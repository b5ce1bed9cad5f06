"""Tells which items of a folder were written by runs: only those may be replaced or removed.

Each kind of item carries a mark. `result.zarr` names its study in its attributes, and all files of
the run in the attribute `files`; `config.toml` and `log.txt` start with a line that names nam-jax;
figures name it as their software or creator.
"""

import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

CONFIG, RESULT, LOG = "config.toml", "result.zarr", "log.txt"
FILES = "files"
"""Attribute of `result.zarr`: names of all items of the run, as JSON."""

MARK = "# Written by nam-jax."
"""First line of `config.toml` and `log.txt`."""

Format = Literal["png", "pdf", "svg"]
"""A format of figures, which is also the end of their names."""
FORMATS: tuple[Format, ...] = get_args(Format)

SOFTWARE: dict[Format, dict[str, str | None]] = {
    "png": {"Software": "nam-jax"},
    "pdf": {"Creator": "nam-jax", "CreationDate": None},
    "svg": {"Creator": "nam-jax", "Date": None},
}
"""Metadata of figures, by format. They hold no date, so that equal numbers give equal files."""

LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""Files that desktops add to every folder that is looked at; they hold nothing of the user's."""


def refusal(folder: Path, names: Iterable[str]) -> str | None:
    """Returns why an item of `folder` with one of `names` may not be replaced; None if all may.

    Args:
        folder: The output folder of a run.
        names: Names that the run writes.
    """
    listed, unlisted_run = _listed(folder), _is_run_without_list(folder)
    for name in names:
        path = folder / name
        if not os.path.lexists(path):
            continue
        if path.is_symlink():
            return f"{path}: is a symbolic link, which a run does not replace"
        if path.is_dir():
            stranger = _stranger(path)
            if stranger is not None:
                return f"{stranger}: was not written by a run, so {path} is not replaced"
            if not all(os.access(place, os.W_OK | os.X_OK) for place, _, _ in os.walk(path)):
                return f"{path}: cannot be written, so it is not replaced"
        elif not stat.S_ISREG(path.stat().st_mode) or not (
            unlisted_run or name in listed or _is_marked(path)
        ):
            return f"{path}: was not written by a run, so it is not replaced"
    return None


def made(folder: Path, *, anew: bool) -> set[str]:
    """Returns names of items that a new run removes: an old log and, if `anew`, the earlier run.

    To the earlier run belong its figures in other formats too, which `redraw` may have added.
    """
    names = _listed(folder) if anew and _is_ours(folder / RESULT) else set()
    figures = {Path(name).stem for name in names if Path(name).suffix[1:] in FORMATS}
    formats = {f"{name}.{ending}" for name in figures for ending in FORMATS}
    names |= {name for name in formats if _is_marked(folder / name)}
    removable = {name for name in names if refusal(folder, [name]) is None}
    return removable | ({LOG} if _is_marked(folder / LOG) else set())


def _listed(folder: Path) -> set[str]:
    """Returns the names that the run in `folder` has listed."""
    try:
        names = json.loads(_attributes(folder / RESULT)[FILES])
        return {name for name in names if Path(name).name == name}  # names here, not paths
    except (KeyError, TypeError, ValueError):
        return set()


def _is_run_without_list(folder: Path) -> bool:
    """Returns whether a version that listed no files wrote the run in `folder`."""
    return _is_ours(folder / RESULT) and FILES not in _attributes(folder / RESULT)


def _is_ours(store: Path) -> bool:
    return isinstance(_attributes(store).get("study"), str)


def _attributes(store: Path) -> dict[str, Any]:
    try:
        attributes = json.loads((store / ".zattrs").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return attributes if isinstance(attributes, dict) else {}


def _stranger(folder: Path) -> Path | None:
    """Returns the first item in a folder that a run did not write, or the folder; None if none.

    A folder of a run is `result.zarr`: zarr's metadata, and folders with the chunks of an array.
    A folder without any file holds nothing of the user's.
    """
    array = re.compile(r"\.zarray|\.zattrs|\d+(\.\d+)*")
    group = re.compile(r"\.zgroup|\.zattrs|\.zmetadata")
    empty = True
    for place, folders, files in os.walk(folder):
        known = group if Path(place) == folder else array
        for name in sorted({*files} - LITTER):
            empty = False
            if not known.fullmatch(name) or os.path.islink(Path(place, name)):
                return Path(place, name)
        for name in folders:
            if os.path.islink(Path(place, name)):
                return Path(place, name)
    return None if empty or _is_ours(folder) else folder


def _is_marked(path: Path) -> bool:
    """Returns whether a file starts with one of our marks."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with open(path, "rb") as file:
            start = file.read(4096)
            file.seek(max(path.stat().st_size - 2**20, 0))
            end = file.read() if start.startswith(b"%PDF") else b""
    except OSError:
        return False
    png = start.startswith(b"\x89PNG") and b"Software\0nam-jax" in start
    svg = start.startswith(b"<?xml") and b"<dc:title>nam-jax</dc:title>" in start
    return png or svg or b"/Creator (nam-jax)" in end or start.startswith(MARK.encode())
