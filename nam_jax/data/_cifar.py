"""Reads CIFAR-10 from a user's copy of its *binary* version.

A record is one label byte and 3072 pixel bytes: 32 rows of 32 bytes for red, then green, then blue.
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

RECORD = 1 + 3 * 32 * 32

_NAME = re.compile(r"data_batch_\d+\.bin|test_batch\.bin")

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def cifar_files(folder: Path) -> list[Path]:
    """Returns the files of the binary version in a folder, training batches first.

    The list is empty if there are none.

    Raises:
        ValueError: If the folder holds only the Python version, which consists of pickles.
    """
    named = (path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    files = sorted(path for path in named if path.is_file())  # "data" comes before "test"
    pickled = (folder / "batches.meta", folder / "data_batch_1", folder / "test_batch")
    for path in pickled:
        if not files and path.is_file():
            raise pickle_error(path)
    return files


def num_records(path: Path) -> int:
    """Returns the number of images in a file of the binary version, from its size.

    Raises:
        ValueError: If the file is empty, or its size is not a whole number of records.
    """
    size = path.stat().st_size
    if size == 0 or size % RECORD:
        raise ValueError(
            f"{path}: expected a multiple of {RECORD} bytes (records of CIFAR-10's binary "
            f"version), found {size}: {size // RECORD} records and {size % RECORD} bytes."
        )
    return size // RECORD


def read_cifar(
    path: Path, rows: Int[np.ndarray, " m"]
) -> tuple[UInt8[np.ndarray, "m 32 32 3"], Int[np.ndarray, " m"]]:
    """Returns pixels from 0 to 255 and labels from 0 to 9 of a file of the binary version.

    Args:
        path: The file.
        rows: Indices of the wanted images.

    Raises:
        ValueError: If a label is above 9.
    """
    records = np.memmap(path, np.uint8, mode="r", shape=(num_records(path), RECORD))[rows]
    labels = np.asarray(records[:, 0], np.int32)
    if len(rows) and labels.max() >= len(CLASSES):
        first = int(np.argmax(labels >= len(CLASSES)))
        raise ValueError(
            f"{path}: expected labels 0 to 9, found {labels[first]} in record {rows[first]}; "
            "the file is damaged or not CIFAR-10."
        )
    pixels = np.asarray(records[:, 1:]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pixels, labels


def pickle_error(path: Path) -> ValueError:
    """Returns the error to raise for a file of the Python version."""
    return ValueError(
        f"{path}: this is a pickle (CIFAR-10's Python version), which is never opened because "
        "it can run code; use the binary version, cifar-10-binary.tar.gz, unpacked."
    )
