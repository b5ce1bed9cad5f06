"""The figure of the study `setwise`: final overlap against load, by damage and kind."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import styled


def setwise(dataset: xr.Dataset) -> Figure:
    """Draws mean final overlaps of the largest network against load, one panel for each damage.

    Args:
        dataset: The result of `run` of this study.
    """
    panels, size = dataset.sizes["flips"], int(dataset["size"].max())
    figure = Figure(figsize=(3.6 + 3.2 * panels, 4.0), layout="constrained")
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    for axes, flips in zip(grid, dataset["flips"].values, strict=True):
        _panel(axes, dataset.sel(flips=flips, size=size))
        axes.set_title(f"{flips:.0%} of the bits flipped", fontsize="medium")
    grid[0].set_ylabel(f"mean final overlap (1), N = {size}")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize="small")
    return figure


def _panel(axes: Axes, row: xr.Dataset) -> None:
    x = row.load_ratio.values
    for index, name in enumerate(row.kind.values):
        y, low, high = (row.overlap.sel(kind=name, bound=b).values for b in row.bound.values)
        errors = np.stack([y - low, high - y]).clip(min=0)
        axes.errorbar(x, y, errors, capsize=3, markersize=5, label=str(name), **styled(index))
    axes.set(xlabel="patterns over neurons, K / N (1)", ylim=(0, 1.03))
