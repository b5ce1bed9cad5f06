"""The figure of endings of recall against damage of the cue, a panel for each load."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import in_style, new_figure

HATCHES = ("", "..", "//", "xx", "", "++", "\\\\")
FACES = ("C5", "white", "C1", "0.85", "white", "0.7", "C3")


@in_style()
def basin(dataset: xr.Dataset) -> Figure:
    """Draws stacked shares of all endings, and lines at the measured and the mean-field radius.

    Args:
        dataset: The result of `run` of this study.
    """
    panels = dataset.sizes["stored"]
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = new_figure(0.9 + 1.8 * rows, wide=panels > 1)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, count in zip(grid, dataset.stored.values, strict=False):
        _panel(axes, dataset.sel(stored=count))
        axes.set(title=f"K = {count}", ylabel="share of cues (1)")
        axes.label_outer()
    for axes in grid[panels:]:
        axes.set_axis_off()
    handles, labels = grid[0].get_legend_handles_labels()
    columns = 3 if panels > 1 else 2
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def _panel(axes: Axes, row: xr.Dataset) -> None:
    x, bottom = row.flips.values, np.zeros(row.sizes["flips"])
    for index, ending in enumerate(row.ending.values):
        top = bottom + row.reached.sel(ending=ending).values
        axes.fill_between(
            x, bottom, top, facecolor=FACES[index], hatch=HATCHES[index], edgecolor="black",
            linewidth=0.4, label=str(ending),
        )  # fmt: skip
        bottom = top
    radius, predicted = float(row.radius.sel(bound="value")), float(row.predicted_radius)
    # A radius that is not finite is drawn outside the axes, so that the legend has both lines.
    axes.axvline(
        radius if np.isfinite(radius) else 2, color="black", label="radius (half recalled)"
    )
    axes.axvline(
        predicted if np.isfinite(predicted) else 2, color="black", linestyle="--",
        label="radius by mean field",
    )  # fmt: skip
    axes.set(
        xlim=(x[0], max(x[-1], x[0] + 1e-3)),
        ylim=(0, 1),
        xlabel="flipped bits of the cue (fraction)",
    )
