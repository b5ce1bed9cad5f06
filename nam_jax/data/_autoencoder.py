"""The binary autoencoder: a small convolutional network with a sign in the middle."""

import einops
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, check_key
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key
from nam_jax.data._codec import AbstractCodec, Code, check_code, sign
from nam_jax.data._intensities import AnyImage, Image, as_image

PATCH = 4
"""Side in pixels of the square patch that one position of the feature map describes."""

_PATCHES, _PIXELS = "(h p) (w q) c -> h w (p q c)", "h w (p q c) -> (h p) (w q) c"

Features = Float[Array, "h w _"]
"""A feature map: h x w positions with the same number of features at each position."""


class _Convolution(AbstractPrecise):
    """A square convolution of odd size with zero padding, as one matrix product.

    On a CPU, most of all inside a scan, this is many times faster than XLA's own convolution at
    these sizes.
    """

    kernel: Float[Array, "I O"]
    bias: Float[Array, " O"]
    size: int = eqx.field(static=True)

    def __init__(self, num_in: int, num_out: int, size: int, *, key: Key):
        fan_in = num_in * size * size
        self.kernel = jax.random.normal(key, (fan_in, num_out)) / fan_in**0.5
        self.bias = jnp.zeros(num_out)
        self.size = size

    def __call__(self, x: Features) -> Features:
        height, width, _ = x.shape
        # A 3 x 3 convolution is the product of the kernel with 9 shifted copies of x, laid side by
        # side along the last axis.
        margin = self.size // 2
        padded = jnp.pad(x, ((margin, margin), (margin, margin), (0, 0)))
        shifts = [
            padded[i : i + height, j : j + width]
            for i in range(self.size)
            for j in range(self.size)
        ]
        return jnp.concatenate(shifts, axis=-1) @ self.kernel + self.bias[None, None]


class _Block(AbstractPrecise):
    """A residual block: a 3 x 3 convolution, then a dense P x P mix of all P positions.

    The mix is the same for every feature. It lets a bit depend on the whole image. With
    convolutions alone, all positions of a smooth region would have the same bits, and the codes of
    different images would overlap.
    """

    expand: _Convolution
    contract: _Convolution
    places: Float[Array, "P P"]

    def __init__(self, width: int, num_places: int, *, key: Key):
        keys = jax.random.split(key, 3)
        self.expand = _Convolution(width, width, 3, key=keys[0])
        self.contract = _Convolution(width, width, 1, key=keys[1])
        self.places = jax.random.normal(keys[2], (num_places, num_places)) / num_places**0.5

    def __call__(self, x: Features) -> Features:
        x = x + self.contract(jax.nn.gelu(self.expand(_normalised(x))))
        flat = einops.rearrange(_normalised(x), "h w f -> (h w) f")
        return x + (self.places @ flat).reshape(x.shape)


def _normalised(x: Features) -> Features:
    """Returns the features scaled to mean 0 and variance 1 at each position."""
    return jax.nn.standardize(x, axis=-1, epsilon=1e-5)


