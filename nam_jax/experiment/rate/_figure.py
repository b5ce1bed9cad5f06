"""The figure of the share of recalled cues and of the mean overlap."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure


def rate(dataset: xr.Dataset) -> Figure:
    """Draws the share of recalled cues with its interval beside the mean overlap.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(3.6, 3.2), layout="constrained")
    axes = figure.subplots()
    value, low, high = (float(dataset[name]) for name in ("recalled", "low", "high"))
    mean, deviation = float(dataset["mean_overlap"]), float(dataset["overlap_deviation"])
    heights = [value, mean]
    errors = np.nan_to_num([[value - low, deviation], [high - value, deviation]])
    axes.bar(
        ["recalled cues\n(share, 95 %)", "overlap at the end\n(mean, s.d. of sets)"],
        heights, yerr=np.maximum(errors, 0), width=0.5, color="0.75", edgecolor="black", capsize=6,
    )  # fmt: skip
    axes.set(ylim=(min(0.0, mean - 0.05), 1.05), ylabel="value (1)")
    axes.set_title(f"K = {int(dataset['stored'])} patterns", fontsize="medium")
    return figure
