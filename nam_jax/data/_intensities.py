"""Images as users have them, as floats in [0, 1]."""

import sys
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from nam_jax._misc import argument_error, as_float, is_concrete
from nam_jax.data._picture import picture

Image = Float[Array, "H W C"]
"""One image, intensities in [0, 1]."""

Images = Float[Array, "M H W C"]
"""M images of one size, intensities in [0, 1]."""

AnyImage = Any
"""One image as users have it: floats in [0, 1] or unsigned bytes, of shape (H, W, C), or an image
of Pillow."""

AnyImages = Images | UInt8[Array | np.ndarray, "M H W C"] | Float[np.ndarray, "M H W C"]
"""M images of one size, floats in [0, 1] or unsigned bytes."""

ROUNDING = 1e-5
"""Intensities may lie outside [0, 1] by this much, as after scaling in single precision."""


def as_image(image: AnyImage, shape: tuple[int, int, int]) -> Image:
    """Returns an image of any kind as intensities.

    Raises:
        ValueError: If an array has another shape than `shape`, or is refused by `as_intensities`.
    """
    # Pillow is not imported for its class: a user who has an image of Pillow has imported it.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(image, pillow.Image):
        image = _from_pillow(image, shape)
    intensities = as_intensities("image", image)
    if intensities.shape != shape:
        raise argument_error("image", f"have shape {shape} for this codec", f"{intensities.shape}")
    return intensities


def _from_pillow(image: AnyImage, shape: tuple[int, int, int]) -> Float[np.ndarray, "H W C"]:
    height, width, channels = shape
    try:
        pixels = picture(image, (height, width))
    except ValueError as error:
        raise argument_error("image", "be an image of known colours", error) from error
    # Grey as Pillow computes it: 0.299 red + 0.587 green + 0.114 blue.
    grey = np.asarray([0.299, 0.587, 0.114], np.float32)
    return pixels if channels == 3 else (pixels @ grey)[..., None]


def as_intensities(name: str, images: object) -> Float[Array, "..."]:
    """Returns floats in [0, 1]; unsigned bytes are divided by 255.

    Args:
        name: The argument's name, for the error.
        images: An array of floats, bytes or booleans, or nested lists of numbers. Traced values are
            not checked.

    Raises:
        ValueError: If they are no numbers, whole numbers of another dtype, or outside [0, 1].
    """
    dtype = getattr(images, "dtype", None)
    if dtype == np.uint8:
        return as_float(images) / 255
    requirement = "hold intensities in [0, 1], or be of unsigned bytes (uint8)"
    if dtype is not None and jnp.issubdtype(dtype, jnp.integer):
        raise argument_error(name, requirement, f"the dtype {dtype}")
    try:
        intensities = as_float(images)
    except (TypeError, ValueError) as error:
        raise argument_error(name, requirement, f"a {type(images).__name__}") from error
    if is_concrete(intensities):
        low, high = float(intensities.min(initial=0)), float(intensities.max(initial=0))
        if not (low >= -ROUNDING and high <= 1 + ROUNDING):
            raise argument_error(name, requirement, f"values from {low:.3g} to {high:.3g}")
    return intensities
