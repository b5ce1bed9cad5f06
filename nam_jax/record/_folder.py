"""Writes the output folder of a run completely or not at all.

A run replaces several items of a folder in which the user may keep files of their own, so no single
rename can do it. The new items are first written to a staging folder. A journal that names all
changes is the point of no return:

    runs/x/config.toml, result.zarr           the old run
    runs/x/.nam-jax-5e0f/new/config.toml ...  the new run, complete
    runs/x/.nam-jax-5e0f/journal.json         from here on, the new run counts
    runs/x/.nam-jax-5e0f/old/config.toml ...  the old run, moved aside and removed at the end

If the process dies before the journal is there, the old run is untouched. If it dies later, readers
take what is still in `new` from there (`item`), and the next writer finishes the moves.
`config.toml` leaves first and arrives last, so that never a new one lies beside old numbers.
"""

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from nam_jax.record._config import ConfigError
from nam_jax.record._owned import CONFIG, made, refusal
from nam_jax.record._signals import signals_held
from nam_jax.record._staging import (
    JOURNAL,
    NEW,
    Change,
    journal,
    remove,
    stages,
    staging_in,
    turn,
)

OLD = "old"
WRITTEN = "all results were written"


@contextlib.contextmanager
def staged_folder(
    folder: Path,
    *,
    names: Sequence[str] = (),
    anew: bool = True,
    kept: Collection[str] = (),
) -> Iterator[Path]:
    """Returns a context manager that yields a temporary folder, and then moves its items.

    If the block ends without error, its files and folders move into `folder` and replace those of
    an earlier run. Readers that use `item` see the old items or the new ones, at every moment and
    also if the process is killed. If the block raises, nothing changes. Folders that were made for
    `folder` and stay empty are removed again.

    Only items that runs have written are replaced or removed. If another item is found in the way
    after the block, the new items stay together in a new folder inside `folder`, which the error
    names.

    Args:
        folder: The output folder; it is made if it does not exist.
        names: Names that the block will write; items in the way of these are found before it runs.
        anew: Whether items of an earlier run that the block does not write are removed.
        kept: Real paths of items that the settings name. They stay unless the block writes them
            anew, as the page that the run brings up to date.

    Raises:
        ConfigError: If `folder` cannot be made or written, or holds an item that no run has written
            under a name that is needed.
    """
    missing = [path for path in (folder, *folder.parents) if not _exists(path)]
    written = False
    try:
        with contextlib.ExitStack() as stack:
            with _refused(folder):
                folder.mkdir(parents=True, exist_ok=True)
                stage = stack.enter_context(staging_in(folder))
                (stage / NEW).mkdir()
                (stage / OLD).mkdir()
                recover(folder)
            check_items(folder, names)
            yield stage / NEW
            with signals_held():
                _commit(folder, stage, anew=anew, kept=kept)
                written = True
    except KeyboardInterrupt as error:  # it may have waited for the end of the moves
        if written:
            error.add_note(WRITTEN)
        raise
    finally:
        with contextlib.suppress(OSError, ValueError):  # stop at the first folder that has items
            for path in missing:
                path.rmdir()


def recover(folder: Path) -> None:
    """Finishes the changes of processes that died while they moved items into `folder`.

    Raises:
        OSError: If an item cannot be moved, or another item was put in its way.
    """
    if any((stage / JOURNAL).exists() for stage in stages(folder)):
        with signals_held(), turn(folder):
            _recover(folder)


def _commit(folder: Path, stage: Path, *, anew: bool, kept: Collection[str]) -> None:
    """Moves all new items into `folder`; if that fails, moves all back and raises the error."""
    with turn(folder):
        _recover(folder)
        # config.toml is the first of each list; it leaves first, and arrives last.
        new = sorted(os.listdir(stage / NEW), key=lambda name: (name != CONFIG, name))
        named = {name for name in new if os.path.realpath(folder / name) in kept}
        reason = refusal(folder, [name for name in new if name not in named])
        if reason is not None:
            _keep_aside(folder, stage, reason)
        old = made(folder, anew=anew).difference(new)
        gone = sorted(name for name in old if os.path.realpath(folder / name) not in kept)
        change = Change(new, gone)
        _flush(stage / NEW)
        _write_journal(stage, change)
        try:
            _forward(folder, stage, change)
        except BaseException:
            _back(folder, stage, change)
            raise
        _flush_folder(folder)
        (stage / JOURNAL).unlink()


def _recover(folder: Path) -> None:
    for stage in stages(folder):
        change = journal(stage)
        if change is not None:
            _forward(folder, stage, change)
            _flush_folder(folder)
            (stage / JOURNAL).unlink()
            remove(stage)


def _forward(folder: Path, stage: Path, change: Change) -> None:
    """Makes the moves that are not yet made; may be called again after a death at any move."""
    for name in [*change.new, *change.gone]:
        waits = name in change.gone or os.path.lexists(stage / NEW / name)
        if waits and os.path.lexists(folder / name) and not os.path.lexists(stage / OLD / name):
            os.rename(folder / name, stage / OLD / name)
    for name in reversed(change.new):
        if os.path.lexists(stage / NEW / name):
            if os.path.lexists(folder / name):  # made by another after the old one had left
                raise FileExistsError(f"{folder / name} is in the way of a run; move it.")
            os.rename(stage / NEW / name, folder / name)


def _back(folder: Path, stage: Path, change: Change) -> None:
    """Undoes all moves. The journal goes last: until then, a death here means the new run."""
    for name in change.new:
        if not os.path.lexists(stage / NEW / name):
            os.rename(folder / name, stage / NEW / name)
    for name in reversed([*change.new, *change.gone]):
        if os.path.lexists(stage / OLD / name):
            os.rename(stage / OLD / name, folder / name)
    (stage / JOURNAL).unlink()


def _write_journal(stage: Path, change: Change) -> None:
    unfinished = stage / f"{JOURNAL}.unfinished"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(change._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(unfinished, stage / JOURNAL)
    _flush_folder(stage)


def _flush(path: Path) -> None:
    """Writes a file, or a folder with all that is in it, from memory to the disk.

    Otherwise the journal may be on the disk before the items after a loss of power.
    """
    if path.is_symlink():
        return
    if not path.is_dir():
        with open(path, "r+b") as file:  # Windows flushes only files that can be written
            os.fsync(file.fileno())
        return
    for child in path.iterdir():
        _flush(child)
    _flush_folder(path)


def _flush_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders, and some disks flush none
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def check_items(folder: Path, names: Sequence[str]) -> None:
    """Raises a `ConfigError` if an item that no run has written has one of the names."""
    reason = refusal(folder, names)
    if reason is not None:
        raise ConfigError(f"{reason}; move it, or choose another folder for the results.")


def _keep_aside(folder: Path, stage: Path, reason: str) -> None:
    """Keeps new items that find another item in their way; hours may have gone into them."""
    kept = folder / stage.name.lstrip(".")
    os.rename(stage / NEW, kept)
    raise ConfigError(f"{reason}; the new results are in {kept}.")


@contextlib.contextmanager
def _refused(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # a ValueError if the path has a null byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"Argument `out` must be a folder that can be written, but {folder} cannot ({reason})."
        ) from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder above it cannot be entered
        return True
