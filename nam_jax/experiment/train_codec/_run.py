"""Trains the binary autoencoder on crops of photographs and compares it with simple codecs.

The decoder learns to restore the image from the bits. A penalty on the overlaps between the codes
of a batch makes the codes of different images nearly as independent as random patterns.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jax.typing import ArrayLike
from jaxtyping import Array, Float, UInt8
from rich.table import Table

from nam_jax import data
from nam_jax._types import Key
from nam_jax.experiment.common import attributes, in_context, key_of_seed, progress_bar
from nam_jax.experiment.train_codec import _baselines as baselines
from nam_jax.experiment.train_codec._config import TrainCodecConfig
from nam_jax.experiment.train_codec._images import split_columns
from nam_jax.record import Context, reading_input

CHUNK = 50
"""Training steps in one call of the compiled program, after which the progress bar moves."""

NUM_STORED, NUM_EXAMPLES = 25, 8


class _Images(NamedTuple):
    training: UInt8[np.ndarray, "M H W C"]
    validation: Float[np.ndarray, "V H W C"]
    stored: Float[np.ndarray, "S H W C"]


class _Losses(NamedTuple):
    reconstruction: Float[ArrayLike, "*steps"]
    overlap: Float[ArrayLike, "*steps"]


@in_context(batched=False)
def run(config: TrainCodecConfig, context: Context) -> xr.Dataset:
    """Trains a codec and measures it on held-out images.

    Args:
        config: The settings.
        context: Where and how to run the study; weights are written to `context.folder`.

    Returns:
        Loss at each `step`; mean squared error, signal-to-noise ratio and code overlaps of each
        `codec` (error on held-out images, overlaps among 25 stored images); overlap matrix;
        held-out images along `sample` with their reconstructions, also from 10 % flipped bits.
    """
    with reading_input():
        images = _images(config)
        codec = _untrained(config, images.training.shape[1:])
    codec, losses = _train(config, codec, images.training, context)
    measured = baselines.measure(
        codec, images.training, images.validation, images.stored, seed=config.seed
    )
    dataset = _dataset(config, codec, images, losses).merge(measured)
    dataset.attrs = attributes(config) | {"num_validation": config.num_validation}
    if context.folder is not None:
        context.folder.mkdir(parents=True, exist_ok=True)
        error = float(dataset.validation_mse.sel(codec="autoencoder"))
        texts = {name: str(value) for name, value in dataset.attrs.items()}
        metadata = {"command": "nam-jax train-codec", "validation_mse": f"{error:.6f}", **texts}
        data.save_codec(codec, context.folder / "codec.safetensors", metadata=metadata)
    return dataset


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of errors on held-out images and of code overlaps; a row for each method."""
    held_out, stored = dataset.attrs["num_validation"], dataset.sizes["stored_sample"]
    result = Table(title=f"{held_out} held-out images; overlaps among {stored} stored images")
    for heading in ("method", "bits", "MSE", "PSNR (dB)", "mean |overlap|", "max |overlap|"):
        result.add_column(heading, justify="left" if heading == "method" else "right")
    for method in dataset.codec.values:
        row = dataset.sel(codec=method)
        decimals = {"validation_mse": 5, "validation_psnr": 1, "overlap_mean": 3, "overlap_max": 3}
        numbers = (f"{float(row[name]):.{places}f}" for name, places in decimals.items())
        shown = ("-" if text == "nan" else text for text in numbers)
        result.add_row(str(method), str(int(row.bits)), *shown)
    return result


def losses(codec: data.BinaryAutoencoder, images: Float[Array, "B H W C"]) -> _Losses:
    """Returns the mean squared error of the reconstructions and mean squared overlap of codes."""
    codes = jax.vmap(codec.soft_code)(images)
    error = jax.vmap(codec.reconstruct)(codes) - images
    return _Losses(jnp.mean(error**2), mean_squared_overlap(codes))


def mean_squared_overlap(codes: Float[Array, "B N"]) -> Float[Array, ""]:
    """Returns the mean of (c_a . c_b / N)^2 over pairs of codes a != b; 1/N for random bits."""
    num, num_bits = codes.shape
    overlaps = codes @ codes.T / num_bits
    # The diagonal is 1 for codes of -1 and +1, but the gradient of its square is not 0 and would
    # pull all logits to 0.
    return (jnp.sum(overlaps**2) - jnp.sum(jnp.diag(overlaps) ** 2)) / (num * (num - 1))


def _images(config: TrainCodecConfig) -> _Images:
    if config.source == "photos":
        left, right = split_columns(data.photographs(), config.validation_fraction)
        training = data.random_crops(left, config.num_crops, seed=config.seed)
        validation = data.random_crops(right, config.num_validation, seed=config.seed + 1)
        stored = np.asarray(data.load_images("photos", num_images=NUM_STORED).images)
    else:
        key = key_of_seed(config.seed)
        mixed = np.asarray(data.load_images(config.source, key=key).images)
        held_out = max(2, round(config.validation_fraction * len(mixed)))
        if len(mixed) < held_out + 2:
            raise ValueError(f"{config.source}: {len(mixed)} images are too few to train on.")
        training, validation = mixed[held_out:], mixed[:held_out][: config.num_validation]
        stored = validation[:NUM_STORED]
    return _Images(np.round(training * 255).astype(np.uint8), validation, stored)


