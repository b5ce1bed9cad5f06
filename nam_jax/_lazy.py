"""Packages whose public names are imported when they are first used (PEP 562)."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def attach(
    package: str, files: Mapping[str, Sequence[str]], rooms: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns the functions `__getattr__` and `__dir__` of a package that imports lazily.

    For example, `attach("nam_jax", {"solve": ["settle"]}, ["network"])` imports `nam_jax.solve`
    when `nam_jax.settle` is first read, and `nam_jax.network` when `nam_jax.network` is.

    Args:
        package: Name of the package, its `__name__`.
        files: Public names by the module, relative to the package, that defines them.
        rooms: Names of modules of the package that are public themselves.
    """
    home = {name: module for module, names in files.items() for name in names}

    def read(name: str) -> Any:
        if name in rooms:
            return importlib.import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)  # the next read does not come here again
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home, *rooms})

    return read, names
