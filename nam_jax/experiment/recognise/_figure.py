"""The figure of the study `recognise`: operating curves, and recall against the gain."""

import json

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "d", "v", "x")


def recognise(dataset: xr.Dataset) -> Figure:
    """The figure. Above: operating curves of one gain. Below: recall and activity against the gain.

    Args:
        dataset: What `run` of this study returns.
    """
    loads = dataset.sizes["stored"]
    figure = Figure(figsize=(3.6 * loads, 6.6), layout="constrained")
    grid = figure.subplots(2, loads, squeeze=False)
    gain = json.loads(dataset.attrs["config"])["gain"]
    for column in range(loads):
        _curves(grid[0, column], dataset.sel(gain=gain).isel(stored=column))
        _gains(grid[1, column], dataset.isel(stored=column))
    return figure


def _curves(axes: Axes, dataset: xr.Dataset) -> None:
    for index, level in enumerate(dataset.flips.values):
        area = float(dataset.area.sel(flips=level, bound="value"))
        axes.plot(
            dataset.false_positive,
            dataset.true_positive.sel(flips=level),
            STYLES[index % len(STYLES)],
            color=str(0.25 * (index // len(STYLES))),
            marker=MARKERS[index % len(MARKERS)],
            markevery=20,
            markersize=4,
            label=f"{level:.0%} flipped, area {area:.2f}",
        )
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=0.8)
    axes.set(
        title=f"K = {int(dataset.stored)}, gain {float(dataset.gain):g}",
        xlabel="unknown cues taken for known (fraction)",
        ylabel="known cues taken for known (fraction)",
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
    )
    axes.legend(fontsize="x-small", loc="lower right")


def _gains(axes: Axes, dataset: xr.Dataset) -> None:
    middle = dataset.isel(flips=dataset.sizes["flips"] // 2)
    errors = [middle.exact - middle.exact_low, middle.exact_high - middle.exact]
    axes.errorbar(
        dataset.gain, middle.exact, errors, fmt="o-", color="black", capsize=3,
        label=f"exact recall, {float(middle.flips):.0%} flipped",
    )  # fmt: skip
    axes.plot(dataset.gain, dataset.unknown_activity, "s--", color="0.45",
              label="activity after an unknown cue")  # fmt: skip
    axes.set_xscale("log")
    axes.set(
        xlabel=r"neural leak $\lambda$ (units of $\beta M_0 N$)",
        ylabel="rate of recall, mean activity",
        ylim=(-0.03, 1.03),
    )
    axes.legend(fontsize="x-small")
