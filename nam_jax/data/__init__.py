"""Patterns to store, damage to patterns, sets of images, and codecs.

Patterns are rows of K x N arrays. Functions that damage patterns, and codecs, take one sample;
batch them with `jax.vmap`. Image sets are bundled or read from the user's files. A codec turns an
image into a binary pattern and back.
"""

from nam_jax.data._autoencoder import BinaryAutoencoder
from nam_jax.data._codec import AbstractCodec, PixelThreshold, RandomProjection
from nam_jax.data._corrupt import add_noise, add_uniform_noise, flip, mask, occlude
from nam_jax.data._crops import random_crops
from nam_jax.data._images import ImageSet as ImageSet
from nam_jax.data._images import load_images
from nam_jax.data._patterns import (
    correlated_patterns,
    random_members,
    random_patterns,
    sparse_patterns,
)
from nam_jax.data._photographs import photographs
from nam_jax.data._recall_task import RecallTask
from nam_jax.data._weights import codec_metadata as codec_metadata
from nam_jax.data._weights import load_codec, save_codec

__all__ = [
    "AbstractCodec",
    "BinaryAutoencoder",
    "PixelThreshold",
    "RandomProjection",
    "RecallTask",
    "add_noise",
    "add_uniform_noise",
    "correlated_patterns",
    "flip",
    "load_codec",
    "load_images",
    "mask",
    "occlude",
    "photographs",
    "random_crops",
    "random_members",
    "random_patterns",
    "save_codec",
    "sparse_patterns",
]
