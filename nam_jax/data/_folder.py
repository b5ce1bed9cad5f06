"""Reads a user's own pictures: PNG and JPEG files."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from nam_jax.data._photographs import resize_to

SUFFIXES = (".png", ".jpg", ".jpeg")

MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""First bytes of PNG and of JPEG files; other files are never passed to a decoder."""


def is_picture(path: Path) -> bool:
    """Returns whether the name of the file ends as names of PNG or JPEG files do."""
    return path.suffix.lower() in SUFFIXES


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
    """Returns the PNG and JPEG files of a folder, sorted by name.

    Raises:
        ValueError: If there are none.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and is_picture(path))
    if not files:
        raise ValueError(
            f"{folder}: expected PNG or JPEG files, MNIST-format files or CIFAR-10's binary "
            f"version, found none of them among {len(list(folder.iterdir()))} entries."
        )
    return files


def read_picture(path: Path, size: int) -> Float[np.ndarray, "size size 3"]:
    """Returns the central square of a picture, scaled to `size` x `size` pixels.

    Returns:
        RGB intensities in [0, 1], shape (size, size, 3).

    Raises:
        ValueError: If the file is empty, damaged, or not one grey, grey-alpha, RGB or RGBA picture.
    """
    import skimage.io
    from skimage.util import img_as_float32

    start = first_bytes(path, 8)
    if not start.startswith(MAGIC):
        raise ValueError(f"{path}: damaged or not a PNG or JPEG picture; it starts with {start!r}.")
    try:
        pixels = img_as_float32(skimage.io.imread(path))
    except Exception as error:  # each image library has exceptions of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: damaged or not a PNG or JPEG picture ({reason}).") from error
    pixels = _coloured(path, pixels)
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return resize_to(pixels[top : top + side, left : left + side], (size, size))


def _coloured(path: Path, pixels: Float[np.ndarray, "..."]) -> Float[np.ndarray, "H W 3"]:
    """Returns the picture in RGB, with its transparent parts on a white background."""
    from skimage.color import gray2rgb, rgba2rgb

    if pixels.ndim == 2:
        return gray2rgb(pixels)
    channels = pixels.shape[-1]
    if pixels.ndim != 3 or not 1 <= channels <= 4:
        raise ValueError(
            f"{path}: expected one picture with 1 to 4 channels, found shape {pixels.shape}."
        )
    if channels in (2, 4):
        colour = pixels[..., :-1] if channels == 4 else gray2rgb(pixels[..., 0])
        return rgba2rgb(np.concatenate([colour, pixels[..., -1:]], axis=-1))
    return pixels if channels == 3 else gray2rgb(pixels[..., 0])
