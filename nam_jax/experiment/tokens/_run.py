"""The study `tokens`: trains blocks to complete digits, and follows them beyond trained steps."""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Bool, Float

from nam_jax import data, train
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns
from nam_jax.attention import EnergyBlock
from nam_jax.experiment.common import attributes, in_context, key_of_seed, progress_bar
from nam_jax.experiment.tokens._baselines import (
    conditional_gaussian,
    hidden_pixels,
    mean_image,
    nearest_image,
    ridge_regression,
)
from nam_jax.experiment.tokens._completer import Completer, completions, parts_of
from nam_jax.experiment.tokens._config import TokensConfig
from nam_jax.experiment.tokens._dataset import Tested, dataset
from nam_jax.record import Context, reading_input

AT_ONCE = 64
"""Tested images computed at once."""
CHUNK = 100
"""Steps of training of one compiled scan."""


class Problem(NamedTuple):
    """Images to train with, images to complete, and which of their pixels are hidden.

    Attributes:
        training: (images, 64).
        images: (tested, 64), each tested image as often as it has masks.
        masks: (tested, 64), true where a pixel is hidden.
    """

    training: np.ndarray
    images: np.ndarray
    masks: np.ndarray


@in_context(batched=False)
def run(config: TokensConfig, context: Context) -> xr.Dataset:
    """Trains the block, and the block without one of its parts, and tests all of them.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        Squared errors of hidden pixels by method, seed and tested image, with means and standard
        errors; mean error and energy against the number of steps; the share of steps that raise
        the energy, by length of step; losses; and pictures.

    Raises:
        ConfigError: If tests have fewer steps than training.
    """
    settings = dataclasses.replace(config, steps=min(config.steps, 100), num_masks=1)
    settings = settings if config.fast else config
    with reading_input():
        if settings.tested_steps < settings.block_steps:
            requirement = f"be at least `block_steps`, {settings.block_steps}"
            raise argument_error("tested_steps", requirement, settings.tested_steps)
    problem = make_problem(settings)
    keys = jr.split(key_of_seed(settings.seed), settings.num_seeds)
    tests: dict[str, list[Tested]] = {}
    with progress_bar(context) as bar:
        task = bar.add_task("training", total=3 * settings.num_seeds * settings.steps)
        for key in keys:
            for name, network, batches_key in made(settings, problem, key=key):
                fit = fitted(settings, problem, network, key=batches_key)
                bar.advance(task, settings.steps)
                tests.setdefault(name, []).append(tested(settings, problem, *fit))
    simple = baselines(problem, settings.seed)
    return dataset(settings, problem.images, problem.masks, tests, simple).assign_attrs(
        attributes(config) | {"trained_steps": settings.block_steps, "training": settings.steps}
    )


def make_problem(config: TokensConfig) -> Problem:
    """Returns the digits, split at random, with random patches hidden in the tested ones."""
    images = np.asarray(data.load_images("digits").images, float)
    images = images.reshape(len(images), -1)
    order = np.random.default_rng(config.seed).permutation(len(images))
    test = np.repeat(images[order[-config.num_test :]], config.num_masks, axis=0)
    random = np.random.default_rng(config.seed + 1)
    masks = hidden_pixels(len(test), config.num_hidden, random)
    return Problem(images[order[: -config.num_test]], test, masks)


def made(config: TokensConfig, problem: Problem, *, key: Key) -> list[tuple[str, Completer, Key]]:
    """Returns networks to train by name, which differ in parts of the block only."""
    of_block, of_rest, of_batches = jr.split(key, 3)
    block = EnergyBlock.random(
        config.size, num_heads=config.num_heads, head_size=config.head_size,
        num_memories=config.num_memories, steps=config.block_steps, key=of_block,
    )  # fmt: skip
    mean = jnp.asarray(problem.training.mean(axis=0), float)
    return [
        (name, Completer(part, config.size, mean, key=of_rest), of_batches)
        for name, part in parts_of(block).items()
    ]


