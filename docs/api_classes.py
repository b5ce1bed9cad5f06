"""What the pages of the API say of a class besides its own docstring: its arguments and bases.

Griffe reads classes without running them. So it misses the constructors that Equinox and named
tuples make from fields, and it leaves out methods whose docstring stands in a base class.
"""

import dataclasses
import importlib
import inspect
from typing import Any

import equinox as eqx
import griffe


class Classes(griffe.Extension):
    """Adds constructors made from fields, and the list of members explained in a base class."""

    def on_class(self, *, cls: griffe.Class, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Completes one class."""
        module = importlib.import_module(cls.module.path)
        made = getattr(module, cls.name, None)  # None for a class inside a function
        if not isinstance(made, type) or made.__module__ != cls.module.path:
            return
        if isinstance(made, type(eqx.Enumeration)):
            _list_sentences(cls, made)
        made_from_fields = dataclasses.is_dataclass(made) or hasattr(made, "_fields")
        if made_from_fields and "__init__" not in cls.members and not inspect.isabstract(made):
            _set_constructor(cls, made)
        ours = [base for base in cls.resolved_bases if base.path.startswith("nam_jax.")]
        cls.extra["nam_jax"] |= {"bases": ours, "explained_by": _explained_by(cls)}


def _list_sentences(cls: griffe.Class, made: Any) -> None:
    """Adds the members of an enumeration, with the sentence of each, to its docstring."""
    names = [name for name, member in cls.members.items() if member.is_attribute]
    members = [
        griffe.DocstringAttribute(name, annotation=None, description=made[getattr(made, name)])
        for name in names
    ]
    assert cls.docstring
    cls.docstring.parsed.append(griffe.DocstringSectionAttributes(members, title="Members:"))


def _set_constructor(cls: griffe.Class, made: type) -> None:
    """Adds the `__init__` that the fields make, with the annotations as they are written."""
    arguments = inspect.signature(made).parameters.values()
    own = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    parameters = [own, *(_parameter(argument, cls) for argument in arguments)]
    init = griffe.Function("__init__", parameters=griffe.Parameters(*parameters), parent=cls)
    cls.set_member("__init__", init)


def _parameter(argument: inspect.Parameter, cls: griffe.Class) -> griffe.Parameter:
    homes = [place for place in (cls, *cls.mro()) if argument.name in place.members]
    field = homes[0].members[argument.name] if homes else None
    has_default = argument.default is not argument.empty
    return griffe.Parameter(
        argument.name,
        annotation=field.annotation if isinstance(field, griffe.Attribute) else None,
        kind=getattr(griffe.ParameterKind, argument.kind.name.lower()),
        default=repr(argument.default) if has_default else None,
    )


def _described(cls: griffe.Class) -> set[str]:
    """Names of members that a class describes: by a docstring of theirs, or among its own."""
    sections = cls.docstring.parsed if cls.docstring else []
    names = {name for name, member in cls.members.items() if member.has_docstring}
    for section in sections:
        if section.kind is griffe.DocstringSectionKind.attributes:
            names |= {attribute.name for attribute in section.value}
    return {name for name in names if not name.startswith("_")}


def _explained_by(cls: griffe.Class) -> list[tuple[griffe.Class, list[str]]]:
    """Bases and the names of the members that they describe and nothing nearer to `cls` does."""
    known, bases = _described(cls), []
    for base in cls.mro():
        names = sorted(_described(base) - known)
        known |= set(names)
        if names:
            bases.append((base, names))
    return bases
