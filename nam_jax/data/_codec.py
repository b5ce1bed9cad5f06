"""Image codecs: maps from an image to a binary code that a memory can store, and back."""

import abc
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, check_key, check_whole, positive_number
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key
from nam_jax.data._intensities import (
    AnyImage,
    AnyImages,
    Image,
    Images,
    as_image,
    as_intensities,
)

Code = Float[Array, " N"]
"""One binary code in {-1, +1}; a damaged or recalled code may hold other real numbers."""


class AbstractCodec(AbstractPrecise):
    """Turns an image into a binary code, and a code (exact or damaged) back into an image.

    Both directions take one sample; batch them with `jax.vmap`. They compute in the dtype of their
    input and convert the codec's own arrays to it. An image of unsigned bytes is divided by 255, in
    JAX's default float dtype.
    """

    @property
    @abc.abstractmethod
    def num_bits(self) -> int:
        """N, the length of a code."""

    @property
    @abc.abstractmethod
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C), the shape of the images that this codec takes and returns."""

    @abc.abstractmethod
    def encode(self, image: AnyImage) -> Code:
        """Returns the code of an image.

        Args:
            image: Intensities in [0, 1], or unsigned bytes from 0 to 255, shape (H, W, C) =
                `image_shape`; or an image of Pillow of any size, which is cropped and scaled as
                `load_images` does with a picture.

        Returns:
            The code, shape (N,); every entry is exactly -1 or +1.

        Raises:
            ValueError: If the image has another shape or dtype, or values outside [0, 1]; traced
                values are not checked.
        """

    @abc.abstractmethod
    def decode(self, code: Code) -> Image:
        """Returns the image of a code.

        Args:
            code: Shape (N,), usually in {-1, +1}; other real numbers are not rounded to -1 or +1.

        Returns:
            Intensities in [0, 1], shape (H, W, C).

        Raises:
            ValueError: If the code has another length.
        """


class PixelThreshold(AbstractCodec):
    """One bit for each pixel and channel: +1 if its intensity is at least a threshold, else -1.

    The threshold of a pixel is its median over the images fitted, so that on them half of the bits
    are +1. A bit decodes to the mean intensity on its side of the threshold. Codes of natural
    images are strongly correlated, because a bright image sets nearly all bits to +1.

    Attributes:
        threshold: Median intensities, shape (H, W, C).
        low: Decoded intensities of the bit -1, shape (H, W, C).
        high: Decoded intensities of the bit +1, shape (H, W, C).
    """

    threshold: Image
    low: Image
    high: Image

    @classmethod
    def fit(cls, images: AnyImages) -> "PixelThreshold":
        """Returns a codec with thresholds and decoded intensities fitted to images.

        Args:
            images: M >= 1 images, shape (M, H, W, C), floats in [0, 1] or unsigned bytes.

        Raises:
            ValueError: If `images` has another number of axes, is empty, or has values outside
                [0, 1].
        """
        images = _checked(images)
        threshold = jnp.median(images, axis=0)
        above = images >= threshold[None]
        low, high = (_mean_where(images, side, threshold) for side in (~above, above))
        return cls(threshold, low, high)

    @property
    def num_bits(self) -> int:
        """N = H W C."""
        return math.prod(self.image_shape)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images fitted."""
        return _shape3(self.threshold)

    def encode(self, image: AnyImage) -> Code:
        """Returns +1 where the image is at least the threshold, in the order of `image.ravel()`."""
        image = as_image(image, self.image_shape)
        return sign(image - self.threshold.astype(image.dtype)).ravel()

    def decode(self, code: Code) -> Image:
        """Returns intensities that go linearly from `low` at -1 to `high` at +1."""
        check_code(code, self.num_bits)
        low, high = self.low.astype(code.dtype), self.high.astype(code.dtype)
        return jnp.clip(low + (high - low) * (code.reshape(low.shape) + 1) / 2, 0, 1)


