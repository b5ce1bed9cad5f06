"""Finds the files of images in a user's folder; knows pictures by their names."""

import warnings
from pathlib import Path

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".webp", ".gif", ".bmp", ".tif", ".tiff"),
)

FEW = 3
"""Number of skipped entries of a folder that are named."""


def is_picture(path: Path) -> bool:
    """Returns whether the name of the file ends as names of pictures do."""
    return path.suffix.lower() in SUFFIXES


def is_hidden(path: Path) -> bool:
    """Returns whether a name starts with a dot, as `.DS_Store` and macOS's `._photo.jpg` do."""
    return path.name.startswith(".")


def first_bytes(path: Path, num_bytes: int) -> bytes:
    """Returns the first `num_bytes` bytes of a file, or all if it is shorter.

    Raises:
        ValueError: If the file is empty.
    """
    with path.open("rb") as stream:
        start = stream.read(num_bytes)
    if not start:
        raise ValueError(f"{path}: expected images, found an empty file.")
    return start


def picture_files(folder: Path) -> list[Path]:
    """Returns the picture files of a folder, sorted by name.

    Hidden files are skipped. A warning counts and names other entries that are skipped.

    Raises:
        ValueError: If there are no pictures.
    """
    entries = sorted(path for path in folder.iterdir() if not is_hidden(path))
    files = [path for path in entries if is_picture(path) and path.is_file()]
    if not files:
        raise ValueError(
            f"{folder}: expected pictures ({' '.join(SUFFIXES)}), MNIST-format files or CIFAR-10's "
            f"binary version, found none of them among {len(entries)} entries."
        )
    if skipped := [path.name for path in entries if path not in files]:
        rest = ", ..." if len(skipped) > FEW else ""
        text = f"{folder}: skipped {len(skipped)} of {len(entries)} entries, which are no pictures"
        warnings.warn(f"{text}: {', '.join(skipped[:FEW])}{rest}", stacklevel=2)
    return files
