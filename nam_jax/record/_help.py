"""The flags of a study and their help, made from the fields of its settings."""

import argparse
import ast
import functools
import inspect
import itertools
import textwrap
import typing
from typing import Annotated, Any, NoReturn, final

import msgspec.inspect as kinds

from nam_jax.record._config import ConfigError, hints
from nam_jax.record._kinds import Named
from nam_jax.record._sentences import plain

LISTS = (kinds.VarTupleType, kinds.TupleType)


@final
class Parser(argparse.ArgumentParser):
    """A parser whose errors are of one line."""

    def error(self, message: str) -> NoReturn:
        """Raises a `ConfigError`."""
        raise ConfigError(f"{message}; `--help` lists all flags.")


def add_flags(parser: argparse.ArgumentParser, title: str, defaults: Any, but: str = "") -> None:
    """Adds a flag for each field of a config; the flags keep values as words.

    A field `num_sets` has the flag `--num-sets`. A flag that is not given has the value None.

    Args:
        parser: The parser.
        title: The heading of these flags in the help.
        defaults: A config; its values are shown as defaults.
        but: A field that has no flag.
    """
    group, texts = parser.add_argument_group(title), _texts(type(defaults))
    for name, hint in hints(type(defaults)).items():
        if name == but:
            continue
        kind, default = plain(kinds.type_info(hint)), getattr(defaults, name)
        text = f"{texts[name]} (default: {_written(default)})".replace("%", "%%")
        options: dict[str, Any] = {"dest": name, "default": None, "help": text}
        if isinstance(kind, kinds.BoolType):
            options["action"] = argparse.BooleanOptionalAction
        else:
            options |= {"metavar": _word(kind), "nargs": "*" if isinstance(kind, LISTS) else None}
        group.add_argument(flag(name), **options)


def flag(name: str) -> str:
    """Returns the flag of a field."""
    return f"--{name.replace('_', '-')}"


@functools.cache
def _texts(owner: type) -> dict[str, str]:
    """The help of each field: the text of its type if it has one, else the text that follows it."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(body, ast.ClassDef)
    texts = dict.fromkeys(hints(owner), "")
    for field, after in itertools.pairwise(body.body):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = " ".join(text.split())
    for name, hint in hints(owner).items():
        extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
        texts[name] = next((e.text for e in extras if isinstance(e, Named)), texts[name])
    return texts


def _word(kind: kinds.Type) -> str:
    """The word that stands for a value."""
    match kind:
        case kinds.LiteralType():
            return "{" + ",".join(map(str, kind.values)) + "}"
        case kinds.IntType():
            return "INT"
        case kinds.FloatType():
            return "FLOAT"
        case kinds.VarTupleType():
            return _word(plain(kind.item_type))
        case kinds.TupleType():
            return _word(plain(kind.item_types[0]))
    return "TEXT"


def _written(value: Any) -> str:
    """A default as a user would write it."""
    if isinstance(value, tuple):
        return " ".join(map(_written, value)) or "none"
    return "no" if value is False else "yes" if value is True else str(value)