class RandomProjection(AbstractCodec):
    """Signs of N random projections of an image, decoded linearly by ridge regression.

    encode: b = sign(P (x - mean)), with Gaussian P; decode: x = mean + W b, with W fitted to images
    x of D = H W C intensities.

    Attributes:
        mean: Mean image, shape (H, W, C).
        projection: P, shape (N, D).
        decoder: W, shape (D, N).
    """

    mean: Image
    projection: Float[Array, "N D"]
    decoder: Float[Array, "D N"]

    @classmethod
    def fit(
        cls, images: AnyImages, num_bits: int, *, key: Key, ridge: float = 1e-2
    ) -> "RandomProjection":
        """Returns a codec with a random projection P and the decoder W that fits images best.

        `mean` is the mean of the M images x_i, and b_i is the code of x_i. W minimises

            sum_i |x_i - mean - W b_i|^2 + M ridge |W|^2

        Args:
            images: M >= 1 images, shape (M, H, W, C), floats in [0, 1] or unsigned bytes.
            num_bits: N, the length of a code, at least 1.
            key: Random key of P.
            ridge: Strength of the penalty on large W, above 0. With 0, the equation for W would be
                singular if M < N.

        Raises:
            ValueError: If `images` has another number of axes, is empty, or has values outside
                [0, 1]; if `num_bits` is no whole number of at least 1; or if `ridge` is not
                above 0.
        """
        images = _checked(images)
        check_whole("num_bits", num_bits)
        positive_number("ridge", ridge)
        check_key(key)
        mean = images.mean(axis=0)
        centred = (images - mean[None]).reshape(images.shape[0], -1)
        projection = jax.random.normal(key, (num_bits, mean.size), images.dtype)
        codes = sign(centred @ projection.T)
        gram = codes.T @ codes / len(images) + ridge * jnp.eye(num_bits, dtype=images.dtype)
        decoder = jnp.linalg.solve(gram, codes.T @ centred / len(images)).T
        return cls(mean, projection, decoder)

    @property
    def num_bits(self) -> int:
        """N, the number of projections."""
        return self.projection.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images fitted."""
        return _shape3(self.mean)

    def encode(self, image: AnyImage) -> Code:
        """Returns sign(P (x - mean))."""
        image = as_image(image, self.image_shape)
        centred = (image - self.mean.astype(image.dtype)).ravel()
        return sign(self.projection.astype(image.dtype) @ centred)

    def decode(self, code: Code) -> Image:
        """Returns mean + W b, clipped to [0, 1]."""
        check_code(code, self.num_bits)
        image = (self.decoder.astype(code.dtype) @ code).reshape(self.image_shape)
        return jnp.clip(self.mean.astype(code.dtype) + image, 0, 1)


def sign(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns +1 where x >= 0 and -1 where x < 0: never 0, so that every code is binary."""
    return jnp.where(x >= 0, 1, -1).astype(x.dtype)


def check_code(code: Code, num_bits: int) -> None:
    """Raises a `ValueError` unless `code` has exactly this many entries."""
    if code.shape != (num_bits,):
        raise argument_error("code", f"have shape ({num_bits},) for this codec", f"{code.shape}")


def _checked(images: AnyImages) -> Images:
    images = as_intensities("images", images)
    if images.ndim != 4 or images.size == 0:
        raise argument_error("images", "have shape (M, H, W, C), none of them 0", f"{images.shape}")
    return images


def _shape3(image: Image) -> tuple[int, int, int]:
    height, width, channels = image.shape
    return height, width, channels


def _mean_where(images: Images, where: Array, otherwise: Image) -> Image:
    """Returns the mean over images of the selected entries; `otherwise` where none is selected."""
    count = where.sum(axis=0)
    total = jnp.where(where, images, 0).sum(axis=0)
    return jnp.where(count > 0, total / jnp.maximum(count, 1).astype(images.dtype), otherwise)
