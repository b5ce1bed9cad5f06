"""Accuracy of associative recall against the number of pairs in the sequence."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nam_jax.experiment.common import errors, in_style, log_ticks, new_figure, styled


@in_style()
def transformer(dataset: xr.Dataset) -> Figure:
    """Draws accuracies with their intervals, and theory for random codes as thin lines.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(2.6 + 0.15 * dataset.sizes["attention"])
    axes = figure.subplots()
    x = dataset.pairs.values
    ends = float(dataset.trained.min()), float(dataset.trained.max())
    axes.axvspan(*ends, color="0.93", label="trained lengths")
    for index, name in enumerate(dataset.attention.values):
        row, style = dataset.sel(attention=name), styled(index)
        y = row["mean"].values
        bars = errors(y, row.low.values, row.high.values)
        axes.errorbar(x, y, bars, label=str(name), **style)
        known = np.isfinite(row.predicted.values).any()
        axes.plot(
            x, row.predicted.values, linestyle="-", color=style["color"], linewidth=0.5,
            label=f"{name}: theory, random codes" if known else None,
        )  # fmt: skip
    axes.axhline(1 / float(dataset.attrs["num_values"]), color="0.6", linewidth=0.8, label="chance")
    axes.set(
        xlabel="stored pairs K (1), of 2 K + 1 tokens",
        ylabel="queries answered (1)",
        title="held-out keys",
        ylim=(0, 1.03),
    )
    log_ticks(axes, x)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center")
    return figure
