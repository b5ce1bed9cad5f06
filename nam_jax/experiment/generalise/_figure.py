"""The figure of the study `generalise`: phases against K; K_c and attractors against beta."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLES = {"memorised": "-o", "spurious": "--s", "generalised": ":^"}
LOOKS = {"circle": ("o", "black"), "sphere": ("s", "0.45")}


def generalise(dataset: xr.Dataset) -> Figure:
    """The figure. Its panels: phases and the gap on the sphere; K_c; the number of attractors.

    Args:
        dataset: What `run` of this study returns.
    """
    figure = Figure(figsize=(12.5, 4.0), layout="constrained")
    phases, threshold, attractors = figure.subplots(1, 3)
    _phases(phases, dataset)
    _by_beta(threshold, dataset, "threshold")
    _by_beta(attractors, dataset, "attractors")
    threshold.set_ylabel("K_c: half the cues memorised (1)")
    attractors.set_ylabel("attractors at rest (1)")
    for name in LOOKS:
        row = dataset.sel(cell=dataset.on == name)
        attractors.plot(row.beta, row.predicted_attractors, "-", color="0.6", linewidth=1)
    attractors.plot([], [], "-", color="0.6", label=r"theory: $\sqrt{3\beta/2}$, $\beta/\sqrt{3}$")
    for axes in (threshold, attractors):
        axes.legend(fontsize="small")
    return figure


def _phases(axes: Axes, dataset: xr.Dataset) -> None:
    x = dataset.stored.values
    for name, style in STYLES.items():
        row = dataset.share.sel(phase=name)
        y, low, high = (row.sel(bound=bound).values for bound in ("value", "low", "high"))
        errors = np.stack([y - low, high - y])
        axes.errorbar(x, y, errors, fmt=style, color="black", capsize=2, markersize=4, label=name)
    other = axes.twinx()
    other.plot(x, dataset.gap.sel(bound="value"), "-.x", color="0.5", label="gap (right axis)")
    other.set(ylabel="distance of two memories' outputs (noise)", ylim=(0, None))
    axes.set(xscale="log", xlabel="stored samples K (1)", ylabel="share of cues (1)", ylim=(0, 1))
    handles, labels = axes.get_legend_handles_labels()
    more, names = other.get_legend_handles_labels()
    axes.legend(
        [*handles, *more], [*labels, *names], fontsize="small", ncols=2, loc="lower center",
        bbox_to_anchor=(0.5, 1.0), title="sphere",
    )  # fmt: skip


def _by_beta(axes: Axes, dataset: xr.Dataset, name: str) -> None:
    for on, (marker, colour) in LOOKS.items():
        row = dataset.sel(cell=dataset.on == on)
        if name == "threshold":
            slope = float(dataset["exponent"].sel(manifold=on, bound="value"))
            label = f"{on}, exponent {slope:.2f}"
            _errors(axes, row.beta, row.threshold, f"--{marker}", colour, label)
            continue
        for load in range(dataset.sizes["multiple"]):
            times = float(dataset["multiple"][load])
            # Shifted along x, so that the intervals of both loads can be seen.
            x = row.beta * 1.06 ** (2 * load - 1)
            fill = colour if load else "white"
            label = f"{on}, K near {times:g} K_c"
            _errors(axes, x, row.attractors.isel(multiple=load), marker, colour, label, fill)
    axes.set(xscale="log", yscale="log", xlabel=r"inverse temperature $\beta$ (1)")


def _errors(
    axes: Axes, x: xr.DataArray, values: xr.DataArray, form: str, colour: str, label: str,
    fill: str | None = None,
) -> None:  # fmt: skip
    y, low, high = (values.sel(bound=bound).values for bound in ("value", "low", "high"))
    axes.errorbar(
        x, y, np.stack([y - low, high - y]), fmt=form, color=colour, capsize=3, label=label,
        markerfacecolor=colour if fill is None else fill,
    )  # fmt: skip
