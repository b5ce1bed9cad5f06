"""Joins the numbers of units: units of a chunk, then chunks of a sweep, then the labelled grid."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from nam_jax.sweep._grid import Axis, Grid
from nam_jax.sweep._plan import Chunk, Plan

UNIT, COMPUTED = "unit_of_sweep", "computed"
"""The dimension of units in a chunk, and the variable that tells which units are there. No study
has such names."""


class Places(NamedTuple):
    """Where the entries of a dimension of each part stand in the whole.

    Attributes:
        size: The length of the dimension in the whole.
        labels: Its labels; None if it has none.
        of_part: The places of the entries of each part; None for all places in order.
    """

    size: int
    labels: xr.Variable | None
    of_part: tuple[np.ndarray | None, ...]


def joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Returns the numbers of many parts in one Dataset, along the dimension `UNIT`.

    Where parts differ in the labels of a dimension, it gets all labels in the order in which they
    appear; where they differ in its length and it has no labels, it becomes as long as needed. What
    a part lacks is NaN, or empty text; whole numbers and truth values of that variable then become
    real numbers. Labels that are real numbers, such as times, are no labels by which parts can be
    aligned, nor are labels that a part has twice: if they differ, they become a variable
    `..._of_unit`, and the dimension counts from 0.

    Args:
        parts: Datasets, whose variables have the dimension `UNIT`, or are the same in all units.
    """
    sizes = [part.sizes.get(UNIT, 1) for part in parts]
    tables = [{str(name): v for name, v in part.variables.items()} for part in parts]
    coords = {str(name) for part in parts for name in part.coords}
    dims: dict[str, Places] = {}
    for name in dict.fromkeys(str(dim) for part in parts for dim in part.dims if dim != UNIT):
        tables = _without_unlike_labels(tables, name, sizes)
        dims[name] = _places(tables, [part.sizes.get(name) for part in parts], name)
    whole = {name: place.labels for name, place in dims.items() if place.labels is not None}
    for name in dict.fromkeys(name for table in tables for name in table if name not in dims):
        whole[name] = _stacked([table.get(name) for table in tables], sizes, dims)
    labels = {name: whole.pop(name) for name in list(whole) if name in coords}
    return xr.Dataset(whole, labels, _common([part.attrs for part in parts]))


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
        parts.append(numbers if len(own) == len(chunk.keys) else numbers.isel({UNIT: own}))
        filled += [places[chunk.keys[place]] for place in own]
    units = joined(parts)
    shape = tuple(len(axis.values) for axis in grid.axes)
    called = _called(grid, units)
    dims = tuple(called[axis.names[0]] for axis in grid.axes)
    variables: dict[str, Any] = {
        str(name): _placed(variable, np.array(filled, int), shape, dims)
        for name, variable in units.variables.items()
    }
    there = np.zeros(int(np.prod(shape)), bool)
    there[filled] = True
    variables[COMPUTED] = (dims, there.reshape(shape))
    coords = {str(name): variables.pop(str(name)) for name in units.coords}
    for axis, dim in zip(grid.axes, dims, strict=True):
        coords |= _labels(axis, dim, called)
    return xr.Dataset(variables, coords, units.attrs)


def _without_unlike_labels(
    tables: list[dict[str, xr.Variable]], name: str, sizes: list[int]
) -> list[dict[str, xr.Variable]]:
    """The variables of the parts; labels by which parts cannot be aligned become a variable."""
    having = [table for table in tables if any(name in v.dims for v in table.values())]
    labels = [table[name].values for table in having if name in table]
    alike = len(labels) in (0, len(having)) and all(
        np.array_equal(label, labels[0]) for label in labels
    )
    known = len(labels) == len(having) and all(
        label.dtype.kind != "f" and len(set(label.tolist())) == label.size for label in labels
    )
    if alike or known:
        return tables
    changed = []
    for table, size in zip(tables, sizes, strict=True):
        if name in table:
            old = table[name]
            rows = xr.Variable((UNIT, name), np.tile(old.values, (size, 1)), old.attrs)
            table = {n: v for n, v in table.items() if n != name} | {f"{name}_of_unit": rows}
        changed.append(table)
    return changed


