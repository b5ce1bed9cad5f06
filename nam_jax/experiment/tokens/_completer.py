"""Completion of images by a block of tokens: patches in, patches out."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from einops import rearrange
from jaxtyping import Array, Float, Shaped

from nam_jax._types import Key, Keys, Patterns
from nam_jax.attention import EnergyBlock
from nam_jax.interaction import Attention, Dense
from nam_jax.train import Sample

PATCH = 2
"""Side of a patch in pixels."""
SPREAD = 0.3
"""Standard deviation of a pixel, roughly: patches are divided by it."""

Image = Float[Array, " P"]
"""The pixels of one square image, in [0, 1]; NaN where a pixel is not known."""


class Completer(eqx.Module):
    """An image with unknown patches to a whole image, by an [`nam_jax.attention.EnergyBlock`][].

    A known patch becomes a token by a linear map of its difference from the mean image; an unknown
    patch becomes one trained token. Each place adds a trained vector. After the block, a linear map
    of the normed token and a bias of the place give the patch.

    Attributes:
        block: The block.
        encode: (4, D), from the pixels of a patch to a token.
        unknown: (D,), the token of an unknown patch.
        places: (T, D), a vector for each place.
        decode: (D, 4), from a normed token to the pixels of a patch.
        bias: (T, 4).
        mean: (T, 4), the mean image in patches; it is not trained.
    """

    block: EnergyBlock
    encode: Float[Array, "p D"]
    unknown: Float[Array, " D"]
    places: Float[Array, "T D"]
    decode: Float[Array, "D p"]
    bias: Float[Array, "T p"]
    mean: Float[Array, "T p"]

    def __init__(self, block: EnergyBlock, size: int, mean: Image, *, key: Key):
        """Draws random weights of variance 1 / D around `block`; tokens have D = `size` numbers."""
        of_encode, of_unknown, of_places, of_decode = jr.split(key, 4)
        self.mean = in_patches(mean)
        tokens, pixels = self.mean.shape

        def normal(key: Key, *shape: int) -> Array:
            return size**-0.5 * jr.normal(key, shape)

        self.block = block
        self.encode = normal(of_encode, pixels, size)
        self.unknown = normal(of_unknown, size)
        self.places = normal(of_places, tokens, size)
        self.decode = normal(of_decode, size, pixels)
        self.bias = jnp.zeros((tokens, pixels))

    def __call__(self, image: Image) -> Image:
        """Returns the image with every patch as the block gives it, known ones too."""
        return self.decoded(self.block(self.encoded(image)))

    def encoded(self, image: Image) -> Float[Array, "T D"]:
        """Returns the tokens before the first step."""
        patches = in_patches(image)
        known = ~jnp.isnan(patches)
        inputs = jnp.where(known, (patches - self.mean) / SPREAD, 0)
        tokens = jnp.where(jnp.all(known, 1)[:, None], inputs @ self.encode, self.unknown[None])
        return tokens + self.places

    def decoded(self, tokens: Float[Array, "T D"]) -> Image:
        """Returns the image that is read from tokens."""
        patches = self.block.normed(tokens) @ self.decode + self.bias
        return in_pixels(SPREAD * patches + self.mean)

    def trained(self) -> list[Any]:
        """Returns the parts whose numbers training may change."""
        own = [self.encode, self.unknown, self.places, self.decode, self.bias]
        return [*own, *self.block.trained()]


def in_patches(image: Shaped[Array, " P"]) -> Shaped[Array, "T p"]:
    """Returns the pixels by patch; T patches, from left to right and from top to bottom."""
    side = round(image.size**0.5) // PATCH
    form = "(a p b q) -> (a b) (p q)"
    return rearrange(image, form, a=side, b=side, p=PATCH, q=PATCH)


def in_pixels(patches: Shaped[Array, "T p"]) -> Shaped[Array, " P"]:
    """Returns the image of patches: the inverse of `in_patches`."""
    side = round(len(patches) ** 0.5)
    form = "(a b) (p q) -> (a p b q)"
    return rearrange(patches, form, a=side, b=side, p=PATCH, q=PATCH)


def parts_of(block: EnergyBlock) -> dict[str, EnergyBlock]:
    """Returns the whole block, and the block without one of its interactions, by name."""

    def only(kind: type) -> EnergyBlock:
        kept = tuple(term for term in block.interactions if isinstance(term, kind))
        return eqx.tree_at(lambda b: b.interactions, block, kept)

    return {
        "energy block": block,
        "without memory": only(Attention),
        "without attention": only(Dense),
    }


def completions(images: Patterns, num_hidden: int, *, key: Key) -> Sample:
    """Returns samples of images some of whose patches, drawn at random, are to be completed.

    Args:
        images: (images, P).
        num_hidden: Number of hidden patches an image.
        key: Random key.
    """

    def hide(image: Image, key: Key) -> Sample:
        patches = in_patches(image)
        ranks = jr.permutation(key, len(patches))
        hidden = in_pixels(jnp.broadcast_to(ranks[:, None] < num_hidden, patches.shape))
        return Sample(jnp.where(hidden, jnp.nan, image), image, asked=hidden)

    keys: Keys = jr.split(key, len(images))
    return jax.vmap(hide)(images, keys)
