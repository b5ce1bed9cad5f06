"""Random files for each reader of files, and a judge of what the reader makes of them.

`READERS` names the readers. `contents(name)` is a strategy of bytes: any bytes, and good files that
are cut, whose bytes are changed, or both. `judge(name, content, folder)` writes such bytes to a
file and reads it: the reader must return data, or say in one sentence that names the file what is
wrong. `folders()` and `judge_folder` do the same for folders of images.
"""

import gzip
import io
import resource
import struct
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from PIL import Image

import nam_jax as nam

MOST_SECONDS = 20.0
MOST_MEMORY = 2**29
"""Bytes by which the memory of the process may grow while one file is read."""

MOST_CHARACTERS = 700


class Reader(NamedTuple):
    """A reader of files.

    Attributes:
        file: Name of the file.
        good: Functions that make good files, as bytes.
        read: Function of the path.
    """

    file: str
    good: tuple[Callable[[], bytes], ...]
    read: Callable[[Path], Any]


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    """The bytes of an idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def encoded(form: str, mode: str = "RGB", **options: Any) -> bytes:
    """The bytes of a small picture."""
    stream = io.BytesIO()
    Image.fromarray(pixels(9, 12, 3)).convert(mode).save(stream, form, **options)
    return stream.getvalue()


def cifar() -> bytes:
    records = pixels(3, 3073)
    records[:, 0] %= 10
    return records.tobytes()


def written(save: Callable[[Path], None]) -> bytes:
    """The bytes that a function writes to a file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        save(path)
        return path.read_bytes()


def codec() -> bytes:
    made = nam.data.BinaryAutoencoder((4, 4, 1), 2, width=2, depth=1, key=jax.random.key(0))
    return written(lambda path: nam.data.save_codec(made, path, metadata={"seed": "0"}))


def network() -> bytes:
    return written(lambda path: nam.save(path, nam.network.Hopfield(jnp.eye(3))))


def images(path: Path) -> np.ndarray:
    """Reads images, checks them and returns them."""
    loaded = nam.data.load_images(path, num_images=1)
    numbers = np.asarray(loaded.images)
    assert numbers.ndim == 4 and numbers.shape[0] == len(loaded.names) == 1
    assert numbers.dtype == np.float32 and ((numbers >= 0) & (numbers <= 1)).all()
    assert loaded.labels is None or loaded.labels.shape == (1,)
    return numbers


def picture(suffix: str, *good: Callable[[], bytes]) -> Reader:
    return Reader(f"some.{suffix}", good, images)


READERS = {
    "png": picture(
        "png",
        lambda: encoded("PNG"),
        lambda: encoded("PNG", "P", transparency=3),
        lambda: encoded("PNG", "LA"),
        lambda: encoded("PNG", save_all=True, append_images=[Image.new("RGB", (12, 9))]),
    ),
    "jpeg": picture(
        "jpg", lambda: encoded("JPEG", exif=_turned()), lambda: encoded("JPEG", "CMYK")
    ),
    "webp": picture("webp", lambda: encoded("WEBP"), lambda: encoded("WEBP", "RGBA")),
    "gif": picture("gif", lambda: encoded("GIF", "P")),
    "bmp": picture("bmp", lambda: encoded("BMP"), lambda: encoded("BMP", "1")),
    "tiff": picture("tif", lambda: encoded("TIFF"), lambda: encoded("TIFF", "LAB")),
    "idx": Reader("images-idx3-ubyte", (lambda: idx(pixels(3, 4, 5)),), images),
    "gz": Reader("images-idx3-ubyte.gz", (lambda: gzip.compress(idx(pixels(3, 4, 5))),), images),
    "cifar": Reader("data_batch_1.bin", (cifar,), images),
    "codec": Reader("codec.safetensors", (codec,), nam.data.load_codec),
    "network": Reader("network.safetensors", (network,), nam.load),
}


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


_GOOD: dict[str, list[bytes]] = {}


def good_files(name: str) -> list[bytes]:
    """Good files of a reader; made once in a process."""
    if name not in _GOOD:
        _GOOD[name] = [make() for make in READERS[name].good]
    return _GOOD[name]


def contents(name: str) -> st.SearchStrategy[bytes]:
    """Files for a reader: any bytes, and good files that are cut or changed."""
    return st.one_of(st.binary(max_size=200), damaged(name))


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """Good files with up to eight changed bytes, many of them near the start, and cut or longer."""
    content = bytearray(draw(st.sampled_from(good_files(name))))
    near = st.integers(0, min(60, len(content) - 1))
    places = st.one_of(near, st.integers(0, len(content) - 1))
    for place, byte in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place] = byte
    cut = draw(st.one_of(st.none(), st.integers(0, len(content))))
    return bytes(content[:cut]) + draw(st.one_of(st.just(b""), st.binary(max_size=9)))


ENTRIES = {
    "train-images-idx3-ubyte": ["idx"],
    "train-images-idx3-ubyte.gz": ["gz", "idx"],
    "train-images-idx3-ubyte.gz.part": ["gz"],
    "t10k-images.idx3-ubyte": ["idx"],
    "data_batch_1.bin": ["cifar"],
    "data_batch_1": ["cifar"],
    "a.png": ["png", "jpeg"],
    "b é.JPG": ["jpeg"],
    "._b é.JPG": ["png"],
    "notes.txt": ["png"],
}
"""Names of entries of a folder, and the readers whose files they may be."""


@st.composite
def folders(draw: st.DrawFn) -> dict[str, bytes | None]:
    """Entries of a folder by name: bytes of a file, good or not, or None for a folder."""
    names = draw(st.lists(st.sampled_from(sorted(ENTRIES)), max_size=4, unique=True))
    kinds = {name: draw(st.sampled_from(ENTRIES[name])) for name in names}
    return {
        name: draw(st.one_of(st.sampled_from(good_files(kind)), contents(kind), st.none()))
        for name, kind in kinds.items()
    }


def judge(name: str, content: bytes, folder: Path) -> str | None:
    """Reads a file; raises an `AssertionError` unless the outcome is as it must be.

    Args:
        name: The reader.
        content: Bytes of the file.
        folder: An empty folder, for the file.

    Returns:
        The sentence by which the file was refused; None if it was read.
    """
    reader = READERS[name]
    path = folder / reader.file
    path.write_bytes(content)
    return _judged(reader.read, path, path.name)


def judge_folder(entries: dict[str, bytes | None], folder: Path) -> str | None:
    """As `judge`, for a folder of images with some entries."""
    for name, content in entries.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
    return _judged(images, folder, folder.name)


def _judged(read: Callable[[Path], Any], path: Path, named: str) -> str | None:
    begun, before, sentence = time.perf_counter(), _memory(), None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except (ValueError, OSError) as error:
            sentence = str(error)
            assert named in sentence and sentence.isprintable(), f"unclear: {sentence!r}"
            assert len(sentence) < MOST_CHARACTERS, f"too long: {sentence!r}"
    assert time.perf_counter() - begun < MOST_SECONDS, "too slow"
    assert _memory() - before < MOST_MEMORY, "too much memory"
    return sentence


def _memory() -> int:
    """The largest memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
