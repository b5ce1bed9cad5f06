"""Configs: frozen dataclasses, read strictly from TOML, with one check for file and flags alike."""

import dataclasses
import difflib
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import tomli_w


class ConfigError(ValueError):
    """A config that cannot be used; the message is one line and names the key."""


def read_config(kind: type, path: Path) -> Any:
    """Reads a TOML file into `kind`, a frozen dataclass; keys left out take its defaults.

    Raises:
        ConfigError: If the file cannot be read, is not TOML, or has an unknown key, a value of
            the wrong type or one out of range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
        if isinstance(content[key], float) and not math.isfinite(content[key]):
            raise ConfigError(f"{where}key `{key}`: Expected a finite number.")
    try:
        return msgspec.convert(content, type=kind, strict=True)
    except msgspec.ValidationError as error:
        named = re.sub(r"^(.*) - at `\$\.(\w+)(.*)`$", r"key `\2\3`: \1", str(error))
        raise ConfigError(f"{where}{named}.") from error
