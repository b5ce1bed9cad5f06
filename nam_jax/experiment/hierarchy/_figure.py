"""The figure of the study `hierarchy`: completed digits, and squared errors by method."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SIDE = 8
MARKERS = {"random": ("o", "black"), "lower": ("s", "white")}
"""Marker and face by damage."""


def hierarchy(dataset: xr.Dataset) -> Figure:
    """The figure. Left: digits with random unknown pixels, completed; right: squared errors.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    pictures, errors = figure.subplots(1, 2, width_ratios=[1, 1.1])
    _pictures(pictures, dataset)
    _errors(errors, dataset)
    return figure


def _pictures(axes: Axes, dataset: xr.Dataset) -> None:
    """One row for each method, one column for each digit; unknown pixels of a cue are hatched."""
    names, count = dataset.shown.values, dataset.sizes["example"]
    step = SIDE + 1
    canvas = np.full((step * len(names) - 1, step * count - 1), 1.0)
    unknown = np.zeros_like(canvas, bool)
    for i, name in enumerate(names):
        for j in range(count):
            pixels = dataset.picture.sel(shown=name).isel(example=j).values.reshape(SIDE, SIDE)
            place = slice(step * i, step * i + SIDE), slice(step * j, step * j + SIDE)
            canvas[place] = np.where(np.isnan(pixels), 0.0, -pixels)
            unknown[place] = np.isnan(pixels)
    axes.imshow(canvas, cmap="gray", vmin=-1, vmax=1, aspect="auto")
    rows, columns = np.nonzero(unknown)
    axes.plot(columns, rows, "x", color="black", markersize=2.5, markeredgewidth=0.5)
    ticks = step * np.arange(len(names)) + SIDE / 2
    axes.set_yticks(ticks, [str(name) for name in names], fontsize="small")
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    axes.set_title("random pixels unknown", fontsize="medium")


def _errors(axes: Axes, dataset: xr.Dataset) -> None:
    names = [str(name) for name in dataset.memory.values]
    for shift, (damage, (marker, face)) in enumerate(MARKERS.items()):
        rows = dataset.score.sel(measure="error", damage=damage)
        x, low, high = (rows.sel(bound=bound).values for bound in ("value", "low", "high"))
        axes.errorbar(
            x, np.arange(len(names)) + 0.2 * shift, xerr=np.stack([x - low, high - x]), fmt=marker,
            color="black", markerfacecolor=face, capsize=3, markersize=5, label=f"{damage} pixels",
        )  # fmt: skip
    axes.set_yticks(np.arange(len(names)) + 0.1, names, fontsize="small")
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.9")
    axes.set(xlabel="squared error of an unknown pixel (1), 95 % over seeds", xlim=(0, None))
    axes.legend(fontsize="small", title="unknown", title_fontsize="small")
