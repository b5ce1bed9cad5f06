"""Reads the words after `nam-jax sweep`."""

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from nam_jax.record import (
    FORMATS,
    ConfigError,
    Format,
    Parser,
    Precision,
    Study,
    add_flags,
    entry_of,
    field_hint,
    hints,
    offer,
    read_config,
    read_given,
    reading_input,
    shown,
    value_of,
)
from nam_jax.sweep._config import RANGE, SweepConfig

MORE = """\
A value list is A,B,C or a range FIRST:LAST:NUMBER, evenly spaced, or FIRST:LAST:NUMBER:log. In a
field that takes a list, + joins the entries of one value, as in sizes=40+80,80+160.

examples:
  nam-jax sweep rate --grid load=0.05:0.2:7 --grid num_neurons=64,128 --seeds 20 --memory power-2
  nam-jax sweep retrieve --grid num_patterns=10,20,40 --grid level=0.05:0.3:6 --out runs/levels
  nam-jax sweep --config configs/sweep.toml --workers 2
  nam-jax sweep --status runs/levels
  nam-jax plot runs/levels

A sweep that was stopped, in whatever way, goes on with the same command. Finished units lie in
DIR/chunks; result.zarr, config.toml and the figures are written at the end.
"""


class Words(NamedTuple):
    """What the words after `nam-jax sweep` say.

    Attributes:
        config: The settings of the sweep; None if only its status is asked for.
        study: The study.
        status: The folder whose status is asked for.
        out: The folder of the results.
        workers: Number of worker processes, "devices", or None for this process.
        scheduler: Address of a Dask scheduler.
        repair: Whether damaged chunks are computed again.
        quiet: Whether nothing is shown.
        format: Format of the figures.
        precision: Precision of the products in flows.
    """

    config: SweepConfig | None
    study: Study | None
    status: str | None = None
    out: str = "runs/sweep"
    workers: Any = None
    scheduler: str | None = None
    repair: bool = False
    quiet: bool = False
    format: Format = "png"
    precision: Precision = "highest"


def read_words(words: Sequence[str], studies: Sequence[Study], opening: str = "") -> Words:
    """Returns what the words after `nam-jax sweep` say; ends the process after `--help`.

    Args:
        words: The words.
        studies: The known studies.
        opening: How the help starts.

    Raises:
        ConfigError: If a word is wrong; the message names it.
    """
    words = list(words)
    named = words.pop(0) if words and not words[0].startswith("-") else None
    first = _parser("nam-jax sweep", opening, help=named is None)
    known, others = first.parse_known_args(words)
    for option in ("status", "config", "out", "scheduler"):
        if getattr(known, option) == "":
            raise ConfigError(f"--{option} must be text that is not empty, but has ''.")
    if known.status is not None:
        others += [f"--{name}" for name, value in vars(known).items() if value and name != "status"]
        if named or others:
            given = shown(named or others[0])
            raise ConfigError(f"--status must be given with its folder alone, but has {given} too.")
        return Words(None, None, status=known.status)
    config = _from_file(known.config)
    name = named or (config.study if known.config else None)
    if name is None:
        raise ConfigError(f"The name of a study must follow, one of {_names(studies)}.")
    study = next((study for study in studies if study.name == name), None)
    if study is None:
        hint = field_hint(name, [study.name for study in studies])
        raise ConfigError(f"Argument `study` must name a study, but has {shown(name)}; {hint}")
    given, settings = read_given(study, _parser(f"nam-jax sweep {name}", opening), words)
    return Words(
        _merged(config, study, given, settings),
        study,
        out=given.get("out", _folder(known.config, name)),
        workers=_workers(given.get("workers")),
        scheduler=given.get("scheduler"),
        repair="repair" in given,
        quiet="quiet" in given,
        format=given.get("format", "png"),
        precision=given.get("precision", "highest"),
    )


def complete_parser(studies: Sequence[Study]) -> Parser:
    """Returns a parser of all words after `nam-jax sweep`, which says what to offer for each."""
    parser = _parser("nam-jax sweep")
    offer(parser)
    commands = parser.add_subparsers()
    for study in studies:
        kind = study.config.resolve()
        own = _parser(f"nam-jax sweep {study.name}")
        add_flags(own, "fields", kind())
        offer(own, kind)
        commands.add_parser(study.name, help=study.summary, parents=[own], add_help=False)
    return parser


