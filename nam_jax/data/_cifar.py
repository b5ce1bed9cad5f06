"""Reads CIFAR-10 from a user's copy of its *binary* version.

A record is one label byte and 3072 pixel bytes: 32 rows of 32 bytes for red, then green, then blue.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

RECORD = 1 + 3 * 32 * 32

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
    files = [*sorted(folder.glob("data_batch_*.bin")), *folder.glob("test_batch.bin")]
    pickled = (folder / "batches.meta", folder / "data_batch_1", folder / "test_batch")
    for path in pickled:
        if not files and path.is_file():
            raise pickle_error(path)
    return files


def read_cifar(path: Path) -> tuple[Float[np.ndarray, "M 32 32 3"], Int[np.ndarray, " M"]]:
    """Returns intensities in [0, 1] and labels from 0 to 9 of one file of the binary version.

    Raises:
        ValueError: If the file is empty, its size is not a whole number of records, or a label is
            above 9.
    """
    size = path.stat().st_size
    if size == 0 or size % RECORD:
        raise ValueError(
            f"{path}: expected a multiple of {RECORD} bytes (records of CIFAR-10's binary "
            f"version), found {size}: {size // RECORD} records and {size % RECORD} bytes."
        )
    records = np.fromfile(path, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int32)
    if labels.max() >= len(CLASSES):
        first = int(np.argmax(labels >= len(CLASSES)))
        raise ValueError(
            f"{path}: expected labels 0 to 9, found {labels[first]} in record {first}; "
            "the file is damaged or not CIFAR-10."
        )
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pixels.astype(np.float32) / 255, labels


def pickle_error(path: Path) -> ValueError:
    """Returns the error to raise for a file of the Python version."""
    return ValueError(
        f"{path}: this is a pickle (CIFAR-10's Python version), which is never opened because "
        "it can run code; use the binary version, cifar-10-binary.tar.gz, unpacked."
    )
