"""Runs a sweep."""

import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from nam_jax._paths import expanded
from nam_jax.record import (
    ConfigError,
    Context,
    Format,
    Precision,
    Store,
    StoreError,
    Study,
    check_result,
    reading_input,
    shown,
    validate,
    write_result,
)
from nam_jax.sweep._chunk import check_units, environment
from nam_jax.sweep._config import SweepConfig
from nam_jax.sweep._grid import MOST_UNITS, grid_of
from nam_jax.sweep._history import agreed, plan_of
from nam_jax.sweep._plan import Chunk, Plan
from nam_jax.sweep._status import NAME, combined
from nam_jax.sweep._watch import Watch
from nam_jax.sweep._workers import AbstractPool, Workers, pool_of

if TYPE_CHECKING:
    import xarray as xr

PAUSE = 0.2
"""Seconds between two looks at chunks that another run computes."""
KEPT = "finished chunks are kept, and the same command goes on with the rest"


@final
class SweepError(RuntimeError):
    """Chunks of a sweep failed; the message says how many, and how the first one failed."""


def run(
    study: Study,
    grid: Mapping[str | tuple[str, ...], Any],
    *,
    store: str | Path,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: Workers = None,
    scheduler: str | None = None,
    chunk: int | None = None,
    repair: bool = False,
    progress: bool = False,
    precision: Precision = "highest",
) -> "xr.Dataset":
    """Runs a study with every combination of settings, and keeps what is computed.

    If the sweep is stopped, in whatever way, the same call goes on where it was: nothing is
    computed twice and nothing is lost. A larger grid adds units to those that are there.

    For example:

        from nam_jax.experiment import rate

        dataset = nam_jax.sweep.run(
            rate.study,
            {"num_neurons": [64, 128], "load": [0.05, 0.1, 0.15]},
            settings={"memory": "power-2"},
            seeds=20,
            store="runs/hopfield",
        )
        dataset.recalled.mean("seed")

    Args:
        study: The study.
        grid: Values by field of the study's settings; every value of a field is combined with all
            values of the others. The key of fields whose values go together is a tuple of their
            names, and its values are tuples. A range is written "0.05:0.3:6".
        store: The folder of the results. It holds the finished chunks in `chunks/`, and at the end
            `config.toml` and `result.zarr`, for [`nam_jax.load`][].
        seeds: Number of seeds of each point of the grid, from the seed of `settings` on; None for
            that one alone, without a dimension `seed`.
        settings: Values of fields that are the same in all units; other fields have their defaults.
        workers: None to compute in this process; a number of processes on this machine; or
            "devices" for one process for each GPU of this machine.
        scheduler: The address of a Dask scheduler whose workers compute, in place of `workers`.
        chunk: Largest number of units that are computed and kept together; None for as many as take
            about a minute where the settings tell, else 1.
        repair: Whether to compute damaged chunks again; if False they raise an error.
        progress: Whether to show progress on standard error.
        precision: Precision of the products in flows on GPUs and TPUs, "highest", "high" or
            "default"; see [`nam_jax.solve.Flow`][]. It is part of what all units of a store share.

    Returns:
        The numbers of all units, with one dimension for each field of the grid and for the seeds,
        before those of the study.

    Raises:
        ConfigError: If a field is unknown, a value is wrong or a unit too large, before anything is
            computed; if the store holds units of other settings, another study or other versions,
            so that results would mix; or if the folder cannot be written.
        StoreError: If the disk is full, or a chunk is damaged and `repair` is False.
        SweepError: If chunks failed. All others were computed and are kept.
        ConnectionError: If the Dask scheduler is lost.
        ModuleNotFoundError: If workers are asked for and Dask, of the extra `cluster`, is missing.
    """
    config = SweepConfig(
        study=study.name,
        seeds=seeds,
        chunk=chunk,
        settings=dict(settings or {}),
        grid={name: values for name, values in grid.items() if isinstance(name, str)},
        zip=[_columns(names, rows) for names, rows in grid.items() if not isinstance(names, str)],
    )
    return run_config(
        config, study, store, workers=workers, scheduler=scheduler, repair=repair,
        progress=progress, precision=precision,
    )  # fmt: skip


def run_config(
    config: SweepConfig,
    study: Study,
    store: str | Path,
    *,
    workers: Workers = None,
    scheduler: str | None = None,
    repair: bool = False,
    progress: bool = False,
    precision: Precision = "highest",
    drawn_by: Study | None = None,
    format: Format = "png",
) -> "xr.Dataset":
    """Runs the sweep that settings describe; as for `run`.

    Args:
        config: The settings of the sweep.
        study: The study that they name.
        store: The folder of the results.
        workers: As for `run`.
        scheduler: As for `run`.
        repair: As for `run`.
        progress: As for `run`.
        precision: As for `run`.
        drawn_by: The study that draws the figures of the folder; None for no figures.
        format: Format of the figures.
    """
    _check_names(config, study)
    config = _normal(config)
    grid = grid_of(config, study)
    with reading_input():
        folder = expanded("store", store)
        Context(precision=precision)  # which checks it
    check_result(folder)
    study.run.resolve()  # a missing package is reported before anything is computed
    if drawn_by is not None:
        drawn_by.resolve()
    chunks = Store(folder)
    try:
        with pool_of(study, workers, scheduler) as pool:
            pool.call(check_units, study, list(grid.units()))
            here = pool.call(environment, precision)
            header = chunks.agree(lambda old: agreed(old, config, study, grid, here))
            plan = plan_of(header, study)
            _verify(chunks, plan, repair)
            with Watch(len(plan.keys), study.headline, shown=progress) as watch:
                failures = _compute(pool, chunks, plan, here, watch)
        failures.report(len(plan.chunks))
        dataset = combined(chunks, grid, plan, config, study, header)
        _write(config, dataset, folder, drawn_by, format)
    except KeyboardInterrupt as error:
        if chunks.is_there():
            error.add_note(KEPT)
        raise
    return dataset


