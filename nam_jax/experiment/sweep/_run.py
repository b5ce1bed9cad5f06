"""Runs a sweep as a study, and its table."""

import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax import sweep
from nam_jax.experiment.sweep._capacities import capacities, exponent
from nam_jax.experiment.sweep._means import main_variable, means
from nam_jax.record import Context

ROWS = 30
"""The largest number of rows of the table."""


def run(config: sweep.SweepConfig, context: Context) -> xr.Dataset:
    """Runs the sweep that the settings describe.

    Args:
        config: The settings of the sweep.
        context: Where to keep its chunks, and whether to show progress.
    """
    from nam_jax.experiment import study_named

    assert context.folder is not None
    study = study_named(config.study)
    return sweep.run_config(
        config, study, context.folder, progress=context.progress, precision=context.precision
    )


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of the main variable: means over seeds, with their 95 % intervals.

    It has at most `ROWS` rows, and says how many are left out.

    Args:
        dataset: The numbers of a sweep, of some or all units.
    """
    numbers = means(dataset)
    dims = [str(dim) for dim in numbers["value"].dims]
    computed = dataset["computed"].values
    units = f"{int(computed.sum())} of {computed.size} units"
    name = main_variable(dataset).replace("_", " ")
    result = Table(title=f"Sweep of {dataset.attrs['swept_study']}, {units}")
    fields = [(dim, field) for dim in dims for field in _fields(numbers, dim)]
    for _, field in fields:
        result.add_column(field.removeprefix("swept_").replace("_", " "), justify="right")
    result.add_column(f"{name} [95 %]", justify="right")
    result.add_column("seeds", justify="right")
    places = list(np.ndindex(*numbers["value"].shape))
    for place in places[:ROWS]:
        at = dict(zip(dims, place, strict=True))
        row = numbers.isel(at)
        labels = [_label(row, field, at[dim]) for dim, field in fields]
        result.add_row(*labels, _interval(row), str(int(row["seeds"])))
    result.caption = _caption(dataset, len(places) - ROWS)
    return result


def _fields(numbers: xr.Dataset, dim: str) -> list[str]:
    """The fields that go together along a dimension, without those of equal values."""
    others = [
        str(name)
        for name, labels in numbers.coords.items()
        if labels.dims == (dim,)
        and name != dim
        and list(labels.values) != list(numbers[dim].values)
    ]
    return [dim, *others]


def _label(row: xr.Dataset, field: str, at: int) -> str:
    value = row[field].item() if field in row.coords else at
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _interval(row: xr.Dataset) -> str:
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if np.isnan(value):
        return "-"
    return f"{value:.4g}" + ("" if np.isnan(low) else f" [{low:.4g}, {high:.4g}]")


def _caption(dataset: xr.Dataset, left_out: int) -> str | None:
    """Which rows are left out, and the exponents of capacities."""
    lines = [f"{left_out} more rows are in result.zarr."] if left_out > 0 else []
    points = [] if "load" in dataset.dims else capacities(dataset)
    for model in dict.fromkeys(point.model for point in points):
        slope = exponent([point for point in points if point.model == model])
        if slope is not None:
            span = f"{slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]"
            lines.append(f"{model or 'capacity'} grows as N^{span}.")
    return "\n".join(lines) or None
