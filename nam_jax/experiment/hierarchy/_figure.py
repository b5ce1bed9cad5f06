"""The figure of the study `hierarchy`: completed digits, and squared errors by method."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import errors, in_style, legend_below, new_figure, styled

SIDE = 8
DAMAGES = ("random", "lower")


@in_style()
def hierarchy(dataset: xr.Dataset) -> Figure:
    """The figure. Left: digits with random unknown pixels, completed; right: squared errors.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(3.6, wide=True)
    pictures, errors = figure.subplots(1, 2, width_ratios=[1, 1.1])
    _pictures(pictures, dataset)
    _errors(errors, dataset)
    return figure


def _pictures(axes: Axes, dataset: xr.Dataset) -> None:
    """One row for each method, one column for each digit; unknown pixels of a cue are hatched."""
    names, count = dataset.shown.values, dataset.sizes["example"]
    step = SIDE + 1
    canvas = np.full((step * len(names) - 1, step * count - 1), 1.0)
    unknown = np.zeros_like(canvas, bool)
    for i, name in enumerate(names):
        for j in range(count):
            pixels = dataset.picture.sel(shown=name).isel(example=j).values.reshape(SIDE, SIDE)
            place = slice(step * i, step * i + SIDE), slice(step * j, step * j + SIDE)
            canvas[place] = np.where(np.isnan(pixels), 0.0, -pixels)
            unknown[place] = np.isnan(pixels)
    axes.imshow(canvas, cmap="gray", vmin=-1, vmax=1, aspect="auto")
    rows, columns = np.nonzero(unknown)
    axes.plot(columns, rows, "x", color="black", markersize=1.5, markeredgewidth=0.4)
    ticks = step * np.arange(len(names)) + SIDE / 2
    axes.set_yticks(ticks, [str(name) for name in names])
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    axes.set_title("random pixels unknown")


def _errors(axes: Axes, dataset: xr.Dataset) -> None:
    names = [str(name) for name in dataset.memory.values]
    for index, damage in enumerate(DAMAGES):
        rows = dataset.score.sel(measure="error", damage=damage)
        x, low, high = (rows.sel(bound=bound).values for bound in ("value", "low", "high"))
        places = np.arange(len(names)) + 0.25 * index
        look = styled(index, linestyle="none", label=f"{damage} pixels")
        axes.errorbar(x, places, xerr=errors(x, low, high), **look)
    axes.set_yticks(np.arange(len(names)) + 0.125, names)
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.set(xlabel="squared error of an unknown pixel (1)", xlim=(0, None))
    axes.set_title("unknown pixels, 95 % over seeds")
    legend_below(axes, 2)
