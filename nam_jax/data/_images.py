"""Loads all sets of images: bundled sets by name, the user's files by path."""

import warnings
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from nam_jax._misc import argument_error, check_key
from nam_jax._paths import expanded, kind_of
from nam_jax._types import Key
from nam_jax.data import _cifar, _folder, _idx, _photographs
from nam_jax.data._picture import read_picture, resize_to

NAMES = ("photos", "digits", "fashion-mnist")
"""Names of the bundled sets."""

MOST_NUMBERS = 2**30
"""At most as many intensities are returned; they take 4 GB as float32."""

Rows = Int[np.ndarray, " m"]
"""Indices of images in rising order."""


class ImageSet(NamedTuple):
    """Images of one size, with labels and names.

    Attributes:
        images: Intensities in [0, 1], float32, shape (M, H, W, C), C = 1 or 3.
        labels: Class numbers, shape (M,), or None if the set has no classes.
        names: M short names: the photograph, class or file of each image.
    """

    images: Float[Array, "M H W C"]
    labels: Int[Array, " M"] | None
    names: tuple[str, ...]


class _Raw(NamedTuple):
    """An `ImageSet` of NumPy arrays; images may be pixels from 0 to 255."""

    images: Float[np.ndarray, "M H W C"] | UInt8[np.ndarray, "M H W C"]
    labels: Int[np.ndarray, " M"] | None
    names: tuple[str, ...]


class _Source(NamedTuple):
    """A set of which nothing is read yet but the number of its images.

    Attributes:
        num_images: Number of images that can be read.
        read: Function that reads the images at some indices, given in rising order.
    """

    num_images: int
    read: Callable[[Rows], _Raw]


def load_images(
    name_or_path: str | Path,
    *,
    num_images: int | None = None,
    size: int | None = None,
    key: Key | None = None,
) -> ImageSet:
    """Returns images of a bundled set or of the user's files.

    Args:
        name_or_path: The name of a set or a path. Sets are `"photos"` (natural colour images cut
            from the photographs that scikit-image and scikit-learn ship; the first 25 are chosen by
            eye), `"digits"` (scikit-learn's 8 x 8 digits) and `"fashion-mnist"` (Debian's package
            dataset-fashion-mnist). A path leads to a folder or file of CIFAR-10's binary version,
            to an images file in the MNIST format (gzipped or not), to a picture (PNG, JPEG, WebP,
            GIF, BMP or TIFF), or to a folder of such files. `~` is the home folder. For a folder
            with the name of a set write `./digits`.
        num_images: M, number of images; None for all. Other images are not read, so that few
            images of a huge file take little memory.
        size: Side in pixels to which images are scaled; pictures are cropped to their central
            square before. With None, photographs and pictures have 32 pixels, and other images keep
            their size.
        key: Random key to draw M images without repetition; None for the first M images.

    Pictures are turned as their EXIF orientation says, transparent parts become white, and of an
    animated picture the first frame is taken. A warning counts and names the entries of a folder
    that are skipped because they are no pictures; hidden files are skipped without it.

    Raises:
        FileNotFoundError: If the path does not exist, or the files of a set are not installed.
        ModuleNotFoundError: If a package of the extra `experiments` is needed and not installed.
        ValueError: If a file is damaged or not of the expected format, there are fewer than
            `num_images` images, `num_images` or `size` is below 1, the images would have more than
            2^30 numbers, or the path leads to something else than a file or folder.
    """
    for name, value in (("num_images", num_images), ("size", size)):
        if value is not None and value < 1:
            raise argument_error(name, "be at least 1", f"{value}")
    check_key(key)
    source = _source(name_or_path, None if key is not None else num_images, size or 32)
    if size is not None and 3 * size**2 * (num_images or source.num_images) > MOST_NUMBERS:
        requirement = f"be so small that the images have at most {MOST_NUMBERS} numbers"
        raise argument_error("size", requirement, size)
    raw = _selected(source, num_images, key)
    images = raw.images
    if images.dtype == np.uint8:
        images = np.divide(images, np.float32(255))
    if size is not None and images.shape[1:3] != (size, size):
        images = np.stack([resize_to(image, (size, size)) for image in images])
    labels = None if raw.labels is None else jnp.asarray(raw.labels)
    return ImageSet(jnp.asarray(images), labels, raw.names)


