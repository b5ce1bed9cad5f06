"""Figures of the comparison on real images: grid, loads, binary memories, classes, recalls."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import (
    errors,
    in_style,
    log_ticks,
    new_figure,
    show_pictures,
    styled,
)


@in_style()
def compare(dataset: xr.Dataset) -> Figure:
    """Draws the nearest-memory accuracy of every similarity and separation at the largest K.

    Args:
        dataset: The result of `run` of this study.
    """
    num = dataset.sizes["damage"]
    columns = min(num, 2)
    rows = -(-num // columns)
    height = 0.16 * dataset.sizes["similarity"] + 0.8
    figure = new_figure(height * rows + 0.8, wide=True)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.ravel()[num:]:
        axes.set_visible(False)
    last = dataset.isel(stored=-1)
    shown = None
    for axes, damage in zip(grid.ravel(), dataset.damage.values, strict=False):
        shown = _cells(axes, last.accuracy.sel(damage=damage))
    assert shown is not None
    figure.colorbar(shown, ax=grid, label="nearest-memory accuracy (1)", shrink=0.8)
    figure.suptitle(f"similarity (rows) and separation (columns), K = {int(last.stored)}")
    return figure


@in_style()
def compare_more(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws the other figures of the study, by name."""
    return {
        "figure-load": _load_figure(dataset),
        "figure-binary": _binary_figure(dataset),
        "figure-classes": _class_figure(dataset),
        "figure-recalls": _recall_figure(dataset),
    }


def _cells(axes: Axes, values: xr.DataArray):
    """Draws a shaded square for each value, with its number."""
    shown = axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values.values):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=6)
    separations = values.separation.values
    axes.set_xticks(range(len(separations)), separations, rotation=90)
    axes.set_yticks(range(values.sizes["similarity"]), values.similarity.values)
    axes.set_title(str(values.damage.values))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return shown


def _load_figure(dataset: xr.Dataset) -> Figure:
    """Accuracy by number of stored images, by the last separation."""
    dataset = dataset.isel(separation=-1)
    num = dataset.sizes["damage"]
    columns = min(num, 2)
    rows = -(-num // columns)
    figure = new_figure(1.9 * rows + 0.9, wide=True)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in panels[num:]:
        axes.set_axis_off()
    for axes, damage in zip(panels, dataset.damage.values, strict=False):
        for place, name in enumerate(dataset.similarity.values):
            cell = dataset.sel(damage=damage, similarity=name)
            visible = str(name).startswith("visible")
            if visible and not _differs(dataset.sel(damage=damage), str(name)):
                continue
            values = [cell[name].values for name in ("accuracy", "accuracy_low", "accuracy_high")]
            axes.errorbar(
                dataset.stored, values[0], errors(*values), label=str(name), **styled(place)
            )
        log_ticks(axes, dataset.stored.values)
        axes.set(title=str(damage), xlabel="stored images K (1)", ylim=(-0.03, 1.03))
        axes.set_ylabel("nearest-memory accuracy (1)")
        axes.label_outer()
    figure.suptitle(f"separation {dataset.separation.item()}, intervals of 95 %")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
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
    """Squares by memory and K, a panel for each cue: white is 0, dark is 1, x was not tried."""
    num = dataset.sizes["binary_damage"]
    figure = new_figure(0.17 * dataset.sizes["memory"] + 1.0, wide=True)
    panels = figure.subplots(1, num, squeeze=False, sharey=True)[0]
    shown = None
    for axes, cue in zip(panels, dataset.binary_damage.values, strict=True):
        values = dataset.recalled.sel(binary_damage=cue)
        shown = axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values.values):
            text = "x" if np.isnan(value) else f"{value:.2f}"
            colour = "white" if value > 0.5 else "0.6" if np.isnan(value) else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=6)
        loads = values.binary_stored.values
        axes.set_xticks(range(len(loads)), [str(k) for k in loads])
        axes.set(title=str(cue).replace(", ", ",\n"), xlabel="stored patterns K (1)")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    panels[0].set_yticks(
        range(dataset.sizes["memory"]), [str(name) for name in dataset.memory.values]
    )
    assert shown is not None
    figure.colorbar(shown, ax=list(panels), label="recalled to an overlap of 0.95 (1)", shrink=0.8)
    return figure


def _class_figure(dataset: xr.Dataset) -> Figure:
    """Right classes of new images: by each classifier, and after recall."""
    most = max(dataset.sizes["classifier"], dataset.sizes["recaller"])
    figure = new_figure(0.2 * most + 1.2, wide=True)
    left, right = figure.subplots(1, 2)
    known = int(dataset.known[-1])
    _dots(left, dataset.isel(known=-1), "classified", "classifier")
    left.set_title(f"associated, {known} images known")
    _dots(right, dataset.sel(origin="new"), "recall_classified", "recaller")
    right.set_title("recalled, then logistic regression")
    handles = left.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=dataset.sizes["class_damage"])
    return figure


def _dots(axes: Axes, dataset: xr.Dataset, name: str, dim: str) -> None:
    places = np.arange(dataset.sizes[dim])
    count = dataset.sizes["class_damage"]
    for index, query in enumerate(dataset.class_damage.values):
        cell = dataset.sel(class_damage=query)
        values = [cell[f"{name}{end}"].values for end in ("", "_low", "_high")]
        look = styled(index, linestyle="none", label=str(query))
        axes.errorbar(values[0], places + 0.12 * (index - count / 2), xerr=errors(*values), **look)
    axes.set_yticks(places, [str(label) for label in dataset[dim].values])
    axes.invert_yaxis()
    axes.grid(axis="y")
    axes.set(xlim=(0, 1), xlabel="right classes of new images (share, 95 %)")


def _recall_figure(dataset: xr.Dataset) -> Figure:
    """One grey image damaged in every way; some black and white ones with flipped bits."""
    figure = new_figure(6.0, wide=True)
    upper, lower = figure.subplots(2, 1)
    damages = [str(name) for name in dataset.damage.values]
    _pictures(upper, dataset.recalls, (0, 1), damages)
    upper.set_title(f"grey images by max, K = {int(dataset.stored[-1])}")
    flipped = str(dataset.binary_damage.values[0])
    _pictures(lower, dataset.binary_recalls, (-1, 1), [])
    lower.set_title(f"black and white images, {flipped}, K = {dataset.attrs['shown']}")
    return figure


def _pictures(
    axes: Axes, pictures: xr.DataArray, limits: tuple[float | int, float | int], names: list[str]
) -> None:
    """Columns are methods, rows examples."""
    methods = pictures.coords[pictures.dims[0]].values
    labels = [str(name).replace(", ", "\n").replace("visible-", "visible-\n") for name in methods]
    show_pictures(axes, pictures.values, limits, labels, names)
    if len(labels) > 8:
        axes.tick_params(axis="x", labelrotation=90)
