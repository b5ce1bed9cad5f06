"""Figures of the study `recognise`: operating curves, and recall against the gain."""

import json
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import (
    errors,
    in_style,
    legend_below,
    log_ticks,
    new_figure,
    styled,
)


@in_style()
def recognise(dataset: xr.Dataset) -> Figure:
    """The figure of operating curves of one gain, a panel for each load.

    Args:
        dataset: What `run` of this study returns.
    """
    figure, grid = _panels(dataset, 3.3)
    gain = json.loads(dataset.attrs["config"])["gain"]
    for column, axes in enumerate(grid):
        _curves(axes, dataset.sel(gain=gain).isel(stored=column))
    return figure


@in_style()
def more(dataset: xr.Dataset) -> dict[str, Figure]:
    """The figure of recall and activity against the gain, by file name.

    Args:
        dataset: What `run` of this study returns.
    """
    figure, grid = _panels(dataset, 2.6)
    for column, axes in enumerate(grid):
        _gains(axes, dataset.isel(stored=column))
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2 if len(grid) > 1 else 1)
    return {"figure-gain": figure}


def _panels(dataset: xr.Dataset, height: float) -> tuple[Figure, Any]:
    loads = dataset.sizes["stored"]
    figure = new_figure(height, wide=loads > 1)
    return figure, figure.subplots(1, loads, squeeze=False, sharey=True)[0]


def _curves(axes: Axes, dataset: xr.Dataset) -> None:
    for index, level in enumerate(dataset.flips.values):
        area = float(dataset.area.sel(flips=level, bound="value"))
        axes.plot(
            dataset.false_positive,
            dataset.true_positive.sel(flips=level),
            markevery=20,
            label=f"{level:.0%} flipped, area {area:.2f}",
            **styled(index),
        )
    axes.plot([0, 1], [0, 1], "-", color="0.8", linewidth=0.6)
    axes.set(
        title=f"K = {int(dataset.stored)}, gain {float(dataset.gain):g}",
        xlabel="unknown cues taken for known (1)",
        ylabel="known cues taken for known (1)",
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
    )
    axes.label_outer()
    legend_below(axes)


def _gains(axes: Axes, dataset: xr.Dataset) -> None:
    middle = dataset.isel(flips=dataset.sizes["flips"] // 2)
    values = [middle[name].values for name in ("exact", "exact_low", "exact_high")]
    label = f"exact recall, {float(middle.flips):.0%} flipped"
    axes.errorbar(dataset.gain, values[0], errors(*values), label=label, **styled(0))
    label = "activity after an unknown cue"
    axes.plot(dataset.gain, dataset.unknown_activity, label=label, **styled(1))
    log_ticks(axes, dataset.gain.values)
    axes.set(
        title=f"K = {int(dataset.stored)}",
        xlabel=r"neural leak $\lambda$ (units of $\beta M_0 N$)",
        ylabel="rate of recall, mean activity (1)",
        ylim=(-0.03, 1.03),
    )
    axes.label_outer()
