"""The figure of the study `predictive`: squared errors by memory, and the two variables."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MARKERS = (("o", "black"), ("s", "white"), ("^", "0.6"), ("d", "white"))
LINES = {"implicit": "o", "dendritic": "s"}


def predictive(dataset: xr.Dataset) -> Figure:
    """The figure. Left: squared errors by memory and K; right: recall of one of two variables.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    errors, pair = figure.subplots(1, 2, width_ratios=[1.5, 1])
    _errors(errors, dataset)
    _pair(pair, dataset)
    return figure


def _errors(axes: Axes, dataset: xr.Dataset) -> None:
    names = [str(name) for name in dataset.memory.values]
    places = np.arange(len(names))
    for index, count in enumerate(dataset.stored.values):
        rows = dataset.score.sel(stored=count, measure="error")
        x, low, high = (rows.sel(bound=bound).values for bound in ("value", "low", "high"))
        marker, face = MARKERS[index % len(MARKERS)]
        ends, fine = np.stack([x - low, high - x]), ~np.isnan(x)
        axes.errorbar(
            x[fine], places[fine] + 0.2 * index, xerr=ends[:, fine], fmt=marker,
            color="black", markerfacecolor=face, capsize=3, markersize=5, label=f"K = {count}",
        )  # fmt: skip
        for place in places[~fine]:
            axes.annotate(
                f"K = {count} diverges", (0, place + 0.2 * index), xytext=(8, 0),
                textcoords="offset points", fontsize="x-small", va="center",
            )  # fmt: skip
    axes.set_yticks(places + 0.1, names, fontsize="small")
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.9")
    axes.set(xlabel="squared error of an unknown pixel (1), 95 % over seeds")
    axes.legend(fontsize="small", loc="upper center")


def _pair(axes: Axes, dataset: xr.Dataset) -> None:
    rho = np.linspace(-1, 1, 101)
    axes.plot(rho, 2 * rho / (1 + rho**2), "-", color="black", label=r"$2\rho/(1+\rho^2)$")
    axes.plot(rho, rho, "--", color="0.5", label=r"conditional mean $\rho$")
    for name, marker in LINES.items():
        rows = dataset.recalled.sel(dynamics=name)
        axes.plot(
            rows.correlation, rows, marker, color="black", markerfacecolor="white", label=name
        )
    axes.set(
        xlabel=r"correlation $\rho$ of the two variables (1)",
        ylabel="second variable recalled (1), first held at 1",
    )
    axes.legend(fontsize="small")
