"""Whether a value is of the kind that a field is declared to hold."""

import types
import typing
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import AbstractArray


def fits(value: Any, kind: Any) -> bool:
    """Whether a field that is annotated with `kind` may hold `value`.

    By the kind of value only: shapes and dtypes are not looked at, as a batch of networks has more
    axes than its classes announce. Annotations that say nothing here, such as a text, fit
    everything.
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