def fitted(
    config: TokensConfig, problem: Problem, network: Completer, *, key: Key
) -> tuple[Completer, Float[np.ndarray, " steps"]]:
    """Returns the network after training, and the loss of each step."""
    warm = min(50, config.steps // 10)
    rate = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warm, config.steps)
    fit = train.fit(
        network,
        train.Minibatches(
            jnp.asarray(problem.training, float),
            jax.tree_util.Partial(completions, num_hidden=config.num_hidden),
            config.batch_size,
        ),
        optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)),
        num_steps=config.steps, gradient=train.Direct(), trainable=Completer.trained,
        chunk=CHUNK, key=key,
    )  # fmt: skip
    return fit.network, np.asarray(fit.metrics.loss, float)


def tested(
    config: TokensConfig, problem: Problem, network: Completer, losses: np.ndarray
) -> Tested:
    """Returns errors and energies of a trained network, and its completions of some images."""
    cues = jnp.asarray(np.where(problem.masks, np.nan, problem.images), float)
    images, masks = jnp.asarray(problem.images, float), jnp.asarray(problem.masks)
    errors, energies = _followed(network, cues, images, masks, config.tested_steps)
    rises = [
        _rising(_followed(_with_step(network, a), cues, images, masks, config.tested_steps)[1])
        for a in config.step_sizes
    ]
    pictures = eqx.filter_jit(eqx.filter_vmap(_pictures, in_axes=(None, 0, None)))
    shown = pictures(network, cues[:: config.num_masks][:8], config.tested_steps)
    return Tested(
        np.asarray(errors), np.asarray(energies), np.array(rises), losses, np.asarray(shown)
    )


@eqx.filter_jit
def _followed(
    network: Completer,
    cues: Patterns,
    images: Patterns,
    masks: Bool[Array, "tested P"],
    steps: int,
) -> tuple[Float[Array, "tested steps"], Float[Array, "tested steps"]]:
    """Returns squared error of hidden pixels and energy of each image after 0, 1, ... steps."""

    def one(given: Any) -> tuple[Array, Array]:
        cue, image, mask = given
        path = _path(network, cue, steps)
        gaps = jax.vmap(network.decoded)(path) - image[None]
        errors = jnp.sum(jnp.where(mask[None], gaps, 0) ** 2, axis=1) / jnp.sum(mask).astype(float)
        return errors, jax.vmap(network.block.energy)(path)

    return jax.lax.map(one, (cues, images, masks), batch_size=AT_ONCE)


def _path(network: Completer, cue: Array, steps: int) -> Float[Array, "steps T D"]:
    start = network.encoded(cue)
    return jnp.concatenate([start[None], network.block.path(start, steps)])


def _pictures(network: Completer, cue: Array, steps: int) -> Float[Array, "steps P"]:
    return jax.vmap(network.decoded)(_path(network, cue, steps))


def _with_step(network: Completer, step: float) -> Completer:
    return eqx.tree_at(lambda n: n.block.step, network, jnp.asarray(step, float))


def _rising(energies: Float[Array, "tested steps"]) -> float:
    """Returns the share of steps that raise the energy by more than rounding."""
    before, after = np.asarray(energies[:, :-1], float), np.asarray(energies[:, 1:], float)
    rounding = 16 * float(jnp.finfo(energies.dtype).eps) * np.abs(before)
    return float(np.mean(after > before + rounding))


def baselines(problem: Problem, seed: int) -> dict[str, Float[np.ndarray, " tested"]]:
    """Returns squared errors of hidden pixels of completions without a block, by name."""
    random = np.random.default_rng(seed + 2)
    methods = {
        "mean image": mean_image,
        "ridge regression": partial(ridge_regression, random=random),
        "conditional Gaussian": conditional_gaussian,
        "nearest image": nearest_image,
    }
    return {
        name: np.sum(np.where(problem.masks, complete(*problem) - problem.images, 0) ** 2, axis=1)
        / problem.masks.sum(axis=1)
        for name, complete in methods.items()
    }
