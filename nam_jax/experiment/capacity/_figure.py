"""Figures of capacity against the number of neurons: in all, and per neuron, synapse or unit."""

import textwrap

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nam_jax.experiment.common import errors, in_style, log_ticks, new_figure, settings_text, styled

COSTS = {
    "neuron": ("neurons", "patterns per neuron, K / N (1)"),
    "synapse": ("synapses", r"patterns per synapse, K / N$^2$ (1)"),
    "unit": ("compute_units", r"per compute unit, K / (N + 2 N$^2$) (1)"),
}
"""Numbers by which capacity can be divided: their name in the Dataset and the label of the axis.
The numbers of synapses and compute units are those of a neuron-astrocyte network."""


@in_style()
def capacity(dataset: xr.Dataset, per: str | None = None) -> Figure:
    """Draws capacities with their intervals on logarithmic axes; thin lines are theory.

    Args:
        dataset: The result of `run` of this study.
        per: The key of `COSTS` by which capacities are divided; None: they are not.
    """
    figure = new_figure(2.6 + 0.15 * dataset.sizes["memory"])
    axes = figure.subplots()
    cost, label = COSTS[per] if per else (None, "stored patterns K (1)")
    divisor = dataset[cost].values if cost else np.ones(dataset.sizes["neurons"])
    x = dataset.neurons.values
    for index, name in enumerate(dataset.memory.values):
        row = dataset.sel(memory=name)
        style = styled(index)
        there = np.isfinite(row.capacity.values) & (row.capacity.values > 0)
        y, low, high = (row[key].values / divisor for key in ("capacity", "low", "high"))
        slope = float(row.exponent.sel(bound="value"))
        known = "" if per or np.isnan(slope) else f", exponent {slope:.2f}"
        axes.errorbar(
            x[there], y[there], errors(y[there], low[there], high[there]),
            label=f"{name}{known}{_settings(row)}", **style,
        )  # fmt: skip
        beyond = np.isinf(row.capacity.values)
        axes.plot(x[beyond], low[beyond], "^", color=style["color"], markerfacecolor="white")
        axes.plot(x, row.predicted.values / divisor, "-", color=style["color"], linewidth=0.5)
    if np.isfinite(dataset.predicted.values).any():
        axes.plot([], [], "-", color="0.3", linewidth=0.5, label="theory (thin)")
    axes.set(yscale="log", xlabel="neurons N (1)", ylabel=label)
    axes.set_title(textwrap.fill(dataset.attrs["criterion"], 46))
    log_ticks(axes, x)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center")
    return figure


def _settings(row: xr.Dataset) -> str:
    """The margin and rest of a memory, for the legend; empty if it has neither."""
    margin, rest = float(row.margin[-1]), float(row.rest)
    return "" if np.isnan([margin, rest]).all() else f", {settings_text(margin, rest)}"


def capacity_per_cost(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws capacity per neuron, per synapse and per compute unit; figures by file name."""
    return {f"figure-per-{per}": capacity(dataset, per) for per in COSTS}
