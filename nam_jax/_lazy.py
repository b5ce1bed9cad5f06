"""Imports at first use: of public names (PEP 562), and of packages that users may lack."""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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


@contextlib.contextmanager
def extra(purpose: str) -> Iterator[None]:
    """Returns a context manager for a block that imports packages of the extra `experiments`.

    Args:
        purpose: What the packages are for; the start of the error's sentence.

    Raises:
        ModuleNotFoundError: If a package is not installed; the message says what to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"needs the package {error.name}: pip install 'nam-jax[experiments]'."
        raise ModuleNotFoundError(f"{purpose} {message}", name=error.name) from error
