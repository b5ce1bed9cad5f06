"""Turns a picture of any kind that Pillow knows into RGB intensities of a wanted size.

The order of steps, for a photograph of 3000 x 4000 pixels, made with a turned camera, and a wanted
size of 32 x 32: the picture is turned upright (4000 x 3000), its central square is cut out (3000 x
3000), its colours become RGB, transparent parts become white, it is averaged over 2 x 2 pixels to
save memory (1500 x 1500), and it is scaled with anti-aliasing (32 x 32).
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Num

from nam_jax._lazy import extra

if TYPE_CHECKING:
    import PIL.Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Pillow's names of the formats that are read; no decoder of another format is ever called."""

FINE = 1024
"""Sides of this many pixels, or of the wanted size if it is larger, are fine enough to scale."""

_WHITE = 1.0
_ORIENTATION = 0x0112
"""Number of the EXIF entry that says how the camera was turned; 1 is upright."""


def read_picture(path: Path, size: int) -> Float[np.ndarray, "size size 3"]:
    """Returns the central square of a picture file, scaled to `size` x `size` pixels.

    The picture is turned as its EXIF orientation says. Of an animated picture or a file of several
    pages, the first one is taken. Colour profiles are not applied.

    Returns:
        RGB intensities in [0, 1], shape (size, size, 3).

    Raises:
        ValueError: If the file is damaged, is of none of `FORMATS`, or has too many pixels.
    """
    with extra("Reading pictures"):
        from PIL import Image, UnidentifiedImageError
        from skimage.transform import resize  # noqa: F401  # missed now, not after the decoding
    try:
        with warnings.catch_warnings():
            # Pillow warns of pixels that are too many, which are refused here, and of oddities
            # in metadata, which do not matter here.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                _check_pixels(image)
                return picture(image, (size, size))
    except UnidentifiedImageError as error:
        with path.open("rb") as stream:
            start = stream.read(8)
        formats = ", ".join(FORMATS)
        raise ValueError(
            f"{path}: damaged or not a picture ({formats}); it starts with {start!r}."
        ) from error
    except Image.DecompressionBombError as error:
        limit = "PIL.Image.MAX_IMAGE_PIXELS sets how many are read"
        raise ValueError(f"{path}: the picture has too many pixels; {limit}.") from error
    except Exception as error:  # decoders have exceptions of their own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{path}: damaged or no picture that can be read ({reason}).") from error


def picture(
    image: "PIL.Image.Image", shape: tuple[int, int]
) -> Float[np.ndarray, "height width 3"]:
    """Returns a Pillow image in RGB, cropped and scaled to (height, width) pixels.

    The largest centred part that has the wanted ratio of height to width is kept.

    Args:
        image: An image of any mode of Pillow but `I`, turned as its EXIF orientation says.
        shape: Wanted height and width.

    Returns:
        RGB intensities in [0, 1], transparent parts on white.

    Raises:
        ValueError: If the values of the image have no known range.
    """
    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    left, top, right, bottom = box = _centre(image.size, shape)
    factor = max(1, min(right - left, bottom - top) // max(FINE, *shape))
    return resize_to(_averaged(image, box, factor), shape)


def resize_to(
    image: Float[np.ndarray, "H W C"], shape: tuple[int, int]
) -> Float[np.ndarray, "h w C"]:
    """Returns an image scaled to (h, w) pixels, with anti-aliasing if it becomes smaller."""
    with extra("Scaling images"):
        from skimage.transform import resize

    scaled = np.asarray(resize(image, shape, anti_aliasing=min(image.shape[:2]) > min(shape)))
    return np.clip(scaled, 0, 1).astype(np.float32)


def _check_pixels(image: "PIL.Image.Image") -> None:
    """Raises an error if a picture has more pixels than the limit at which Pillow only warns."""
    from PIL import Image

    most = Image.MAX_IMAGE_PIXELS
    if most is not None and image.width * image.height > most:
        raise Image.DecompressionBombError


def _centre(size: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns left, top, right and bottom of the centred part with the ratio of `shape`."""
    (width, height), (rows, columns) = size, shape
    if height * columns > width * rows:  # too high
        new_width, new_height = width, max(1, width * rows // columns)
    else:
        new_width, new_height = max(1, height * columns // rows), height
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return left, top, left + new_width, top + new_height


def _channels(image: "PIL.Image.Image") -> tuple[Num[np.ndarray, "H W C"], float]:
    """Returns the pixels of an image and the value of white.

    Pixels have one channel (grey), three (RGB) or four (RGB and opacity).
    """
    if image.mode.startswith("I;16"):
        return _deep_grey(image), 65535.0
    if image.mode == "F":
        pixels = np.asarray(image)
        if not ((pixels >= 0) & (pixels <= 1)).all():  # also refuses NaN
            raise ValueError("its numbers are not all in [0, 1]")
        return pixels[..., None], 1.0
    if image.mode == "I":
        raise ValueError("its whole numbers of 32 bits have no known range; convert it to 8 bits")
    if image.mode == "LAB":
        image = _from_lab(image)
    if image.mode == "La":  # Pillow converts it to LA alone
        image = image.convert("LA")
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB")), 255.0


def _deep_grey(image: "PIL.Image.Image") -> Num[np.ndarray, "H W 1"]:
    """Returns the pixels of an image of 16-bit grey; a transparent level becomes white."""
    pixels = np.asarray(image)
    transparent = image.info.get("transparency")
    if transparent is not None:
        pixels = np.where(pixels == transparent, 65535, pixels)
    return pixels[..., None]


def _from_lab(image: "PIL.Image.Image") -> "PIL.Image.Image":
    from PIL import ImageCms

    profiles = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
    transform = ImageCms.buildTransform(*profiles, "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("its colours cannot be converted from LAB")
    return converted


def _averaged(
    image: "PIL.Image.Image", box: tuple[int, int, int, int], factor: int
) -> Float[np.ndarray, "h w 3"]:
    """Returns the part of an image in a box, averaged over squares of `factor` x `factor` pixels.

    A band of rows is converted at a time, so that the whole picture is in memory only once.
    """
    if factor == 1:
        return _intensities(image.crop(box))
    left, top, right, bottom = box
    width = (right - left) // factor
    means = []
    for first in range(top, bottom - factor + 1, factor):
        band = image.crop((left, first, left + width * factor, first + factor))
        means.append(_intensities(band).reshape(factor, width, factor, 3).mean(axis=(0, 2)))
    return np.stack(means)


def _intensities(image: "PIL.Image.Image") -> Float[np.ndarray, "H W 3"]:
    """Returns RGB intensities in [0, 1], with transparent parts on a white background."""
    pixels, most = _channels(image)
    shares = np.divide(pixels, most, dtype=np.float32)
    if shares.shape[-1] == 4:
        colours, opacity = shares[..., :3], shares[..., 3:]
        return colours * opacity + _WHITE * (1 - opacity)
    return np.broadcast_to(shares, (*shares.shape[:2], 3))
