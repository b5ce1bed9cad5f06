"""Computes a chunk: a pure function of the settings of its units and of the environment.

Workers import this file, so it imports JAX only when it computes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nam_jax.record import ConfigError, Context, Study, check_memory, to_bytes, versions
from nam_jax.sweep._plan import Chunk

PROCESS = Path("/proc/self/statm")
RESIDENT = 1.2e9
"""Resident bytes at which a worker drops its compiled programs before the next chunk."""
OF_ONE = ("config", "seed")
"""Attributes of a study's Dataset that say nothing about other units."""


def environment() -> dict[str, str]:
    """Returns all that determines numbers beside the settings, by name."""
    import jax

    settings: Any = jax.config  # its attributes are not declared
    return {
        "platform": jax.default_backend(),
        "jax_enable_x64": str(settings.jax_enable_x64),
        "jax_default_matmul_precision": str(settings.jax_default_matmul_precision),
        **versions(),
    }


def different(there: Mapping[str, str], here: Mapping[str, str]) -> str | None:
    """Returns the first difference of two environments in words; None if they are equal."""
    for name in sorted({*there, *here}):
        if there.get(name) != here.get(name):
            return f"{name} {there.get(name)} there and {here.get(name)} here"
    return None


def check_units(study: Study, units: Sequence[Any]) -> None:
    """Raises a `ConfigError` if a unit cannot be run, as far as can be told before it is.

    Args:
        study: The study.
        units: The settings of the units, of which types and ranges have been checked.
    """
    from nam_jax._misc import free_memory

    free = free_memory()
    for place, unit in enumerate(units):
        try:
            check_memory(unit, free)
            if study.check is not None:
                study.check(unit)
        except ConfigError as error:
            raise ConfigError(f"Unit {place + 1} of {len(units)}: {error}") from error


def computed(study: Study, chunk: Chunk, expected: Mapping[str, str]) -> bytes:
    """Returns the numbers of a chunk, as the bytes of its file.

    Args:
        study: The study.
        chunk: The units.
        expected: The environment in which all chunks are computed.

    Raises:
        RuntimeError: If the environment of this process is another one.
    """
    from nam_jax.sweep._combine import UNIT, joined

    wrong = different(expected, environment())
    if wrong is not None:
        raise RuntimeError(f"a worker has another environment than the store: {wrong}")
    _make_room()
    context = Context()
    if study.run_many is not None:
        # The last chunk of a group is filled up with its first units, for a program of one shape.
        units = [chunk.units[place % len(chunk.units)] for place in range(chunk.size)]
        numbers = study.run_many(units, context).isel({UNIT: slice(len(chunk.units))})
    else:
        parts = [study.run(unit, context) for unit in chunk.units]
        numbers = joined([_as_unit(part, UNIT) for part in parts])
    numbers.attrs = {name: value for name, value in numbers.attrs.items() if name not in OF_ONE}
    return to_bytes(numbers)


def _as_unit(part: Any, unit: str) -> Any:
    """The Dataset of one unit, every variable of it with the dimension `unit` of length 1."""
    return part.expand_dims(unit) if part.data_vars else part


def _make_room() -> None:
    """Drops compiled programs if this process has grown large, as after many shapes of units."""
    import os

    import jax

    try:
        pages = int(PROCESS.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return  # only Linux says so
    if pages * os.sysconf("SC_PAGE_SIZE") > RESIDENT:
        jax.clear_caches()
