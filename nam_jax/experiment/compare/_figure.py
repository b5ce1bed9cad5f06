"""Figures of the comparison on real images: grid, loads, binary memories, classes, recalls."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "v", "D", "P", "X", "*")
LINES = ("-", "--", ":", "-.")
SHADES = ("0.0", "0.45", "0.7")


def compare(dataset: xr.Dataset) -> Figure:
    """Draws the nearest-memory accuracy of every similarity and separation at the largest K.

    Args:
        dataset: The result of `run` of this study.
    """
    num = dataset.sizes["damage"]
    columns = min(num, 2)
    rows = -(-num // columns)
    figure = Figure(figsize=(6.2 * columns + 0.5, 3.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.ravel()[num:]:
        axes.set_visible(False)
    last = dataset.isel(stored=-1)
    shown = None
    for axes, damage in zip(grid.ravel(), dataset.damage.values, strict=False):
        shown = _cells(axes, last.accuracy.sel(damage=damage))
    assert shown is not None
    figure.colorbar(shown, ax=grid, label="nearest-memory accuracy (1)", shrink=0.6)
    figure.suptitle(f"similarity (rows) and separation (columns), K = {int(last.stored)}")
    return figure


def compare_more(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws the other figures of the study, by name."""
    return {
        "figure-load": _load_figure(dataset),
        "figure-binary": _binary_figure(dataset),
        "figure-classes": _class_figure(dataset),
        "figure-recalls": _recall_figure(dataset),
    }


def _cells(axes: Axes, values: xr.DataArray):
    """Draws a grey square for each value, with its number."""
    shown = axes.imshow(values, cmap="gray_r", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values.values):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    separations = [str(name).replace("-", "\n") for name in values.separation.values]
    axes.set_xticks(range(len(separations)), separations, fontsize="small")
    axes.set_yticks(range(values.sizes["similarity"]), values.similarity.values, fontsize="small")
    axes.set_title(str(values.damage.values), fontsize="medium")
    return shown


