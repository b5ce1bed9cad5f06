"""The chunks of a sweep: which units are computed together, and under which name they are kept.

Chunks follow from the grids that a store was asked for, in their order, and from nothing else: not
from what is left, the workers or the devices. So a sweep that goes on computes the same bits.

For example, the grid N = 10, 20 with seeds 0 to 4 and chunks of at most 3 units has the chunks
(10: 0 1 2), (10: 3 4), (20: 0 1 2) and (20: 3 4), because units of another N have arrays of
another shape. If seeds 5 and 6 are then asked for, the chunks (10: 5 6) and (20: 5 6) are added.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nam_jax.record import Study, Timed
from nam_jax.sweep._grid import Grid

SECONDS = 60.0
"""About how long a chunk should take."""
MOST = 1024
"""Largest number of units of a chunk."""


class Chunk(NamedTuple):
    """Units that are computed together.

    Attributes:
        name: A hash of the settings of the units, the environment and the study.
        units: The settings of the units.
        keys: The key of each unit, by which a grid finds it.
        size: The number of units with which the program is compiled; it is that of the largest
            chunk of its group, so that all of them share one program.
    """

    name: str
    units: tuple[Any, ...]
    keys: tuple[str, ...]
    size: int


class Plan(NamedTuple):
    """The chunks that hold the units of a grid.

    Attributes:
        chunks: All chunks that hold at least one unit of the grid.
        keys: The keys of the units of the grid, in their order.
    """

    chunks: tuple[Chunk, ...]
    keys: tuple[str, ...]


def key_of(unit: Any) -> str:
    """Returns the settings of a unit as JSON, the same for equal settings."""
    return json.dumps(_settings(unit), sort_keys=True)


def _settings(unit: Any) -> dict[str, Any]:
    # `dataclasses.asdict` copies every value, and a grid may have a million units.
    return {field.name: getattr(unit, field.name) for field in dataclasses.fields(unit)}


def planned(
    study: Study,
    grids: Sequence[Grid],
    wanted: int,
    sizes: Sequence[int | None],
    environment: Mapping[str, str],
) -> Plan:
    """Returns the chunks that hold the units of one of the grids.

    Args:
        study: The study.
        grids: All grids that the store was asked for, in their order.
        wanted: The place of the grid whose chunks are returned.
        sizes: The largest number of units of a chunk for each grid; None for about a minute.
        environment: What units have in common besides their settings.
    """
    chunks: list[Chunk] = []
    known: set[str] = set()
    asked: tuple[str, ...] = ()
    for place, (grid, size) in enumerate(zip(grids, sizes, strict=True)):
        units = [(key_of(unit), unit) for unit in grid.units()]
        if place == wanted:
            asked = tuple(key for key, _ in units)
        new = [(key, unit) for key, unit in units if key not in known]
        known.update(key for key, _ in new)
        for group in _groups(study, new):
            chunks += _cut(study, group, size, environment)
    own = set(asked)
    return Plan(tuple(chunk for chunk in chunks if not own.isdisjoint(chunk.keys)), asked)


def _groups(study: Study, units: Iterable[tuple[str, Any]]) -> list[list[tuple[str, Any]]]:
    """The units with equal values of all fields in which units of a chunk may not differ."""
    groups: dict[Any, list[tuple[str, Any]]] = {}
    for key, unit in units:
        shape = (value for name, value in _settings(unit).items() if name not in study.stacked)
        groups.setdefault(tuple(shape), []).append((key, unit))
    return list(groups.values())


def _cut(
    study: Study, group: list[tuple[str, Any]], size: int | None, environment: Mapping[str, str]
) -> list[Chunk]:
    most = _size(group[0][1]) if size is None else size
    count = -(-len(group) // most)
    width = -(-len(group) // count)
    chunks = []
    for start in range(0, len(group), width):
        keys, units = zip(*group[start : start + width], strict=True)
        identity = json.dumps([study.name, dict(environment), width, keys], sort_keys=True)
        name = hashlib.sha256(identity.encode()).hexdigest()[:24]
        chunks.append(Chunk(name, units, keys, width))
    return chunks


def _size(unit: Any) -> int:
    """The number of units that take about a minute; 1 where the study does not tell."""
    if not isinstance(unit, Timed):
        return 1
    return max(1, min(MOST, int(SECONDS / max(unit.seconds_needed(), 1e-6))))
