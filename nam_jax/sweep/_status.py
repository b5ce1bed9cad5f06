"""Tells how far a sweep is, and reads what is there of it."""

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nam_jax._paths import expanded
from nam_jax.record import ConfigError, Store, Study, reading_input, shown
from nam_jax.sweep._config import SweepConfig
from nam_jax.sweep._grid import Grid, grid_of
from nam_jax.sweep._history import checked, config_of, plan_of
from nam_jax.sweep._plan import Plan
from nam_jax.sweep._watch import duration

if TYPE_CHECKING:
    import xarray as xr

NAME = "sweep"
"""The attribute `study` of the numbers of a sweep."""


class Status(NamedTuple):
    """How far a sweep is.

    Attributes:
        study: Name of the study.
        units: Number of units of the grid.
        finished: Number of units that are computed.
        chunks: Number of chunks that hold them.
        finished_chunks: Number of chunks that are there.
        idle: Seconds since the last chunk was written; NaN if none is there.
        left: Seconds that the rest needs at the pace of the last ten chunks; NaN if not known.
    """

    study: str
    units: int
    finished: int
    chunks: int
    finished_chunks: int
    idle: float
    left: float

    def __str__(self) -> str:
        text = (
            f"{self.study}: {self.finished} of {self.units} units "
            f"({self.finished_chunks} of {self.chunks} chunks)"
        )
        if self.finished_chunks:
            text += f", the last {duration(self.idle)} ago"
        if self.finished < self.units and self.left == self.left:  # not NaN
            text += f", about {duration(self.left)} left"
        return text


def status(folder: str | Path, studies: Sequence[Study]) -> Status:
    """Returns how far a sweep is; neither stops it nor starts JAX.

    Args:
        folder: The folder of the results of the sweep.
        studies: The known studies.

    Raises:
        ConfigError: If the folder holds no sweep of one of them.
    """
    chunks, header, study = _opened(folder, studies)
    plan = plan_of(header, study)
    own = set(plan.keys)
    times = chunks.names()
    there = [chunk for chunk in plan.chunks if chunk.name in times]
    written = sorted(times[chunk.name] for chunk in there)
    left = float("nan")
    if len(written) > 1:
        last = written[-10:]
        left = (last[-1] - last[0]) / (len(last) - 1) * (len(plan.chunks) - len(there))
    return Status(
        study=study.name,
        units=len(plan.keys),
        finished=sum(len(own.intersection(chunk.keys)) for chunk in there),
        chunks=len(plan.chunks),
        finished_chunks=len(there),
        idle=time.time() - written[-1] if written else float("nan"),
        left=left,
    )


def read(folder: str | Path, studies: Sequence[Study]) -> "xr.Dataset":
    """Returns the numbers of a sweep as far as they are computed; other units are NaN.

    Args:
        folder: The folder of the results of the sweep.
        studies: The known studies.

    Raises:
        ConfigError: If the folder holds no sweep of one of them, or no finished chunk.
        StoreError: If a chunk is damaged.
    """
    chunks, header, study = _opened(folder, studies)
    plan = plan_of(header, study)
    config = config_of(header["grids"][header["current"]])
    if not any(chunks.has(chunk.name) for chunk in plan.chunks):
        raise ConfigError(f"{folder}: holds no finished unit yet.")
    return combined(chunks, grid_of(config, study), plan, config, study, header)


def is_there(folder: str | Path) -> bool:
    """Returns whether a folder holds chunks of a sweep."""
    return Store(Path(folder)).is_there()


def combined(
    chunks: Store,
    grid: Grid,
    plan: Plan,
    config: SweepConfig,
    study: Study,
    header: dict[str, Any],
) -> "xr.Dataset":
    """Returns the numbers of all chunks that are there, labelled by the fields of the grid.

    Raises:
        StoreError: If a chunk is damaged.
    """
    from nam_jax.sweep._combine import on_grid

    names = chunks.names()
    there = [(chunk, chunks.read(chunk.name)) for chunk in plan.chunks if chunk.name in names]
    dataset = on_grid(grid, plan, there)
    return dataset.assign_attrs(
        study=NAME,
        swept_study=study.name,
        headline=study.headline or "",
        swept=json.dumps([str(name) for name in dataset["computed"].dims]),
        config=json.dumps(dataclasses.asdict(config)),
        environment=json.dumps(header["environment"]),
    )


def _opened(folder: str | Path, studies: Sequence[Study]) -> tuple[Store, dict[str, Any], Study]:
    with reading_input():
        place = expanded("folder", folder)
    chunks = Store(place)
    header = checked(chunks.header())
    if header is None:
        raise ConfigError(f"{place}: is not the folder of a sweep.")
    for study in studies:
        if study.name == header.get("study"):
            return chunks, header, study
    raise ConfigError(f"{place}: is of an unknown study, {shown(header.get('study'))}.")
