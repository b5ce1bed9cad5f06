"""Hidden folders for unfinished files; those of processes that have died are removed.

A staging folder is `.nam-jax-XXXXXXXX` beside the files that it will replace. While its process
lives, it holds a lock on the file `lock` inside; the system releases the lock when the process
ends, however it ends. So the next writer knows which staging folders are left over. Where the
system or the disk has no locks, they stay.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nam_jax.record._signals import signals_held

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PREFIX, LOCK, JOURNAL, NEW = ".nam-jax-", "lock", "journal.json", "new"
TURN = ".nam-jax.lock"
BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
ATTEMPTS = 10


class Change(NamedTuple):
    """What one commit changes in a folder.

    Attributes:
        new: Names that arrive, also in place of old items.
        gone: Names of old items that leave and get no successor.
    """

    new: list[str]
    gone: list[str]


@contextlib.contextmanager
def staging_in(folder: Path) -> Iterator[Path]:
    """Returns a context manager that yields a new staging folder, and removes it at the end.

    It first removes staging folders in `folder` whose process has died. A staging folder with a
    journal, which says how to finish an unfinished change of `folder`, is never removed.

    Args:
        folder: An existing folder.

    Raises:
        OSError: If `folder` cannot be written.
    """
    with signals_held():  # a signal between two of these calls would leave a folder
        remove_dead(folder)
        stage, lock = _make(folder)
    try:
        yield stage
    finally:
        with signals_held(), lock:
            remove(stage)


def remove_dead(folder: Path) -> None:
    """Removes staging folders in `folder` whose process has died and left no journal."""
    for stage in stages(folder):
        _remove_if_dead(stage)


def stages(folder: Path) -> list[Path]:
    """Returns the staging folders in `folder`, sorted by name."""
    with contextlib.suppress(OSError):
        return sorted(
            Path(entry.path)
            for entry in os.scandir(folder)
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
        )
    return []


def item(folder: Path, name: str) -> Path:
    """Returns where an item of a run lies: in `folder`, or still in a staging folder with journal.

    An item that the newest run does not have is nowhere: the path does not exist.

    Args:
        folder: The folder of the run.
        name: Name of the item, such as `config.toml`.
    """
    for stage in stages(folder):
        change = journal(stage)
        waits = change is not None and os.path.lexists(stage / NEW / name)
        if waits or (change is not None and name in change.gone):
            return stage / NEW / name
    return folder / name


def journal(stage: Path) -> Change | None:
    """Returns the change that a staging folder has begun to make; None if it has begun none."""
    try:
        return Change(**json.loads((stage / JOURNAL).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None


def remove(stage: Path) -> None:
    """Removes a staging folder if it has no journal; what cannot be removed stays.

    The lock goes last, because a folder without one is not known to be left over.
    """
    if (stage / JOURNAL).exists():
        return
    with contextlib.suppress(OSError):
        for item in stage.iterdir():
            if item.name != LOCK:
                remove_item(item)
        if os.listdir(stage) in ([], [LOCK]):
            (stage / LOCK).unlink(missing_ok=True)
            stage.rmdir()


def remove_item(path: Path) -> None:
    """Removes a file, a link, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Returns a context manager that one process at a time enters; the others wait.

    Without locks on this system or disk, all enter.
    """
    path = folder / TURN
    with _turn_taken(path):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows removes no open file
                path.unlink()


def _turn_taken(path: Path) -> BinaryIO:
    """Opens and locks the file; takes another one if the last owner has removed it meanwhile."""
    while True:
        try:
            file = open(path, "ab")  # noqa: SIM115
        except PermissionError:  # left by another user; a lock needs no right to write
            file = open(path, "rb")  # noqa: SIM115
        with contextlib.suppress(OSError):
            _lock(file, wait=True)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def lock_of(path: Path) -> BinaryIO | None:
    """Makes a file and locks it; returns it open, or None if another process has locked it.

    The owner removes the file before it closes it. Where there are no locks, all become owners.
    """
    while True:
        file = open(path, "ab")  # noqa: SIM115
        if _is_free(file) is False:
            file.close()
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # its last owner has removed it meanwhile


def _make(folder: Path) -> tuple[Path, BinaryIO]:
    """Makes a staging folder; returns it and its open lock.

    Another process may see the folder before it is locked and remove it; then a new one is made.
    """
    for _ in range(ATTEMPTS):
        stage = folder / f"{PREFIX}{secrets.token_hex(4)}"
        stage.mkdir()
        with contextlib.suppress(FileNotFoundError):
            lock = open(stage / LOCK, "xb")  # noqa: SIM115
            if _is_free(lock) is not False and (stage / LOCK).exists():
                return stage, lock
            lock.close()
    raise OSError(errno.EAGAIN, "another process removes the folder of unfinished files", folder)


def _remove_if_dead(stage: Path) -> None:
    try:
        with open(stage / LOCK, "r+b") as lock:
            if _is_free(lock):
                remove(stage)
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            stage.rmdir()  # its process ended before it made the lock
            return
        if not (stage / LOCK).exists():  # a lock is made first and removed last
            remove(stage)  # what a thread has written after an error
    except OSError:
        return  # the folder of another user


def _is_free(file: BinaryIO) -> bool | None:
    """Locks an open file; returns False if another process has it, None if there are no locks."""
    try:
        return _lock(file, wait=False)
    except OSError as error:
        return False if error.errno in BUSY else None


def _lock(file: BinaryIO, *, wait: bool) -> bool | None:
    if fcntl is None:
        return None
    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    return True
