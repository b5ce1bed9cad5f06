"""A recall problem from images: patterns to store and damaged cues to recall them from."""

from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from nam_jax import data
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns


class Problem(NamedTuple):
    """The images and patterns to store, and the cues from which recall starts.

    Attributes:
        images: (K, H, W, C), the originals.
        names: A short name for each image.
        codec: The codec that turns images into patterns and back.
        patterns: (K, N), the codes of the originals.
        cues: (K, N), damaged patterns.
    """

    images: Float[Array, "K H W C"]
    names: tuple[str, ...]
    codec: data.AbstractCodec
    patterns: Patterns
    cues: Patterns

    def first(self, num: int | None) -> "Problem":
        """Returns the problem of the first `num` images alone; of all images if None."""
        return Problem(
            self.images[:num], self.names[:num], self.codec, self.patterns[:num], self.cues[:num]
        )


@runtime_checkable
class ProblemChoice(Protocol):
    """The fields of a config that choose a problem."""

    @property
    def source(self) -> str: ...
    @property
    def num_patterns(self) -> int: ...
    @property
    def codec(self) -> str: ...
    @property
    def codec_path(self) -> str | None: ...
    @property
    def num_bits(self) -> int: ...
    @property
    def corruption(self) -> str: ...
    @property
    def level(self) -> float: ...


def make_problem(config: ProblemChoice, *, key: Key) -> Problem:
    """Loads images, encodes them and damages them as `config` says.

    Args:
        config: The choice of source, codec and damage.
        key: Random key of random projections and of the damage.

    Raises:
        ValueError: If the source has too few images, they do not suit the codec, or the level of
            damage is out of range.
        FileNotFoundError: If a file is missing.
    """
    if config.corruption != "noise" and config.level > 1:
        raise argument_error("level", f"lie in [0, 1] for {config.corruption}", config.level)
    if config.codec_path is not None and config.codec != "autoencoder":
        requirement = f"be left out with the codec `{config.codec}`, which has no file"
        raise argument_error("codec_path", requirement, config.codec_path)
    codec_key, damage_key = jr.split(key)
    loaded = _load(config)
    everything = loaded.images.astype(jnp.result_type(float))
    images = everything[: config.num_patterns]
    if len(images) < config.num_patterns:
        raise argument_error(
            "num_patterns", f"be at most the {len(images)} there are", config.num_patterns
        )
    codec = _codec(config, everything, key=codec_key)
    patterns = encoded(codec, images)
    cues = _damage(config, codec, images, patterns, key=damage_key)
    return Problem(images, loaded.names[: len(images)], codec, patterns, cues)


def _load(config: ProblemChoice) -> data.ImageSet:
    """Returns the images to store; all images of the source if a codec is fitted to them."""
    if config.codec != "autoencoder":
        return data.load_images(config.source)
    try:
        return data.load_images(config.source, num_images=config.num_patterns)
    except ValueError as error:
        raise ValueError(str(error).replace("`num_images`", "`num_patterns`")) from error


def _codec(
    config: ProblemChoice, images: Float[Array, "M H W C"], *, key: Key
) -> data.AbstractCodec:
    if config.codec == "threshold":
        return data.PixelThreshold.fit(images)
    if config.codec == "projection":
        return data.RandomProjection.fit(images, config.num_bits, key=key)
    codec = data.load_codec(config.codec_path)
    if codec.image_shape != images.shape[1:]:
        raise ValueError(
            f"The autoencoder takes images of shape {codec.image_shape}, but {config.source} has "
            f"{images.shape[1:]}; choose the codec `threshold` or `projection`."
        )
    return codec


def _damage(
    config: ProblemChoice,
    codec: data.AbstractCodec,
    images: Float[Array, "K H W C"],
    patterns: Patterns,
    *,
    key: Key,
) -> Patterns:
    """Damages bits, except that `occlude` hides part of the image before it is encoded."""
    if config.corruption == "occlude":
        hidden = jax.vmap(lambda image: data.occlude(image, config.level))(images)
        return encoded(codec, hidden)
    damage = {"flip": data.flip, "mask": data.mask, "noise": data.add_noise}[config.corruption]
    damage_all = jax.jit(
        jax.vmap(lambda pattern, pattern_key: damage(pattern, config.level, key=pattern_key))
    )
    return damage_all(patterns, jr.split(key, len(patterns)))


# Each function is one program: compiling its operations one by one would take longer.
@eqx.filter_jit
def encoded(codec: data.AbstractCodec, images: Float[Array, "K H W C"]) -> Patterns:
    """Returns the codes of images, (K, N)."""
    return jax.vmap(codec.encode)(images)


@eqx.filter_jit
def decoded(codec: data.AbstractCodec, codes: Patterns) -> Float[Array, "K H W C"]:
    """Returns the images of codes, (K, H, W, C)."""
    return jax.vmap(codec.decode)(codes)
