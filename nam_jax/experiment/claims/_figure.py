"""Figures of the study `claims`: one for each claim with curves, and all of them on one page."""

import math
import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import in_style, legend_below, log_ticks, new_figure, styled

MOST = 6
"""The largest number of points that are the ticks of a logarithmic axis."""


@in_style()
def claims(dataset: xr.Dataset) -> Figure:
    """The figure with the curves of all claims, one panel a claim, with verdicts.

    Args:
        dataset: What `run` of this study returns.
    """
    keys = curves(dataset)
    columns = min(2, max(1, len(keys)))
    rows = max(1, math.ceil(len(keys) / columns))
    figure = new_figure(3.2 * rows, wide=columns > 1)
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


@in_style()
def claim_figure(dataset: xr.Dataset, key: str) -> Figure:
    """The figure of one claim.

    Args:
        dataset: What `run` of this study returns.
        key: One of `curves(dataset)`.
    """
    figure = new_figure(3.2)
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
        style = styled(index, **({"marker": ""} if str(name).startswith("theory") else {}))
        axes.plot(x[there], y[there], label=str(name), markevery=max(len(x) // 12, 1), **style)
        known = there & ~np.isnan(low.values[index])
        ends = (low.values[index][known], high.values[index][known])
        axes.vlines(x[known], *ends, color=style["color"], linewidth=0.8)
    if lines.attrs["log"]:
        axes.set(xscale="log", yscale="log")
        if len(x) <= MOST:
            log_ticks(axes, x)
    verdict = (
        str(dataset.verdict.sel(claim=key).item())
        .replace("holds where", "holds in part")
        .split(":")[0]
    )
    statement = str(dataset.statement.sel(claim=key).item())
    axes.set_title(f"{textwrap.fill(statement, 46)}:\n{verdict}")
    axes.set(xlabel=lines.attrs["x_label"], ylabel=textwrap.fill(lines.attrs["y_label"], 40))
    legend_below(axes)
