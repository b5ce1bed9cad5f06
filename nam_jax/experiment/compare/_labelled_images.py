"""Grey images to store, others with the same labels to test on, and damage to both."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int

from nam_jax import data
from nam_jax._types import Key, Pattern

Damage = Callable[[Pattern, Key], Pattern]
"""Function of an image, (N,), and a random key; returns a damaged image, NaN at hidden pixels."""


Queries = Float[Array, "Q N"]
"""Damaged images, one in each row."""


class LabelledImages(NamedTuple):
    """Grey images with their classes. Images to store and images held out all differ.

    An image is one row of intensities in [0, 1].

    Attributes:
        stored: (K, N), images to store, in random order.
        stored_labels: (K,), classes of `stored`, from 0 on.
        held_out: (T, N), images to test on.
        held_out_labels: (T,), classes of `held_out`.
        shape: Numbers of rows and columns of an image; their product is N.
    """

    stored: Float[np.ndarray, "K N"]
    stored_labels: Int[np.ndarray, " K"]
    held_out: Float[np.ndarray, "T N"]
    held_out_labels: Int[np.ndarray, " T"]
    shape: tuple[int, int]


def labelled_images(source: str, num_stored: int, num_held_out: int, *, key: Key) -> LabelledImages:
    """Loads images, makes them grey, drops duplicates and splits them at random.

    Args:
        source: The source of the images, as for `data.load_images`.
        num_stored: Number K of images to store.
        num_held_out: Number T of images to test on.
        key: Random key of the split.

    Returns:
        K images to store and T images to test on, with their labels; images beyond K + T are left
        out.

    Raises:
        ValueError: If there are no labels, or fewer than K + T distinct images.
        FileNotFoundError: If the source does not exist.
    """
    loaded = data.load_images(source)
    if loaded.labels is None:
        raise ValueError(f"Argument `source` must have labels, but {source} has none.")
    grey = np.asarray(loaded.images).mean(axis=-1)
    rows = grey.reshape(len(grey), -1)
    _, first = np.unique(_bytes(rows), return_index=True)
    needed = num_stored + num_held_out
    if len(first) < needed:
        raise ValueError(
            f"Argument `source` must have at least {needed} distinct images, "
            f"but {source} has {len(first)}."
        )
    chosen = np.asarray(jr.permutation(key, np.sort(first)))[:needed]
    images, labels = rows[chosen], np.asarray(loaded.labels)[chosen]
    return LabelledImages(
        images[:num_stored], labels[:num_stored],
        images[num_stored:], labels[num_stored:], grey.shape[1:],
    )  # fmt: skip


def _bytes(rows: Float[np.ndarray, "M N"]) -> np.ndarray:
    """Returns the rows as opaque items, (M,), which sort much faster than rows of pixels."""
    rows = np.ascontiguousarray(rows)
    return rows.view([("", f"V{rows.shape[1] * rows.itemsize}")]).ravel()


def damages(config: Any, shape: tuple[int, int]) -> dict[str, Damage]:
    """Returns all kinds of damage that `config` asks for, by name; `shape` is that of an image."""
    kinds: dict[str, Damage] = {"half hidden": functools.partial(_hide, shape, config.hidden)}
    for level in config.clamped:
        kinds[f"clamped noise {level:g}"] = functools.partial(_clamped_noise, level)
    for level in config.unbiased:
        kinds[f"unbiased noise {level:g}"] = functools.partial(_unbiased_noise, level)
    return kinds


def damaged(damage: Damage, images: Queries, *, key: Key) -> Queries:
    """Returns `images`, (Q, N), each damaged with its own random key."""
    return jax.vmap(damage)(images, jr.split(key, len(images)))


def filled(queries: Queries) -> Queries:
    """Returns queries with 0 for hidden pixels, for a memory that cannot leave pixels out."""
    return jnp.where(jnp.isnan(queries), 0, queries)


def _hide(shape: tuple[int, int], hidden: float, image: Pattern, key: Key) -> Pattern:
    """Hides the lower rows of an image, a share `hidden` of all rows."""
    del key
    return data.occlude(image.reshape(shape), hidden, value=jnp.nan).ravel()


def _clamped_noise(level: float, image: Pattern, key: Key) -> Pattern:
    """Returns min(|x + noise|, 1), as in Millidge et al., arXiv 2202.04557; it brightens images."""
    return jnp.minimum(jnp.abs(data.add_noise(image, level, key=key)), 1)


def _unbiased_noise(level: float, image: Pattern, key: Key) -> Pattern:
    return data.add_noise(image, level, key=key)


def targets_of(num_stored: int, num_queries: int, *, key: Key) -> Int[Array, " Q"]:
    """Returns the random indices, (Q,), of the stored rows that queries are made of.

    No row is drawn a second time before all rows are drawn once. The order is random, so that no
    row wins ties by its place.
    """
    rounds = -(-num_queries // num_stored)
    orders = [jr.permutation(round_key, num_stored) for round_key in jr.split(key, rounds)]
    return jnp.concatenate(orders)[:num_queries]
