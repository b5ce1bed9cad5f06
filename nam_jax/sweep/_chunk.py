"""Computes a chunk: a pure function of the settings of its units and of the environment.

Workers import this file, so it imports JAX only when it computes.
"""

import ctypes
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from nam_jax.record import (
    ConfigError,
    Context,
    Precision,
    Study,
    check_memory,
    to_bytes,
    versions,
)
from nam_jax.sweep._plan import Chunk

PROCESS = Path("/proc/self")
RESIDENT, MAPS = 1.2e9, 35_000
"""Resident bytes, and memory maps, at which a worker drops its compiled programs before the next
chunk. Linux ends a process at 65 530 maps, and a program takes a few."""
GROWTH = 1.25
"""By how much they must grow after that before it does so again: what is left is no program."""
RUN_MANY = "unit"
"""The dimension of units in what `run_many` returns."""
OF_ONE = ("config", "seed")
"""Attributes of a study's Dataset that say nothing about other units."""


def environment(precision: Precision) -> dict[str, str]:
    """Returns all that determines numbers beside the settings, by name.

    Args:
        precision: The precision of flows.
    """
    import jax

    settings: Any = jax.config  # its attributes are not declared
    return {
        "platform": jax.default_backend(),
        "precision": precision,
        "jax_enable_x64": str(settings.jax_enable_x64),
        "jax_default_matmul_precision": str(settings.jax_default_matmul_precision),
        "jax_default_prng_impl": str(settings.jax_default_prng_impl),
        "jax_threefry_partitionable": str(settings.jax_threefry_partitionable),
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

    precision = cast(Precision, expected["precision"])
    wrong = different(expected, environment(precision))
    if wrong is not None:
        raise RuntimeError(f"a worker has another environment than the store: {wrong}")
    _make_room()
    context = Context(precision=precision)
    if study.run_many is not None:
        # The last chunk of a group is filled up with its first units, for a program of one shape.
        units = [chunk.units[place % len(chunk.units)] for place in range(chunk.size)]
        numbers = study.run_many(units, context).rename({RUN_MANY: UNIT})
        numbers = numbers.isel({UNIT: slice(len(chunk.units))})
    else:
        parts = (study.run(unit, context) for unit in chunk.units)
        numbers = joined([part.expand_dims(UNIT) for part in parts])
    numbers.attrs = {name: value for name, value in numbers.attrs.items() if name not in OF_ONE}
    return to_bytes(numbers)


_left = {"bytes": 0.0, "maps": 0.0}
"""What this process held when it last dropped its programs."""


def _make_room() -> None:
    """Drops compiled programs if this process has grown large, as after many shapes of units."""
    import equinox
    import jax

    held = _held()
    most = {"bytes": RESIDENT, "maps": MAPS}
    if any(number > max(most[name], GROWTH * _left[name]) for name, number in held.items()):
        equinox.clear_caches()
        jax.clear_caches()
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
        if trim is not None:  # glibc keeps freed memory otherwise
            trim(0)
        _left.update(_held())


def _held() -> dict[str, float]:
    """The resident bytes and the memory maps of this process; nothing where the system hides it."""
    try:
        pages = int((PROCESS / "statm").read_text(encoding="ascii").split()[1])
        maps = (PROCESS / "maps").read_bytes().count(b"\n")
    except (OSError, ValueError):
        return {}  # only Linux says so
    return {"bytes": float(pages * os.sysconf("SC_PAGE_SIZE")), "maps": float(maps)}
