"""Figures of capacity against the number of neurons: in all, and per neuron, synapse or unit."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nam_jax.experiment.common import settings_text

STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "d", "v", "x")
COSTS = {
    "neuron": ("neurons", "stored patterns per neuron, K / N (1)"),
    "synapse": ("synapses", r"stored patterns per synapse, K / N$^2$ (1)"),
    "unit": ("compute_units", r"stored patterns per compute unit, K / (N + 2 N$^2$) (1)"),
}
"""Numbers by which capacity can be divided: their name in the Dataset and the label of the axis.
The numbers of synapses and compute units are those of a neuron-astrocyte network."""


def capacity(dataset: xr.Dataset, per: str | None = None) -> Figure:
    """Draws capacities with their intervals on logarithmic axes; thin lines are theory.

    Args:
        dataset: The result of `run` of this study.
        per: The key of `COSTS` by which capacities are divided; None: they are not.
    """
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    cost, label = COSTS[per] if per else (None, "stored patterns K (1)")
    divisor = dataset[cost].values if cost else np.ones(dataset.sizes["neurons"])
    x = dataset.neurons.values
    for index, name in enumerate(dataset.memory.values):
        row = dataset.sel(memory=name)
        grey = str(0.55 * (index % 3) / 2)
        there = np.isfinite(row.capacity.values) & (row.capacity.values > 0)
        y, low, high = (row[key].values / divisor for key in ("capacity", "low", "high"))
        errors = np.stack([y[there] - low[there], high[there] - y[there]]).clip(min=0)
        slope = float(row.exponent.sel(bound="value"))
        known = "" if per or np.isnan(slope) else f", exponent {slope:.2f}"
        axes.errorbar(
            x[there], y[there], errors, linestyle=STYLES[index % 4], marker=MARKERS[index % 6],
            color=grey, capsize=3, markersize=4, label=f"{name}{known}{_settings(row)}",
        )  # fmt: skip
        beyond = np.isinf(row.capacity.values)
        axes.plot(x[beyond], low[beyond], "^", color=grey, markerfacecolor="white")
        axes.plot(x, row.predicted.values / divisor, "-", color=grey, linewidth=0.7)
    if np.isfinite(dataset.predicted.values).any():
        axes.plot([], [], "-", color="0.3", linewidth=0.7, label="theory (thin)")
    axes.set(xscale="log", yscale="log", xlabel="neurons N (1)", ylabel=label)
    axes.set_title(dataset.attrs["criterion"], fontsize="small")
    axes.set_xticks(x, [str(size) for size in x], minor=False)
    axes.set_xticks([], minor=True)
    axes.legend(fontsize="x-small")
    return figure


def _settings(row: xr.Dataset) -> str:
    """The margin and rest of a memory, for the legend; empty if it has neither."""
    margin, rest = float(row.margin[-1]), float(row.rest)
    return "" if np.isnan([margin, rest]).all() else f", {settings_text(margin, rest)}"


def capacity_per_cost(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws capacity per neuron, per synapse and per compute unit; figures by file name."""
    return {f"figure-per-{per}": capacity(dataset, per) for per in COSTS}
