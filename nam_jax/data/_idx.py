"""Reads files in the MNIST format (idx), gzipped or not.

A file consists of two zero bytes, a type byte (8 = unsigned byte), the number of axes, the length
of each axis as a big-endian 32-bit number, and the data. The lengths in the header are checked
against the size of the file before memory is allocated.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

MAX_BYTES = 2**31
"""Larger contents are refused; no file of this format in use is nearly as large."""

MAX_RATIO = 1032
"""Deflate cannot shrink data by more than this factor."""

CHUNK = 2**20

FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")

FASHION_CLASSES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def read_idx_images(
    path: Path,
) -> tuple[UInt8[np.ndarray, "M H W"], Int[np.ndarray, " M"] | None]:
    """Returns the images of an idx file, and their labels if the folder has a file of labels.

    For `train-images-idx3-ubyte.gz` the file of labels is `train-labels-idx1-ubyte`, with or
    without `.gz`. Without such a file, labels are None.

    Raises:
        ValueError: If a file is damaged or not of this format, or the number of labels is not the
            number of images.
    """
    images = read_idx(path, num_axes=3)
    labels_path = _labels_beside(path)
    if labels_path is None:
        return images, None
    labels = read_idx(labels_path, num_axes=1)
    if len(labels) != len(images):
        raise ValueError(f"{labels_path}: expected {len(images)} labels, found {len(labels)}.")
    return images, labels.astype(np.int32)


def read_idx(path: Path, *, num_axes: int) -> UInt8[np.ndarray, "..."]:
    """Returns the array of an idx file of unsigned bytes.

    Args:
        path: The file; its first bytes tell whether it is gzipped.
        num_axes: Number of axes that it must have: 3 for images, 1 for labels.

    Raises:
        ValueError: If the file is damaged or not of this format.
    """
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    stored = path.stat().st_size
    most = min(MAX_BYTES, stored * MAX_RATIO if zipped else stored)
    opener = gzip.open if zipped else open
    try:
        with opener(path, "rb") as stream:
            return _read_stream(path, stream, num_axes, most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: the gzip data are damaged or cut short ({error}).") from error


def fashion_mnist() -> Path:
    """Returns the path at which Debian's package installs the training images of Fashion-MNIST.

    Raises:
        FileNotFoundError: If the package is not installed.
    """
    if not FASHION.is_file():
        raise FileNotFoundError(
            f"{FASHION} is not there: install the Debian package dataset-fashion-mnist, or give "
            "the path to a copy of train-images-idx3-ubyte.gz."
        )
    return FASHION


def _read_stream(
    path: Path, stream: io.BufferedIOBase, num_axes: int, most: int
) -> UInt8[np.ndarray, "..."]:
    header = stream.read(4 + 4 * num_axes)
    magic = bytes((0, 0, 8, num_axes))
    if header[:4] != magic:
        raise ValueError(
            f"{path}: expected an idx file of bytes with {num_axes} axes, which starts with "
            f"{magic.hex(' ')}, found {header[:4].hex(' ') or 'an empty file'}."
        )
    if len(header) < 4 + 4 * num_axes:
        raise ValueError(
            f"{path}: expected a header of {4 + 4 * num_axes} bytes, found {len(header)}."
        )
    shape = struct.unpack(f">{num_axes}I", header[4:])
    size = math.prod(shape)
    if size == 0:
        raise ValueError(f"{path}: the header announces shape {shape}, which holds nothing.")
    if len(header) + size > most:
        raise ValueError(
            f"{path}: the header announces shape {shape}, {size} bytes; "
            f"the file can hold at most {max(most - len(header), 0)}."
        )
    content = _read_at_most(stream, size + 1)
    if len(content) != size:
        length = "more" if len(content) > size else str(len(content))
        raise ValueError(
            f"{path}: the header announces shape {shape}: expected {size} bytes, found {length}."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read_at_most(stream: io.BufferedIOBase, num_bytes: int) -> bytes:
    """Returns the next `num_bytes` bytes of a stream, or fewer if it ends before.

    It reads in chunks, so that a wrong length in a header does not allocate memory.
    """
    content = bytearray()
    while len(content) < num_bytes:
        chunk = stream.read(min(CHUNK, num_bytes - len(content)))
        if not chunk:
            break
        content += chunk
    return bytes(content)


def _labels_beside(path: Path) -> Path | None:
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    candidates = (path.with_name(name), path.with_name(name + ".gz"))
    return next((file for file in candidates if file.is_file() and file != path), None)
