"""Writes one network, tensor or other module to one safetensors file, and reads it."""

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from nam_jax._misc import argument_error
from nam_jax.files._structure import build, describe
from nam_jax.record import read_arrays, write_arrays

_FORMAT = 1
"""Version of the format; it goes up by 1 when older versions of nam-jax cannot read new files."""

_ENTRY = "nam_jax"
"""Key of the structure in the metadata of the file."""

_MOST_DIGITS = 19
"""Digits of the largest integer that a field can hold."""


def save(path: str | Path, network: eqx.Module) -> None:
    """Writes a network to a file that `load` reads.

    The file is in the safetensors format, which holds arrays and texts and no code, so that a file
    from a stranger is safe to load. An earlier file at `path` stays until the new one is complete.

    Args:
        path: The file; its folder must exist.
        network: A network, a process tensor, or any other module made of the public classes of
            `lagrangian`, `memory`, `network` and `attention`. Every array keeps its dtype, bit by
            bit. A function in it (a [`nam_jax.network.TripartiteNetwork`][] has some) can be saved
            if it is one of the usual elementwise functions of `jax.numpy` or `jax.nn`.

    Raises:
        ValueError: If `network` is no module, or holds an object that a file cannot name, such as a
            function or class that the user wrote; the message says where it is.
        ModuleNotFoundError: If safetensors, of the extra `experiments`, is not installed.
    """
    if not isinstance(network, eqx.Module):
        kind = type(network).__name__
        raise argument_error("network", "be a module, such as a network or a tensor", f"a {kind}")
    arrays: dict[str, np.ndarray] = {}
    content = {
        "format": _FORMAT,
        "version": importlib.metadata.version("nam-jax"),
        "network": describe(network, "network", arrays),
    }
    metadata = {_ENTRY: json.dumps(content, allow_nan=False)}
    write_arrays(path, arrays, metadata)


def load(path: str | Path) -> Any:
    """Returns the network that `save` wrote to a file.

    Its structure and arrays equal those of the saved network, so it computes the same results.
    Nothing in the file is executed. Fields are read from the file and not computed again.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, was not written by `save`, was written by a newer
            version of `save`, or holds 64-bit arrays while `jax_enable_x64` is off.
        ModuleNotFoundError: If safetensors, of the extra `experiments`, is not installed.
    """
    arrays, metadata = read_arrays(path)
    try:
        return _network(metadata, arrays)
    except RecursionError as error:
        raise ValueError(f"{path}: its structure is nested too deeply.") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _network(metadata: dict[str, str], arrays: dict[str, np.ndarray]) -> Any:
    """Returns the module that the metadata and the arrays of a file describe."""
    if _ENTRY not in metadata:
        raise ValueError("holds no network, as it was not written by `nam_jax.save`.")
    content = _read_json(metadata[_ENTRY])
    number = content.get("format") if isinstance(content, dict) else None
    if type(number) is not int or not {"version", "network"} <= content.keys():
        raise ValueError("its structure names no format.")
    if number != _FORMAT:
        version = str(content["version"])[:20]
        raise ValueError(f"has format {number} of nam-jax {version!r}, not format {_FORMAT}.")
    network = build(content["network"], "network", arrays)
    if not isinstance(network, eqx.Module):
        raise ValueError(f"holds no network, but a {type(network).__name__}.")
    if arrays:
        raise ValueError(f"holds arrays that its structure does not name: {len(arrays)}.")
    return network


def _read_json(text: str) -> Any:
    """Returns parsed JSON; raises a `ValueError` if a key is repeated or an integer is too long."""
    try:
        return json.loads(text, parse_int=_integer, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(f"its structure is not JSON ({error}).") from error


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS + 1:
        raise ValueError(f"its structure has an integer of {len(text)} digits.")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("its structure names a field twice.")
    return fields
