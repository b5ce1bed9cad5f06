"""Random crops of photographs, for training."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from nam_jax._misc import argument_error, check_whole
from nam_jax.data._photographs import FLAT, Photograph
from nam_jax.data._picture import resize_to

Crops = Float[np.ndarray, "M size size 3"]


def random_crops(
    images: Mapping[str, Photograph], num_crops: int, *, size: int = 32, seed: int
) -> Crops:
    """Returns random square crops at random scales, in equal numbers from all photographs.

    A crop shows a square window, whose side is between `size` pixels and the shorter side of the
    photograph, scaled down to `size` pixels with anti-aliasing. Crops with very little contrast are
    drawn again.

    Args:
        images: Photographs by name, all at least `size` pixels high and wide.
        num_crops: M >= 1.
        size: Side of a crop in pixels.
        seed: Seed of NumPy's generator.

    Returns:
        Intensities in [0, 1], float32, shape (M, size, size, 3), shuffled.

    Raises:
        ValueError: If there are no images, an image is smaller than a crop, or a number is below 1.
    """
    check_whole("num_crops", num_crops)
    check_whole("size", size)
    if not images:
        raise argument_error("images", "hold at least one photograph", "none")
    for name, image in images.items():
        if image.ndim != 3 or min(image.shape[:2]) < size:
            requirement = f"hold photographs of at least {size} x {size} pixels"
            raise argument_error("images", requirement, f"`{name}` of shape {image.shape}")
    generator = np.random.default_rng(seed)
    share = -(-num_crops // len(images))
    crops = [
        _random_crop(levels, size, generator)
        for levels in (_pyramid(image, size) for image in images.values())
        for _ in range(share)
    ]
    return generator.permutation(np.stack(crops))[:num_crops]


def _pyramid(image: Photograph, size: int) -> list[Photograph]:
    """Returns the photograph at scales 1, 2^-1/2, 1/2, ... while its sides are at least `size`."""
    levels = [image]
    while (shorter := min(levels[-1].shape[:2]) / 2**0.5) >= size:
        scale = shorter / min(levels[-1].shape[:2])
        height, width = (round(length * scale) for length in levels[-1].shape[:2])
        levels.append(resize_to(levels[-1], (max(height, size), max(width, size))))
    return levels


def _random_crop(
    levels: list[Photograph], size: int, generator: np.random.Generator, *, tries: int = 20
) -> Photograph:
    """Returns a random crop of a random level, drawn again up to `tries` times if it is flat."""
    crop = levels[-1][:size, :size]
    for _ in range(tries):
        level = levels[generator.integers(len(levels))]
        row, column = (generator.integers(n - size + 1) for n in level.shape[:2])
        crop = level[row : row + size, column : column + size]
        if crop.std(axis=(0, 1)).mean() >= FLAT / 2:
            break
    return crop
