"""Associative memory in JAX: networks that store patterns and recall them from damaged cues."""

from typing import TYPE_CHECKING, Any

from nam_jax._lazy import attach

if TYPE_CHECKING:
    from nam_jax import attention, data, lagrangian, measure, memory, network, solve, theory, train
    from nam_jax.files import load, save
    from nam_jax.solve import retrieve, settle, simulate

    __version__: str

_ROOMS = [
    *("attention", "data", "lagrangian", "measure", "memory", "network", "solve", "theory"),
    "train",
]
_read, __dir__ = attach(
    __name__,
    {"files": ["load", "save"], "solve": ["retrieve", "settle", "simulate"]},
    _ROOMS,
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("nam-jax")
    return _read(name)


__all__ = [
    "attention",
    "data",
    "lagrangian",
    "load",
    "measure",
    "memory",
    "network",
    "retrieve",
    "save",
    "settle",
    "simulate",
    "solve",
    "theory",
    "train",
]
