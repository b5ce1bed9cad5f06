"""Configs: frozen dataclasses, read from TOML; files and flags pass the same strict check."""

import contextlib
import dataclasses
import difflib
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, final

import msgspec
import tomli_w

Seed = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
"""Seed of random keys, below 2^32: without 64 bits, seeds s and s + 2^32 give equal numbers."""


@final
class ConfigError(ValueError):
    """The user's input is wrong: a setting, a flag, or a file that a setting or flag names.

    The message is one line and names what is wrong. Any other error of a run is a fault of the run.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Returns `text` without line breaks, with control characters written as escapes."""
    spaced = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in spaced)


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
        path: The TOML file.

    Raises:
        ConfigError: If the file cannot be read, is not TOML, or has an unknown key or a value of a
            wrong type or out of range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except RecursionError as error:
        raise ConfigError(
            f"{path}: is not TOML that can be read (it is nested too deep)."
        ) from error
    except ValueError as error:  # not TOML, not UTF-8, or a number with too many digits
        raise ConfigError(f"{path}: is not TOML ({error}).") from error
    return _convert(kind, content, f"{path}: ")


def validate(config: Any) -> Any:
    """Returns a copy of `config`, whose fields are checked for type and range.

    Raises:
        ConfigError: If a field is of the wrong type or out of range; the message names the first.
    """
    return _convert(type(config), dataclasses.asdict(config), "")


def write_config(config: Any, path: Path) -> None:
    """Writes `config` to a TOML file, for `read_config`; leaves out fields that are None."""
    fields = {key: value for key, value in dataclasses.asdict(config).items() if value is not None}
    path.write_text(tomli_w.dumps(fields), encoding="utf-8")


def _convert(kind: type, content: dict[str, Any], where: str) -> Any:
    """Returns a config of class `kind` with fields `content`; error texts start with `where`."""
    known = [field.name for field in dataclasses.fields(kind)]
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}."
            raise ConfigError(f"{where}unknown key `{key}`; {hint}")
        if not _is_finite(content[key]):
            raise ConfigError(f"{where}key `{key}`: Expected finite numbers.")
    try:
        return msgspec.convert(content, type=kind, strict=True)
    except msgspec.ValidationError as error:
        named = re.sub(r"^(.*) - at `\$\.(\w+)(.*)`$", r"key `\2\3`: \1", str(error))
        raise ConfigError(f"{where}{named}.") from error


def _is_finite(value: Any) -> bool:
    """Returns whether no number in `value`, or in its lists, is infinite or NaN."""
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
