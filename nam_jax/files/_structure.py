"""Turns a module into JSON and named arrays, and back.

For example the JSON of `Hopfield(jnp.eye(2))` is

    {"class": "network:Hopfield", "fields": {
        "weights": {"dtype": "float32", "shape": [2, 2]},
        "threshold": {"dtype": "float32", "shape": [2]},
        "self_coupling": false}}

and its arrays are named "network.weights" and "network.threshold", by the path of fields to them. A
named tuple is written like a module; any other tuple becomes a JSON array.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nam_jax._misc import argument_error, is_concrete
from nam_jax.files._fits import fits
from nam_jax.files._names import classes, functions, name_of

_DTYPES = {
    name: np.dtype(getattr(jnp, name))
    for name in (
        *("bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("bfloat16", "float16", "float32", "float64", "complex64"),
    )
}
_DTYPES = {dtype.name: dtype for dtype in _DTYPES.values()}
"""Dtypes, by name, that JAX and safetensors both have."""

_KEYS = ("threefry2x32", "rbg", "unsafe_rbg")
"""JAX's own kinds of random keys."""

_LARGEST = 2**63
"""The absolute value of an integer must be below this number."""

_NOT_FINITE = ("nan", "inf", "-inf")
"""Floats of Python that JSON cannot write."""


