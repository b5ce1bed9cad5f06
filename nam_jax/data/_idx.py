"""Reads files in the MNIST format (idx), gzipped or not.

A file consists of two zero bytes, a type byte (8 = unsigned byte), the number of axes, the length
of each axis as a big-endian 32-bit number, and the data. The lengths in the header are checked
against the size of the file before memory is allocated, and only the wanted images are kept, so
that a small part of a huge file takes little memory.
"""

import contextlib
import gzip
import io
import math
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from nam_jax.data._folder import is_hidden

MAX_BYTES = 2**30
"""At most as many bytes are read of a file; as floats they take four times as much memory."""

MAX_RATIO = 1032
"""Deflate cannot shrink data by more than this factor."""

CHUNK = 2**20

FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")

FASHION_CLASSES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)

NAME = re.compile(r".*images.*idx3(.ubyte)?(\.gz)?", re.IGNORECASE)
"""Names of files of images. Unfinished downloads have another ending, such as `.part`."""


class IdxImages(NamedTuple):
    """An idx file of images whose header has been read.

    Attributes:
        path: The file.
        shape: Number, height and width of the images.
        labels_path: The file of their labels, or None.
    """

    path: Path
    shape: tuple[int, ...]
    labels_path: Path | None

    def read(
        self, rows: Int[np.ndarray, " m"]
    ) -> tuple[UInt8[np.ndarray, "m H W"], Int[np.ndarray, " m"] | None]:
        """Returns some images and their labels; labels are None if there is no file of labels.

        Args:
            rows: Indices of the images in rising order.

        Raises:
            ValueError: If a file is damaged, or the rows have more than `MAX_BYTES` bytes.
        """
        images = read_rows(self.path, 3, rows)
        if self.labels_path is None:
            return images, None
        return images, read_rows(self.labels_path, 1, rows).astype(np.int32)


def idx_images(path: Path) -> IdxImages:
    """Returns the images of an idx file, of which only the header is read.

    For `train-images-idx3-ubyte.gz` the file of labels is `train-labels-idx1-ubyte`, with or
    without `.gz`, in the same folder; each of the two may lie in a folder of its own name.

    Raises:
        ValueError: If a file is damaged or not of this format, or the number of labels is not the
            number of images.
    """
    shape = read_shape(path, 3)
    labels_path = _labels_beside(path)
    if labels_path is not None:
        (num_labels,) = read_shape(labels_path, 1)
        if num_labels != shape[0]:
            raise ValueError(f"{labels_path}: expected {shape[0]} labels, found {num_labels}.")
    return IdxImages(path, shape, labels_path)


def idx_files(folder: Path) -> list[Path]:
    """Returns the idx files of images in a folder, the training set last.

    A file may lie in a folder of its own name, as Kaggle unpacks MNIST.
    """
    entries = (path for path in folder.iterdir() if NAME.fullmatch(path.name))
    files = [file for path in entries if not is_hidden(path) and (file := _file_at(path))]
    return sorted(files, key=lambda file: ("train" in file.name.lower(), file.name))


def read_shape(path: Path, num_axes: int) -> tuple[int, ...]:
    """Returns the lengths of the axes of an idx file of unsigned bytes.

    Args:
        path: The file; its first bytes tell whether it is gzipped.
        num_axes: Number of axes that it must have: 3 for images, 1 for labels.

    Raises:
        ValueError: If the file is damaged or not of this format.
    """
    with _opened(path) as stream:
        return _shape(path, stream, num_axes)


def read_rows(path: Path, num_axes: int, rows: Int[np.ndarray, " m"]) -> UInt8[np.ndarray, "m ..."]:
    """Returns some entries along the first axis of an idx file.

    Args:
        path: The file.
        num_axes: Number of axes that it must have.
        rows: Indices of the entries in rising order.

    Raises:
        ValueError: If the file is damaged or not of this format, or the rows have more than
            `MAX_BYTES` bytes.
    """
    with _opened(path) as stream:
        total, *rest = shape = _shape(path, stream, num_axes)
        width, start = math.prod(rest), stream.tell()
        if width * len(rows) > MAX_BYTES:
            raise ValueError(
                f"{path}: {len(rows)} entries have {width * len(rows)} bytes, and at most "
                f"{MAX_BYTES} are read; ask for at most {MAX_BYTES // width} images."
            )
        content = bytearray()
        for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
            stream.seek(start + int(run[0]) * width)  # in gzip it reads on and keeps nothing
            _read_into(content, stream, len(run) * width)
        whole = rows[-1] == total - 1
        if len(content) != len(rows) * width or (whole and stream.read(1)):
            size = math.prod(shape)
            length = "fewer" if len(content) < len(rows) * width else "more"
            if len(rows) == total and length == "fewer":
                length = str(len(content))
            raise ValueError(
                f"{path}: the header announces shape {shape}: expected {size} bytes, "
                f"found {length}."
            )
    return np.frombuffer(content, np.uint8).reshape(len(rows), *rest)


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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """Returns a context manager that yields the content of a file, unpacked if it is gzipped.

    Raises:
        ValueError: If the gzip data are damaged.
    """
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if zipped else raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: the gzip data are damaged or cut short ({error})."
            ) from error


def _shape(path: Path, stream: io.BufferedIOBase, num_axes: int) -> tuple[int, ...]:
    """Reads the header of an idx file and returns the lengths of its axes."""
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
    stored = path.stat().st_size
    most = stored * MAX_RATIO if isinstance(stream, gzip.GzipFile) else stored
    if len(header) + size > most:
        raise ValueError(
            f"{path}: the header announces shape {shape}, {size} bytes; "
            f"the file can hold at most {max(most - len(header), 0)}."
        )
    return shape


def _read_into(content: bytearray, stream: io.BufferedIOBase, num_bytes: int) -> None:
    """Appends the next `num_bytes` bytes of a stream, or fewer if it ends before.

    It reads in chunks, so that a wrong length in a header does not allocate memory.
    """
    end = len(content) + num_bytes
    while len(content) < end:
        chunk = stream.read(min(CHUNK, end - len(content)))
        if not chunk:
            break
        content += chunk


def _labels_beside(path: Path) -> Path | None:
    """Returns the file of labels that belongs to a file of images, or None."""
    name = re.sub(r"\.gz$", "", path.name, flags=re.IGNORECASE)
    name = name.replace("images", "labels").replace("idx3", "idx1")
    folders = [path.parent, *([path.parent.parent] if path.parent.name == path.name else [])]
    places = [folder / (name + suffix) for folder in folders for suffix in ("", ".gz")]
    files = (file for place in places if (file := _file_at(place)) and file != path)
    return next(files, None)


def _file_at(path: Path) -> Path | None:
    """Returns the path if it is a file, or the file of the same name inside if it is a folder."""
    return next((file for file in (path, path / path.name) if file.is_file()), None)
