"""Configs: frozen dataclasses, read from TOML; files and flags pass the same strict check."""

import contextlib
import dataclasses
import difflib
import functools
import re
import tomllib
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, final

import msgspec
import tomli_w

from nam_jax._paths import expanded
from nam_jax.record._owned import MARK
from nam_jax.record._sentences import fault, plain, requirement
from nam_jax.record._staging import item
from nam_jax.record._text import SHOWN, clipped, shown

LONGEST = 900
"""Largest number of characters of a message."""
LARGEST = 2**20
"""Largest size in bytes of a file of settings."""


@final
class ConfigError(ValueError):
    """The user's input is wrong: a setting, a flag, or a file that a setting or flag names.

    The message is one line and names what is wrong. Any other error of a run is a fault of the run.
    """

    def __init__(self, message: str):
        super().__init__(clipped(message, LONGEST))


@contextlib.contextmanager
def reading_input() -> Iterator[None]:
    """Returns a context manager for a block that only reads settings and the files they name.

    Raises:
        ConfigError: If the block raises a `ValueError` or `OSError`; the message is the same.
    """
    try:
        yield
    except ConfigError:
        raise
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from error


def read_config(kind: type, path: Path) -> Any:
    """Reads a TOML file into a config.

    Args:
        kind: The class of the config, a frozen dataclass. A key that the file leaves out takes the
            default of its field.
        path: The TOML file; it may start with a byte order mark.

    Raises:
        ConfigError: If the file cannot be read, is not TOML, or has an unknown key or a value of a
            wrong type or out of range.
    """
    return kind(**read_fields(kind, path))


def read_fields(kind: type, path: str | Path) -> dict[str, Any]:
    """Returns the checked fields that a TOML file gives, for `kind`; as for `read_config`."""
    with reading_input():
        path = expanded("config", path)
    where = clipped(str(path))
    try:
        content = tomllib.loads(_text(item(path.parent, path.name)).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read ({error.strerror}).") from error
    except RecursionError as error:
        raise ConfigError(
            f"{where}: is not TOML that can be read (it is nested too deep)."
        ) from error
    except ValueError as error:  # not TOML, not UTF-8, or a number with too many digits
        raise ConfigError(f"{where}: is not TOML ({clipped(str(error))}).") from error
    known = hints(kind)
    for key in content:
        if key not in known:
            raise ConfigError(
                f"{where}: unknown key `{clipped(key, SHOWN)}`; {field_hint(key, known)}"
            )
    return {
        key: converted(kind, key, value, f"{where}: key `{key}`") for key, value in content.items()
    }


def _text(path: Path) -> bytes:
    """The content of an ordinary file of up to `LARGEST` bytes; a pipe could have no end."""
    if path.exists() and not path.is_file():
        raise OSError(0, "it is no ordinary file")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(0, f"it has more than {LARGEST} bytes")
    return content


def field_hint(key: str, known: Iterable[str]) -> str:
    """Returns the end of a message about an unknown key: the known one that is most like it."""
    near = difflib.get_close_matches(key[:100], known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}."


def validate(config: Any) -> Any:
    """Returns a copy of `config`, whose fields are checked for type and range.

    Raises:
        ConfigError: If a field is of the wrong type or out of range; the message names the first.
    """
    kind = type(config)
    fields = {name: getattr(config, name) for name in hints(kind)}
    return kind(**{name: converted(kind, name, value) for name, value in fields.items()})


def write_config(config: Any, path: Path) -> None:
    """Writes `config` to a TOML file, for `read_config`; leaves out fields that are None."""
    fields = {key: value for key, value in dataclasses.asdict(config).items() if value is not None}
    path.write_text(f"{MARK}\n{tomli_w.dumps(fields)}", encoding="utf-8")


@functools.cache
def hints(kind: type) -> dict[str, Any]:
    """Returns the declared types of the fields of a config by name, with their ranges."""
    declared = typing.get_type_hints(kind, include_extras=True)
    return {field.name: declared[field.name] for field in dataclasses.fields(kind)}


class Entry(typing.NamedTuple):
    """What a field takes.

    Attributes:
        in_list: Whether the field takes a list of entries.
        whole: Whether an entry is a whole number.
        optional: Whether the field may be None.
    """

    in_list: bool
    whole: bool
    optional: bool


@functools.cache
def entry_of(kind: type, name: str) -> Entry:
    """Returns what a field of a config takes."""
    declared = msgspec.inspect.type_info(hints(kind)[name])
    optional = isinstance(declared, msgspec.inspect.UnionType)
    whole = plain(declared)
    in_list = isinstance(whole, msgspec.inspect.VarTupleType | msgspec.inspect.TupleType)
    item = plain(whole.item_type) if isinstance(whole, msgspec.inspect.VarTupleType) else whole
    return Entry(in_list, isinstance(item, msgspec.inspect.IntType), optional)


def converted(
    kind: type, name: str, value: Any, called: str | None = None, *, strict: bool = True
) -> Any:
    """Returns the value of a field, checked for type and range.

    Args:
        kind: The class of the config.
        name: Name of the field.
        value: The value.
        called: How the error calls the field; by default the argument of its name.
        strict: Whether a number must be a number; if False it may be text, as flags are.

    Raises:
        ConfigError: If the value is of the wrong type or out of range.
    """
    hint = hints(kind)[name]
    try:
        wrong = fault(value)
        if wrong is None:
            made = msgspec.convert(value, type=hint, strict=strict)
            wrong = fault(made)  # text, such as "nan", may have become a number
            if wrong is None:
                return made
    except (msgspec.ValidationError, OverflowError) as error:
        entry = re.search(r"\[(\d+)\]", str(error))
        there = shown(value)
        if entry is not None and isinstance(value, list | tuple):
            there = f"{shown(value[int(entry[1])])} (entry {int(entry[1]) + 1})"
        wrong = f"{requirement(msgspec.inspect.type_info(hint))}, but has {there}"
    raise ConfigError(f"{called or f'Argument `{name}`'} must {wrong}.")