def _source(name_or_path: str | Path, num_images: int | None, size: int) -> _Source:
    """Returns a set.

    Args:
        name_or_path: As for `load_images`.
        num_images: Number of images that will be read, the first ones; None if it is not known.
        size: Side in pixels of photographs and pictures.
    """
    if isinstance(name_or_path, str) and name_or_path in NAMES:
        if Path(name_or_path).exists():
            warnings.warn(
                f"{name_or_path} is the name of a bundled set, which is loaded; for the files of "
                f"that name in this folder write ./{name_or_path}",
                stacklevel=3,
            )
        bundled = {"photos": lambda: _photograph_source(num_images, size), "digits": _digit_source}
        return bundled.get(name_or_path, lambda: _idx_source(_idx.fashion_mnist()))()
    path = expanded("name_or_path", name_or_path)
    kind = kind_of(path)
    if kind is None:
        raise FileNotFoundError(
            f"{path} does not exist, and it is not one of the names {', '.join(NAMES)}."
        )
    if kind not in ("file", "folder"):
        raise ValueError(f"{path}: expected a file or folder of images, found a {kind}.")
    return (_folder_source if kind == "folder" else _file_source)(path, size)


def _photograph_source(num_images: int | None, size: int) -> _Source:
    whole = _photographs.photographs()
    windows = list(islice(_photographs.windows(whole), num_images))

    def read(rows: Rows) -> _Raw:
        chosen = [windows[row] for row in rows]
        images = [_photographs.cut(whole[window[0]], window, size) for window in chosen]
        return _Raw(np.stack(images), None, tuple(window[0] for window in chosen))

    return _Source(len(windows), read)


def _digit_source() -> _Source:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise FileNotFoundError(
            f"The bundled digits need the package {error.name}: "
            "install nam-jax with the extra `experiments`."
        ) from error

    pixels, classes = load_digits(return_X_y=True)
    images = (np.asarray(pixels).reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    labels = np.asarray(classes).astype(np.int32)

    def read(rows: Rows) -> _Raw:
        return _Raw(images[rows], labels[rows], tuple(str(label) for label in labels[rows]))

    return _Source(len(images), read)


def _idx_source(path: Path) -> _Source:
    images = _idx.idx_images(path)
    classes = _idx.FASHION_CLASSES if path == _idx.FASHION else None

    def read(rows: Rows) -> _Raw:
        pixels, labels = images.read(rows)
        named = rows if labels is None else labels
        known = classes is not None and labels is not None and labels.max() < len(classes)
        names = (classes[label] if classes and known else str(label) for label in named)
        return _Raw(pixels[..., None], labels, tuple(names))

    return _Source(images.shape[0], read)


def _cifar_source(paths: Sequence[Path]) -> _Source:
    ends = np.cumsum([_cifar.num_records(path) for path in paths])

    def read(rows: Rows) -> _Raw:
        # For files of 5 and 4 records, the rows 3, 6, 7 are row 3 of the first file and rows 1, 2
        # of the second.
        parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
        starts = [0, *ends[:-1]]
        batches = [
            _cifar.read_cifar(path, part - start)
            for path, part, start in zip(paths, parts, starts, strict=True)
        ]
        images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        return _Raw(images, labels, tuple(_cifar.CLASSES[label] for label in labels))

    return _Source(int(ends[-1]), read)


def _folder_source(path: Path, size: int) -> _Source:
    if cifar := _cifar.cifar_files(path):
        return _cifar_source(cifar)
    if idx := _idx.idx_files(path):
        return _idx_source(idx[-1])
    return _picture_source(_folder.picture_files(path), size)


def _file_source(path: Path, size: int) -> _Source:
    start = _folder.first_bytes(path, 4)
    if _folder.is_picture(path):
        return _picture_source([path], size)
    if path.suffix == ".bin":
        return _cifar_source([path])
    if start[:1] == b"\x80":
        raise _cifar.pickle_error(path)
    return _idx_source(path)


def _picture_source(files: Sequence[Path], size: int) -> _Source:
    def read(rows: Rows) -> _Raw:
        chosen = [files[row] for row in rows]
        images = np.stack([read_picture(file, size) for file in chosen])
        return _Raw(images, None, tuple(file.stem for file in chosen))

    return _Source(len(files), read)


def _selected(source: _Source, num_images: int | None, key: Key | None) -> _Raw:
    """Returns the first images of a set, or random ones if there is a key."""
    total = source.num_images
    num_images = total if num_images is None else num_images
    if num_images > total:
        raise argument_error("num_images", f"be at most the {total} there are", f"{num_images}")
    if key is None:
        return source.read(np.arange(num_images))
    index = np.asarray(jax.random.permutation(key, total)[:num_images])
    order = np.argsort(index)
    raw, place = source.read(index[order]), np.argsort(order)
    labels = None if raw.labels is None else raw.labels[place]
    return _Raw(raw.images[place], labels, tuple(raw.names[i] for i in place))
