"""Reads what devices exchange from the text of a compiled program."""

# Example: the lines
#
#     %body (state: (f32[64,512])) -> (f32[64,512]) {
#       %phi = f32[512]{0} all-gather(%part), ...
#     }
#     ENTRY %main (...) -> ... {
#       %loop = (f32[64,512]) while(%start), condition=%goes_on, body=%body
#     }
#
# hold one collective, an all-gather of 512 numbers of 4 bytes, and it is in the loop.

import math
import re
from typing import Any, NamedTuple

KINDS = (
    "all-gather", "all-reduce", "all-to-all", "collective-broadcast", "collective-permute",
    "ragged-all-to-all", "reduce-scatter",
)  # fmt: skip
_COLLECTIVE = re.compile(rf"= (.+?) ({'|'.join(KINDS)})(?:-start)?\(")
_SHAPE = re.compile(r"([a-z]+)(\d*)\w*\[([\d,]*)\]")
_BEGIN = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
_CALLED = re.compile(
    r"(?:calls|to_apply|body|condition|\w+_computations?)=\{?((?:%[\w.\-]+(?:, )?)+)"
)
_BODY = re.compile(r" while\(.*body=%([\w.\-]+)")


class Collective(NamedTuple):
    """An exchange between devices.

    Attributes:
        kind: Such as "all-reduce".
        shapes: Shapes of its results on a device.
        size: Bytes of its results on a device.
        computation: The part of the program where it stands.
    """

    kind: str
    shapes: tuple[tuple[int, ...], ...]
    size: int
    computation: str

    @property
    def numbers(self) -> list[int]:
        """How many numbers each of its results holds."""
        return [math.prod(shape) for shape in self.shapes]


def program_of(function: Any, *arguments: Any, **named: Any) -> Any:
    """Returns a compiled program, whose `as_text` and `memory_analysis` tell about one device.

    Args:
        function: A function under `equinox.filter_jit`.
        *arguments: Its arguments.
        **named: Its arguments by name.
    """
    return function.lower(*arguments, **named).compile().compiled


def collectives(text: str) -> list[Collective]:
    """Returns all collectives in the text of a compiled program."""
    return [
        Collective(line[2], *_shapes_and_size(line[1]), name)
        for name, lines in _computations(text).items()
        for line in map(_COLLECTIVE.search, lines)
        if line
    ]


def in_loop(text: str) -> list[Collective]:
    """Returns the collectives of one turn of the loop that exchanges most.

    Loops within the loop count as if they turned once.
    """
    parts = _computations(text)
    calls = {
        name: {called for line in lines for called in _called(line)}
        for name, lines in parts.items()
    }
    bodies = [match[1] for lines in parts.values() for match in map(_BODY.search, lines) if match]
    exchanged = collectives(text)

    def of(body: str) -> list[Collective]:
        within, todo = set(), [body]
        while todo:
            name = todo.pop()
            if name not in within:
                within.add(name)
                todo += calls.get(name, ())
        return [collective for collective in exchanged if collective.computation in within]

    return max(map(of, bodies), key=total, default=[])


def total(exchanged: list[Collective]) -> int:
    """Returns the bytes of all results on a device."""
    return sum(collective.size for collective in exchanged)


def _computations(text: str) -> dict[str, list[str]]:
    """Returns the lines of each part of the program, by its name."""
    parts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        begin = _BEGIN.match(line)
        if begin:
            lines = parts[begin[1]] = []
        lines.append(line)
    return parts


def _called(line: str) -> list[str]:
    return [name for names in _CALLED.findall(line) for name in re.findall(r"%([\w.\-]+)", names)]


def _shapes_and_size(results: str) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Returns shapes and bytes of results such as "(f32[], f32[8,512]{1,0})"."""
    shapes, size = [], 0
    for kind, bits, lengths in _SHAPE.findall(re.sub(r"\{[^}]*\}|/\*.*?\*/", "", results)):
        shape = tuple(int(length) for length in lengths.split(",") if length)
        shapes.append(shape)
        size += math.prod(shape) * (1 if kind == "pred" else max(1, int(bits or 8) // 8))
    return tuple(shapes), size
