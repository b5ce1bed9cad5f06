"""The grid of a sweep: its axes, and the settings of every unit."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nam_jax.record import ConfigError, Study, converted, entry_of, field_hint, shown, validate
from nam_jax.sweep._config import RANGE, SweepConfig

MOST_UNITS = 1_000_000
"""Largest number of units of a grid."""


class Axis(NamedTuple):
    """Values of one field, or of several fields that go together.

    Attributes:
        names: The fields.
        values: For each place on the axis, the value of each field.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]


class Grid(NamedTuple):
    """All units of a sweep.

    Attributes:
        base: The settings of the study before fields of the axes are changed.
        axes: The axes; the last is that of seeds, if there are several.
    """

    base: Any
    axes: tuple[Axis, ...]

    @property
    def num_units(self) -> int:
        """The number of units."""
        return math.prod(len(axis.values) for axis in self.axes)

    @property
    def swept(self) -> tuple[str, ...]:
        """The fields that differ between units."""
        return tuple(name for axis in self.axes for name in axis.names)

    def units(self) -> Iterator[Any]:
        """Yields the settings of each unit, the last axis fastest."""
        swept = self.swept
        for places in itertools.product(*(axis.values for axis in self.axes)):
            values = itertools.chain.from_iterable(places)
            yield dataclasses.replace(self.base, **dict(zip(swept, values, strict=True)))


def grid_of(config: SweepConfig, study: Study) -> Grid:
    """Returns the grid that the settings of a sweep describe, with all values checked.

    Args:
        config: The settings of the sweep.
        study: The study that it names.

    Raises:
        ConfigError: If a field is unknown, given twice, or has no values; if a value is of the
            wrong type, out of range or given twice; if values that go together differ in number; or
            if there are more than `MOST_UNITS` units.
    """
    kind = study.config.resolve()
    fields = [field.name for field in dataclasses.fields(kind)]
    base = _base(kind, config.settings, study, fields)
    groups = [{name: values} for name, values in config.grid.items()] + list(config.zip)
    for name in (name for group in groups for name in group):
        _check_field(name, fields, study, "grid")
    axes = [_axis(kind, group) for group in groups]
    if config.seeds is not None:
        axes.append(_seeds(base, config.seeds, study, fields))
    grid = Grid(base, tuple(axes))
    _check(grid, config)
    return grid


def _base(kind: type, settings: Mapping[str, Any], study: Study, fields: Sequence[str]) -> Any:
    for name in settings:
        _check_field(name, fields, study, "settings")
    given = {
        name: converted(kind, name, _given(kind, name, value), f"Key `{name}` of `settings`")
        for name, value in settings.items()
    }
    return validate(kind(**given))  # so that a default such as 1 of a real number becomes 1.0


def _check(grid: Grid, config: SweepConfig) -> None:
    first_seed = {"seed"} if config.seeds is not None else set()
    for name in grid.swept:
        if grid.swept.count(name) > 1 or name in config.settings.keys() - first_seed:
            raise ConfigError(f"Argument `grid` must have field `{name}` once, but has it twice.")
    if not grid.axes:
        raise ConfigError(
            "Argument `grid` must have values of at least one field, as in num_patterns=10,20, or "
            "several seeds, but is empty."
        )
    if grid.num_units > MOST_UNITS:
        raise ConfigError(
            f"Argument `grid` must make at most {MOST_UNITS} units, but has {grid.num_units}."
        )


def _check_field(name: str, fields: Sequence[str], study: Study, where: str) -> None:
    if name not in fields:
        raise ConfigError(
            f"Argument `{where}` must name fields of `{study.name}`, but has {shown(name)}; "
            f"{field_hint(name, fields)}"
        )


def _axis(kind: type, group: Mapping[str, Any]) -> Axis:
    if not group:
        raise ConfigError("Argument `zip` must name fields in each group, but has an empty group.")
    columns = {name: _values(kind, name, values) for name, values in group.items()}
    lengths = {len(column) for column in columns.values()}
    names = ", ".join(f"`{name}`" for name in columns)
    if len(lengths) != 1:
        raise ConfigError(
            f"Argument `zip` must have as many values of each of {names}, but has "
            f"{', '.join(str(len(column)) for column in columns.values())}."
        )
    values = tuple(zip(*columns.values(), strict=True))
    seen: set[Any] = set()
    for value in values:
        if value in seen or seen.add(value):
            raise ConfigError(
                f"Argument `grid` must have different values of {names}, but has "
                f"{', '.join(map(shown, value))} twice."
            )
    return Axis(tuple(columns), values)


def _values(kind: type, name: str, values: Any) -> list[Any]:
    """The checked values of a field, which may be given as a range."""
    called = f"Argument `grid`: value of `{name}`"
    if isinstance(values, str):
        values = _range(name, values, kind)
    if not isinstance(values, list | tuple | range):
        raise ConfigError(f"{called} must be a list of values or a range, but has {shown(values)}.")
    if not values:
        raise ConfigError(f"Argument `grid` must have values of `{name}`, but has none.")
    if len(values) > MOST_UNITS:
        raise ConfigError(
            f"Argument `grid` must make at most {MOST_UNITS} units, but has {len(values)} values "
            f"of `{name}`."
        )
    return [converted(kind, name, _given(kind, name, value), called) for value in values]


def _given(kind: type, name: str, value: Any) -> Any:
    """The value; a list of it if the field takes a list, and None for the word None."""
    entry = entry_of(kind, name)
    if value == "None" and entry.optional:
        return None
    return [value] if entry.in_list and not isinstance(value, list | tuple) else value


def _range(name: str, text: str, kind: type) -> list[Any]:
    """The values of a range, such as 0.05, 0.1, 0.15 of "0.05:0.15:3"."""
    match = RANGE.fullmatch(text)
    requirement = (
        f"Argument `grid` must have for `{name}` a list of values, or a range as in 0.05:0.3:6 or "
        "10:1000:5:log (first, last, number of values)"
    )
    try:
        if match is None:
            raise ValueError
        first, last, count = float(match[1]), float(match[2]), int(match[3])
        if match[4]:
            first, last = math.log(first), math.log(last)
        if not (math.isfinite(first) and math.isfinite(last) and 2 <= count <= MOST_UNITS):
            raise ValueError
    except ValueError as error:
        raise ConfigError(f"{requirement}, but has {shown(text)}.") from error
    steps = [first + (last - first) * step / (count - 1) for step in range(count)]
    values = [float(f"{math.exp(step) if match[4] else step:.12g}") for step in steps]
    return [round(value) if entry_of(kind, name).whole else value for value in values]


def _seeds(base: Any, num: int, study: Study, fields: Sequence[str]) -> Axis:
    if "seed" not in fields:
        raise ConfigError(
            f"Argument `seeds` must be left out for `{study.name}`, which has no field `seed`, but "
            f"has {num}."
        )
    if num > MOST_UNITS:
        raise ConfigError(f"Argument `seeds` must be at most {MOST_UNITS}, but has {num}.")
    converted(type(base), "seed", base.seed + num - 1, "Argument `seeds`: the last seed")
    return Axis(("seed",), tuple((base.seed + place,) for place in range(num)))
