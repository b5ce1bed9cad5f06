"""A folder of chunks: each is one Dataset in one file, which is there whole or not at all.

    DIR/chunks/store.json              what all chunks have in common, written by `agree`
    DIR/chunks/1f0c8a....safetensors   one chunk; its name is a hash of all that determines it
    DIR/chunks/claims/1f0c8a...        locked by the process that computes the chunk now

Any number of processes may use a store at once. A chunk that two of them write is the same in both,
and each write is one rename.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from nam_jax.record._config import ConfigError
from nam_jax.record._dataset import from_bytes
from nam_jax.record._file import staged_file
from nam_jax.record._staging import lock_of, remove_dead, turn

if TYPE_CHECKING:
    import xarray as xr

CHUNKS, HEADER, CLAIMS, ENDING = "chunks", "store.json", "claims", ".safetensors"


@final
class StoreError(RuntimeError):
    """A store cannot be written or read; the message names the file. Other chunks are not lost."""


@final
class Store:
    """The chunks of a sweep in a folder.

    Attributes:
        folder: The folder of the chunks, `chunks` inside the folder of results.
    """

    def __init__(self, folder: Path):
        """Names the store; nothing is made or read.

        Args:
            folder: The folder of results.
        """
        self.folder = folder / CHUNKS

    def agree(self, change: Callable[[dict[str, Any] | None], dict[str, Any]]) -> dict[str, Any]:
        """Makes the store if there is none, replaces its header by a change of it, and returns it.

        One process at a time does so.

        Args:
            change: Function of the header, or of None if there is none, that returns the new one.
                If it raises an error, the header stays.

        Raises:
            ConfigError: If the folder cannot be made or written, or the header is damaged.
        """
        try:
            (self.folder / CLAIMS).mkdir(parents=True, exist_ok=True)
            with turn(self.folder):
                remove_dead(self.folder)  # no chunk may follow that would do so
                old = self.header()
                new = change(old)
                if new != old:
                    with staged_file(self.folder / HEADER) as place:
                        place.write_text(json.dumps(new, indent=1), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self.folder}: cannot be written ({_reason(error)}).") from error
        return new

    def is_there(self) -> bool:
        """Returns whether the store has been made."""
        return (self.folder / HEADER).is_file()

    def header(self) -> dict[str, Any] | None:
        """Returns what all chunks have in common; None if there is no store.

        Raises:
            ConfigError: If it is damaged.
        """
        try:
            header = json.loads((self.folder / HEADER).read_text(encoding="utf-8"))
            if not isinstance(header, dict):
                raise ValueError("it is no JSON object")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{self.folder / HEADER}: cannot be read ({_reason(error)})."
            ) from error
        return header

    def names(self) -> dict[str, float]:
        """Returns the names of all chunks, with the times at which they were written."""
        times = {}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(self.folder):
                if entry.name.endswith(ENDING):
                    with contextlib.suppress(FileNotFoundError):  # removed since, to be repaired
                        times[entry.name.removesuffix(ENDING)] = entry.stat().st_mtime
        return times

    def has(self, name: str) -> bool:
        """Returns whether the chunk is there."""
        return self.file(name).exists()

    def file(self, name: str) -> Path:
        """Returns the path of the file of a chunk."""
        return self.folder / f"{name}{ENDING}"

    def write(self, name: str, data: bytes) -> None:
        """Writes the bytes of a chunk, whole or not at all.

        Raises:
            StoreError: If the disk is full or the folder cannot be written.
        """
        try:
            with staged_file(self.file(name)) as place:
                place.write_bytes(data)
        except OSError as error:
            raise StoreError(
                f"{self.file(name)}: cannot be written ({_reason(error)}); the chunks before it "
                "are kept, and the same command goes on with the rest."
            ) from error

    def read(self, name: str) -> "xr.Dataset":
        """Returns a chunk.

        Raises:
            StoreError: If it is not there, cut or damaged.
        """
        try:
            return from_bytes(self.file(name).read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.file(name)}: cannot be read ({_reason(error)}).") from error

    def remove(self, name: str) -> None:
        """Removes a chunk.

        Raises:
            StoreError: If it cannot be removed.
        """
        try:
            self.file(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.file(name)}: cannot be removed ({_reason(error)}).") from error

    @contextlib.contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Returns a context manager that says whether this process now computes the chunk alone.

        The system ends the claim of a process that dies. Where the system or the disk has no
        locks, every claim is granted; two processes then compute the same chunk twice.

        Raises:
            StoreError: If the folder cannot be written.
        """
        path = self.folder / CLAIMS / name
        try:
            lock = lock_of(path)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written ({_reason(error)}).") from error
        if lock is None:
            yield False
            return
        with lock:
            try:
                yield True
            finally:
                with contextlib.suppress(OSError):
                    path.unlink()


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
