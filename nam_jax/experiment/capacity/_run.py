"""Measures how many random patterns memories hold, at several numbers of neurons."""

import dataclasses
import itertools
import math

import jax.random as jr
import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax import measure, theory
from nam_jax._misc import argument_error
from nam_jax.experiment.capacity._config import CapacityConfig
from nam_jax.experiment.common import (
    MEMORIES,
    UPDATES,
    Memory,
    attributes,
    check_size,
    in_context,
    log_slope,
    tracked,
)
from nam_jax.record import Context, reading_input


@in_context(batched=False)
def run(config: CapacityConfig, context: Context) -> xr.Dataset:
    """Measures the capacity of each memory at each number of neurons.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        By memory and number of neurons: capacity with its interval, predicted capacity, number of
        trials, and each number of patterns that was measured with its score. By memory: the
        exponent of capacity against the number of neurons.

    Raises:
        ConfigError: If a memory is unknown or does not exist at a size, or if `all_patterns` is
            set with the criterion one-step.
    """
    with reading_input():
        if config.all_patterns and config.criterion == "one-step":
            requirement = "be false with the criterion one-step, which counts bits"
            raise argument_error("all_patterns", requirement, "true")
        memories = list(MEMORIES.make_all(config.memories, "memories").values())
        for memory, size in itertools.product(memories, config.sizes):
            check_size(memory, size)
    if config.fast:
        few = {"sizes": config.sizes[:2], "num_sets": max(2, config.num_sets // 2)}
        config = dataclasses.replace(config, **few)
    cells = list(itertools.product(memories, config.sizes))
    measured = [
        _measured(config, memory, size) for memory, size in tracked(cells, "measuring", context)
    ]
    return _dataset(config, measured)


def _criterion_of(config: CapacityConfig, memory: Memory) -> measure.AbstractCriterion:
    """The criterion by which a memory is judged."""
    if config.criterion == "one-step":
        return measure.OneStep(config.error)
    if config.criterion == "fixed-point":
        return measure.FixedPoint(all_patterns=config.all_patterns)
    return measure.Recall(
        flips=config.flips,
        overlap=config.overlap,
        all_patterns=config.all_patterns,
        recall=measure.all_at_once if memory.together else UPDATES[config.updates],
    )


def _measured(config: CapacityConfig, memory: Memory, size: int) -> tuple[measure.Capacity, float]:
    criterion, key = _criterion_of(config, memory), jr.key(config.seed)
    predicted = memory.predicted(size, criterion)
    capacity = measure.capacity(
        memory.maker(key), size, criterion,
        key=key,
        guess=memory.guess(size) if math.isnan(predicted) else predicted,
        num_sets=config.num_sets, num_queries=config.num_queries, max_patterns=config.largest,
    )  # fmt: skip
    return capacity, predicted


def _dataset(config: CapacityConfig, measured: list[tuple[measure.Capacity, float]]) -> xr.Dataset:
    shape = (len(config.memories), len(config.sizes))
    dims = ("memory", "neurons")
    most = max(1, *(len(capacity.counts) for capacity, _ in measured))

    def grid(values: list[float] | list[int]) -> tuple[tuple[str, str], np.ndarray]:
        return dims, np.reshape(np.asarray(values, float), shape)

    def ragged(rows: list[tuple[float | int, ...]]) -> tuple[tuple[str, ...], np.ndarray]:
        padded = [[*row, *[math.nan] * (most - len(row))] for row in rows]
        return (*dims, "point"), np.reshape(np.asarray(padded, float), (*shape, most))

    capacities = [capacity for capacity, _ in measured]
    dataset = xr.Dataset(
        {
            "capacity": grid([capacity.value for capacity in capacities]),
            "low": grid([capacity.low for capacity in capacities]),
            "high": grid([capacity.high for capacity in capacities]),
            "predicted": grid([predicted for _, predicted in measured]),
            "trials": grid([capacity.trials for capacity in capacities]),
            "patterns": ragged([capacity.counts for capacity in capacities]),
            "score": ragged([capacity.scores for capacity in capacities]),
        },
        coords={"memory": list(config.memories), "neurons": list(config.sizes)},
    )
    dataset["neurons"].attrs = {"long_name": "neurons N", "units": "1"}
    dataset["synapses"] = ("neurons", [size**2 for size in config.sizes])
    units = [theory.compute_units_astrocyte(size) for size in config.sizes]
    dataset["compute_units"] = ("neurons", units)
    for name in ("capacity", "low", "high", "predicted"):
        dataset[name].attrs = {"long_name": "stored patterns K", "units": "1"}
    slopes = [_exponent(dataset.sel(memory=name)) for name in config.memories]
    dataset["exponent"] = (("memory", "bound"), slopes)
    dataset.coords["bound"] = ["value", "low", "high"]
    dataset.attrs = attributes(config)
    return dataset


def _exponent(row: xr.Dataset) -> tuple[float, float, float]:
    """The exponent of capacity against N with its 95 % interval; NaN with fewer than two sizes."""
    there = np.isfinite(row.capacity.values) & (row.capacity.values > 0)
    if there.sum() < 2:
        return math.nan, math.nan, math.nan
    positive = row.isel(neurons=there)
    errors = np.log(positive.high.values / positive.low.values) / (2 * 1.96)
    sizes = positive.neurons.values.astype(float)
    slope = log_slope(sizes.tolist(), positive.capacity.values.tolist(), errors.tolist())
    return slope.value, slope.low, slope.high


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of the capacity of each memory at each size, and of its exponent."""
    result = Table(title="Stored patterns K [95 %], and what theory predicts")
    result.add_column("memory")
    for size in dataset.neurons.values:
        result.add_column(f"N = {size}", justify="right")
    result.add_column("exponent [95 %]", justify="right")
    for name in dataset.memory.values:
        row = dataset.sel(memory=name)
        value, low, high = (float(number) for number in row.exponent.values)
        slope = "-" if math.isnan(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"
        cells = [_cell(row.isel(neurons=place)) for place in range(row.sizes["neurons"])]
        result.add_row(str(name), *cells, slope)
    return result


def _cell(cell: xr.Dataset) -> str:
    value, low, high, predicted = (
        float(cell[name]) for name in ("capacity", "low", "high", "predicted")
    )
    text = f"{value:.4g} [{low:.4g}, {high:.4g}]"
    if math.isinf(value):
        text = f"above {low:.4g}"
    elif value == 0:
        text = "below 1"
    return text if math.isnan(predicted) else f"{text}\ntheory {predicted:.4g}"
