"""Writes a file completely or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from nam_jax._paths import expanded
from nam_jax.record._staging import NEW, staging_in


@contextlib.contextmanager
def staged_file(path: str | Path) -> Iterator[Path]:
    """Returns a context manager that yields a temporary path, and then moves that file to `path`.

    The block must write the file. If the block raises, nothing moves and an earlier file at `path`
    stays. The move is one rename within `path`'s folder, so that no reader sees half a file, also
    if the process is killed. What a killed process leaves beside it is removed by the next one.

    Args:
        path: The file to write; its folder must exist. If it is a symbolic link, the link stays
            and the file that it points to is replaced.

    Raises:
        FileExistsError: If `path` exists and is no ordinary file, for example a folder.
        OSError: If the folder does not exist or cannot be written.
        ValueError: If no file can have this name.
    """
    target = Path(os.path.realpath(expanded("path", path)))
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path}: is not an ordinary file, so it is not replaced.")
    with staging_in(target.parent) as stage:
        place = stage / NEW / target.name  # the staging folder has files of its own, as its lock
        place.parent.mkdir()
        yield place
        with open(place, "r+b") as file:
            os.fsync(file.fileno())  # a loss of power must not leave a name without its content
        os.replace(place, target)
