"""The output folder of a run: written whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nam_jax.record._config import ConfigError


@contextlib.contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder whose items move into `folder` only if the block ends without error.

    Items of an earlier run with the same names are replaced, each by one rename. Folders made for
    this are removed again if nothing came to stand in them.

    Raises:
        ConfigError: If `folder` cannot be made or written; raised before the block runs.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        staging = _made(folder)
        try:
            yield staging
            for item in sorted(staging.iterdir()):
                _replace(item, folder / item.name, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError, ValueError):  # the first that is not empty ends it
            for path in made:
                path.rmdir()


def _made(folder: Path) -> Path:
    """A new hidden folder inside `folder`, which is made with its parents."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except (OSError, ValueError) as error:  # a ValueError if the path has a null byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"Argument `out` must be a folder that can be written, but {folder} cannot ({reason})."
        ) from error


def _replace(item: Path, target: Path, staging: Path) -> None:
    if target.is_dir():  # a folder cannot be renamed over a full one
        old = Path(tempfile.mkdtemp(dir=staging)) / "old"
        os.replace(target, old)
    os.replace(item, target)