class BinaryAutoencoder(AbstractCodec):
    """A convolutional autoencoder whose middle layer is binary.

    The encoder maps 4 x 4 patches to `width` features, applies residual blocks, maps the features
    to N / (h w) numbers at each of the h x w positions by a 1 x 1 convolution, and takes their
    signs. The decoder has the same parts in reverse order. In training the sign has the gradient of
    tanh (straight-through estimator). This is not a variational autoencoder: nothing in it is
    random.

    Attributes:
        stem: Convolution of 4 x 4 patches to features.
        encoder: Residual blocks before the code.
        to_code: Convolution of features to the numbers whose signs are the code.
        from_code: Convolution of a code to features.
        decoder: Residual blocks after the code.
        to_pixels: Convolution of features to 4 x 4 patches.
        grid: (h, w), the number of patches down and across.
    """

    stem: _Convolution
    encoder: tuple[_Block, ...]
    to_code: _Convolution
    from_code: _Convolution
    decoder: tuple[_Block, ...]
    to_pixels: _Convolution
    grid: tuple[int, int] = eqx.field(static=True)

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (32, 32, 3),
        num_bits: int = 768,
        *,
        width: int = 64,
        depth: int = 2,
        key: Key,
    ):
        """Draws random weights; see `load_codec` for trained ones.

        Args:
            image_shape: (H, W, C), H and W multiples of 4.
            num_bits: N, a multiple of (H / 4)(W / 4).
            width: Number of features at each position.
            depth: Number of residual blocks in the encoder; the decoder has the same number.
            key: Random key of the weights.

        Raises:
            ValueError: If `image_shape` or `num_bits` is not such a multiple, or is below 1.
        """
        check_key(key)
        height, columns, channels = image_shape
        if min(image_shape) < 1 or height % PATCH or columns % PATCH:
            raise argument_error(
                "image_shape", f"be (H, W, C), H and W multiples of {PATCH}", f"{image_shape}"
            )
        num_places = (height // PATCH) * (columns // PATCH)
        if num_bits < 1 or num_bits % num_places:
            raise argument_error("num_bits", f"be a multiple of {num_places}", f"{num_bits}")
        keys = jax.random.split(key, 4 + 2 * depth)
        blocks = [_Block(width, num_places, key=k) for k in keys[4:]]
        pixels = PATCH * PATCH * channels
        self.stem = _Convolution(pixels, width, 1, key=keys[0])
        self.encoder = tuple(blocks[:depth])
        self.to_code = _Convolution(width, num_bits // num_places, 1, key=keys[1])
        self.from_code = _Convolution(num_bits // num_places, width, 1, key=keys[2])
        self.decoder = tuple(blocks[depth:])
        self.to_pixels = _Convolution(width, pixels, 1, key=keys[3])
        self.grid = (height // PATCH, columns // PATCH)

    @property
    def num_bits(self) -> int:
        """N, the number of positions of the feature map times the number of bits at each."""
        return self.grid[0] * self.grid[1] * self.to_code.bias.size

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C), the shape of the images that this codec takes and returns."""
        channels = self.to_pixels.bias.size // PATCH**2
        return self.grid[0] * PATCH, self.grid[1] * PATCH, channels

    def encode(self, image: AnyImage) -> Code:
        """Returns the signs of `logits`."""
        return sign(self.logits(image))

    def decode(self, code: Code) -> Image:
        """Returns the image of a code, clipped to [0, 1]."""
        return jnp.clip(self.reconstruct(code), 0, 1)

    def logits(self, image: AnyImage) -> Code:
        """Returns the N real numbers whose signs are the code; training differentiates them.

        Raises:
            ValueError: As `encode`.
        """
        image = as_image(image, self.image_shape)
        net = _cast(self, image.dtype)
        patches = einops.rearrange(image - 0.5, _PATCHES, p=PATCH, q=PATCH)
        x = net.stem(patches)
        for block in net.encoder:
            x = block(x)
        return net.to_code(x).ravel()

    def soft_code(self, image: AnyImage) -> Code:
        """Returns the code of `encode`, with the derivative of tanh(logits) for training.

        Raises:
            ValueError: As `encode`.
        """
        return straight_through_sign(self.logits(image))

    def reconstruct(self, code: Code) -> Image:
        """Returns the decoded image without clipping, so that its gradient never vanishes.

        Raises:
            ValueError: If the code has another length than `num_bits`.
        """
        check_code(code, self.num_bits)
        net = _cast(self, code.dtype)
        x = net.from_code(code.reshape(*self.grid, -1))
        for block in net.decoder:
            x = block(x)
        pixels = net.to_pixels(x)
        return 0.5 + einops.rearrange(pixels, _PIXELS, p=PATCH, q=PATCH)


def straight_through_sign(logits: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Returns sign(logits), with the derivative of tanh(logits)."""
    soft = jnp.tanh(logits)
    return soft + jax.lax.stop_gradient(sign(logits) - soft)


def _cast(net: BinaryAutoencoder, dtype: jnp.dtype) -> BinaryAutoencoder:
    """Returns the network with its weights in `dtype`, the dtype of its input."""
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if eqx.is_array(leaf) else leaf, net)
