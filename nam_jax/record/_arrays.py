"""Named arrays and short texts in safetensors files, which hold no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nam_jax._lazy import extra
from nam_jax._paths import existing_file
from nam_jax.record._file import staged_file


def write_arrays(path: str | Path, arrays: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Writes named arrays and texts to a safetensors file, whole or not at all.

    Args:
        path: The file; its folder must exist.
        arrays: NumPy arrays by name.
        texts: The texts by name.

    Raises:
        FileExistsError: If `path` is a folder or not an ordinary file.
        OSError: If the folder does not exist or cannot be written.
        ModuleNotFoundError: If safetensors, of the extra `experiments`, is not installed.
    """
    with extra("A file of arrays"):
        from safetensors import numpy as files
    with staged_file(path) as place:
        files.save_file(dict(arrays), place, metadata=dict(texts))


def read_arrays(path: str | Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns the arrays and the texts of a safetensors file, which a stranger may have made.

    Args:
        path: The file. Arrays cannot be larger than the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, no safetensors file, or no ordinary file.
        ModuleNotFoundError: If safetensors, of the extra `experiments`, is not installed.
    """
    with extra("A file of arrays"):
        from safetensors import SafetensorError, safe_open
    path = existing_file("path", path)
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    # A TypeError or AttributeError comes from dtypes that NumPy lacks.
    except (SafetensorError, OSError, TypeError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path}: damaged or not a safetensors file ({reason}).") from error
