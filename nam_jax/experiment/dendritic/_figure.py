"""Figures of the study `dendritic`: one for each of its parts."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import errors, in_style, log_ticks, new_figure, styled

NOTE = (
    "any k-subset is an attractor: combinations of\n$N_1$ stored vectors, not independent patterns"
)
TITLES = {
    "size": "recall from features",
    "noise": "recall from noisy features",
    "sparsity": "sparse connections",
    "controls": "with and without dendrites",
    "inhibition": "speed and start of inhibition",
    "partial": "part of a memory cued at E1",
    "features": "features of one member missing",
    "damage": "damage that nothing adapted to",
}
"""Titles of the figures of recall, by part of the study."""
WHOLE = {"size", "sparsity", "controls", "partial"}
"""Parts that vary a whole number."""
LOOSE = "separable"
"""A line with this word in its name shows separable recall, in which members may be saturated."""


@in_style()
def dendritic(dataset: xr.Dataset) -> Figure:
    """The figure of recall against the neurons of a memory, or else the first figure of the run.

    Args:
        dataset: What `run` of this study returns.
    """
    if "size_strict" in dataset:
        return recall(dataset, "size")
    return next(iter(_figures(dataset).values()), new_figure(1.0))


@in_style()
def dendritic_more(dataset: xr.Dataset) -> dict[str, Figure]:
    """All other figures that the Dataset has numbers for, by file name.

    Args:
        dataset: What `run` of this study returns.
    """
    return {f"figure-{name}": figure for name, figure in _figures(dataset).items()}


def _figures(dataset: xr.Dataset) -> dict[str, Figure]:
    parts = [part for part in TITLES if part != "size" and f"{part}_strict" in dataset]
    figures = {part: recall(dataset, part) for part in parts}
    if "raster" in dataset:
        figures["raster"] = raster(dataset)
    if "capacity" in dataset:
        figures["capacity"] = capacity(dataset)
    if "scaling_predicted" in dataset:
        figures["scaling"] = scaling(dataset)
    return figures


def recall(dataset: xr.Dataset, part: str) -> Figure:
    """The figure of one part: rates of recall with 95 % intervals, theory as thin lines.

    Args:
        dataset: What `run` of this study returns.
        part: A key of `TITLES`; the Dataset must have its numbers.
    """
    panels = _panels(part, dataset[f"{part}_line"].values.tolist())
    count = max(map(len, panels.values()))
    figure = new_figure(2.2 + 0.15 * count / (2 if len(panels) > 1 else 1), wide=len(panels) > 1)
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    x = dataset[f"{part}_x"]
    for axes, (title, lines) in zip(grid, panels.items(), strict=True):
        for index, (label, line) in enumerate(lines.items()):
            row = dataset.sel({f"{part}_line": line})
            _line(axes, row, part, label, index, len(lines))
        axes.set(xlabel=f"{x.attrs['long_name']} ({x.attrs['units']})", title=title)
        if part == "inhibition":
            log_ticks(axes, x.values)
        elif part in WHOLE:
            axes.set_xticks(x.values)
    if np.isfinite(dataset[f"{part}_predicted"].values).any():
        grid[0].plot([], [], "-", color="0.3", linewidth=0.5, label="mean-field theory (thin)")
    if part == "size":
        _spread(grid[0], dataset)
    grid[0].set(ylabel="rate of recall (1)", ylim=(-0.04, 1.06))
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=min(2, len(panels)))
    return figure


def _panels(part: str, lines: list[str]) -> dict[str, dict[str, str]]:
    """By the title of a panel: its lines, as names by label. `sparsity` has a panel for each c."""
    if part != "sparsity":
        return {TITLES[part]: {line: line for line in lines}}
    panels: dict[str, dict[str, str]] = {}
    for line in lines:
        title, label = line.split(", ", 1)
        panels.setdefault(f"{TITLES[part]}, {title}", {})[label] = line
    return panels


def _line(axes: Axes, row: xr.Dataset, part: str, label: str, index: int, count: int) -> None:
    kind = "separable" if LOOSE in label else "strict"
    there = np.isfinite(row[f"{part}_{kind}"].values)
    x = row[f"{part}_x"].values[there]
    y, low, high = (row[f"{part}_{kind}{end}"].values[there] for end in ("", "_low", "_high"))
    # A small shift, so that intervals of several lines do not hide each other.
    spacing = np.diff(row[f"{part}_x"].values).min(initial=1.0)
    shift = 0 if part == "inhibition" else 0.06 * spacing * (index - (count - 1) / 2)
    style = styled(index)
    axes.errorbar(x + shift, y, errors(y, low, high), label=label, **style)
    axes.plot(x, row[f"{part}_predicted"].values[there], "-", color=style["color"], linewidth=0.5)


def _spread(axes: Axes, dataset: xr.Dataset) -> None:
    row = dataset.isel(size_line=0)
    worst, best = row.size_worst_network.values, row.size_best_network.values
    axes.fill_between(
        row.size_x, worst, best, color="0.85", linewidth=0, label="between worst and best network"
    )


def raster(dataset: xr.Dataset) -> Figure:
    """The figure of one trial in time: memory neurons above (members are marked), means below."""
    figure = new_figure(4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    time, rates = dataset.time.values, dataset["raster"].values
    image = above.pcolormesh(
        time,
        np.arange(len(rates)),
        rates,
        cmap="Greys",
        vmin=0,
        vmax=max(rates.max(), 1),
        rasterized=True,
    )
    figure.colorbar(image, ax=above, label="rate (Hz)")
    members = np.flatnonzero(dataset.raster_member.values)
    above.plot(
        np.zeros(len(members)), members, ">", color="C1", clip_on=False, markersize=5,
        label="cued",
    )  # fmt: skip
    above.set_yticks([])
    above.set(ylabel="some memory neurons, members first", title="one recall, from noisy features")
    above.legend(loc="upper right")
    curves = {
        "members, mean": (rates[members].mean(axis=0), 0),
        "highest other memory neuron": (dataset.raster_others.values, 1),
        "lowest memory neuron": (dataset.raster_lowest.values, 2),
        "E2, mean": (dataset.raster_feature_mean.values, 3),
        "E2, highest": (dataset.raster_feature_high.values, 4),
        "I1, mean": (dataset.raster_memory_inhibition_mean.values, 5),
    }
    for label, (values, index) in curves.items():
        below.plot(time, values, label=label, markevery=20, **styled(index))
    below.set(xlabel="time (ms)", ylabel="rate (Hz)", yscale="log")
    figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def capacity(dataset: xr.Dataset) -> Figure:
    """The figure of the number of attractors of up to k neurons; its title is `NOTE`."""
    figure = new_figure(2.8)
    axes = figure.subplots()
    k = dataset.up_to.values
    finite = dataset.capacity.where(np.isfinite(dataset.capacity))  # no attractor: no point
    value, low, high = (finite.sel(bound=b).values for b in ("value", "low", "high"))
    axes.errorbar(
        k, value, errors(value, low, high), fmt="o-", color="C0",
        label=r"$\sum_k \beta_k \binom{N_1}{k}$, measured $\beta_k$",
    )  # fmt: skip
    axes.set(
        xlabel="largest number of neurons counted (1)",
        ylabel=r"$\log_{10}$ number of attractors (1)",
        title=NOTE,
    )
    axes.set_xticks(k)
    axes.legend()
    return figure


def scaling(dataset: xr.Dataset) -> Figure:
    """The figure of the largest memory recalled at 95 % against each size of the network."""
    varied = [name for name in ("D", "N2", "N1") if name in dataset.scaling_varied.values]
    figure = new_figure(2.6, wide=len(varied) > 1)
    grid = figure.subplots(1, len(varied), squeeze=False, sharey=True)[0]
    names = {
        "D": "branches D (1)",
        "N2": "feature neurons $N_2$ (1)",
        "N1": "memory neurons $N_1$ (1)",
    }
    for axes, name in zip(grid, varied, strict=True):
        rows = dataset.isel(setting=dataset.scaling_varied.values == name)
        _sizes(axes, rows.sortby(f"scaling_{name}"), name)
        axes.set_xlabel(names[name])
    highest = dataset[["scaling_predicted", "scaling_high"]].max().to_array().max().item()
    grid[0].set(ylabel="largest k recalled at 95 % (1)", ylim=(0, 1.05 * highest))
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(NOTE)
    return figure


def _sizes(axes: Axes, rows: xr.Dataset, name: str) -> None:
    x = rows[f"scaling_{name}"].values
    axes.plot(x, rows.scaling_predicted.values, "-", color="C1", label="mean-field theory")
    there = np.isfinite(rows.scaling_measured.values)
    y, low, high = (rows[f"scaling_{field}"].values[there] for field in ("measured", "low", "high"))
    axes.errorbar(
        x[there], y, errors(y, low, high), fmt="s", color="C0", markerfacecolor="white",
        label="measured",
    )  # fmt: skip
    fixed = [
        f"{symbol} = {int(rows[f'scaling_{other}'].values[0])}"
        for other, symbol in (("N1", "$N_1$"), ("N2", "$N_2$"), ("D", "D"))
        if other != name
    ]
    axes.set_title(", ".join(fixed))
    log_ticks(axes, x)
