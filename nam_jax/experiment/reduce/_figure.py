"""The figure of the study `reduce`: a map of overlaps by network and rung, one rung a reduction."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nam_jax.experiment.common import in_style, new_figure


@in_style()
def reduce(dataset: xr.Dataset) -> Figure:
    """The figure: mean overlap with the target for each network and rung, or "not defined".

    Args:
        dataset: What `run` of this study returns.
    """
    overlap = dataset.overlap.mean("sample").transpose("rung", "network")
    activity = dataset.activity.mean("sample").transpose("rung", "network")
    rungs, networks = overlap.shape
    figure = new_figure(1.3 + 0.34 * rungs, wide=True)
    axes = figure.subplots()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    mesh = axes.imshow(overlap.values, cmap="Blues", vmin=-0.2, vmax=1, aspect="auto")
    for row, column in np.ndindex(rungs, networks):
        value = overlap.values[row, column]
        if np.isnan(value):
            text, colour = "not\ndefined", "black"
        else:
            silent = activity.values[row, column] < 0.5
            text = f"{value:.2f}" + ("\nsilent" if silent else "")
            colour = "white" if value > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=6)
    margins = dataset.margin.values
    labels = [
        str(name).replace(", ", "\n") + f"\ncertificate\n{margin:.2g}"
        for name, margin in zip(dataset.network.values, margins, strict=True)
    ]
    axes.set_xticks(range(networks), labels)
    axes.set_yticks(range(rungs), [str(name) for name in dataset.rung.values])
    axes.set(xlabel="network", ylabel="rung, from the full network down")
    figure.colorbar(mesh, ax=axes, label="mean overlap of signs with the target (1)")
    return figure
