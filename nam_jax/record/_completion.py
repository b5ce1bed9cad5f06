"""What shells offer where a value of a flag is to be completed."""

import argparse
import typing
from typing import Any

import msgspec.inspect as kinds

from nam_jax.record._config import hints
from nam_jax.record._flags import Shared, study_parser
from nam_jax.record._help import add_flags
from nam_jax.record._kinds import Named
from nam_jax.record._sentences import plain
from nam_jax.record._study import Study

PATHS = dict.fromkeys(("config", "source", "codec_path", "page"), "file") | dict.fromkeys(
    ("out", "checkpoints", "status", "folder"), "directory"
)
"""Arguments that take a path, and what the shell offers for them."""


def complete_parser(study: Study) -> argparse.ArgumentParser:
    """Returns a parser of all flags of a study, which says what to offer for each."""
    parser = study_parser(study)
    add_flags(parser, "fields", study.config.resolve()())
    offer(parser, Shared, study.config.resolve())
    return parser


def offer(parser: argparse.ArgumentParser, *owners: type) -> None:
    """Says in a parser what shells shall offer for the values of its actions.

    Paths are offered for the arguments in `PATHS`. Names and literals are offered for the fields
    that take them. The parser then serves for completion only: it would refuse other values.

    Args:
        parser: The parser.
        owners: The configs whose fields it has.
    """
    words = {name: _words(hint) for owner in owners for name, hint in hints(owner).items()}
    for action in parser._actions:
        if action.dest in PATHS:
            setattr(action, "complete", PATHS[action.dest])  # noqa: B010 (where shtab looks for it)
        elif words.get(action.dest):
            action.choices = words[action.dest]


def _words(hint: Any) -> tuple[str, ...]:
    """The names or literals that a field takes; none where there is no list of them."""
    for extra in typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ():
        if isinstance(extra, Named):
            return extra.words
    kind = plain(kinds.type_info(hint))
    item = plain(kind.item_type) if isinstance(kind, kinds.VarTupleType) else kind
    return tuple(map(str, item.values)) if isinstance(item, kinds.LiteralType) else ()