def _parser(prog: str, opening: str = "", *, help: bool = True) -> Parser:
    import argparse

    parser = Parser(
        prog=prog, description=opening, epilog=MORE, allow_abbrev=False, add_help=help,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.usage = "nam-jax sweep STUDY [--grid FIELD=VALUES]... [options] [fields of the study]"
    group = parser.add_argument_group("the sweep")
    group.add_argument(
        "--grid",
        action="append",
        metavar="FIELD=VALUES",
        help="values of a field; may be given for several fields",
    )
    group.add_argument(
        "--zip",
        action="append",
        nargs="+",
        metavar="FIELD=VALUES",
        help="fields whose values go together, first with first",
    )
    group.add_argument("--seeds", help="number of seeds of each point of the grid")
    group.add_argument("--chunk", help="units that are computed together (default: a minute's)")
    group.add_argument("--config", metavar="FILE", help="TOML file with all of this")
    group.add_argument("--out", metavar="DIR", help="results (runs/FILE or runs/sweep-STUDY)")
    group.add_argument("--workers", help="number of processes, or devices: one a GPU")
    group.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler, of trusted machines")
    group.add_argument(
        "--precision",
        choices=get_args(Precision),
        help="precision of products in flows on GPUs and TPUs (default: highest)",
    )
    group.add_argument(
        "--repair", action="store_const", const=True, help="compute damaged chunks again"
    )
    group.add_argument("--quiet", action="store_const", const=True, help="show nothing")
    group.add_argument("--format", choices=FORMATS, help="format of the figures (default: png)")
    group.add_argument("--status", metavar="DIR", help="tell how far the sweep in DIR is")
    return parser  # fmt: skip


def _folder(path: str | None, study: str) -> str:
    """The folder of the results if none is given: that of the file of settings, or of the study."""
    from pathlib import Path

    return f"runs/sweep-{study}" if path is None else f"runs/{Path(path).stem}"


def _from_file(path: str | None) -> SweepConfig:
    from pathlib import Path

    if path is None:
        return SweepConfig()
    with reading_input():
        return read_config(SweepConfig, Path(path))


def _merged(
    config: SweepConfig, study: Study, given: dict[str, Any], settings: dict[str, Any]
) -> SweepConfig:
    """The settings of the file, overruled by flags.

    A field of a flag leaves the grid of the file, and with it all that go together with it there.
    """
    kind = study.config.resolve()
    grid = _columns(kind, study, given.get("grid", []))
    zips = [_columns(kind, study, words) for words in given.get("zip", [])]
    own = {name for columns in (grid, *zips) for name in columns}
    kept = {name: values for name, values in config.grid.items() if name not in own}
    kept_zips = [group for group in config.zip if own.isdisjoint(group)]
    numbers = {
        name: value_of(SweepConfig, name, given[name])
        for name in ("seeds", "chunk")
        if name in given
    }
    plain = {name: _plain(value) for name, value in settings.items()}
    return SweepConfig(
        study=study.name,
        seeds=numbers.get("seeds", config.seeds),
        chunk=numbers.get("chunk", config.chunk),
        settings={**config.settings, **plain},
        grid=kept | grid,
        zip=kept_zips + zips,
    )


def _columns(kind: type, study: Study, words: Sequence[str]) -> dict[str, Any]:
    """The values of fields, of which none may be given twice."""
    columns: dict[str, Any] = {}
    for word in words:
        column = _values(kind, study, word)
        for name in column.keys() & columns.keys():
            raise ConfigError(f"--grid must have field `{name}` once, but has it twice.")
        columns |= column
    return columns


def _values(kind: type, study: Study, word: str) -> dict[str, Any]:
    """The values of a field from a word such as `num_patterns=10,20`."""
    name, equals, text = word.strip().partition("=")
    name = name.replace("-", "_")
    if not equals or not text:
        raise ConfigError(f"--grid must be given as FIELD=VALUES, but has {shown(word.strip())}.")
    if name not in hints(kind):
        hint = field_hint(name, hints(kind))
        raise ConfigError(
            f"--grid must name a field of `{study.name}`, but has {shown(name)}; {hint}"
        )
    if RANGE.fullmatch(text):
        return {name: text}
    entry = entry_of(kind, name)
    parts: list[Any] = [part.split("+") if entry.in_list else part for part in text.split(",")]
    return {name: [_plain(value_of(kind, name, part), word=part) for part in parts]}


def _plain(value: Any, word: Any = None) -> Any:
    """The value as TOML has it; None as the word of it."""
    if value is None:
        return word or "None"
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _workers(word: str | None) -> Any:
    if word is None or word == "devices":
        return word
    if not word.strip().isdecimal() or int(word) < 1:
        requirement = "--workers must be a whole number from 1 on, or devices"
        raise ConfigError(f"{requirement}, but has {shown(word.strip())}.")
    return int(word)


def _names(studies: Sequence[Study]) -> str:
    return ", ".join(study.name for study in studies)