def _places(
    tables: list[dict[str, xr.Variable]], lengths: Sequence[int | None], name: str
) -> Places:
    """The places of a dimension whose labels, if there are any, are in all parts that have it."""
    labelled = [table[name] for table in tables if name in table]
    if not labelled:
        size = max(length for length in lengths if length is not None)
        of_part = [None if n in (None, size) else np.arange(n) for n in lengths]
        return Places(size, None, tuple(of_part))
    if all(np.array_equal(label.values, labelled[0].values) for label in labelled):
        return Places(labelled[0].size, labelled[0], (None,) * len(tables))
    every = dict.fromkeys(item for label in labelled for item in label.values.tolist())
    at = {item: place for place, item in enumerate(every)}
    of_part = [
        np.array([at[item] for item in table[name].values.tolist()]) if name in table else None
        for table in tables
    ]
    attrs = _common([label.attrs for label in labelled])
    return Places(len(at), xr.Variable((name,), np.array(list(at)), attrs), tuple(of_part))


def _stacked(
    variables: Sequence[xr.Variable | None], sizes: Sequence[int], places: dict[str, Places]
) -> xr.Variable:
    """A variable of all parts along the dimension `UNIT`; without it if it is the same in all."""
    there = [variable for variable in variables if variable is not None]
    dims = [str(dim) for dim in dict.fromkeys(dim for v in there for dim in v.dims if dim != UNIT)]
    gaps = len(there) < len(variables) or any(
        place is not None for dim in dims for place in places[dim].of_part
    )
    attrs = _common([variable.attrs for variable in there])
    if not gaps and all(UNIT not in v.dims and v.equals(there[0]) for v in there):
        return xr.Variable(there[0].dims, there[0].values, attrs)
    dtype = _dtype(there, gaps)
    shape = (sum(sizes), *(places[dim].size for dim in dims))
    whole = np.full(shape, "" if dtype.kind == "U" else np.nan if gaps else 0, dtype)
    start = 0
    for part, (variable, size) in enumerate(zip(variables, sizes, strict=True)):
        if variable is not None:
            own = [places[dim].of_part[part] if dim in variable.dims else None for dim in dims]
            at = [np.arange(start, start + size)]
            at += [
                np.arange(places[dim].size) if place is None else place
                for dim, place in zip(dims, own, strict=True)
            ]
            wanted = dict(zip((UNIT, *dims), map(len, at), strict=True))
            whole[np.ix_(*at)] = variable.set_dims(wanted).transpose(*wanted).values
        start += size
    return xr.Variable((UNIT, *dims), whole, attrs)


def _dtype(variables: list[xr.Variable], gaps: bool) -> np.dtype:
    """The dtype that holds the values of all parts, and what is lacking if there are gaps."""
    kinds = {variable.dtype.kind for variable in variables}
    if kinds & set("UO"):
        longest = max(len(str(item)) for v in variables for item in v.values.ravel())
        return np.dtype(f"U{max(longest, 1)}")
    dtype = np.result_type(*(variable.dtype for variable in variables))
    return np.dtype(float) if gaps and dtype.kind in "biu" else dtype


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
    values, gaps = variable.values, len(places) < num
    if gaps and values.dtype.kind in "biu":
        values = values.astype(float)
    blank = "" if values.dtype.kind == "U" else np.nan if gaps else 0
    whole = np.full((num, *values.shape[1:]), blank, values.dtype)
    whole[places] = values
    rest = tuple(map(str, variable.dims[1:]))
    return xr.Variable((*dims, *rest), whole.reshape(*shape, *values.shape[1:]), variable.attrs)


def _called(grid: Grid, units: xr.Dataset) -> dict[str, str]:
    """The names of the fields of the grid; `swept_x` where the study has a variable `x`."""
    taken = {COMPUTED, *map(str, units.variables), *map(str, units.dims)}
    return {name: f"swept_{name}" if name in taken else name for name in grid.swept}


def _labels(axis: Axis, dim: str, called: dict[str, str]) -> dict[str, Any]:
    """The coordinates of an axis; a value that is a list is written as its entries joined by +."""
    columns = dict(zip(axis.names, zip(*axis.values, strict=True), strict=True))
    labels = {}
    for name, values in columns.items():
        plain = [_text(value) if isinstance(value, tuple) else value for value in values]
        plain = ["None" if value is None else value for value in plain]
        if any(isinstance(value, str) for value in plain):
            plain = list(map(str, plain))
        labels[called[name]] = (dim, np.array(plain))
    return labels


def _text(value: tuple[Any, ...]) -> Any:
    return value[0] if len(value) == 1 else "+".join(map(str, value))
