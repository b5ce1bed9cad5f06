"""Joins the numbers of units: units of a chunk, then chunks of a sweep, then the labelled grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from nam_jax.sweep._grid import Axis, Grid
from nam_jax.sweep._plan import Chunk, Plan

UNIT = "unit"
"""The dimension of units in a chunk."""


def joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Returns the numbers of many parts in one Dataset, along the dimension `unit`.

    Where parts differ in the labels or the length of another dimension, it becomes as long as
    needed, and what a part lacks is NaN, or empty text. Whole numbers and truth values then become
    real numbers. Labels that are real numbers, such as times, are no labels by which parts can be
    aligned: if they differ, they become a variable, and the dimension counts from 0.

    Args:
        parts: Datasets with the dimension `unit`.
    """
    parts = _with_places(list(parts))
    attrs = _common([part.attrs for part in parts])
    if len(parts) == 1:
        return parts[0]
    names = {name for part in parts for name in part.dims if name != UNIT}
    equal = all(_same_labels(parts, str(name)) for name in names)
    if not equal:
        parts = [_with_gaps(part) for part in parts]
    text = {name: "" for part in parts for name, v in part.variables.items() if v.dtype.kind == "U"}
    filled: Any = {name: text.get(name, np.nan) for part in parts for name in part.variables}
    whole = xr.concat(
        parts, UNIT, data_vars="all", coords="different",
        compat="equals", join="exact" if equal else "outer", fill_value=filled,
        combine_attrs="drop",
    )  # fmt: skip
    for name, variable in whole.variables.items():
        sources = [part.variables[name].attrs for part in parts if name in part.variables]
        variable.attrs = _common(sources)
        if variable.dtype.kind == "O":
            whole[name] = variable.astype(str)
    return whole.assign_attrs(attrs)


def on_grid(grid: Grid, plan: Plan, chunks: Sequence[tuple[Chunk, xr.Dataset]]) -> xr.Dataset:
    """Returns the numbers of a grid, labelled by its fields; units that are not there are NaN.

    Args:
        grid: The grid.
        plan: Its plan.
        chunks: The chunks that are there, with their numbers.

    Returns:
        A Dataset with one dimension for each axis of the grid before those of the study. An axis of
        fields that go together is named by the first, and has all of them as coordinates. The
        variable `computed` tells which units are there.
    """
    places = {key: place for place, key in enumerate(plan.keys)}
    parts, filled = [], []
    for chunk, numbers in chunks:
        own = [place for place, key in enumerate(chunk.keys) if key in places]
        parts.append(numbers.isel({UNIT: own}))
        filled += [places[chunk.keys[place]] for place in own]
    units = joined(parts) if parts else xr.Dataset()
    shape = tuple(len(axis.values) for axis in grid.axes)
    dims = _dims(grid, units)
    whole = xr.Dataset(attrs=units.attrs)
    for name, variable in units.variables.items():
        whole[name] = _placed(variable, np.array(filled), shape, dims)
    whole = whole.set_coords([name for name in units.coords if name in whole])
    there = np.zeros(int(np.prod(shape)), bool)
    there[filled] = True
    whole["computed"] = (dims, there.reshape(shape))
    for axis, dim in zip(grid.axes, dims, strict=True):
        whole = whole.assign_coords(_labels(axis, dim))
    return whole


def _with_places(parts: list[xr.Dataset]) -> list[xr.Dataset]:
    """The parts, without labels of real numbers that differ between them."""
    for name in sorted({str(name) for part in parts for name in part.indexes} - {UNIT}):
        labels = [part.indexes[name] for part in parts if name in part.indexes]
        real = any(label.dtype.kind == "f" for label in labels)
        if real and not all(label.equals(labels[0]) for label in labels):
            parts = [
                part.assign({f"{name}_of_unit": ((UNIT, name), _rows(part, name))}).drop_vars(name)
                if name in part.indexes
                else part
                for part in parts
            ]
    return parts


def _rows(part: xr.Dataset, name: str) -> np.ndarray:
    return np.tile(part[name].values, (part.sizes[UNIT], 1))


def _same_labels(parts: list[xr.Dataset], name: str) -> bool:
    """Whether a dimension has the same length, or the same labels, in all parts that have it."""
    having = [part for part in parts if name in part.dims]
    if len({part.sizes[name] for part in having}) > 1 or len(having) < len(parts):
        return False
    labels = [part.indexes.get(name) for part in having]
    if labels[0] is None:
        return all(label is None for label in labels)
    return all(label is not None and labels[0].equals(label) for label in labels)


def _with_gaps(part: xr.Dataset) -> xr.Dataset:
    """The part with numbers that can be NaN, and counted places where a dimension has no labels."""
    changed = {
        name: variable.astype(float)
        for name, variable in part.data_vars.items()
        if variable.dtype.kind in "biu"
    }
    counted = {
        name: np.arange(size)
        for name, size in part.sizes.items()
        if name != UNIT and name not in part.indexes
    }
    return part.assign(changed).assign_coords(counted)


def _common(attrs: list[dict[str, Any]]) -> dict[str, Any]:
    """The attributes that all have, with equal values."""
    first, *others = attrs
    return {
        name: value
        for name, value in first.items()
        if all(name in other and str(other[name]) == str(value) for other in others)
    }


def _placed(
    variable: xr.Variable, places: np.ndarray, shape: tuple[int, ...], dims: tuple[str, ...]
) -> xr.Variable:
    """The values of a variable at the places of their units in the grid."""
    if UNIT not in variable.dims:
        return variable
    variable = variable.transpose(UNIT, ...)
    num = int(np.prod(shape))
    values = variable.values
    if len(places) < num and values.dtype.kind in "biu":
        values = values.astype(float)
    blank = "" if values.dtype.kind == "U" else np.nan if values.dtype.kind == "f" else 0
    whole = np.full((num, *values.shape[1:]), blank, values.dtype)
    whole[places] = values
    rest = tuple(map(str, variable.dims[1:]))
    return xr.Variable((*dims, *rest), whole.reshape(*shape, *values.shape[1:]), variable.attrs)


def _dims(grid: Grid, units: xr.Dataset) -> tuple[str, ...]:
    """The names of the dimensions of the grid; `swept_x` where the study has a variable `x`."""
    taken = {*map(str, units.variables), *map(str, units.dims)}
    names = [axis.names[0] for axis in grid.axes]
    return tuple(f"swept_{name}" if name in taken else name for name in names)


def _labels(axis: Axis, dim: str) -> dict[str, Any]:
    """The coordinates of an axis; a value that is a list is written as its entries joined by +."""
    columns = dict(zip(axis.names, zip(*axis.values, strict=True), strict=True))
    labels = {}
    for place, (name, values) in enumerate(columns.items()):
        plain = [_text(value) if isinstance(value, tuple) else value for value in values]
        plain = ["None" if value is None else value for value in plain]
        if any(isinstance(value, str) for value in plain):
            plain = list(map(str, plain))
        labels[dim if place == 0 else name] = (dim, np.array(plain))
    return labels


def _text(value: tuple[Any, ...]) -> Any:
    return value[0] if len(value) == 1 else "+".join(map(str, value))
