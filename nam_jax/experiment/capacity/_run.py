"""Measures how many random patterns memories hold, at several numbers of neurons."""

import dataclasses
import itertools
import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
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
    criterion_text,
    in_context,
    key_of_seed,
    log_slope,
    patterns_of,
    rest_of,
    settings_text,
    tracked,
)
from nam_jax.record import Context, reading_input

UNEQUAL = (
    "No exponents: the flipped bits, or the wrong bits that count as recall, are another share of "
    "the neurons at another size. Take sizes N with flips N and (1 - overlap) N / 2 whole numbers."
)
"""What the table says where the criterion does not scale with the number of neurons."""


@in_context(batched=False)
def run(config: CapacityConfig, context: Context) -> xr.Dataset:
    """Measures the capacity of each memory at each number of neurons.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        By memory and number of neurons: capacity with its interval, predicted capacity, number of
        trials, the margin of the network's certificate at capacity (NaN without one), and each
        number of patterns that was measured with its score. By memory: the exponent of capacity
        against the number of neurons, and the residual at which its flow rests (NaN without a
        flow). With the criterion recall, by number of neurons: flipped bits of a cue, and wrong
        bits that still count as recall. If these are not one share of the neurons, exponents are
        NaN. The attribute `criterion` is the criterion as a phrase.

    Raises:
        ConfigError: If a memory is unknown or does not exist at a size, or if `all_patterns` is
            set with the criterion one-step.
    """
    memories = _checked(config)
    if config.fast:
        few = {"sizes": config.sizes[:2], "num_sets": max(2, config.num_sets // 2)}
        config = dataclasses.replace(config, **few)
    cells = list(itertools.product(memories, config.sizes))
    measured = [
        _measured(config, memory, size) for memory, size in tracked(cells, "measuring", context)
    ]
    return _dataset(config, memories, measured)


def check(config: CapacityConfig) -> None:
    """Raises a `ConfigError` where `run` would, before anything is computed."""
    _checked(config)


def _checked(config: CapacityConfig) -> list[Memory]:
    """The memories, if the settings fit together."""
    with reading_input():
        if config.all_patterns and config.criterion == "one-step":
            requirement = "be false with the criterion one-step, which counts bits"
            raise argument_error("all_patterns", requirement, "true")
        memories = list(MEMORIES.make_all(config.memories, "memories").values())
        for memory, size in itertools.product(memories, config.sizes):
            check_size(memory, size)
    return memories


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


class _Cell(NamedTuple):
    """The capacity of one memory at one size: measured, by theory, and the network's margin."""

    capacity: measure.Capacity
    predicted: float
    margin: float


def _measured(config: CapacityConfig, memory: Memory, size: int) -> _Cell:
    criterion, key = _criterion_of(config, memory), key_of_seed(config.seed)
    predicted = memory.predicted(size, criterion)
    capacity = measure.capacity(
        memory.maker(key), size, criterion,
        key=key,
        guess=memory.guess(size) if math.isnan(predicted) else predicted,
        num_sets=config.num_sets, num_queries=config.num_queries, max_patterns=config.largest,
    )  # fmt: skip
    known = capacity.value if math.isfinite(capacity.value) else capacity.low
    count = max(1, round(known)) if math.isfinite(known) else 1
    return _Cell(capacity, predicted, memory.margin(patterns_of(count, size, key=key)))


def _dataset(config: CapacityConfig, memories: list[Memory], measured: list[_Cell]) -> xr.Dataset:
    shape = (len(config.memories), len(config.sizes))
    dims = ("memory", "neurons")
    capacities = [cell.capacity for cell in measured]
    most = max(1, *(len(capacity.counts) for capacity in capacities))

    def grid(values: list[float] | list[int]) -> tuple[tuple[str, str], np.ndarray]:
        return dims, np.reshape(np.asarray(values, float), shape)

    def ragged(rows: list[tuple[float | int, ...]]) -> tuple[tuple[str, ...], np.ndarray]:
        padded = [[*row, *[math.nan] * (most - len(row))] for row in rows]
        return (*dims, "point"), np.reshape(np.asarray(padded, float), (*shape, most))

    dataset = xr.Dataset(
        {
            "capacity": grid([capacity.value for capacity in capacities]),
            "low": grid([capacity.low for capacity in capacities]),
            "high": grid([capacity.high for capacity in capacities]),
            "predicted": grid([cell.predicted for cell in measured]),
            "margin": grid([cell.margin for cell in measured]),
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
    dataset["margin"].attrs = {"long_name": "margin of the certificate", "units": "1"}
    dataset["rest"] = ("memory", [_rest(memory, config.sizes[0]) for memory in memories])
    dataset["rest"].attrs = {"long_name": "residual at which a flow is at rest", "units": "1"}
    criterion = _criterion_of(config, memories[0])
    if isinstance(criterion, measure.Recall):
        sizes = config.sizes
        dataset["flipped_bits"] = ("neurons", [round(config.flips * size) for size in sizes])
        dataset["wrong_bits"] = ("neurons", [criterion.wrong_bits(size) for size in sizes])
    slopes = [_exponent(dataset.sel(memory=name)) for name in config.memories]
    dataset["exponent"] = (("memory", "bound"), slopes)
    dataset.coords["bound"] = ["value", "low", "high"]
    dataset.attrs = attributes(config) | {"criterion": criterion_text(criterion)}
    return dataset


def _rest(memory: Memory, size: int) -> float:
    """The residual at which recalls by a memory count as at rest; NaN without a flow."""
    patterns = jax.ShapeDtypeStruct((1, size), jnp.result_type(float))
    network = eqx.filter_eval_shape(memory.make, patterns, jr.key(0))
    return rest_of(measure.coarse(network))


def _scales(dataset: xr.Dataset) -> bool:
    """Whether the shares of flipped bits and of allowed wrong bits are the same at all sizes."""
    names = [name for name in ("flipped_bits", "wrong_bits") if name in dataset]
    return all(np.ptp(dataset[name].values / dataset.neurons.values) < 1e-9 for name in names)


def _exponent(row: xr.Dataset) -> tuple[float, float, float]:
    """The exponent of capacity against N with its 95 % interval.

    It is NaN with fewer than two sizes, and if the criterion allows another share of wrong bits at
    another size.
    """
    there = np.isfinite(row.capacity.values) & (row.capacity.values > 0)
    if there.sum() < 2 or not _scales(row):
        return math.nan, math.nan, math.nan
    positive = row.isel(neurons=there)
    errors = np.log(positive.high.values / positive.low.values) / (2 * 1.96)
    sizes = positive.neurons.values.astype(float)
    slope = log_slope(sizes.tolist(), positive.capacity.values.tolist(), errors.tolist())
    return slope.value, slope.low, slope.high


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of the capacity of each memory at each size, and of its exponent.

    It says the criterion, the flipped and wrong bits that it means at each size, and the margin (at
    the largest size) and rest of each memory.
    """
    title = f"Stored patterns K [95 %], and what theory predicts: {dataset.attrs['criterion']}"
    caption = None if _scales(dataset) else UNEQUAL
    result = Table(title=title, caption=caption)
    result.add_column("memory")
    for place, size in enumerate(dataset.neurons.values):
        bits = ""
        if "wrong_bits" in dataset:
            flipped, wrong = (int(dataset[name][place]) for name in ("flipped_bits", "wrong_bits"))
            bits = f"\n{flipped} flipped, {wrong} wrong"
        result.add_column(f"N = {size}{bits}", justify="right")
    result.add_column("exponent [95 %]", justify="right")
    for name in dataset.memory.values:
        row = dataset.sel(memory=name)
        value, low, high = (float(number) for number in row.exponent.values)
        slope = "-" if math.isnan(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"
        cells = [_cell(row.isel(neurons=place)) for place in range(row.sizes["neurons"])]
        text = settings_text(float(row.margin[-1]), float(row.rest))
        result.add_row(f"{name}\n{text}", *cells, slope)
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
