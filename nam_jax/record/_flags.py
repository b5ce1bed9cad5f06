"""Reads the flags of a study; they pass the same check as files, and overrule them."""

import argparse
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast, final

import msgspec.inspect as kinds
from msgspec import Meta

from nam_jax.record._config import ConfigError, converted, hints, read_fields
from nam_jax.record._context import Precision
from nam_jax.record._help import Parser, add_flags, flag
from nam_jax.record._kinds import Count, Named
from nam_jax.record._owned import Format
from nam_jax.record._sentences import plain
from nam_jax.record._study import Study
from nam_jax.record._text import SHOWN, clipped, shown

Name = Annotated[str, Meta(min_length=1)]


@final
@dataclass(frozen=True)
class Shared:
    """The options of every study."""

    config: Name | None = None
    """TOML file with fields; flags overrule it."""
    out: Name = "runs"
    """Folder for the results."""
    quiet: bool = False
    """No progress bar and no table."""
    device: Annotated[
        Name | None,
        Named("Platform of JAX, or one device as in gpu:1.", ("cpu", "gpu", "tpu")),
    ] = None
    batch: Count | None = None
    """Samples computed at once; None: the study's own choice."""
    format: Format = "png"
    """Format of the figures; pdf and svg stay sharp at every size."""
    precision: Precision = "highest"
    """Precision of products in flows on GPUs and TPUs."""


@final
@dataclass(frozen=True)
class Flags:
    """What the words after the name of a study say."""

    settings: Any
    """The settings of the study."""
    shared: Shared
    """The options of every study."""
    from_file: frozenset[str]
    """Fields whose values are from the file of settings."""

    def as_written(self, message: str) -> str:
        """Returns a message that says where the user wrote the argument that it is about.

        For example, "Argument `level` must ..." becomes "--level: argument `level` must ...", or
        "c.toml: key `level` must ..." if the value is from a file.
        """
        start = re.match(r"Argument(s?) ((`\w+`(, )?)+)", message)
        if start is None:
            return message
        names = re.findall(r"\w+", start[2])
        written = [name for name in names if name in self.from_file]
        if written:
            where, word = clipped(str(self.shared.config)), "key"
        elif names[0] in {*hints(type(self.settings)), *hints(Shared)}:
            where, word = flag(names[0]), "argument"
        else:
            return message
        return f"{where}: {word}{start[1]} {message[start.start(2) :]}"


def read_flags(study: Study, words: Sequence[str]) -> Flags:
    """Returns what the words after the name of a study say; ends the process after `--help`.

    Args:
        study: The study.
        words: The words, such as `--config c.toml --seed 3`.

    Raises:
        ConfigError: If a word is no flag, or a value is of the wrong type or out of range.
    """
    kind = study.config.resolve()
    given, fields = read_given(study, study_parser(study), words)
    out = {"out": f"runs/{study.name}"}
    shared = Shared(**cast(Any, out | {n: value_of(Shared, n, w) for n, w in given.items()}))
    first = {} if shared.config is None else read_fields(kind, shared.config)
    return Flags(kind(**(first | fields)), shared, frozenset(first.keys() - fields.keys()))


def study_parser(study: Study) -> Parser:
    """Returns a parser of the flags that every study has; the help starts with the example."""
    parser = Parser(
        prog=f"nam-jax {study.name}",
        usage=f"nam-jax {study.name} [--config FILE] [--out DIR] [--FIELD VALUE]...",
        description=study.opening,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    defaults = Shared(out=f"runs/{study.name}")
    add_flags(parser, "every study", defaults, but="" if study.batched else "batch")
    return parser


def read_given(
    study: Study, parser: Parser, words: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the words of the parser's own flags, and the checked values of a study's fields.

    Flags that are not given are left out.

    Args:
        study: The study; a flag for each of its fields is added to the parser.
        parser: A parser that has flags of its own.
        words: The words.

    Raises:
        ConfigError: As for `read_flags`.
    """
    kind = study.config.resolve()
    add_flags(parser, "fields", kind())
    given, rest = parser.parse_known_args([_guarded(word) for word in words])
    by_name = {name: value for name, value in vars(given).items() if value is not None}
    own = hints(kind)
    if rest:
        known = [flag(name) for name in (*own, *vars(given))]
        raise ConfigError(_unknown(parser.prog, list(dict.fromkeys(known)), rest[0].strip()))
    fields = {name: value_of(kind, name, w) for name, w in by_name.items() if name in own}
    return {name: value for name, value in by_name.items() if name not in own}, fields


def _guarded(word: str) -> str:
    """A word for argparse, which takes -3 for a flag unless it holds a space."""
    if re.match(r"-(\.?\d|inf|nan)", word):
        return f" {word}"
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


def _unguarded(word: str) -> str:
    """The word as the user wrote it; the numbers -.5, +5 and 5. as -0.5, 5 and 5."""
    word = re.sub(r"^\+(?=\.?\d)", "", word.strip())
    word = re.sub(r"^(-?)\.(?=\d)", r"\g<1>0.", word)
    return re.sub(r"^(-?\d+)\.(?=$|[eE])", r"\g<1>", word)


def value_of(owner: type, name: str, words: Any) -> Any:
    """Returns the checked value of a field that is given as words, one or a list of them.

    The word None stands for a field that is left out.

    Raises:
        ConfigError: If the value is of the wrong type or out of range.
    """
    whole = kinds.type_info(hints(owner)[name])
    item = getattr(plain(whole), "item_type", None)
    if words in ("None", ["None"]) and isinstance(whole, kinds.UnionType):
        return None
    if isinstance(words, str):
        number = isinstance(plain(whole), kinds.IntType | kinds.FloatType)
        words = _unguarded(words) if number else words.strip() if words[:2] == " -" else words
    elif isinstance(words, list):
        words = [_unguarded(word) for word in words]
        if isinstance(item, kinds.TupleType):  # triples, written one after another
            size = len(item.item_types)
            words = [words[place : place + size] for place in range(0, len(words), size)]
    return converted(owner, name, words, f"{flag(name)}: argument `{name}`", strict=False)


def _unknown(command: str, flags: Sequence[str], word: str) -> str:
    """The message about a word that belongs to no flag."""
    if not word.startswith("-"):
        return f"{shown(word)} follows no flag that takes it; `--help` lists all flags."
    near = difflib.get_close_matches(word[:SHOWN], flags, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`--help` lists all flags."
    return f"`{clipped(word, SHOWN)}` is no flag of `{command}`; {hint}"
