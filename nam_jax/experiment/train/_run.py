"""Training: recall of correlated images by trained and untrained tensors, and inpainting."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool
from rich.table import Table

from nam_jax import train as training
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns
from nam_jax.experiment.common import (
    MEMORIES,
    BinaryImages,
    Memory,
    attributes,
    binary_images,
    in_context,
    key_of_seed,
    tracked,
)
from nam_jax.experiment.train import _recall as recall
from nam_jax.experiment.train._config import TrainConfig
from nam_jax.experiment.train._dataset import EXAMPLES, Load, dataset
from nam_jax.experiment.train._inpainting import inpaint
from nam_jax.experiment.train._settings import RULES
from nam_jax.record import Context, reading_input


@in_context(batched=False)
def run(config: TrainConfig, context: Context) -> xr.Dataset:
    """Trains networks for recall and for inpainting, and compares them with other methods.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        For each method, K and damage: the rate of exact recall with its interval, where the network
        must be active if its leak can silence it, and the variant chosen. The losses; errors of
        inpainting with intervals; and the pictures of the figure.

    Raises:
        ConfigError: If a memory is unknown, the source does not exist or has too few distinct
            images, or more images are stored than are trained on.
    """
    settings = _quick(config) if config.fast else config
    of_images, of_loads, of_inpainting = jr.split(key_of_seed(settings.seed), 3)
    needed = settings.num_training + settings.num_held_out
    most = max(needed, *settings.num_patterns)
    with reading_input():
        memories = MEMORIES.make_all(settings.memories, "memories")
        if settings.num_stored > settings.num_training:
            requirement = f"be at most `num_training`, {settings.num_training}"
            raise argument_error("num_stored", requirement, settings.num_stored)
        images = binary_images(settings.source, settings.threshold, most, key=of_images)
    occluded = _occluded(images, settings.hidden)
    keys = jr.split(of_loads, len(settings.num_patterns))
    cases = list(zip(settings.num_patterns, keys, strict=True))
    loads = {
        num: _load(settings, memories, images.patterns[:num], occluded, key=key)
        for num, key in tracked(cases, "training and recalling", context)
    }
    first, rest = jnp.split(images.patterns[:needed], [settings.num_training])
    checkpoint = _checkpoint(settings, "inpainting")
    painted = inpaint(first, rest, occluded, settings, key=of_inpainting, checkpoint=checkpoint)
    result = dataset(loads, painted, np.asarray(rest), np.asarray(occluded), images.shape)
    return result.assign_attrs(attributes(config))


def _quick(config: TrainConfig) -> TrainConfig:
    return dataclasses.replace(
        config,
        num_patterns=config.num_patterns[1::2] or config.num_patterns,
        gains=config.gains[-3:],
        steps=max(config.steps // 2, 1),
        inpainting_steps=max(config.inpainting_steps // 2, 1),
        num_cues=max(config.num_cues // 2, 2),
    )


def _occluded(images: BinaryImages, hidden: float) -> Bool[Array, " N"]:
    rows, columns = images.shape
    return jnp.repeat(jnp.arange(rows) >= rows - round(hidden * rows), columns)


def _checkpoint(config: TrainConfig, name: str) -> training.Checkpoint | None:
    if config.checkpoints is None:
        return None
    told = dataclasses.asdict(dataclasses.replace(config, checkpoints=None))
    return training.Checkpoint(Path(config.checkpoints) / name, config=told)


def _load(
    config: TrainConfig,
    memories: dict[str, Memory],
    patterns: Patterns,
    occluded: Bool[Array, " N"],
    *,
    key: Key,
) -> Load:
    """Trains on some patterns and judges all methods on the same cues."""
    checkpoint = _checkpoint(config, f"recall-{len(patterns)}")
    of_test, of_selection, of_updates, of_training = jr.split(key, 4)
    # Variants are chosen on other cues, with other flips and with the upper rows hidden.
    num_cues = min(config.num_cues, len(patterns))
    test, selection = (
        recall.make_cues(patterns, config.level, hidden, num_cues, key=cue_key)
        for hidden, cue_key in ((occluded, of_test), (occluded[::-1], of_selection))
    )
    fit = recall.trained(patterns, occluded, config, key=of_training, checkpoint=checkpoint)
    networks = {
        name: training.certified_reduction(patterns, rule, margin=config.margin, gain=config.gain)
        for name, rule in RULES.items()
    } | {"trained": training.resolve(fit.network)}
    methods = {
        name: recall.certified_variants(network, config.gains) for name, network in networks.items()
    } | {
        name: recall.named_variants(memory, patterns, key=of_updates)
        for name, memory in memories.items()
    }
    best = {name: recall.best_of(variants, selection, test) for name, variants in methods.items()}
    outcomes = best | {"nearest stored": recall.nearest(patterns, test)}
    shown = {name: outcomes[name].readouts[0] for name in networks}
    pictures = {"cue": test.damaged[0], **shown, "original": test.targets}
    pictures = {name: np.asarray(rows[:EXAMPLES]) for name, rows in pictures.items()}
    return Load(outcomes, fit, float(networks["trained"].to_full().margin()), pictures)


def table(dataset: xr.Dataset) -> Table:
    """Returns tables of exact recall by memory and K, and of errors of inpainting."""
    result = Table.grid(padding=(1, 0))
    for damage in dataset.damage.values:
        result.add_row(_recall_table(dataset.sel(damage=damage)))
    painted = Table(title="Hidden pixels of held-out images: mean error")
    for name in ("", "squared error", "wrong bits"):
        painted.add_column(name, justify="right" if name else "left")
    for name in dataset.inpainter.values:
        row = dataset.sel(inpainter=name)
        painted.add_row(
            str(name), *(_with_interval(*e) for e in (row.squared_error, row.bit_error))
        )
    result.add_row(painted)
    return result


def _recall_table(dataset: xr.Dataset) -> Table:
    result = Table(title=f"Exact recall from {dataset.damage.item()} cues")
    for name in ("memory", *(f"K = {stored}" for stored in dataset.stored.values)):
        result.add_column(name, justify="left" if name == "memory" else "right")
    for memory in dataset.memory.values:
        row = dataset.sel(memory=memory)
        cells = zip(row.exact, row.exact_low, row.exact_high, strict=True)
        result.add_row(str(memory), *(_with_interval(*cell) for cell in cells))
    return result


def _with_interval(value: xr.DataArray, low: xr.DataArray, high: xr.DataArray) -> str:
    return f"{float(value):.2f} [{float(low):.2f}, {float(high):.2f}]"
