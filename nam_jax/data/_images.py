"""Loads all sets of images: bundled sets by name, the user's files by path."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from nam_jax._misc import argument_error
from nam_jax._types import Key
from nam_jax.data import _cifar, _folder, _idx, _photographs


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
    """An `ImageSet` of NumPy arrays, before images are selected."""

    images: Float[np.ndarray, "M H W C"]
    labels: Int[np.ndarray, " M"] | None
    names: tuple[str, ...]


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
            to an images file in the MNIST format (gzipped or not), to a PNG or JPEG file, or to a
            folder of such files. For a folder with the name of a set write `./digits`.
        num_images: M, number of images; None for all.
        size: Side in pixels to which images are scaled; PNG and JPEG files are cropped to their
            central square before. With None, photographs and PNG and JPEG files have 32 pixels, and
            other images keep their size.
        key: Random key to draw M images without repetition; None for the first M images.

    Raises:
        FileNotFoundError: If the path does not exist, or the files of a set are not installed.
        ModuleNotFoundError: If a package of the extra `experiments` is needed and not installed.
        ValueError: If a file is damaged or not of the expected format, there are fewer than
            `num_images` images, or `num_images` or `size` is below 1.
    """
    for name, value in (("num_images", num_images), ("size", size)):
        if value is not None and value < 1:
            raise argument_error(name, "be at least 1", f"{value}")
    wanted = None if key is not None else num_images
    raw = _select(_load(name_or_path, wanted, size), num_images, key)
    images = raw.images
    if size is not None and images.shape[1:3] != (size, size):
        images = np.stack([_photographs.resize_to(image, (size, size)) for image in images])
    labels = None if raw.labels is None else jnp.asarray(raw.labels)
    return ImageSet(jnp.asarray(images), labels, raw.names)


def _load(name_or_path: str | Path, num_images: int | None, size: int | None) -> _Raw:
    """Returns at least the first `num_images` images of a set, or all images for None."""
    if name_or_path == "photos":
        return _load_photographs(num_images, 32 if size is None else size)
    if name_or_path == "digits":
        return _load_digits()
    if name_or_path == "fashion-mnist":
        return _load_idx(_idx.fashion_mnist(), _idx.FASHION_CLASSES)
    path = Path(name_or_path).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist, and it is not one of the names photos, digits, fashion-mnist."
        )
    if path.is_dir():
        return _load_folder(path, num_images, 32 if size is None else size)
    return _load_file(path, 32 if size is None else size)


def _load_photographs(num_images: int | None, size: int) -> _Raw:
    whole = _photographs.photographs()
    chosen = list(islice(_photographs.windows(whole), num_images))
    images = np.stack([_photographs.cut(whole[window[0]], window, size) for window in chosen])
    return _Raw(images, None, tuple(window[0] for window in chosen))


def _load_digits() -> _Raw:
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    images = (np.asarray(pixels).reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    labels = np.asarray(classes).astype(np.int32)
    return _Raw(images, labels, tuple(str(label) for label in labels))


def _load_idx(path: Path, classes: tuple[str, ...] | None = None) -> _Raw:
    pixels, labels = _idx.read_idx_images(path)
    images = pixels[..., None].astype(np.float32) / 255
    if labels is None:
        return _Raw(images, None, tuple(str(i) for i in range(len(images))))
    known = classes is not None and labels.max() < len(classes)
    names = (classes[label] if classes and known else str(label) for label in labels)
    return _Raw(images, labels, tuple(names))


def _load_cifar(paths: Iterable[Path], num_images: int | None) -> _Raw:
    batches, num_read = [], 0
    for path in paths:
        batches.append(_cifar.read_cifar(path))
        num_read += len(batches[-1][1])
        if num_images is not None and num_read >= num_images:
            break
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return _Raw(images, labels, tuple(_cifar.CLASSES[label] for label in labels))


def _load_folder(path: Path, num_images: int | None, size: int) -> _Raw:
    if cifar := _cifar.cifar_files(path):
        return _load_cifar(cifar, num_images)
    if idx := sorted(path.glob("*images*idx3*")):
        # If there are several sets, take the training set: "train" sorts after "t10k".
        return _load_idx(idx[-1])
    files = _folder.picture_files(path)
    return _load_pictures(files[:num_images], size)


def _load_file(path: Path, size: int) -> _Raw:
    start = _folder.first_bytes(path, 4)
    if _folder.is_picture(path):
        return _load_pictures([path], size)
    if path.suffix == ".bin":
        return _load_cifar([path], None)
    if start[:1] == b"\x80":
        raise _cifar.pickle_error(path)
    return _load_idx(path)


def _load_pictures(files: list[Path], size: int) -> _Raw:
    images = np.stack([_folder.read_picture(file, size) for file in files])
    return _Raw(images, None, tuple(file.stem for file in files))


def _select(raw: _Raw, num_images: int | None, key: Key | None) -> _Raw:
    total = len(raw.images)
    num_images = total if num_images is None else num_images
    if num_images > total:
        raise argument_error("num_images", f"be at most the {total} there are", f"{num_images}")
    index = np.arange(num_images)
    if key is not None:
        index = np.asarray(jax.random.permutation(key, total)[:num_images])
    labels = None if raw.labels is None else raw.labels[index]
    return _Raw(raw.images[index], labels, tuple(raw.names[i] for i in index))
