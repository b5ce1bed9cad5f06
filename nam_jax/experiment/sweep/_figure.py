"""The figures of a sweep, of all its units or of those that are there so far."""

import itertools
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nam_jax.experiment.common import (
    COLUMN,
    PAGE,
    errors,
    in_style,
    legend_below,
    log_ticks,
    new_figure,
    styled,
)
from nam_jax.experiment.sweep._capacities import Capacity, capacities, exponent
from nam_jax.experiment.sweep._labels import (
    axis_label,
    by_factors,
    edges,
    predicted_load,
    short,
    title,
    written,
)
from nam_jax.experiment.sweep._means import means

LINES = 7
"""The largest number of lines of a panel, and of panels of a figure."""
MODELS = ("memory", "memories")
COSTS = ("neuron", "synapse", "compute unit")


@in_style()
def sweep(dataset: xr.Dataset) -> Figure:
    """Draws the main figure of a sweep: what it is, `drawings` says.

    Args:
        dataset: The numbers of a sweep, of some or all units.
    """
    return next(iter(drawings(dataset).values()))()


@in_style()
def sweep_more(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws the other figures of a sweep, by the names of their files."""
    rest = itertools.islice(drawings(dataset).items(), 1, None)
    return {f"figure-{name}": draw() for name, draw in rest}


def drawings(dataset: xr.Dataset) -> dict[str, Callable[[], Figure]]:
    """Returns the functions that draw a sweep, by name, the main one first.

    These are, as far as the sweep has the numbers:

    * capacity: capacities against N, with theory and the fitted exponent, or as loads K / N where
      loads are swept;
    * lines: the main variable against the first swept field of numbers, a line for each value of
      the next field;
    * map: the main variable over two swept fields of numbers;
    * cost: the capacities of several models at each N, per neuron, synapse and compute unit.

    Capacities come first if the study measures them, in place of lines. A map comes first if its
    second field has more values than can be told apart as lines.
    """
    points = capacities(dataset)
    numbers = means(dataset)
    numeric = [dim for dim in numbers["value"].dims if _is_numeric(numbers, dim)]
    wide = [dim for dim in numeric if numbers.sizes[dim] > 2]
    draw: dict[str, Callable[[], Figure]] = {"lines": lambda: _lines(dataset, numbers)}
    if len(wide) > 1:
        draw["map"] = lambda: _maps(dataset, numbers, wide[0], wide[1])
        if numbers.sizes[wide[1]] > LINES:
            draw = {"map": draw["map"], "lines": draw["lines"]}
    if len({point.size for point in points}) > 1:
        draw["capacity"] = lambda: _capacity(dataset, points)
        if "capacity" in dataset:
            draw = {"capacity": draw["capacity"]}
    if any(dim in numbers["value"].dims for dim in MODELS) and len(points) > 1:
        draw["cost"] = lambda: _costs(dataset, points)
    return draw


def _is_numeric(numbers: xr.Dataset, dim: Any) -> bool:
    return dim in numbers.coords and numbers[dim].dtype.kind in "iuf" and numbers.sizes[dim] > 1


# Lines


def _lines(dataset: xr.Dataset, numbers: xr.Dataset) -> Figure:
    dims = list(map(str, numbers["value"].dims))
    x = next((dim for dim in dims if _is_numeric(numbers, dim)), dims[0] if dims else None)
    others = [dim for dim in dims if dim != x and numbers.sizes[dim] > 1]
    figure = _figure(dataset)
    for axes, part in _panels(figure, numbers, others[1:]):
        line = others[0] if others else None
        drawn = part if line is None else _few(part, line)
        count = 1 if line is None else drawn.sizes[line]
        for index in range(count):
            row = drawn if line is None else drawn.isel({line: index})
            name = "" if line is None else f"{short(line)} = {written(row[line].item())}"
            single = [dim for dim, size in row.sizes.items() if size == 1 and dim != x]
            _line(axes, row.squeeze(single, drop=True), x, index, name)
        _theory(axes, dataset, drawn, x, line)
        axes.set(xlabel=axis_label(x) if x else "", ylabel=numbers.attrs["label"])
        if numbers.attrs["share"]:
            axes.set_ylim(-0.03, 1.03)
        axes.label_outer()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        columns = 5 if len(figure.axes) > 1 else 3
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def _line(axes: Axes, row: xr.Dataset, x: str | None, index: int, name: str) -> None:
    """One line with the band of its intervals; points with bars where x is no number."""
    value, low, high = (np.atleast_1d(row[key].values) for key in ("value", "low", "high"))
    there = np.isfinite(value)
    style = {**styled(index), "label": name}
    if x is None or not _is_numeric(row, x):
        places = np.arange(len(value)) + 0.08 * index
        style["linestyle"] = "none"
        bars = _bars(value[there], low[there], high[there])
        axes.errorbar(places[there], value[there], bars, **style)
        labels = ["all"] if x is None else [written(label) for label in row[x].values]
        axes.set_xticks(np.arange(len(value)), labels, rotation=0 if len(labels) < 5 else 45)
        return
    places = row[x].values
    axes.plot(places[there], value[there], **style)
    known = there & np.isfinite(low) & np.isfinite(high)
    axes.fill_between(
        places[known], low[known], high[known], color=style["color"], alpha=0.15, linewidth=0
    )
    axes.dataLim.update_from_data_x(places)  # also where nothing is there yet
    _scale(axes, x=places)


def _theory(axes: Axes, dataset: xr.Dataset, drawn: xr.Dataset, x: str | None, line: Any) -> None:
    """Vertical lines at the capacities by theory, where x says how much is stored.

    They are left out if more than three lines have different ones.
    """
    predicted = predicted_load(dataset, x)
    if predicted is None:
        return
    kept = [dim for dim in predicted.dims if dim == line or (dim in drawn.coords and dim != x)]
    if not all(dataset.indexes[dim].is_unique for dim in kept):
        return  # fields that go together, of which the first one repeats values
    by_line = predicted.mean([dim for dim in predicted.dims if dim not in kept])
    places = np.atleast_1d(by_line.sel({dim: drawn[dim] for dim in kept}).values)
    inside = (places >= dataset[x].values.min()) & (places <= dataset[x].values.max())
    _, indices = np.unique(np.round(places / dataset[x].values.max(), 3), return_index=True)
    chosen = [index for index in sorted(indices.tolist()) if inside[index]]
    for index in chosen if len(chosen) <= 3 else []:
        style = {key: styled(index)[key] for key in ("color", "linestyle")}
        label = "theory" if index == chosen[0] else None
        axes.axvline(float(places[index]), linewidth=0.8, label=label, **style)


def _scale(axes: Axes, **places: np.ndarray) -> None:
    """Makes axes logarithmic where places are spaced by factors.

    A few whole numbers, or numbers spaced by factors, are the ticks.
    """
    for axis, values in places.items():
        if by_factors(values):
            axes.set(**{f"{axis}scale": "log"})
        if len(values) <= LINES and (by_factors(values) or values.dtype.kind in "iu"):
            axes.set(**{f"{axis}ticks": values, f"{axis}ticklabels": map(written, values)})
            getattr(axes, f"set_{axis}ticks")([], minor=True)


def _figure(dataset: xr.Dataset, height: float = 2.7, *, wide: bool = False) -> Figure:
    figure = new_figure(height, wide=wide)
    figure.suptitle(textwrap.fill(title(dataset), 100 if wide else 52))
    return figure


def _bars(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The lengths of error bars, 0 where an interval is not known."""
    return np.nan_to_num(errors(value, low, high))


def _few(part: xr.Dataset, dim: str) -> xr.Dataset:
    """At most `LINES` values of a dimension, evenly chosen."""
    size = part.sizes[dim]
    chosen = np.unique(np.linspace(0, size - 1, min(size, LINES)).round().astype(int))
    return part.isel({dim: chosen})


def _panels(
    figure: Figure, numbers: xr.Dataset, dims: list[str]
) -> Iterator[tuple[Axes, xr.Dataset]]:
    """Yields a panel for each value of the first dimension, at the first values of all others."""
    if not dims:
        yield figure.subplots(), numbers
        return
    panel, *fixed = dims
    part = _few(numbers.isel({dim: 0 for dim in fixed}), panel)
    columns = min(part.sizes[panel], 3)
    rows = -(-part.sizes[panel] // columns)
    figure.set_size_inches(PAGE if columns > 1 else COLUMN, 0.6 + 2.1 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= part.sizes[panel]:
            axes.set_axis_off()
            continue
        chosen = part.isel({panel: place})
        given = [panel, *fixed]
        axes.set_title(
            ", ".join(f"{short(name)} = {written(chosen[name].item())}" for name in given)
        )
        yield axes, chosen


# Maps


def _maps(dataset: xr.Dataset, numbers: xr.Dataset, x: Any, y: Any) -> Figure:
    figure = _figure(dataset)
    others = [str(dim) for dim in numbers["value"].dims if dim not in (x, y)]
    others = [dim for dim in others if numbers.sizes[dim] > 1]
    values = numbers["value"].values
    share = numbers.attrs["share"]
    least, most = (0.0, 1.0) if share else (np.nanmin(values), np.nanmax(values))
    for axes, part in _panels(figure, numbers.squeeze(), others):
        part = part.sortby([x, y]).transpose(y, x, ...)
        axes.set_facecolor("white")
        axes.patch.set(hatch="xxx", edgecolor="0.6")
        sides = (edges(part[dim].values) for dim in (x, y))
        axes.pcolormesh(*sides, part["value"], vmin=least, vmax=most)
        middle = (least + most) / 2
        if np.nanmin(part["value"]) < middle < np.nanmax(part["value"]):
            lines = axes.contour(
                part[x], part[y], part["value"], [middle], colors="black", linewidths=3
            )
            axes.contour(part[x], part[y], part["value"], [middle], colors="white", linewidths=1.5)
            axes.clabel(lines, fmt="%.3g")
        if not others:
            _boundary(axes, dataset, x, y)
        _scale(axes, x=part[x].values, y=part[y].values)
        axes.set(xlabel=axis_label(str(x)), ylabel=axis_label(str(y)))
    scale = ScalarMappable(Normalize(least, most))
    figure.colorbar(scale, ax=figure.axes, label=numbers.attrs["label"])
    return figure


def _boundary(axes: Axes, dataset: xr.Dataset, x: Any, y: Any) -> None:
    """The capacity that theory predicts, where one of the fields says how much is stored."""
    for load, other in ((x, y), (y, x)):
        predicted = predicted_load(dataset, load)
        if predicted is None or other not in predicted.dims:
            continue
        line = predicted.mean([dim for dim in predicted.dims if dim != other]).sortby(other)
        line = line.where((line >= dataset[load].min()) & (line <= dataset[load].max()))
        if line.notnull().any():
            points = (line, line[other]) if load == x else (line[other], line)
            halo = [patheffects.withStroke(linewidth=3, foreground="white")]
            axes.plot(*points, "--", color="black", label="theory", path_effects=halo)
            legend_below(axes)


# Capacities


def _capacity(dataset: xr.Dataset, points: list[Capacity]) -> Figure:
    """Capacities against N with intervals, theory as thin lines, and exponents in the legend.

    Where loads are swept, these are loads K / N without exponents.
    """
    figure = _figure(dataset)
    axes = figure.subplots()
    sizes = sorted({point.size for point in points})
    load = "load" in dataset.dims
    if load:
        points = [_per_neuron(point) for point in points]
    for index, model in enumerate(dict.fromkeys(point.model for point in points)):
        own = [point for point in points if point.model == model]
        slope, style = None if load else exponent(own), styled(index)
        fitted = (
            "" if slope is None else f" N^{slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]"
        )
        x, y, low, high, theory = (
            np.array([getattr(point, name) for point in own])
            for name in ("size", "value", "low", "high", "predicted")
        )
        there = np.isfinite(y) & (y > 0)
        bars = _bars(y[there], low[there], high[there])
        name = f"{model}{fitted}"
        axes.errorbar(x[there], y[there], bars, label=name, **style)
        axes.plot(x[np.isinf(y)], low[np.isinf(y)], "^", color=style["color"], label=None)
        axes.plot(x, theory, "-", color=style["color"], linewidth=0.5)
    if any(np.isfinite(point.predicted) for point in points):
        axes.plot([], [], "-", color="0.3", linewidth=0.5, label="theory (thin)")
    scale, label = ("linear", "load K / N (1)") if load else ("log", "stored patterns K (1)")
    axes.set(yscale=scale, xlabel="neurons N (1)", ylabel=label)
    log_ticks(axes, sizes)
    legend_below(axes)
    return figure


def _per_neuron(point: Capacity) -> Capacity:
    names = ("value", "low", "high", "predicted")
    return point._replace(**{name: getattr(point, name) / point.size for name in names})


def _costs(dataset: xr.Dataset, points: list[Capacity]) -> Figure:
    """Capacities of the models side by side, per neuron, per synapse and per compute unit."""
    models = list(dict.fromkeys(point.model for point in points))
    figure = _figure(dataset, 1.3 + 0.3 * len(models), wide=True)
    panels = figure.subplots(1, len(COSTS), sharey=True)
    for place, (axes, cost) in enumerate(zip(panels, COSTS, strict=True)):
        for index, size in enumerate(sorted({point.size for point in points})):
            own = [point for point in points if point.size == size and point.costs[place] > 0]
            own = [point for point in own if np.isfinite(point.value)]
            y = np.array([models.index(point.model) for point in own])
            x, low, high = (
                np.array([getattr(point, name) / point.costs[place] for point in own])
                for name in ("value", "low", "high")
            )
            style = {**styled(index), "linestyle": "none", "label": f"N = {size:g}"}
            bars = _bars(x, low, high)
            axes.errorbar(x, y + 0.06 * index, xerr=bars, **style)
        low, high = axes.get_xlim()
        if low > 0 and high > 10 * low:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter("")
        else:
            axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(f"stored patterns per {cost} (1)")
    panels[0].set_yticks(range(len(models)), models)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
