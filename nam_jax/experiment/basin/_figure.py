"""The figure of endings of recall against damage of the cue, a panel for each load."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HATCHES = ("", "..", "//", "xx", "", "++", "\\\\")
GREYS = ("0.35", "0.95", "0.8", "0.9", "white", "0.7", "0.6")


def basin(dataset: xr.Dataset) -> Figure:
    """Draws stacked shares of all endings, and lines at the measured and the mean-field radius.

    Args:
        dataset: The result of `run` of this study.
    """
    panels = dataset.sizes["stored"]
    figure = Figure(figsize=(1.2 + 3.4 * panels, 4.2), layout="constrained")
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    for axes, count in zip(grid, dataset.stored.values, strict=True):
        _panel(axes, dataset.sel(stored=count))
        axes.set_title(f"K = {count}", fontsize="medium")
    grid[0].set_ylabel("share of cues (1)")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize="small")
    return figure


def _panel(axes: Axes, row: xr.Dataset) -> None:
    x, bottom = row.flips.values, np.zeros(row.sizes["flips"])
    for index, ending in enumerate(row.ending.values):
        top = bottom + row.reached.sel(ending=ending).values
        axes.fill_between(
            x, bottom, top, facecolor=GREYS[index], hatch=HATCHES[index], edgecolor="black",
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
