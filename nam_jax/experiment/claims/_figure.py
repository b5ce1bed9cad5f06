"""Figures of the study `claims`: one for each claim with curves, and all of them on one page."""

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "d", "v", "x")


def claims(dataset: xr.Dataset) -> Figure:
    """The figure with the curves of all claims, one panel a claim, with verdicts.

    Args:
        dataset: What `run` of this study returns.
    """
    keys = curves(dataset)
    columns = min(3, max(1, len(keys)))
    rows = max(1, math.ceil(len(keys) / columns))
    figure = Figure(figsize=(5.2 * columns, 4.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, key in zip(grid, keys, strict=False):
        _curve(axes, dataset, key)
    for axes in grid[len(keys) :]:
        axes.axis("off")
    if not keys:
        grid[0].text(0.5, 0.5, "none of these claims has a curve", ha="center")
    return figure


def claim_figures(dataset: xr.Dataset) -> dict[str, Figure]:
    """A figure for each claim that has curves, by file name.

    Args:
        dataset: What `run` of this study returns.
    """
    return {f"figure-{key}": claim_figure(dataset, key) for key in curves(dataset)}


def claim_figure(dataset: xr.Dataset, key: str) -> Figure:
    """The figure of one claim.

    Args:
        dataset: What `run` of this study returns.
        key: One of `curves(dataset)`.
    """
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    _curve(figure.subplots(), dataset, key)
    return figure


def curves(dataset: xr.Dataset) -> list[str]:
    """Keys of the claims that have a curve."""
    return [str(key) for key in dataset.claim.values if f"{key}_y" in dataset]


def _curve(axes: Axes, dataset: xr.Dataset, key: str) -> None:
    lines, x = dataset[f"{key}_y"], dataset[f"{key}_x"].values
    low, high = dataset[f"{key}_low"], dataset[f"{key}_high"]
    for index, name in enumerate(lines[f"{key}_line"].values):
        y = lines.values[index]
        there = ~np.isnan(y)
        style = STYLES[index % len(STYLES)]
        marker = "" if str(name).startswith("theory") else MARKERS[index % len(MARKERS)]
        grey = str(0.55 * (index % 3) / 2)
        axes.plot(
            x[there], y[there], style, marker=marker, color=grey, label=str(name), markersize=4
        )
        known = there & ~np.isnan(low.values[index])
        axes.vlines(x[known], low.values[index][known], high.values[index][known], color=grey)
    if lines.attrs["log"]:
        axes.set(xscale="log", yscale="log")
    verdict = str(dataset.verdict.sel(claim=key).item()).split(":")[0].split(".")[0]
    statement = str(dataset.statement.sel(claim=key).item())
    axes.set_title(f"{statement}:\n{verdict}", fontsize="small", wrap=True)
    axes.set(xlabel=lines.attrs["x_label"], ylabel=lines.attrs["y_label"])
    axes.legend(fontsize="x-small")
