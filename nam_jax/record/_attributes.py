"""Attributes of a Dataset as valid JSON, which has no numbers that are not finite.

As in zarr's fill values, such a number is written as one of the texts "NaN", "Infinity" and
"-Infinity", and a text that is one of these reads back as the number. This holds inside lists and
mappings too.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def as_json(dataset: "xr.Dataset") -> "xr.Dataset":
    """Returns a copy of a Dataset whose attributes hold only what JSON can hold."""
    return _changed(dataset, _written)


def from_json(dataset: "xr.Dataset") -> "xr.Dataset":
    """Returns a copy of a Dataset with the attributes that `as_json` was given."""
    return _changed(dataset, _read)


def _changed(dataset: "xr.Dataset", change: Callable[[Any], Any]) -> "xr.Dataset":
    dataset = dataset.copy()
    for part in (dataset, *dataset.variables.values()):
        part.attrs = {key: change(value) for key, value in part.attrs.items()}
    return dataset


def _written(value: Any) -> Any:
    to_list = getattr(value, "tolist", None)  # of arrays and numbers of NumPy
    value = value if to_list is None else to_list()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return _inside(value, _written)


def _read(value: Any) -> Any:
    if isinstance(value, str):
        return NUMBERS.get(value, value)
    return _inside(value, _read)


def _inside(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: change(item) for key, item in value.items()}
    return [change(item) for item in value] if isinstance(value, list | tuple) else value
