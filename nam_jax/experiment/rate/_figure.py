"""The figure of the share of recalled cues and of the mean overlap."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nam_jax.experiment.common import in_style, new_figure


@in_style()
def rate(dataset: xr.Dataset) -> Figure:
    """Draws the share of recalled cues with its interval beside the mean overlap.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(2.3)
    axes = figure.subplots()
    value, low, high = (float(dataset[name]) for name in ("recalled", "low", "high"))
    mean, deviation = float(dataset["mean_overlap"]), float(dataset["overlap_deviation"])
    heights = [value, mean]
    errors = np.nan_to_num([[value - low, deviation], [high - value, deviation]])
    axes.bar(
        ["recalled cues\n(share, 95 %)", "overlap at the end\n(mean, s.d. of sets)"],
        heights, yerr=np.maximum(errors, 0), width=0.45, color=["C0", "C3"], edgecolor="black",
        capsize=3, ecolor="0.4",
    )  # fmt: skip
    axes.set(ylim=(min(0.0, mean - 0.05), 1.05), ylabel="value (1)")
    axes.set_title(f"K = {int(dataset['stored'])} patterns")
    return figure
