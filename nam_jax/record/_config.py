"""Configs: frozen dataclasses, read strictly from TOML, with one check for file and flags alike."""

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
"""Seed of random keys; JAX without 64 bits would draw the same from seeds that differ by 2^32."""


@final
class ConfigError(ValueError):
    """Input of the user that cannot be used: a setting, a flag, or a file that one of them names.

    The message is one line and names what is wrong. Any other error of a run is a fault of the run.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """`text` without line breaks, with control characters written as escapes."""
    spaced = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in spaced)


@contextlib.contextmanager
def reading_input() -> Iterator[None]:
    """A block that does nothing but read settings, and files that they name.

    Raises:
        ConfigError: In place of a `ValueError` or `OSError` of the block, with the same message.
    """
    try:
        yield
    except ConfigError:
        raise
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from error


def read_config(kind: type, path: Path) -> Any:
    """Reads a TOML file into `kind`, a frozen dataclass; keys left out take its defaults.

    Raises:
        ConfigError: If the file cannot be read, is not TOML, or has an unknown key, a value of
            the wrong type or one out of range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except RecursionError as error:
        raise ConfigError(
            f"{path}: is not TOML that can be read (it is nested too deep)."
        ) from error
    except ValueError as error:  # also of numbers of too many digits, and of bytes that are no text
        raise ConfigError(f"{path}: is not TOML ({error}).") from error
    return _convert(kind, content, f"{path}: ")


def validate(config: Any) -> Any:
    """`config` again if every field is of its type and in range; for values from flags.

    Raises:
        ConfigError: Naming the first key at fault.
    """
    return _convert(type(config), dataclasses.asdict(config), "")


def write_config(config: Any, path: Path) -> None:
    """Writes `config` as TOML that `read_config` reads back; fields that are None are left out."""
    fields = {key: value for key, value in dataclasses.asdict(config).items() if value is not None}
    path.write_text(tomli_w.dumps(fields), encoding="utf-8")


def _convert(kind: type, content: dict[str, Any], where: str) -> Any:
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
    """Whether no number in `value`, or in its lists, is infinite or NaN."""
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