def _load_figure(dataset: xr.Dataset) -> Figure:
    """Accuracy by number of stored images, by the last separation."""
    dataset = dataset.isel(separation=-1)
    num = dataset.sizes["damage"]
    figure = Figure(figsize=(3.2 * num + 0.5, 4.2), layout="constrained")
    panels = figure.subplots(1, num, squeeze=False, sharey=True)[0]
    for axes, damage in zip(panels, dataset.damage.values, strict=True):
        for place, name in enumerate(dataset.similarity.values):
            cell = dataset.sel(damage=damage, similarity=name)
            errors = np.abs([cell.accuracy - cell.accuracy_low, cell.accuracy_high - cell.accuracy])
            visible = str(name).startswith("visible")
            if visible and not _differs(dataset.sel(damage=damage), str(name)):
                continue
            axes.errorbar(
                dataset.stored, cell.accuracy, errors, marker=MARKERS[place % len(MARKERS)],
                linestyle=LINES[place % len(LINES)], color="0.6" if visible else "0.0",
                markerfacecolor="white" if visible else "0.0", capsize=2, label=str(name),
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(dataset.stored.values, [str(k) for k in dataset.stored.values])
        axes.minorticks_off()
        axes.set(title=str(damage), xlabel="stored images K (1)", ylim=(-0.03, 1.03))
    panels[0].set_ylabel(f"nearest-memory accuracy by {dataset.separation.item()} (95 %)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _differs(dataset: xr.Dataset, name: str) -> bool:
    """Whether the accuracy of a `visible-` similarity differs from that of the plain similarity.

    True if the plain similarity is not in the Dataset.
    """
    plain = name.removeprefix("visible-")
    if plain not in dataset.similarity.values:
        return True
    own, other = (
        dataset.accuracy.sel(similarity=similarity).values for similarity in (name, plain)
    )
    return bool((own != other).any())


def _binary_figure(dataset: xr.Dataset) -> Figure:
    """Squares by memory and K, a panel for each cue: white is 0, black is 1, x was not tried."""
    num = dataset.sizes["binary_damage"]
    height = 0.23 * dataset.sizes["memory"] + 1.6
    figure = Figure(figsize=(3.1 * num + 2.5, height), layout="constrained")
    panels = figure.subplots(1, num, squeeze=False, sharey=True)[0]
    shown = None
    for axes, cue in zip(panels, dataset.binary_damage.values, strict=True):
        values = dataset.recalled.sel(binary_damage=cue)
        shown = axes.imshow(values, cmap="gray_r", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values.values):
            text = "x" if np.isnan(value) else f"{value:.2f}"
            colour = "white" if value > 0.5 else "0.6" if np.isnan(value) else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
        loads = values.binary_stored.values
        axes.set_xticks(range(len(loads)), [str(k) for k in loads])
        axes.set(title=str(cue), xlabel="stored patterns K (1)")
    panels[0].set_yticks(
        range(dataset.sizes["memory"]), [str(name) for name in dataset.memory.values]
    )
    assert shown is not None
    figure.colorbar(shown, ax=list(panels), label="recalled to an overlap of 0.95 (1)", shrink=0.6)
    return figure


def _class_figure(dataset: xr.Dataset) -> Figure:
    """Right classes of new images: by each classifier, and after recall."""
    figure = Figure(figsize=(11.5, 6.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    known = int(dataset.known[-1])
    _dots(left, dataset.isel(known=-1), "classified", "classifier")
    left.set_title(f"associated with classes, {known} images known")
    _dots(right, dataset.sel(origin="new"), "recall_classified", "recaller")
    right.set_title("recalled, then classified by logistic regression")
    handles = left.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=dataset.sizes["class_damage"])
    return figure


def _dots(axes: Axes, dataset: xr.Dataset, name: str, dim: str) -> None:
    places = np.arange(dataset.sizes[dim])
    count = dataset.sizes["class_damage"]
    for index, query in enumerate(dataset.class_damage.values):
        cell = dataset.sel(class_damage=query)
        errors = np.abs([cell[name] - cell[f"{name}_low"], cell[f"{name}_high"] - cell[name]])
        axes.errorbar(
            cell[name], places + 0.12 * (index - count / 2), xerr=errors, fmt=MARKERS[index],
            color=SHADES[index % len(SHADES)], capsize=2, markersize=5, label=str(query),
            markerfacecolor="white" if index % 2 else SHADES[index % len(SHADES)],
        )  # fmt: skip
    axes.set_yticks(places, [str(label) for label in dataset[dim].values])
    axes.invert_yaxis()
    axes.grid(axis="y", color="0.9")
    axes.set(xlim=(0, 1), xlabel="share of right classes of new images (95 %)")


def _recall_figure(dataset: xr.Dataset) -> Figure:
    """One grey image damaged in every way; some black and white ones with flipped bits."""
    figure = Figure(figsize=(11, 9.5), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    damages = [str(name) for name in dataset.damage.values]
    _pictures(upper, dataset.recalls, (0, 1), damages)
    upper.set_title(f"grey images by max, K = {int(dataset.stored[-1])}", pad=30)
    flipped = str(dataset.binary_damage.values[0])
    _pictures(lower, dataset.binary_recalls, (-1, 1), [])
    lower.set_title(f"black and white images, {flipped}, K = {dataset.attrs['shown']}", pad=30)
    return figure


def _pictures(
    axes: Axes, pictures: xr.DataArray, limits: tuple[float | int, float | int], names: list[str]
) -> None:
    """Joins the pictures into one image with white gaps: columns are methods, rows examples."""
    kind, example, height, width = pictures.sizes.values()
    gap = max(width // 8, 1)
    grid = np.full((kind, example, height + gap, width + gap), np.nan)
    grid[..., :height, :width] = pictures.values
    joined = grid.transpose(1, 2, 0, 3).reshape(example * (height + gap), kind * (width + gap))
    axes.imshow(joined, cmap="gray_r", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    across = (np.arange(kind) + 0.5) * (width + gap) - gap / 2
    down = (np.arange(example) + 0.5) * (height + gap) - gap / 2
    labels = [str(name).replace(", ", "\n").replace("visible-", "visible-\n")
              for name in pictures.coords[pictures.dims[0]].values]  # fmt: skip
    axes.set_xticks(across, labels, fontsize="small")
    axes.set_yticks(down[: len(names)], names, fontsize="small")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
