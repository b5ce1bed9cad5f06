"""The figure of the study `predictive`: squared errors by memory, and the two variables."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import errors, in_style, legend_below, new_figure, styled

DYNAMICS = ("implicit", "dendritic")


@in_style()
def predictive(dataset: xr.Dataset) -> Figure:
    """The figure. Left: squared errors by memory and K; right: recall of one of two variables.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(3.6, wide=True)
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
        ends, fine = errors(x, low, high), ~np.isnan(x)
        look = styled(index, linestyle="none", label=f"K = {count}")
        axes.errorbar(x[fine], places[fine] + 0.2 * index, xerr=ends[:, fine], **look)
        for place in places[~fine]:
            axes.annotate(
                f"K = {count} diverges", (0, place + 0.2 * index), xytext=(8, 0),
                textcoords="offset points", fontsize=7, va="center",
            )  # fmt: skip
    axes.set_yticks(places + 0.1, names)
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.set(xlabel="squared error of an unknown pixel (1)", title="95 % over seeds")
    legend_below(axes, 3)


def _pair(axes: Axes, dataset: xr.Dataset) -> None:
    rho = np.linspace(-1, 1, 101)
    axes.plot(rho, 2 * rho / (1 + rho**2), "-", color="C0", label=r"$2\rho/(1+\rho^2)$")
    axes.plot(rho, rho, "--", color="C1", label=r"conditional mean $\rho$")
    for index, name in enumerate(DYNAMICS):
        rows = dataset.recalled.sel(dynamics=name)
        look = styled(index, linestyle="none", markerfacecolor="white", label=name)
        axes.plot(rows.correlation, rows, **look)
    axes.set(
        xlabel=r"correlation $\rho$ of the two variables (1)",
        ylabel="second variable recalled (1)",
        title="first variable held at 1",
    )
    legend_below(axes, 2)