def describe(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Returns the JSON of `value`, for `json.dumps`.

    Args:
        value: A module, or the value of one of its fields.
        place: The path of fields to `value`, such as "network.start.voltage".
        arrays: Dictionary from place to array, to which the arrays in `value` are added.

    Raises:
        ValueError: If a part of `value` cannot be written; the message names the part.
    """
    if type(value) in (type(None), bool, str, int, float):
        return _describe_constant(value, place)
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return _describe_array(value, place, arrays)
    if type(value) is tuple:
        return [describe(part, f"{place}.{i}", arrays) for i, part in enumerate(value)]
    function = name_of(value, functions())
    if function is not None:
        return {"function": function}
    name = name_of(type(value), classes())
    if name is None:
        raise _refusal(value, place)
    return {"class": name, "fields": _describe_fields(value, place, arrays, name)}


def build(node: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Returns the value that `describe` turned into `node`.

    No `__init__` runs: fields are set to the values in the file, then each `__check_init__` runs.

    Args:
        node: JSON, which may be damaged or made by a stranger.
        place: The path of fields to the value, such as "network.start.voltage".
        arrays: The arrays of the file, by place; the arrays of `node` are removed from it.

    Raises:
        ValueError: If `describe` cannot have made `node`, or if `node` and `arrays` disagree.
        RecursionError: If `node` is nested too deeply.
    """
    if isinstance(node, list):
        return tuple(build(part, f"{place}.{i}", arrays) for i, part in enumerate(node))
    if not isinstance(node, dict):
        return node
    kind = _KINDS.get(tuple(sorted(node)))
    if kind is None:
        raise ValueError(f"`{place}` is described by unknown words: {_short(sorted(node))}.")
    return kind(node, place, arrays)


def _describe_constant(value: bool | str | int | float | None, place: str) -> Any:
    if type(value) is int and abs(value) >= _LARGEST:
        raise argument_error(place, f"be a whole number below {_LARGEST}", "a larger one")
    if type(value) is float and not math.isfinite(value):
        return {"float": str(value)}
    return value


def _describe_fields(
    value: Any, place: str, arrays: dict[str, np.ndarray], name: str
) -> dict[str, Any]:
    fields = {}
    for field, kind in _fields(type(value)).items():
        part, part_place = getattr(value, field), f"{place}.{field}"
        if not fits(part, kind):
            requirement = f"be of the kind that {name} declares"
            raise argument_error(part_place, requirement, f"a {type(part).__name__}")
        fields[field] = describe(part, part_place, arrays)
    return fields


def _describe_array(value: Any, place: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    if not is_concrete(value):
        raise argument_error(place, "hold numbers", "an array that JAX is tracing")
    extra = {}
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        extra = {"key": str(jax.random.key_impl(value))}
        value = jax.random.key_data(value)
    elif not isinstance(value, jax.Array):
        extra = {"numpy": True}
    array = np.asarray(value, order="C")
    if array.dtype not in _DTYPES.values() or extra.get("key", _KEYS[0]) not in _KEYS:
        requirement = f"have one of the dtypes {', '.join(_DTYPES)}"
        raise argument_error(place, requirement, extra.get("key", array.dtype))
    arrays[place] = array
    return {"dtype": array.dtype.name, "shape": list(array.shape), **extra}


def _refusal(value: Any, place: str) -> ValueError:
    """Returns the error about a value that a file cannot name."""
    if isinstance(value, eqx.Module) or not callable(value):
        rooms = "lagrangian, memory, network or attention"
        requirement = f"be a number, text, array or tuple, or of a class of {rooms}"
        kind = type(value)
        description = f"an object of the class {kind.__module__}.{kind.__qualname__}"
    else:
        requirement = "be one of the functions of jax.numpy and jax.nn that a file can name"
        description = f"the function {getattr(value, '__module__', '')}.{_name(value)}"
    return argument_error(place, requirement, description)


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


def _fields(kind: type) -> dict[str, Any]:
    """Returns the annotations of the fields of a module or named tuple, by name of field."""
    if issubclass(kind, tuple):
        return dict.fromkeys(kind._fields, Any) | kind.__annotations__  # type: ignore[attr-defined]
    return {field.name: field.type for field in dataclasses.fields(kind)}


def _build_module(node: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    name, fields = node["class"], node["fields"]
    kind = classes().get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"`{place}` is of a class that is not known: {_short(name)}.")
    expected = _fields(kind)
    if not isinstance(fields, dict) or fields.keys() != expected.keys():
        raise ValueError(f"`{place}` must have the fields of {name}: {', '.join(expected)}.")
    values = {key: build(fields[key], f"{place}.{key}", arrays) for key in expected}
    for key, value in values.items():
        if not fits(value, expected[key]):
            raise ValueError(f"`{place}.{key}` is of a wrong kind, {type(value).__name__}.")
    if issubclass(kind, tuple):
        return tuple.__new__(kind, values.values())
    module = object.__new__(kind)
    for key, value in values.items():
        object.__setattr__(module, key, value)
    _check(module, place)
    return module


def _check(module: Any, place: str) -> None:
    """Runs each `__check_init__` of a module, as Equinox does after `__init__`."""
    for kind in type(module).__mro__:
        if "__check_init__" in vars(kind):
            try:
                vars(kind)["__check_init__"](module)
            except Exception as error:  # of any class, because fields may hold any value
                message = f"{type(error).__name__}: {' '.join(str(error).split())}"
                raise ValueError(f"`{place}` fails the checks of its class ({message}).") from error


def _build_function(node: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    name = node["function"]
    if not isinstance(name, str) or name not in functions():
        raise ValueError(f"`{place}` is a function that is not known: {_short(name)}.")
    return functions()[name]


def _build_float(node: Any, place: str, arrays: dict[str, np.ndarray]) -> float:
    if node["float"] not in _NOT_FINITE:
        raise ValueError(f"`{place}` is not a number: {_short(node['float'])}.")
    return float(node["float"])


def _build_array(node: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    array = arrays.pop(place, None)
    if array is None:
        raise ValueError(f"the array `{place}` is missing.")
    if node["dtype"] != array.dtype.name or node["shape"] != list(array.shape):
        announced = f"{_short(node['dtype'])} of shape {_short(node['shape'])}"
        actual = f"{array.dtype.name} of shape {list(array.shape)}"
        raise ValueError(f"`{place}` is announced as {announced} and is {actual}.")
    if "numpy" in node:
        return array[()]
    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        raise ValueError(f"`{place}` is of {array.dtype.name}, which needs jax_enable_x64.")
    if "key" not in node:
        return jnp.array(array)
    if node["key"] not in _KEYS:
        raise ValueError(f"`{place}` is a random key of an unknown kind: {_short(node['key'])}.")
    try:
        return jax.random.wrap_key_data(jnp.array(array), impl=node["key"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{place}` is no random key of the kind {node['key']}.") from error


_KINDS: dict[tuple[str, ...], Callable[[Any, str, dict[str, np.ndarray]], Any]] = {
    ("class", "fields"): _build_module,
    ("function",): _build_function,
    ("float",): _build_float,
    ("dtype", "shape"): _build_array,
    ("dtype", "numpy", "shape"): _build_array,
    ("dtype", "key", "shape"): _build_array,
}
"""Functions that make a value from a JSON object, by the sorted keys of the object."""


def _short(value: Any) -> str:
    """Returns `value` as text for a message, on one line and with at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