def _write(
    config: SweepConfig,
    dataset: "xr.Dataset",
    folder: Path,
    drawn_by: Study | None,
    format: Format,
) -> None:
    try:
        write_result(config, dataset, folder, drawn_by, format)
    except OSError as error:
        raise StoreError(
            f"{folder}: result.zarr cannot be written ({error.strerror or error}); {KEPT}."
        ) from error


def _verify(chunks: Store, plan: Plan, repair: bool) -> None:
    """Reads all chunks that are there; removes damaged ones, or raises a `StoreError`."""
    names = chunks.names()
    for chunk in plan.chunks:
        if chunk.name in names:
            try:
                chunks.read(chunk.name)
            except StoreError as error:
                if not repair:
                    advice = "give --repair, or repair=True in Python, to compute it again"
                    raise StoreError(f"{str(error).rstrip('.')}; {advice}.") from error
                chunks.remove(chunk.name)


class Failures:
    """Counts chunks that failed and keeps the first error; others would keep their arrays too."""

    def __init__(self):
        self.count = 0
        self._first: tuple[str, Exception] | None = None

    def add(self, name: str, error: Exception) -> None:
        """Counts a chunk."""
        self.count += 1
        self._first = self._first or (name, error)

    def report(self, chunks: int) -> None:
        """Raises a `SweepError` if one of so many chunks failed."""
        if self._first is not None:
            name, error = self._first
            raise SweepError(
                f"{self.count} of {chunks} chunks failed and all others are kept; the first, "
                f"{name}, with {type(error).__name__}: {error}"
            ) from error


def _compute(
    pool: AbstractPool, chunks: Store, plan: Plan, here: Mapping[str, str], watch: Watch
) -> Failures:
    """Computes all chunks that are not there; returns those that failed.

    A chunk that another run has claimed is left to it, and looked at again later.
    """
    own = set(plan.keys)
    waiting, failures = deque(plan.chunks), Failures()
    claims: dict[str, tuple[Chunk, contextlib.ExitStack]] = {}
    try:
        while waiting or claims:
            room = pool.capacity - len(claims)
            for chunk in _claimed(chunks, waiting, claims, room, watch, own):
                pool.send(chunk, here)
            if claims:
                name, outcome = pool.take()
                chunk, claim = claims.pop(name)
                with claim:
                    if isinstance(outcome, Exception):
                        failures.add(name, outcome)
                        watch.failed(len(own.intersection(chunk.keys)))
                        continue
                    chunks.write(name, outcome)
                watch.finished(len(own.intersection(chunk.keys)), outcome)
            elif waiting:
                time.sleep(PAUSE)
    finally:
        for _, claim in claims.values():
            claim.close()
    return failures


def _claimed(
    chunks: Store,
    waiting: deque[Chunk],
    claims: dict[str, tuple[Chunk, contextlib.ExitStack]],
    room: int,
    watch: Watch,
    own: set[str],
) -> Iterator[Chunk]:
    """Yields chunks that this run now computes alone, at most `room`."""
    for _ in range(len(waiting)):
        if room < 1:
            return
        chunk = waiting.popleft()
        with contextlib.ExitStack() as claim:
            mine = claim.enter_context(chunks.claim(chunk.name))
            if chunks.has(chunk.name):  # asked with the claim held, so that nobody writes it now
                watch.kept(len(own.intersection(chunk.keys)))
            elif not mine:
                waiting.append(chunk)
            else:
                claims[chunk.name] = (chunk, claim.pop_all())
                room -= 1
                yield chunk


def _check_names(config: SweepConfig, study: Study) -> None:
    if study.name == NAME or config.study != study.name:
        raise ConfigError(f"Argument `study` must name a study, but has {shown(config.study)}.")


def _columns(names: Any, rows: Any) -> dict[str, Any]:
    """The values of each of the fields that go together, of which `rows` has one after another."""
    rows = _plain(rows)
    if (
        not isinstance(names, tuple)
        or not isinstance(rows, list)
        or not all(isinstance(row, list) and len(row) == len(names) for row in rows)
    ):
        raise ConfigError(
            "Argument `grid` must have fields that go together as a tuple of names, with a tuple "
            f"of as many values for each place, but has {shown(names)}: {shown(rows)}."
        )
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _normal(config: SweepConfig) -> SweepConfig:
    """The settings of a sweep as TOML and JSON hold them, with their types checked."""
    return validate(
        dataclasses.replace(
            config,
            settings={name: _plain(value) for name, value in config.settings.items()},
            grid={name: _plain(values) for name, values in config.grid.items()},
            zip=[{name: _plain(v) for name, v in group.items()} for group in config.zip],
        )
    )


def _plain(value: Any) -> Any:
    """Numbers and lists of Python, for arrays and tuples, and the word None for None."""
    to_list = getattr(value, "tolist", None)  # of arrays and numbers of NumPy
    value = value if to_list is None else to_list()
    if isinstance(value, range) and len(value) <= MOST_UNITS:
        value = list(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return "None" if value is None else value
