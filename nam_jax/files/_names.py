"""Names that a file may hold: public classes of some packages, and functions of one array."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from nam_jax import attention, interaction, lagrangian, memory, network
from nam_jax.memory import rule, tensor
from nam_jax.network import astrocyte, composed, dendritic, dense, one_pass

_ROOMS = (
    *(lagrangian, memory, interaction, network, attention),
    *(rule, tensor, astrocyte, composed, dendritic, dense, one_pass),
)
_EQUINOX = ("Identity", "LayerNorm", "Linear", "MLP")
"""Layers of `equinox.nn` that networks of this library hold."""

_FUNCTIONS: dict[ModuleType, tuple[str, ...]] = {
    jnp: (
        *(
            "abs",
            "absolute",
            "arctan",
            "arcsinh",
            "cos",
            "exp",
            "expm1",
            "log1p",
            "sign",
            "sin",
            "sinh",
        ),
        *("sqrt", "square", "tanh"),
    ),
    jax.nn: (
        *("celu", "elu", "gelu", "hard_sigmoid", "hard_tanh", "leaky_relu", "log_sigmoid", "mish"),
        *("relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus", "squareplus"),
    ),
}


@functools.cache
def classes() -> dict[str, type]:
    """Returns Equinox modules and named tuples by room and name, such as "network:Hopfield".

    A room is a package of this library, such as `network`. The table has each class that can be
    imported from a room. A class may have two names, one in a room and one in a room inside it:
    `save` writes the first, and `load` reads both.
    """
    named = {
        f"{room.__name__.removeprefix('nam_jax.')}:{name}": kind
        for room in _ROOMS
        for name, kind in vars(room).items()
        if _is_structure(kind) and kind.__module__.startswith(f"{room.__name__}.")
    }
    return named | {f"equinox.nn:{name}": getattr(eqx.nn, name) for name in _EQUINOX}


@functools.cache
def functions() -> dict[str, Callable[..., Any]]:
    """Returns functions of one array by module and name, such as "jax.numpy:tanh"."""
    return {
        f"{module.__name__}:{name}": getattr(module, name)
        for module, names in _FUNCTIONS.items()
        for name in names
    }


def name_of(thing: Any, names: dict[str, Any]) -> str | None:
    """Returns the first key of `names` whose value is `thing` itself; None if there is none."""
    return next((name for name, named in names.items() if named is thing), None)


def _is_structure(kind: Any) -> bool:
    """Returns whether `kind` is a class of named tuples or of Equinox modules, and not abstract."""
    if not isinstance(kind, type):
        return False
    named_tuple = issubclass(kind, tuple) and hasattr(kind, "_fields")
    return named_tuple or (
        issubclass(kind, eqx.Module) and not kind.__name__.startswith("Abstract")
    )
