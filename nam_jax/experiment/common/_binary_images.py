"""Distinct binary images: correlated patterns from a set of pictures."""

from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from nam_jax import data
from nam_jax._types import Key, Patterns


class BinaryImages(NamedTuple):
    """Images as patterns.

    Attributes:
        patterns: (M, N), +1 where a pixel is at least as bright as the threshold and -1 elsewhere;
            no two alike, in random order.
        shape: Rows and columns, with N pixels.
    """

    patterns: Patterns
    shape: tuple[int, int]


def binary_images(source: str, threshold: float, num_images: int, *, key: Key) -> BinaryImages:
    """Loads images, makes them grey and binary at one threshold and drops duplicates.

    Raises:
        ValueError: If there are fewer than `num_images` distinct binary images.
        FileNotFoundError: If the source is not there.
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
