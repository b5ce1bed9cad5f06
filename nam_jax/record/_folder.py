"""Writes the output folder of a run completely or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nam_jax.record._config import ConfigError


@contextlib.contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Returns a context manager that yields a temporary folder, and then moves its items.

    If the block ends without error, its files and folders move into `folder`; an item of an earlier
    run with the same name is replaced by one rename. If the block raises, nothing moves. Folders
    that were made for `folder` and stay empty are removed again.

    Args:
        folder: The output folder; it is made if it does not exist.

    Raises:
        ConfigError: If `folder` cannot be made or written; raised before the block runs.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        staging = _make_staging(folder)
        try:
            yield staging
            for item in sorted(staging.iterdir()):
                _replace(item, folder / item.name, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError, ValueError):  # stop at the first folder that has items
            for path in missing:
                path.rmdir()


def _make_staging(folder: Path) -> Path:
    """Makes `folder` and its parents, and returns a new hidden folder inside it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except (OSError, ValueError) as error:  # a ValueError if the path has a null byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"Argument `out` must be a folder that can be written, but {folder} cannot ({reason})."
        ) from error


def _replace(item: Path, target: Path, staging: Path) -> None:
    """Renames `item` to `target`; a folder at `target` is first moved into `staging`."""
    if target.is_dir():  # a folder cannot be renamed over a full one
        old = Path(tempfile.mkdtemp(dir=staging)) / "old"
        os.replace(target, old)
    os.replace(item, target)
