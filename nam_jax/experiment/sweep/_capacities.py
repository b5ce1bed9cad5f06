"""Capacities in a sweep: those that its study measured, or loads at which half is recalled."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from nam_jax.experiment.common import MEMORIES, Slope, log_slope
from nam_jax.experiment.sweep._means import SEEDS, main_variable, setting, swept_dims

LOADS = ("num_patterns", "load")
"""Fields that say how many patterns are stored."""
SIZES = ("sizes", "num_neurons", "neurons")
"""Fields and dimensions that say the number of neurons N."""
COSTS = ("neurons", "synapses", "compute_units")
RESAMPLES = 400
"""Resamples of the seeds for an interval."""


class Capacity(NamedTuple):
    """One capacity, over all its seeds.

    Attributes:
        model: The memory, and the values of other swept fields.
        size: Number of neurons N.
        value: Stored patterns K.
        low: Lower end of the 95 % interval; NaN if it is not known.
        high: Upper end of the interval.
        predicted: K by theory; NaN without a theory.
        costs: Numbers of neurons, synapses and compute units of the memory at that K, counted as
            the study `rate` does; NaN if not counted.
        criterion: Flipped and wrong bits over N; exponents need equal ones.
    """

    model: str
    size: float
    value: float
    low: float
    high: float
    predicted: float
    costs: tuple[float, ...]
    criterion: tuple[float, ...] = ()


def capacities(dataset: xr.Dataset) -> list[Capacity]:
    """Returns the capacities in a sweep, ordered by model and size; none if it has none.

    A sweep has them if its study measures them (variables `capacity`, `low`, `high` and the
    dimension `neurons`), or if a share of recalls was measured at several numbers of patterns. A
    capacity is then the K at which the share, averaged over seeds, falls to one half, by straight
    lines between the K that were measured; its interval is that of resampled seeds.

    Args:
        dataset: The numbers of a sweep, of some or all units.
    """
    if {"capacity", "low", "high"} <= {*dataset.data_vars} and "neurons" in dataset.dims:
        points = _measured(dataset)
    elif _load_dim(dataset) is not None and "stored" in dataset:
        points = _at_half(dataset)
    else:
        return []
    order = list(dict.fromkeys(point.model for point in points))
    return sorted(points, key=lambda point: (order.index(point.model), point.size))


def exponent(points: Sequence[Capacity]) -> Slope | None:
    """Returns the exponent of capacity against N with its 95 % interval.

    It is None with fewer than two sizes, without intervals, and if the criterion of recall is not
    the same share of bits at all sizes.

    Args:
        points: The capacities of one model.
    """
    points = [point for point in points if 0 < point.low < point.high < math.inf]
    if len({point.size for point in points}) < 2 or any(
        not np.allclose(point.criterion, points[0].criterion) for point in points
    ):
        return None
    errors = [math.log(point.high / point.low) / (2 * 1.96) for point in points]
    return log_slope([point.size for point in points], [point.value for point in points], errors)


def _load_dim(dataset: xr.Dataset) -> str | None:
    if main_variable(dataset) != "recalled":
        return None
    for dim in swept_dims(dataset):
        if dim in LOADS and dataset.sizes[dim] > 1:
            return dim
    return None


def _measured(dataset: xr.Dataset) -> list[Capacity]:
    """The capacities that the study measured."""
    names = [
        *("capacity", "low", "high", "predicted"),
        *(name for name in ("flipped_bits", "wrong_bits") if name in dataset),
    ]
    columns = xr.broadcast(*(dataset[name].astype(float) for name in names))
    table = dict(zip(names, columns, strict=True))
    groups: dict[tuple[str, str, float], list[dict[str, float]]] = {}
    for place in np.argwhere(~np.isnan(table["capacity"].values)):
        row = {name: float(column.values[tuple(place)]) for name, column in table.items()}
        at = dict(zip(map(str, table["capacity"].dims), place, strict=True))
        size = float(dataset["neurons"].values[at["neurons"]])
        memory = str(dataset["memory"].values[at["memory"]])
        groups.setdefault((_model(dataset, at), memory, size), []).append(row)
    return [_over_seeds(*key, rows) for key, rows in groups.items()]


def _over_seeds(model: str, memory: str, size: float, rows: list[dict[str, float]]) -> Capacity:
    """The capacity of several seeds: the mean, with an interval from those of the seeds.

    Seeds are independent, so the squares of their errors add up.
    """
    value = float(np.mean([row["capacity"] for row in rows]))
    below, above = (
        math.sqrt(sum((row["capacity"] - row[bound]) ** 2 for row in rows)) / len(rows)
        for bound in ("low", "high")
    )
    low, high = value - below, value + above
    if math.isinf(value):  # of some seeds only a bound is known
        low = min(row["low"] for row in rows)
    first = rows[0]
    criterion = tuple(
        first[name] / size for name in ("flipped_bits", "wrong_bits") if name in first
    )
    costs = (math.nan,) * 3
    if math.isfinite(value):
        costs = MEMORIES.make(memory, "memory").costs(round(size), round(value))
    return Capacity(model, size, value, low, high, first["predicted"], costs, criterion)


def _at_half(dataset: xr.Dataset) -> list[Capacity]:
    """The numbers of patterns at which half of the cues are recalled."""
    load, swept = str(_load_dim(dataset)), swept_dims(dataset)
    others = [dim for dim in swept if dim != load and dim not in SEEDS]
    seed = [dim for dim in swept if dim in SEEDS]
    names = ["recalled", "stored", "predicted", *COSTS]
    numbers = dataset[names].expand_dims([] if seed else ["seed"])
    numbers = numbers.transpose(*others, load, seed[0] if seed else "seed")
    points = []
    for place in itertools.product(*(range(dataset.sizes[dim]) for dim in others)):
        at = dict(zip(others, place, strict=True))
        cell = {name: numbers[name].isel(at).values.astype(float) for name in names}
        size = _size(dataset, at)
        halves = _halves(cell["recalled"], _known(cell["stored"]))
        if size is not None and math.isfinite(halves[0]):
            costs = tuple(_cost(halves[0], cell["stored"], cell[name]) for name in COSTS)
            predicted = float(_known(cell["predicted"])[0])
            points.append(Capacity(_model(dataset, at), size, *halves, predicted, costs))
    return points


def _known(rows: np.ndarray) -> np.ndarray:
    """The first number of each row that is not NaN; NaN if there is none. Seeds all have one."""
    first = np.argmax(np.isfinite(rows), axis=-1)
    return np.take_along_axis(rows, first[..., None], axis=-1)[..., 0]


def _halves(shares: np.ndarray, stored: np.ndarray) -> tuple[float, float, float]:
    """K at which the mean share of rows of seeds falls to one half, with its interval."""
    there = np.isfinite(shares).any(axis=1)
    shares, stored = shares[there], stored[there]
    order = np.argsort(stored)
    shares, stored = shares[order], stored[order]
    value = _crossing(np.nanmean(shares, axis=1) if len(shares) else np.array([]), stored)
    if shares.shape[1] < 2:
        return value, math.nan, math.nan
    random = np.random.default_rng(0)
    again = []
    for _ in range(RESAMPLES):
        chosen = random.integers(shares.shape[1], size=shares.shape[1])
        known = np.isfinite(shares[:, chosen]).sum(axis=1) > 0
        means = np.nansum(shares[:, chosen], axis=1)[known]
        counts = np.isfinite(shares[:, chosen]).sum(axis=1)[known]
        again.append(_crossing(means / counts, stored[known]))
    known = np.array(again)[np.isfinite(again)]
    if len(known) < 0.95 * RESAMPLES:
        return value, math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return value, float(low), float(high)


def _crossing(means: np.ndarray, stored: np.ndarray) -> float:
    """Where the means first fall from one half or more to less; NaN if they do not."""
    falls = np.flatnonzero((means[:-1] >= 0.5) & (means[1:] < 0.5))
    if not falls.size:
        return math.nan
    at = falls[0]
    part = (means[at] - 0.5) / (means[at] - means[at + 1])
    return float(stored[at] + part * (stored[at + 1] - stored[at]))


def _cost(value: float, stored: np.ndarray, costs: np.ndarray) -> float:
    """The cost at a number of patterns, between those that were measured."""
    stored, costs = _known(stored), _known(costs)
    there = np.isfinite(stored) & np.isfinite(costs)
    if not there.any():
        return math.nan
    order = np.argsort(stored[there])
    return float(np.interp(value, stored[there][order], costs[there][order]))


def _size(dataset: xr.Dataset, at: dict[str, Any]) -> float | None:
    """N of a point of the grid."""
    for name, value in _values(dataset, at):
        if name in SIZES:
            return float(value)
    given = setting(dataset, "num_neurons")
    return None if given is None else float(given)


def _model(dataset: xr.Dataset, at: dict[str, Any]) -> str:
    """The memory, and the values of other fields that differ between units."""
    values = [
        str(value) if name in ("memory", "memories") else f"{name.replace('_', ' ')} {value}"
        for name, value in _values(dataset, at)
        if name not in SIZES and name not in SEEDS
    ]
    names = list(dict.fromkeys(values)) or [str(setting(dataset, "memory") or "")]
    return ", ".join(names)


def _values(dataset: xr.Dataset, at: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The labels of a point of the grid: by dimensions, and by fields that go together with one."""
    for name, coordinate in dataset.coords.items():
        if len(coordinate.dims) == 1 and str(coordinate.dims[0]) in at:
            value = coordinate.values[at[str(coordinate.dims[0])]]
            yield str(name), value.item() if hasattr(value, "item") else value
