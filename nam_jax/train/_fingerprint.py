"""Fingerprints: texts that differ between objects that compute different numbers.

A function has no bytes of its own, so its fingerprint is made of what it computes with:

    def batches(key):                  its module, name and compiled code;
        return noisy(PHOTOS, RATE)     the globals that the code names: `noisy`, PHOTOS and RATE;
                                       its defaults, and the variables of functions around it.

Of functions and classes of installed packages, and of this one, the module and name stand for the
code. The fingerprint is the same in every process: no address in memory is part of it, nor a line
number, a type checker or the order of a set.
"""

import dataclasses
import dis
import enum
import functools
import hashlib
import inspect
import os
import re
import sysconfig
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

INSTALLED = tuple(
    f"{path}{os.sep}"
    for path in (
        Path(__file__).parents[1],
        *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")),
    )
)
CHECKERS = ("jaxtyping", "beartype")
"""Packages whose wrappers around a function change no number."""


def fingerprint(value: Any) -> str:
    """Returns a hash of an object: a tree of modules, arrays, numbers, texts and functions."""
    return _Walk().digest(value)


class _Walk:
    """One walk through an object; a part inside itself is named by its depth."""

    def __init__(self):
        self._open: dict[int, int] = {}
        self._done: dict[int, tuple[str, Any]] = {}  # with the object: its id is then not used anew

    def digest(self, value: Any) -> str:
        """Returns the hash of one part."""
        if isinstance(value, jax.Array | np.ndarray | np.generic):
            return _hash("array", *_array(value))
        if value is None or type(value) in (bool, int, float, complex, str, bytes):
            return _hash(type(value).__name__, repr(value))
        if id(value) in self._done:
            return self._done[id(value)][0]
        if id(value) in self._open:
            return _hash("inside itself", str(self._open[id(value)]))
        self._open[id(value)] = len(self._open)
        result = _hash(*self._parts(value))
        del self._open[id(value)]
        self._done[id(value)] = (result, value)
        return result

    def _parts(self, value: Any) -> Iterable[str | bytes]:
        makers: list[tuple[Any, Callable[[Any], Iterable[str | bytes]]]] = [
            (Mapping, self._of_mapping),
            ((set, frozenset), lambda items: ["set", *sorted(map(self.digest, items))]),
            ((list, tuple), lambda items: [self.digest(type(items)), *map(self.digest, items)]),
            (type, self._of_class),
            (types.ModuleType, lambda module: ["module", module.__name__]),
            (types.CodeType, self._of_code),
            (
                functools.partial,
                lambda p: map(self.digest, ("partial", p.func, p.args, p.keywords)),
            ),
            (types.MethodType, lambda m: map(self.digest, ("method", m.__func__, m.__self__))),
            (types.FunctionType, self._of_function),
            ((enum.Enum, np.dtype), lambda item: [*_name(type(item)), str(item)]),
        ]
        for kinds, maker in makers:
            if isinstance(value, kinds):
                return maker(value)
        if dataclasses.is_dataclass(value):
            fields = [field.name for field in dataclasses.fields(value)]
            present = {name: getattr(value, name) for name in fields if hasattr(value, name)}
            return [self.digest(type(value)), self.digest(present)]
        return self._of_object(value)

    def _of_mapping(self, mapping: Mapping[Any, Any]) -> list[str]:
        pairs = sorted(((self.digest(key), key) for key in mapping), key=lambda pair: pair[0])
        return ["mapping", *(f"{text} {self.digest(mapping[key])}" for text, key in pairs)]

    def _of_function(self, function: types.FunctionType) -> list[str]:
        """Name, code with the globals that it names, defaults, and variables around it."""
        checked = function.__code__.co_filename.startswith("<@beartype") or any(
            f"{name}/" in Path(function.__code__.co_filename).as_posix() for name in CHECKERS
        )
        if "__wrapped__" in vars(function) and (checked or _is_ours(function)):
            return [self.digest(vars(function)["__wrapped__"])]
        parts = ["function", *_name(function)]
        parts += map(self.digest, (function.__defaults__, function.__kwdefaults__))
        if not _is_installed(function.__code__.co_filename):
            parts.append(self.digest(function.__code__))
            known = function.__globals__
            names = sorted({*_names(function.__code__)} & known.keys())
            parts += [f"{name} {self.digest(known[name])}" for name in names]
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        return [*parts, *(f"{name} {self.digest(_content(cell))}" for name, cell in cells)]

    def _of_code(self, code: types.CodeType) -> list[str | bytes]:
        signature = (code.co_argcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars)
        parts = map(self.digest, code.co_consts)
        return ["code", code.co_code, repr(signature), repr(names), *parts]

    def _of_class(self, kind: type) -> list[str]:
        """Name of a class, and its functions if it belongs to no installed package."""
        parts = ["class", *_name(kind)]
        if _is_installed_class(kind):
            return parts
        parts += map(self.digest, kind.__bases__)
        for name, member in sorted(vars(kind).items()):
            # Members that start with two _ are made by Python or a library for every class.
            if name == "__call__" or not (name.startswith("__") or name == "_abc_impl"):
                parts.append(f"{name} {self.digest(member)}")
        return parts

    def _of_object(self, value: Any) -> list[str]:
        kind = type(value)
        for name in ("__wrapped__", "method", "__func__", "fget"):
            inner = getattr(value, name, None)  # of compiled functions, and members of classes
            if callable(inner):
                rules = [getattr(value, rule, None) for rule in ("jvp", "fwd", "bwd")]
                return [*_name(kind), *map(self.digest, (inner, rules))]
        leaves, structure = jax.tree.flatten(value)
        if not jax.tree_util.treedef_is_leaf(structure):
            return [self.digest(kind), _text(structure), *map(self.digest, leaves)]
        members = getattr(value, "__dict__", None)
        if members and not _is_installed_class(kind):
            return [self.digest(kind), self.digest(members)]
        return [*_name(kind), *_name(value), _text(value)]


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(data)} ".encode() + data)  # so that ("ab", "c") is not ("a", "bc")
    return digest.hexdigest()


def _array(array: Any) -> tuple[str, bytes]:
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        return f"{jax.random.key_impl(array)} {array.shape}", _array(jax.random.key_data(array))[1]
    if array.dtype == object:
        return f"{array.shape}", _Walk().digest(array.tolist()).encode()
    return f"{array.shape} {array.dtype}", np.asarray(array).tobytes()


def _name(value: Any) -> tuple[str, str]:
    names = (getattr(value, name, "") for name in ("__module__", "__qualname__"))
    module, name = (part if isinstance(part, str) else "" for part in names)
    return module, name


def _names(code: types.CodeType) -> set[str]:
    """Returns the names of globals in a code, and in the functions that it defines."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    loads = (step for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    return {step.argval for step in loads}.union(*map(_names, inner))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return None


def _is_installed(file: str) -> bool:
    return file.startswith((*INSTALLED, "<frozen", "<@beartype"))


def _is_ours(function: types.FunctionType) -> bool:
    return (function.__module__ or "").split(".")[0] == __name__.split(".")[0]


def _is_installed_class(kind: type) -> bool:
    try:
        return _is_installed(inspect.getfile(kind))
    except (TypeError, OSError):  # built in, or made in a session
        return kind.__module__ == "builtins"


def _text(value: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
