"""Paths as users give them. Imports no other room, and no JAX."""

import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def expanded(name: str, path: str | os.PathLike[str]) -> Path:
    """Returns a path whose `~` or `~user` at the start is replaced by the home folder.

    Every function that takes a path from a user calls this function, so that all parts of a run
    read and write in one place. The folder `./~` is not the home folder; its path becomes absolute,
    so that a second call does not change it.

    Args:
        name: The argument's name, for the error.
        path: The path.

    Raises:
        ValueError: If there is no such home folder, or no file can have this name.
    """
    try:
        text = os.fspath(path)
        os.fsencode(text)
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"Argument `{name}` must be a path, but has {path!a}.") from error
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(f"Argument `{name}` must be a path, but has {path!a}.")
    full = os.path.expanduser(text)
    if full.startswith("~"):
        user = full.split(os.sep)[0]
        raise ValueError(
            f"Argument `{name}` must lie in a home folder that exists, but has {text}; for a "
            f"folder that is called {user} write ./{text}."
        )
    place = Path(full)
    return place.absolute() if str(place).startswith("~") else place


def kind_of(path: Path) -> str | None:
    """Returns what is at a path, such as "file", "folder" or "named pipe"; None for nothing.

    Raises:
        OSError: If that cannot be found out, for example in a folder that must not be read.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise type(error)(f"{path}: cannot be read ({error.strerror}).") from error
    return _KINDS.get(stat.S_IFMT(mode), "special file")


def existing_file(name: str, path: str | os.PathLike[str]) -> Path:
    """Returns the expanded path of an ordinary file.

    A named pipe or a device is refused, because reading it may never end.

    Args:
        name: The argument's name, for the error.
        path: The path.

    Raises:
        FileNotFoundError: If nothing is there.
        ValueError: If no file can have this name, or a folder or a special file is there.
    """
    file = expanded(name, path)
    kind = kind_of(file)
    if kind is None:
        raise FileNotFoundError(f"{file}: there is no such file.")
    if kind != "file":
        raise ValueError(f"{file}: expected a file, found a {kind}.")
    return file
