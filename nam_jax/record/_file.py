"""A file that is written whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def staged_file(path: str | Path) -> Iterator[Path]:
    """A place for a new file, which moves to `path` only if the block ends without error.

    The move is one rename within a folder, so that nobody ever sees half a file, and an earlier
    file stays as it was until then. The block must write the file.

    Args:
        path: The file; its folder must exist. A symbolic link stays, and its target is replaced.

    Raises:
        FileExistsError: If `path` is a folder or anything else that is no ordinary file.
        OSError: If the folder does not exist or cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path}: is not an ordinary file, so that no file replaces it.")
    staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        yield staging / target.name
        os.replace(staging / target.name, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
