"""The figure of the study `gradients`: 1 - cosine against nudge, steps and distance."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "d", "v", "x")
FLOOR = 1e-16


def gradients(dataset: xr.Dataset) -> Figure:
    """The figure. Left: equilibrium propagation; middle: truncated; right: all routes by distance.

    Args:
        dataset: What `run` of this study returns.
    """
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    nudge, steps, distance = figure.subplots(1, 3, sharey=True)
    _nudges(nudge, dataset)
    _steps(steps, dataset)
    _distances(distance, dataset)
    return figure


def _nudges(axes: Axes, dataset: xr.Dataset) -> None:
    for index, place in enumerate(_spread(dataset)):
        here = dataset.isel(distance=place)
        for sides, style in (("one", "--"), ("centred", "-")):
            label = f"{'one-sided' if sides == 'one' else sides}, distance {float(here.distance):g}"
            _line(axes, here.nudge, here.nudged_miss.sel(sides=sides), index, style, label)
    axes.set(
        title="equilibrium propagation, float64",
        xlabel="nudge (units of the restoring force)",
        ylabel="1 - cosine with finite differences",
    )
    axes.legend(fontsize="x-small", handlelength=4)


def _steps(axes: Axes, dataset: xr.Dataset) -> None:
    for index, place in enumerate(_spread(dataset)):
        here = dataset.isel(distance=place)
        label = f"distance {float(here.distance):g}"
        _line(axes, here.steps, here.truncated_miss, index, STYLES[index], label)
    axes.set(title="truncated, float64", xlabel="steps differentiated")
    axes.legend(fontsize="x-small", handlelength=4)


def _distances(axes: Axes, dataset: xr.Dataset) -> None:
    here = dataset.isel(neurons=0, stored=0, margin=0)
    for index, route in enumerate(dataset.route.values):
        label = str(route).replace("_", " ")
        style = STYLES[index % len(STYLES)]
        _line(axes, here.distance, here.miss.sel(route=route), index, style, label)
    axes.invert_xaxis()
    axes.set(title="defaults, float32", xlabel="distance from the critical leak (0: critical)")
    axes.legend(fontsize="x-small", handlelength=4)


def _line(axes: Axes, x: xr.DataArray, y: xr.DataArray, index: int, style: str, label: str) -> None:
    marker, shade = MARKERS[index % len(MARKERS)], str(0.3 * (index % 3))
    axes.loglog(x, y.clip(FLOOR), style, marker=marker, markersize=5, color=shade, label=label)


def _spread(dataset: xr.Dataset) -> list[int]:
    """Places of the first, the middle and the last distance."""
    return sorted({0, dataset.sizes["distance"] // 2, dataset.sizes["distance"] - 1})
