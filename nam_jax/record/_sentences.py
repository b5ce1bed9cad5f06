"""The words in which wrong settings are refused: what a field must be, and what it has."""

import math
import re
from typing import Any

import msgspec.inspect as kinds

from nam_jax.record._text import shown


def requirement(kind: kinds.Type) -> str:
    """Returns the end of a sentence that says what a value must be.

    For example, the type of the field `flips` of `nam-jax basin` gives "be a list of one or more
    entries, each a number from 0 to 0.5".
    """
    return f"be {_noun(kind)}"


def plain(kind: kinds.Type) -> kinds.Type:
    """Returns the type of a value that is given, of a field that may be left out (None)."""
    if isinstance(kind, kinds.Metadata):
        return plain(kind.type)
    if isinstance(kind, kinds.UnionType):
        return plain(next(part for part in kind.types if not isinstance(part, kinds.NoneType)))
    return kind


def _noun(kind: kinds.Type) -> str:
    kind = plain(kind)
    match kind:
        case kinds.IntType():
            word = "a whole number" if kind.multiple_of is None else _multiple(kind.multiple_of)
            return word + _range(kind)
        case kinds.FloatType():
            return "a number" + _range(kind)
        case kinds.BoolType():
            return "true or false"
        case kinds.StrType():
            return "text" if not kind.min_length else "text that is not empty"
        case kinds.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
    return _noun_of_many(kind)


def _noun_of_many(kind: kinds.Type) -> str:
    match kind:
        case kinds.VarTupleType() | kinds.ListType():
            many = "one or more entries" if kind.min_length else "entries"
            return f"a list of {many}, each {_noun(kind.item_type)}"
        case kinds.TupleType():
            entries = [_noun(item) for item in kind.item_types]
            return f"a list of {len(entries)} entries: {', '.join(entries)}"
        case kinds.DictType():
            return "a table of values by name"
    raise TypeError(f"No setting can be of the kind {kind}.")


def _multiple(number: float | int) -> str:
    return "an even number" if number == 2 else f"a multiple of {number:g}"


def _range(kind: kinds.IntType | kinds.FloatType) -> str:
    least = None if kind.ge is None else f"from {_short(kind.ge)}"
    above = None if kind.gt is None else f"above {_short(kind.gt)}"
    most = None if kind.le is None else f"{'to' if least else 'at most'} {_short(kind.le)}"
    below = None if kind.lt is None else f"below {_short(kind.lt)}"
    low, high = least or above, most or below
    if low and high:
        return f" {low} {high}" if least and most else f" {low} and {high}"
    return f" {low or high}" if low or high else ""


def _short(number: float | int) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def fault(value: Any, depth: int = 2) -> str | None:
    """Returns what is wrong with a value whatever its field is; None if nothing is.

    Numbers must be finite, and text must hold no control characters and no broken characters, which
    neither a file nor a message could hold. For example, (1.0, nan) gives "be finite, but has nan
    (entry 2)".

    Args:
        value: The value, or a list of values.
        depth: The number of levels of lists that are looked at; no setting has more than two.
    """
    if isinstance(value, list | tuple):
        for place, item in enumerate(value if depth else ()):
            if (wrong := fault(item, depth - 1)) is not None:
                return f"{wrong} (entry {place + 1})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"be finite, but has {value}"
    if isinstance(value, str) and re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", value):
        return f"be text without control characters, but has {shown(value)}"
    return None
