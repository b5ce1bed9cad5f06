"""Associative memory in JAX: networks that store patterns and recall them from damaged cues."""

from typing import TYPE_CHECKING, Any

from nam_jax._lazy import attach

if TYPE_CHECKING:
    from pathlib import Path

    from nam_jax import (
        attention,
        data,
        interaction,
        lagrangian,
        measure,
        memory,
        network,
        solve,
        sweep,
        theory,
        train,
    )
    from nam_jax.files import save
    from nam_jax.solve import retrieve, retrieve_all, settle, simulate

    __version__: str

_ROOMS = [
    *("attention", "data", "interaction", "lagrangian", "measure", "memory", "network", "solve"),
    *("sweep", "theory", "train"),
]
_read, __dir__ = attach(
    __name__,
    {"files": ["save"], "solve": ["retrieve", "retrieve_all", "settle", "simulate"]},
    _ROOMS,
)


def load(path: "str | Path") -> Any:
    """Reads back what was written to `path`; executes nothing of it.

    Args:
        path: A file that `save` wrote, or the folder of a run of `nam-jax`.

    Returns:
        The network of the file; or the numbers and settings of the run, as a pair
        `(dataset, config)`.

    Raises:
        FileNotFoundError: If there is neither a file nor a folder.
        ValueError: If it is damaged, or was not written by this library.
    """
    from nam_jax._paths import expanded

    path = expanded("path", path)
    if path.is_dir():
        from nam_jax import experiment, record

        return record.read_run(path, (*experiment.STUDIES, experiment.SWEEP))
    from nam_jax import files

    return files.load(path)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("nam-jax")
    return _read(name)


__all__ = [
    "attention",
    "data",
    "interaction",
    "lagrangian",
    "load",
    "measure",
    "memory",
    "network",
    "retrieve",
    "retrieve_all",
    "save",
    "settle",
    "simulate",
    "solve",
    "sweep",
    "theory",
    "train",
]
