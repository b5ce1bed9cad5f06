"""Reads the numbers and settings of a run from its folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nam_jax._paths import expanded
from nam_jax.record._attributes import from_json
from nam_jax.record._config import ConfigError, read_config, reading_input
from nam_jax.record._owned import CONFIG, RESULT
from nam_jax.record._staging import item
from nam_jax.record._study import Study

if TYPE_CHECKING:
    import xarray as xr

ATTEMPTS = 5
"""Number of times that a folder is read which changes meanwhile."""

COMPRESSOR = "blosc"
"""The only zarr codec that a run writes. Others are refused, because one codec can run code of the
file (it unpickles)."""


class Run(NamedTuple):
    """The numbers and settings of a finished run.

    Attributes:
        dataset: The numbers, in memory.
        config: The settings that the run used.
    """

    dataset: "xr.Dataset"
    config: Any


def read_run(folder: Path, studies: Sequence[Study]) -> Run:
    """Reads the numbers and settings that `run_study` wrote to a folder; runs no code from it.

    Numbers and settings are always of the same run, also if another process writes to the folder
    now, or was killed while it did.

    Args:
        folder: The folder of the run.
        studies: The known studies; the run must be a run of one of them.

    Raises:
        ConfigError: If the folder holds no such run, or one that is damaged.
    """
    with reading_input():
        folder = expanded("folder", folder)
    for _ in range(ATTEMPTS):
        before = _identity(folder)
        try:
            run = _read_once(folder, studies)
        except ConfigError:
            if _identity(folder) == before:
                raise
        else:
            if _identity(folder) == before:
                return run
    raise ConfigError(f"{folder}: changes while it is read.")


def study_of(dataset: "xr.Dataset", studies: Sequence[Study]) -> Study:
    """Returns the study whose numbers a Dataset holds.

    Args:
        dataset: The numbers of a run.
        studies: The known studies.

    Raises:
        ConfigError: If the Dataset names none of the studies.
    """
    name = dataset.attrs.get("study")
    for study in studies:
        if study.name == name:
            return study
    raise ConfigError(f"{RESULT}: must be of a study of this version, but names {name!r}.")


def _read_once(folder: Path, studies: Sequence[Study]) -> Run:
    for name in (CONFIG, RESULT):
        if not item(folder, name).exists():
            raise ConfigError(f"{folder}: is not the folder of a run, as it has no {name}.")
    dataset = _read_dataset(item(folder, RESULT))
    config = read_config(study_of(dataset, studies).config.resolve(), item(folder, CONFIG))
    return Run(dataset, config)


def _identity(folder: Path) -> list[tuple[Path, int]]:
    """Returns what changes when another run takes the place of the run in a folder."""
    places = [item(folder, name) for name in (CONFIG, RESULT)]
    return [(place, _inode(place)) for place in places]


def _inode(place: Path) -> int:
    try:
        return place.stat().st_ino
    except OSError:  # nothing there, or it is just being moved
        return 0


def _read_dataset(path: Path) -> "xr.Dataset":
    import xarray as xr
    from zarr.storage import LocalStore

    try:
        _check_codecs(path)
        # Zarr may keep a second copy of all metadata in one file; only the checked ones are read.
        store = LocalStore(path, read_only=True)  # a path alone would be read as an address
        with xr.open_zarr(store, zarr_format=2, consolidated=False) as dataset:
            return from_json(dataset.load())
    except Exception as error:  # zarr raises errors of many classes if a file is damaged
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from error


def _check_codecs(path: Path) -> None:
    """Raises a `ValueError` if an array has an encoding that runs do not use."""
    for file in path.rglob(".zarray"):
        array = json.loads(file.read_text(encoding="utf-8"))
        codecs = [array["compressor"], *(array["filters"] or [])]
        foreign = [codec["id"] for codec in codecs if codec and codec["id"] != COMPRESSOR]
        if foreign or "O" in str(array["dtype"]):
            raise ValueError(f"{file.parent.name} has an encoding that runs do not use")
