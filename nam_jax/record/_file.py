"""Writes a file completely or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nam_jax._paths import expanded


@contextlib.contextmanager
def staged_file(path: str | Path) -> Iterator[Path]:
    """Returns a context manager that yields a temporary path, and then moves that file to `path`.

    The block must write the file. If the block raises, nothing moves and an earlier file at `path`
    stays. The move is one rename within `path`'s folder, so that no reader sees half a file.

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
    staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        yield staging / target.name
        os.replace(staging / target.name, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