def _untrained(config: TrainCodecConfig, shape: tuple[int, ...]) -> data.BinaryAutoencoder:
    height, width, channels = shape
    weight_key, _ = jax.random.split(key_of_seed(config.seed))
    codec = data.BinaryAutoencoder(
        (height, width, channels), config.num_bits,
        width=config.width, depth=config.depth, key=weight_key,
    )  # fmt: skip
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), codec)


def _train(
    config: TrainCodecConfig,
    codec: data.BinaryAutoencoder,
    images: UInt8[np.ndarray, "M H W C"],
    context: Context,
) -> tuple[data.BinaryAutoencoder, _Losses]:
    """The trained codec, and its losses at each step."""
    _, batch_key = jax.random.split(key_of_seed(config.seed))
    state = _optimizer(config).init(eqx.filter(codec, eqx.is_array))
    carry, history = (codec, state), []
    with progress_bar(context) as bar:
        task = bar.add_task("training", total=config.steps)
        for start in range(0, config.steps, CHUNK):
            carry, chunk = _run_chunk(
                carry, jnp.asarray(images), jnp.asarray(start), config, batch_key
            )
            history.append(jax.device_get(chunk))
            bar.update(task, completed=min(start + CHUNK, config.steps))
    reconstruction, overlap = (
        np.concatenate(parts)[: config.steps] for parts in zip(*history, strict=True)
    )
    return carry[0], _Losses(reconstruction, overlap)


def _optimizer(config: TrainCodecConfig):
    warm_up = max(1, config.steps // 10)
    rate = optax.warmup_cosine_decay_schedule(
        0.1 * config.learning_rate, config.learning_rate, warm_up, max(config.steps, warm_up + 1)
    )
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


@eqx.filter_jit
def _run_chunk(carry, images, start, config: TrainCodecConfig, key: Key):
    """Runs `CHUNK` steps; steps after the last one change nothing, so that one program serves."""

    def objective(codec, batch):
        parts = losses(codec, batch)
        return parts.reconstruction + config.overlap_weight * parts.overlap, parts

    def update(carry, index):
        codec, state = carry
        batch = _batch(images, config.batch_size, key=jax.random.fold_in(key, index))
        gradient, parts = eqx.filter_grad(objective, has_aux=True)(codec, batch)
        # Optax relies on promotions that JAX's strict mode refuses.
        with jax.numpy_dtype_promotion("standard"):
            change, state = _optimizer(config).update(gradient, state)
        return (eqx.apply_updates(codec, change), state), parts

    def skip(carry, index):
        nothing = jnp.zeros((), jnp.float32)
        return carry, _Losses(nothing, nothing)

    def step(carry, index):
        return jax.lax.cond(index < config.steps, update, skip, carry, index)

    return jax.lax.scan(step, carry, start + jnp.arange(CHUNK))


def _batch(
    images: UInt8[Array, "M H W C"], batch_size: int, *, key: Key
) -> Float[Array, "B H W C"]:
    """Random images, half of them mirrored, their colours slightly scaled and shifted."""
    keys = jax.random.split(key, 4)
    index = jax.random.randint(keys[0], (batch_size,), 0, len(images))
    batch = images[index].astype(jnp.float32) / 255
    mirrored = jax.random.bernoulli(keys[1], 0.5, (batch_size, 1, 1, 1))
    batch = jnp.where(mirrored, batch[:, :, ::-1], batch)
    tint = (batch_size, 1, 1, images.shape[-1])
    scale = jax.random.uniform(keys[2], tint, jnp.float32, 0.9, 1.1)
    shift = jax.random.uniform(keys[3], tint, jnp.float32, -0.05, 0.05)
    return jnp.clip(batch * scale + shift, 0, 1)


def _dataset(
    config: TrainCodecConfig, codec: data.BinaryAutoencoder, images: _Images, losses: _Losses
) -> xr.Dataset:
    examples = jnp.asarray(images.validation[:NUM_EXAMPLES])
    codes = jax.vmap(codec.encode)(examples)
    keys = jax.random.split(key_of_seed(config.seed), len(examples))
    flipped = jax.vmap(lambda code, key: data.flip(code, 0.1, key=key))(codes, keys)
    pixels = ("sample", "row", "column", "channel")
    intensity = {"units": "1", "long_name": "intensity"}
    stored = jax.vmap(codec.encode)(jnp.asarray(images.stored))
    overlap = np.asarray(stored @ stored.T / codec.num_bits)
    return xr.Dataset(
        {
            "loss": ("step", losses.reconstruction, {"units": "1", "long_name": "squared error"}),
            "overlap_loss": ("step", losses.overlap, {"units": "1"}),
            "overlap": (("stored_sample", "other_sample"), overlap, {"units": "1"}),
            "original": (pixels, np.asarray(examples), intensity),
            "reconstruction": (pixels, np.asarray(jax.vmap(codec.decode)(codes)), intensity),
            "damaged": (pixels, np.asarray(jax.vmap(codec.decode)(flipped)), intensity),
        },
        coords={"step": ("step", np.arange(1, config.steps + 1), {"units": "1"})},
    )
