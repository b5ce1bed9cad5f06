"""The figure of the study `generalise`: phases against K; K_c and attractors against beta."""

from typing import Any

import numpy as np
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

LOOKS = {"circle": 0, "sphere": 1}
"""Which look a line has, by where the samples lie."""


@in_style()
def generalise(dataset: xr.Dataset) -> Figure:
    """The figure: phases and the gap on the sphere above; K_c and the number of attractors below.

    Args:
        dataset: What `run` of this study returns.
    """
    figure = new_figure(5.4, wide=True)
    phases, gap, threshold, attractors = figure.subplots(2, 2).ravel()
    _phases(phases, dataset)
    gap.plot(dataset.stored, dataset.gap.sel(bound="value"), label="gap", **styled(0))
    log_ticks(gap, dataset.stored.values)
    gap.set(xlabel="stored samples K (1)", ylim=(0, None), title="sphere, gap")
    gap.set_ylabel("distance of outputs (noise widths)")
    _by_beta(threshold, dataset, "threshold")
    _by_beta(attractors, dataset, "attractors")
    threshold.set_ylabel("$K_c$: half the cues memorised (1)")
    attractors.set_ylabel("attractors at rest (1)")
    for name in LOOKS:
        row = dataset.sel(cell=dataset.on == name)
        attractors.plot(row.beta, row.predicted_attractors, "-", color="0.5", linewidth=0.7)
    attractors.plot([], [], "-", color="0.5", label=r"theory: $\sqrt{3\beta/2}$, $\beta/\sqrt{3}$")
    legend_below(threshold)
    legend_below(attractors, 2)
    return figure


def _phases(axes: Axes, dataset: xr.Dataset) -> None:
    for index, name in enumerate(dataset.phase.values):
        row = dataset.share.sel(phase=name)
        y, low, high = (row.sel(bound=bound).values for bound in ("value", "low", "high"))
        axes.errorbar(dataset.stored, y, errors(y, low, high), label=str(name), **styled(index))
    log_ticks(axes, dataset.stored.values)
    axes.set(xlabel="stored samples K (1)", ylabel="share of cues (1)")
    axes.set(ylim=(-0.03, 1.03), title="sphere, phases")
    legend_below(axes, 3)


def _by_beta(axes: Axes, dataset: xr.Dataset, name: str) -> None:
    for on, index in LOOKS.items():
        row, style = dataset.sel(cell=dataset.on == on), styled(index)
        if name == "threshold":
            slope = float(dataset["exponent"].sel(manifold=on, bound="value"))
            _bars(axes, row.beta, row.threshold, style | {"label": f"{on}, exponent {slope:.2f}"})
            continue
        for load in range(dataset.sizes["multiple"]):
            times = float(dataset["multiple"][load])
            # Shifted along x, so that the intervals of both loads can be seen.
            x = row.beta * 1.06 ** (2 * load - 1)
            fill = style["color"] if load else "white"
            label = f"{on}, K near {times:g} $K_c$"
            look = style | {"markerfacecolor": fill, "linestyle": "none", "label": label}
            _bars(axes, x, row.attractors.isel(multiple=load), look)
    log_ticks(axes, np.unique(dataset.beta.values))
    axes.set(yscale="log", xlabel=r"inverse temperature $\beta$ (1)")


def _bars(axes: Axes, x: xr.DataArray, values: xr.DataArray, look: dict[str, Any]) -> None:
    y, low, high = (values.sel(bound=bound).values for bound in ("value", "low", "high"))
    axes.errorbar(x, y, errors(y, low, high), **look)
