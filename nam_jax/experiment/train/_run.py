"""Training: recall of correlated images by trained and untrained tensors, and inpainting."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool
from msgspec import Meta
from rich.progress import track
from rich.table import Table

from nam_jax import train as training
from nam_jax._types import Key, Patterns
from nam_jax.experiment.common import BinaryImages, attributes, binary_images
from nam_jax.experiment.train import _recall as recall
from nam_jax.experiment.train._dataset import EXAMPLES, Load, dataset
from nam_jax.experiment.train._inpainting import inpaint
from nam_jax.train import certified_family as _learnable

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class TrainConfig:
    """Which images to store, how to damage them, and how to train."""

    source: Annotated[str, Meta(min_length=1)] = "digits"
    """As for `data.load_images`: digits, fashion-mnist, or a path, such as that of an IDX file."""
    threshold: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """Intensity from which a pixel is +1; duplicates are dropped."""
    num_patterns: Annotated[tuple[Count, ...], Meta(min_length=1)] = (10, 20, 40, 80, 160)
    """Numbers K of stored images."""
    level: Annotated[float, Meta(ge=0, le=0.5)] = 0.1
    """Fraction of flipped bits."""
    hidden: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """Fraction of the rows, from below, that are hidden in occluded cues and in inpainting."""
    margin: Positive = 0.1
    """Margin of the certificate: that of untrained networks, and the least of trained ones."""
    gains: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (0.01, 0.3, 0.6, 0.8, 0.9)
    """Leaks among which each certified network takes the one that recalls other cues best."""
    gain: Positive = 0.9
    """The leak in training."""
    start: Literal["projection", "hebbian"] = "projection"
    """The rule from which training starts."""
    gradient: Literal["implicit", "through_solver", "equilibrium_propagation", "truncated"] = (
        "implicit"
    )
    """The gradient route."""
    train_patterns: bool = False
    """Whether patterns are trained too, besides couplings."""
    powers: tuple[Annotated[int, Meta(ge=2)], ...] = (4, 10, 20)
    """Powers n of the dense memories."""
    steps: Count = 300
    """Steps of training for recall, at each K."""
    inpainting_steps: Count = 300
    """Steps of training for inpainting."""
    batch_size: Count = 32
    """Samples a step."""
    learning_rate: Positive = 0.01
    """Of Adam, at first."""
    num_cues: Annotated[int, Meta(ge=2)] = 200
    """Cues of each damage on which a method is judged, one a stored image; at most K."""
    num_stored: Count = 100
    """Images stored for inpainting."""
    num_training: Count = 1200
    """Images whose completion is trained; the stored ones are the first of them."""
    num_held_out: Annotated[int, Meta(ge=2)] = 300
    """Images that are only completed."""
    checkpoints: str | None = None
    """Folder for the state of training; the same command goes on from it."""
    fast: bool = False
    """Two loads, half the steps and cues: under two minutes on two cores."""
    seed: Annotated[int, Meta(ge=0)] = 0
    """Seed of everything random."""


def run(config: TrainConfig, *, folder: Path | None = None, progress: bool = False) -> xr.Dataset:
    """Trains and compares.

    Args:
        config: What to do.
        folder: Not used; checkpoints have a folder of their own.
        progress: Whether to show a progress bar.

    Returns:
        For each method, K and damage: the rate of exact recall (by an active network, where leaks
        gate) with its interval and the variant chosen; the losses; errors of inpainting with
        intervals; and the pictures of the figure.

    Raises:
        ValueError: If the source has too few distinct images, or stores more than are trained on.
        FileNotFoundError: If the source is not there.
    """
    del folder
    settings = _quick(config) if config.fast else config
    if settings.num_stored > settings.num_training:
        raise ValueError(
            f"Argument `num_stored` must be at most `num_training`, {settings.num_training}, "
            f"but has {settings.num_stored}."
        )
    of_images, of_loads, of_inpainting = jr.split(jr.key(settings.seed), 3)
    needed = settings.num_training + settings.num_held_out
    most = max(needed, *settings.num_patterns)
    images = binary_images(settings.source, settings.threshold, most, key=of_images)
    occluded = _occluded(images, settings.hidden)
    keys = jr.split(of_loads, len(settings.num_patterns))
    cases = list(zip(settings.num_patterns, keys, strict=True))
    loads = {
        num: _load(settings, images.patterns[:num], occluded, key=key)
        for num, key in track(cases, "training and recalling", disable=not progress)
    }
    first, rest = jnp.split(images.patterns[:needed], [settings.num_training])
    checkpoint = _checkpoint(settings, "inpainting")
    painted = inpaint(first, rest, occluded, settings, key=of_inpainting, checkpoint=checkpoint)
    found = dataset(loads, painted, np.asarray(rest), np.asarray(occluded), images.shape)
    return found.assign_attrs(attributes(config))


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
    patterns: Patterns,
    occluded: Bool[Array, " N"],
    *,
    key: Key,
) -> Load:
    """Trains on some patterns and judges all methods on the same cues."""
    checkpoint = _checkpoint(config, f"recall-{len(patterns)}")
    of_test, of_selection, of_updates, of_training = jr.split(key, 4)
    # Variants are chosen on other cues: fresh flips, and the rows hidden from the other end.
    num_cues = min(config.num_cues, len(patterns))
    test, selection = (
        recall.make_cues(patterns, config.level, hidden, num_cues, key=each)
        for hidden, each in ((occluded, of_test), (occluded[::-1], of_selection))
    )
    fit = recall.trained(patterns, occluded, config, key=of_training, checkpoint=checkpoint)
    networks = {
        rule: _learnable.certified(patterns, rule, margin=config.margin, gain=config.gain)
        for rule in ("hebbian", "projection")
    } | {"trained": training.resolve(fit.network)}
    methods = {
        name: recall.certified_variants(network, config.gains) for name, network in networks.items()
    } | recall.classical(patterns, config.powers, key=of_updates)
    found = {name: recall.best_of(each, selection, test) for name, each in methods.items()}
    outcomes = found | {"nearest": recall.nearest(patterns, test)}
    shown = {name: outcomes[name].readouts[0] for name in networks}
    pictures = {"cue": test.damaged[0], **shown, "original": test.targets}
    pictures = {name: np.asarray(rows[:EXAMPLES]) for name, rows in pictures.items()}
    return Load(outcomes, fit, float(networks["trained"].to_full().margin()), pictures)


def table(dataset: xr.Dataset) -> Table:
    """Exact recall of each memory at each K, and errors of inpainting, with their intervals."""
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
