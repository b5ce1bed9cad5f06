"""The figure of the study `setwise`: final overlap against load, by damage and kind."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import errors, in_style, new_figure, styled


@in_style()
def setwise(dataset: xr.Dataset) -> Figure:
    """Draws mean final overlaps of the largest network against load, one panel for each damage.

    Args:
        dataset: The result of `run` of this study.
    """
    panels, size = dataset.sizes["flips"], int(dataset["size"].max())
    figure = new_figure(3.2, wide=panels > 1)
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    for axes, flips in zip(grid, dataset["flips"].values, strict=True):
        _panel(axes, dataset.sel(flips=flips, size=size))
        axes.set_title(f"{flips:.0%} of the bits flipped")
    grid[0].set_ylabel(f"mean final overlap (1), N = {size}")
    handles, labels = grid[0].get_legend_handles_labels()
    columns = 3 if panels > 1 else 1
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def _panel(axes: Axes, row: xr.Dataset) -> None:
    x = row.load_ratio.values
    for index, name in enumerate(row.kind.values):
        y, low, high = (row.overlap.sel(kind=name, bound=b).values for b in row.bound.values)
        axes.errorbar(x, y, errors(y, low, high), label=str(name), **styled(index))
    axes.set(xlabel="patterns over neurons, K / N (1)", ylim=(0, 1.03))
