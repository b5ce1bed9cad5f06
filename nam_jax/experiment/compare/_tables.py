"""The tables of the comparison, for the terminal and as HTML."""

import io
from pathlib import Path

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

HTML_WIDTH = 220
"""Characters of a line in the HTML file."""


def table(dataset: xr.Dataset) -> Table:
    """Returns all tables, one under the other."""
    result = Table.grid(padding=(1, 0))
    for damage in dataset.damage.values:
        result.add_row(_grid_table(dataset.sel(damage=damage, stored=dataset.stored[-1])))
    result.add_row(_load_table(dataset))
    for cue in dataset.binary_damage.values:
        result.add_row(_binary_table(dataset.sel(binary_damage=cue)))
    result.add_row(_class_table(dataset))
    for origin in dataset.origin.values:
        result.add_row(_recall_table(dataset.sel(origin=origin)))
    return result


def write_html(dataset: xr.Dataset, path: Path) -> None:
    """Writes the tables of `table` to an HTML file."""
    console = Console(record=True, file=io.StringIO(), width=HTML_WIDTH)
    console.print(table(dataset))
    path.write_text(console.export_html(), encoding="utf-8")


def _headed(title: str, *columns: str) -> Table:
    result = Table(title=title)
    for place, name in enumerate(columns):
        result.add_column(name, justify="right" if place else "left")
    return result


def _grid_table(dataset: xr.Dataset) -> Table:
    title = (
        f"{dataset.damage.item()}, K = {int(dataset.stored)}: "
        f"nearest-memory accuracy, exact recall, PSNR (dB; mean image "
        f"{float(dataset.mean_image_psnr):.1f})"
    )
    names = [str(name) for name in dataset.separation.values]
    result = _headed(title, "similarity", *names)
    for similarity in dataset.similarity.values:
        row = dataset.sel(similarity=similarity)
        cells = zip(row.accuracy.values, row.grid_exact.values, row.psnr.values, strict=True)
        result.add_row(str(similarity), *(f"{a:.2f} {e:.2f} {_decibel(p)}" for a, e, p in cells))
    return result


def _decibel(value: float | np.floating) -> str:
    return "inf" if np.isinf(value) or value > 100 else f"{value:.1f}"


def _load_table(dataset: xr.Dataset) -> Table:
    loads = " / ".join(str(num) for num in dataset.stored.values)
    damages = [str(name) for name in dataset.damage.values]
    last = dataset.accuracy.isel(separation=-1)
    title = f"Nearest-memory accuracy by {last.separation.item()}, K = {loads}"
    result = _headed(title, "similarity", *damages)
    for similarity in dataset.similarity.values:
        row = last.sel(similarity=similarity)
        cells = [" / ".join(f"{v:.2f}" for v in row.sel(damage=d).values) for d in damages]
        result.add_row(str(similarity), *cells)
    return result


def _binary_table(dataset: xr.Dataset) -> Table:
    columns = [f"K = {num}" for num in dataset.binary_stored.values]
    more = ("all bits, most K", "held", "per neuron", "per synapse", "per unit")
    damage = dataset.binary_damage.item()
    title = f"{damage}: recalled to {dataset.attrs['criterion']} [95 %], and memories held"
    result = _headed(title, "memory", *columns, *more)
    result.caption = f"Intervals are over cues of one network; {dataset.attrs['certified']}"
    for name in dataset.memory.values:
        row = dataset.sel(memory=name)
        cells = [_with_interval(row.isel(binary_stored=i), "recalled") for i in range(len(columns))]
        tried = np.flatnonzero(row.trials.values)
        exact = f"{float(row.all_bits[tried[-1]]):.2f}" if len(tried) else "-"
        held = [_short(float(row[k])) for k in ("held", "per_neuron", "per_synapse", "per_unit")]
        result.add_row(str(name), *cells, exact, *held)
    return result


def _short(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"


def _class_table(dataset: xr.Dataset) -> Table:
    queries = [str(name) for name in dataset.class_damage.values]
    known = " / ".join(str(num) for num in dataset.known.values)
    result = _headed(f"Right classes of new images, {known} known", "classifier", *queries)
    for name in dataset.classifier.values:
        row = dataset.classified.sel(classifier=name)
        cells = [" / ".join(f"{v:.3f}" for v in row.sel(class_damage=q).values) for q in queries]
        result.add_row(str(name), *cells)
    return result


def _recall_table(dataset: xr.Dataset) -> Table:
    queries = [str(name) for name in dataset.class_damage.values]
    title = f"Right classes of {dataset.origin.item()} images after recall [95 %]"
    result = _headed(title, "recalled by", *queries)
    for name in dataset.recaller.values:
        row = dataset.sel(recaller=name)
        cells = [_with_interval(row.sel(class_damage=q), "recall_classified") for q in queries]
        result.add_row(str(name), *cells)
    return result


def _with_interval(cell: xr.Dataset, name: str) -> str:
    value, low, high = (float(cell[name + end]) for end in ("", "_low", "_high"))
    return "-" if np.isnan(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]"
