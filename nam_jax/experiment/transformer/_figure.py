"""Accuracy of associative recall against the number of pairs in the sequence."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "d", "v", "x")


def transformer(dataset: xr.Dataset) -> Figure:
    """Draws accuracies with their intervals, and theory for random codes as thin lines.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    axes = figure.subplots()
    x = dataset.pairs.values
    ends = float(dataset.trained.min()), float(dataset.trained.max())
    axes.axvspan(*ends, color="0.93", label="trained lengths")
    for index, name in enumerate(dataset.attention.values):
        row, grey = dataset.sel(attention=name), str(0.3 * (index % 3))
        y = row["mean"].values
        errors = np.stack([y - row.low.values, row.high.values - y]).clip(min=0)
        axes.errorbar(
            x, y, errors, linestyle=STYLES[index % 4], marker=MARKERS[index % 6], color=grey,
            capsize=3, markersize=5, label=str(name),
        )  # fmt: skip
        known = np.isfinite(row.predicted.values).any()
        axes.plot(
            x, row.predicted.values, linestyle=STYLES[index % 4], color="0.6", linewidth=1.0,
            label=f"{name}: theory, random codes" if known else None,
        )  # fmt: skip
    axes.axhline(1 / float(dataset.attrs["num_values"]), color="0.8", linewidth=0.8, label="chance")
    axes.set(
        xscale="log",
        xlabel="stored pairs K (1), in a sequence of 2 K + 1 tokens",
        ylabel="queries answered (1), held-out keys",
        ylim=(0, 1.03),
    )
    axes.set_xticks(x, [str(count) for count in x], minor=False)
    axes.set_xticks([], minor=True)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure
