"""What goes into a memory: patterns, damage to them, images, and codes for images.

Patterns are rows of K x N arrays. Corruptions and codecs take one sample; batch them with
`jax.vmap`. Image sets are bundled or read from the user's files; a codec turns an image into a
binary pattern and back.
"""

from nam_jax.data._autoencoder import BinaryAutoencoder as BinaryAutoencoder
from nam_jax.data._autoencoder import straight_through_sign as straight_through_sign
from nam_jax.data._codec import AbstractCodec as AbstractCodec
from nam_jax.data._codec import PixelThreshold as PixelThreshold
from nam_jax.data._codec import RandomProjection as RandomProjection
from nam_jax.data._corrupt import add_noise as add_noise
from nam_jax.data._corrupt import add_uniform_noise as add_uniform_noise
from nam_jax.data._corrupt import flip as flip
from nam_jax.data._corrupt import mask as mask
from nam_jax.data._corrupt import occlude as occlude
from nam_jax.data._crops import random_crops as random_crops
from nam_jax.data._crops import split_columns as split_columns
from nam_jax.data._images import ImageSet as ImageSet
from nam_jax.data._images import load_images as load_images
from nam_jax.data._patterns import correlated_patterns as correlated_patterns
from nam_jax.data._patterns import random_members as random_members
from nam_jax.data._patterns import random_patterns as random_patterns
from nam_jax.data._patterns import sparse_patterns as sparse_patterns
from nam_jax.data._photographs import photographs as photographs
from nam_jax.data._recall_task import NOT_ASKED as NOT_ASKED
from nam_jax.data._recall_task import RecallSequence as RecallSequence
from nam_jax.data._recall_task import RecallTask as RecallTask
from nam_jax.data._weights import codec_metadata as codec_metadata
from nam_jax.data._weights import load_codec as load_codec
from nam_jax.data._weights import save_codec as save_codec
