"""From how damaged a cue a memory recalls at several loads, and what it reaches instead."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import jax.random as jr
import numpy as np
import scipy
import xarray as xr
from msgspec import Meta
from rich.progress import track
from rich.table import Table

from nam_jax import measure
from nam_jax.experiment.common import Memory, attributes, memory_named

Share = Annotated[float, Meta(ge=0, le=0.5)]


@dataclass(frozen=True)
class BasinConfig:
    """Which memory, how full, and from which cues."""

    memory: str = "power-3"
    """By name: power-N (power-2 is Hopfield's network), rectified-N, distinct-N, single-pass-N,
    exponential, storkey, pseudo-inverse, correlation, minerva, modern, nearest, continuous,
    two-layer, certified, effective, released."""
    num_neurons: Annotated[int, Meta(ge=4)] = 64
    """N."""
    num_patterns: tuple[Annotated[int, Meta(ge=1)], ...] = (50, 150, 300)
    """Numbers of patterns K."""
    flips: tuple[Share, ...] = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
    """Fractions of flipped bits of the cues."""
    overlap: Annotated[float, Meta(gt=0, le=1)] = 0.95
    """The least overlap that counts as having reached a state."""
    updates: Literal["one-by-one", "all-at-once"] = "one-by-one"
    """In which order neurons of a binary network are updated."""
    num_sets: Annotated[int, Meta(ge=2)] = 40
    """Independent sets of patterns."""
    num_queries: Annotated[int, Meta(ge=1)] = 10
    """Cues of each set and fraction."""
    fast: bool = False
    """A quarter of the sets."""
    seed: Annotated[int, Meta(ge=0)] = 0
    """Seed of everything random."""


def run(config: BasinConfig, *, folder: Path | None = None, progress: bool = False) -> xr.Dataset:
    """One `measure.basin` for each number of patterns.

    Args:
        config: What to do.
        folder: Not used; this experiment has no files besides its Dataset.
        progress: Whether to show a progress bar.

    Returns:
        What recall ends in, by number of patterns and fraction of flipped bits, with intervals;
        the radius at which half the cues are recalled, and what mean field predicts.

    Raises:
        ValueError: On an unknown memory, or fractions that do not ascend.
    """
    del folder
    if not config.num_patterns:
        raise ValueError("Argument `num_patterns` must hold a number, but is empty.")
    if config.fast:
        config = dataclasses.replace(config, num_sets=max(2, config.num_sets // 4))
    memory = memory_named(config.memory, "memory")
    recall = measure.one_by_one if config.updates == "one-by-one" else measure.all_at_once
    found = [
        measure.basin(
            memory.make, count, config.num_neurons,
            key=jr.key(config.seed), flips=config.flips, overlap=config.overlap,
            num_sets=config.num_sets, num_queries=config.num_queries, recall=recall,
        )
        for count in track(config.num_patterns, "recalling", disable=not progress)
    ]  # fmt: skip
    return _dataset(config, memory, found)


def _dataset(config: BasinConfig, memory: Memory, found: list[measure.Basin]) -> xr.Dataset:
    dims = ("stored", "flips", "ending")
    share = {"long_name": "share of cues", "units": "1"}
    dataset = xr.Dataset(
        {
            "reached": (dims, np.stack([each.reached for each in found]), share),
            "low": (dims, np.stack([each.low for each in found]), share),
            "high": (dims, np.stack([each.high for each in found]), share),
            "radius": (("stored", "bound"), [tuple(each.radius) for each in found]),
            "predicted_radius": (
                "stored",
                [_predicted(memory, config.num_neurons, count) for count in config.num_patterns],
            ),
            "trials": ("stored", [each.sets * each.queries for each in found]),
        },
        coords={
            "stored": list(config.num_patterns),
            "flips": list(config.flips),
            "ending": list(measure.REACHED),
            "bound": ["value", "low", "high"],
        },
    )
    dataset["flips"].attrs = {"long_name": "flipped bits of the cue", "units": "fraction"}
    dataset.attrs = attributes(config)
    return dataset


def _predicted(memory: Memory, num_neurons: int, num_patterns: int) -> float:
    """The flips at which mean field predicts `num_patterns`; NaN where none, or no theory."""

    def excess(flips: float) -> float:
        return memory.predicted(num_neurons, measure.Recall(flips=flips)) - num_patterns

    if not excess(0.001) > 0:
        return math.nan
    return float(scipy.optimize.root_scalar(excess, bracket=(0.001, 0.499)).root)


def table(dataset: xr.Dataset) -> Table:
    """Recall against damage, and the radius, for each number of patterns."""
    result = Table(title="Share of cues recalled")
    result.add_column("flipped bits", justify="right")
    for count in dataset.stored.values:
        result.add_column(f"K = {count}", justify="right")
    for fraction in dataset.flips.values:
        row = dataset.sel(ending="target", flips=fraction)
        result.add_row(f"{fraction:g}", *(f"{float(share):.3f}" for share in row.reached.values))
    result.add_section()
    radii = [measure.Radius(*map(float, each)) for each in dataset.radius.values]
    result.add_row("radius [95 %]", *map(str, radii))
    predicted = [float(each) for each in dataset.predicted_radius.values]
    result.add_row("mean field", *("-" if math.isnan(p) else f"{p:.3f}" for p in predicted))
    return result
