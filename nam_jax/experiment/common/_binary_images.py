"""Distinct binary images: correlated patterns from a set of pictures."""

from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from nam_jax import data
from nam_jax._types import Key, Patterns


class BinaryImages(NamedTuple):
    """Black-and-white images as patterns of -1 and +1, made by `binary_images`.

    Attributes:
        patterns: (M, N), one image in each row: +1 for a pixel whose intensity is at least the
            threshold of `binary_images`, and -1 for a darker pixel. All patterns differ, and their
            order is random.
        shape: Numbers of rows and columns of an image; their product is N.
    """

    patterns: Patterns
    shape: tuple[int, int]


def binary_images(source: str, threshold: float, num_images: int, *, key: Key) -> BinaryImages:
    """Loads images, makes them grey and binary at one threshold and drops duplicates.

    Args:
        source: The source of the images, as for `data.load_images`.
        threshold: The intensity from which a pixel is +1.
        num_images: Number M of images, chosen at random among the distinct ones.
        key: Random key of the choice.

    Returns:
        The images as patterns, in random order.

    Raises:
        ValueError: If there are fewer than `num_images` distinct binary images.
        FileNotFoundError: If the source does not exist.
    """
    images = np.asarray(data.load_images(source).images).mean(axis=-1)
    bright = images.reshape(len(images), -1) >= threshold
    packed = np.packbits(bright, axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    if len(first) < num_images:
        raise ValueError(
            f"Argument `source` must have at least {num_images} distinct images, black and white "
            f"at `threshold` {threshold}, but {source} has {len(first)}."
        )
    chosen = np.asarray(jr.permutation(key, np.sort(first)))[:num_images]
    patterns = np.where(bright[chosen], 1.0, -1.0)
    return BinaryImages(jnp.asarray(patterns, float), images.shape[1:])
