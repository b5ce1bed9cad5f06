"""Checks that a value fits the annotation of its field."""

import types
import typing
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import AbstractArray


def fits(value: Any, kind: Any) -> bool:
    """Returns whether a field that is annotated with `kind` may hold `value`.

    Only the class of the value counts. Shapes and dtypes do not, because a batch of networks has
    more axes than its annotations say. An annotation that is no type, such as a string, fits every
    value.

    Args:
        value: The value of the field.
        kind: The annotation of the field, such as `int` or `float | None`.
    """
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, member) for member in typing.get_args(kind))
    if kind is Callable or origin is Callable:
        return callable(value)
    kind = origin or kind
    if kind is None:
        return value is None
    if not isinstance(kind, type):
        return True
    is_number = isinstance(value, jax.Array | np.ndarray | np.generic)
    if issubclass(kind, AbstractArray) or kind is jax.Array:
        return is_number
    if kind is float:  # numbers that may be traced or trained
        return is_number or type(value) in (int, float)
    if kind in (bool, int):
        return is_number or type(value) is kind
    return isinstance(value, kind)
