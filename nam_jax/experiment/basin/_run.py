"""Measures from how damaged a cue a memory recalls, and which states it reaches instead."""

import dataclasses
import math

import numpy as np
import scipy
import xarray as xr
from rich.table import Table

from nam_jax import measure
from nam_jax._misc import argument_error
from nam_jax.experiment.basin._config import BasinConfig
from nam_jax.experiment.common import (
    MEMORIES,
    UPDATES,
    Memory,
    attributes,
    check_size,
    in_context,
    key_of_seed,
    patterns_of,
    rest_of,
    settings_text,
    tracked,
)
from nam_jax.record import Context, reading_input


@in_context(batched=False)
def run(config: BasinConfig, context: Context) -> xr.Dataset:
    """Runs `measure.basin` for each number of patterns.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        The shares of cues that reach each ending, by number of patterns and fraction of flipped
        bits, with intervals; the radius, which is the fraction of flipped bits at which half the
        cues are recalled; and the radius that mean-field theory predicts.

    Raises:
        ConfigError: If the memory is unknown or does not exist at the number of neurons, or if the
            fractions do not ascend.
    """
    memory = _checked(config)
    if config.fast:
        config = dataclasses.replace(config, num_sets=max(2, config.num_sets // 4))
    key = key_of_seed(config.seed)
    basins = [
        measure.basin(
            memory.maker(key), count, config.num_neurons,
            key=key, flips=config.flips, overlap=config.overlap,
            num_sets=config.num_sets, num_queries=config.num_queries,
            recall=UPDATES[config.updates],
        )
        for count in tracked(config.num_patterns, "recalling", context)
    ]  # fmt: skip
    return _dataset(config, memory, basins)


def check(config: BasinConfig) -> None:
    """Raises a `ConfigError` where `run` would, before anything is computed."""
    _checked(config)


def _checked(config: BasinConfig) -> Memory:
    """The memory, if the settings fit together."""
    with reading_input():
        memory: Memory = MEMORIES.make(config.memory, "memory")
        check_size(memory, config.num_neurons)
        if list(config.flips) != sorted(set(config.flips)):
            raise argument_error("flips", "hold ascending fractions", config.flips)
    return memory


def _dataset(config: BasinConfig, memory: Memory, basins: list[measure.Basin]) -> xr.Dataset:
    dims = ("stored", "flips", "ending")
    share = {"long_name": "share of cues", "units": "1"}
    dataset = xr.Dataset(
        {
            "reached": (dims, np.stack([basin.reached for basin in basins]), share),
            "low": (dims, np.stack([basin.low for basin in basins]), share),
            "high": (dims, np.stack([basin.high for basin in basins]), share),
            "radius": (("stored", "bound"), [tuple(basin.radius) for basin in basins]),
            "predicted_radius": (
                "stored",
                [_predicted(memory, config.num_neurons, count) for count in config.num_patterns],
            ),
            "trials": ("stored", [basin.sets * basin.queries for basin in basins]),
        },
        coords={
            "stored": list(config.num_patterns),
            "flips": list(config.flips),
            "ending": list(measure.REACHED),
            "bound": ["value", "low", "high"],
        },
    )
    dataset["flips"].attrs = {"long_name": "flipped bits of the cue", "units": "fraction"}
    patterns = patterns_of(
        config.num_patterns[-1], config.num_neurons, key=key_of_seed(config.seed)
    )
    rest = rest_of(measure.coarse(memory.maker(key_of_seed(config.seed))(patterns)))
    dataset.attrs = attributes(config) | {
        "criterion": f"an overlap of {config.overlap:g} or more; half of the cues at the radius",
        "settings": settings_text(memory.margin(patterns), rest),
    }
    return dataset


def _predicted(memory: Memory, num_neurons: int, num_patterns: int) -> float:
    """The fraction of flipped bits at which mean field predicts the capacity `num_patterns`.

    It is NaN if no fraction does, or if the memory has no theory.
    """

    def excess(flips: float) -> float:
        return memory.predicted(num_neurons, measure.Recall(flips=flips)) - num_patterns

    if not excess(0.001) > 0:
        return math.nan
    return float(scipy.optimize.root_scalar(excess, bracket=(0.001, 0.499)).root)


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of recall against damage, and of the radius, by number of patterns."""
    title = f"Share of cues recalled: {dataset.attrs['criterion']}"
    result = Table(title=title, caption=dataset.attrs["settings"])
    result.add_column("flipped bits", justify="right")
    for count in dataset.stored.values:
        result.add_column(f"K = {count}", justify="right")
    for fraction in dataset.flips.values:
        row = dataset.sel(ending="target", flips=fraction)
        result.add_row(f"{fraction:g}", *(f"{float(share):.3f}" for share in row.reached.values))
    result.add_section()
    radii = [measure.Radius(*map(float, bounds)) for bounds in dataset.radius.values]
    result.add_row("radius [95 %]", *map(str, radii))
    predicted = [float(radius) for radius in dataset.predicted_radius.values]
    result.add_row("mean field", *("-" if math.isnan(p) else f"{p:.3f}" for p in predicted))
    return result
