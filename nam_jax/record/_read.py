"""What a run left, read back."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nam_jax.record._config import ConfigError, read_config
from nam_jax.record._run import CONFIG, RESULT
from nam_jax.record._study import Study

if TYPE_CHECKING:
    import xarray as xr

COMPRESSOR = "blosc"
"""The only codec of zarr that a run writes. Others are refused: one of them unpickles."""


class Run(NamedTuple):
    """What a run left.

    Attributes:
        dataset: The numbers, in memory.
        config: The settings, as they were used.
    """

    dataset: "xr.Dataset"
    config: Any


def read_run(folder: Path, studies: Sequence[Study]) -> Run:
    """Reads the numbers and settings that `run_study` left in a folder; executes nothing of it.

    Args:
        folder: The folder of the run.
        studies: Studies of which the run may be; `study_of` says which.

    Raises:
        ConfigError: If the folder holds no such run, or one that is damaged.
    """
    for name in (CONFIG, RESULT):
        if not (folder / name).exists():
            raise ConfigError(f"{folder}: is not the folder of a run, as it has no {name}.")
    dataset = _read_dataset(folder / RESULT)
    config = read_config(study_of(dataset, studies).config.resolve(), folder / CONFIG)
    return Run(dataset, config)


def study_of(dataset: "xr.Dataset", studies: Sequence[Study]) -> Study:
    """Returns the study of which a Dataset holds the numbers.

    Raises:
        ConfigError: If the Dataset names none of the studies.
    """
    name = dataset.attrs.get("study")
    for study in studies:
        if study.name == name:
            return study
    raise ConfigError(f"{RESULT}: must be of a study of this version, but names {name!r}.")


def _read_dataset(path: Path) -> "xr.Dataset":
    import xarray as xr

    try:
        _check_codecs(path)
        # Only the metadata that were checked are read, not the copy of them all in one file.
        with xr.open_zarr(path, zarr_format=2, consolidated=False) as dataset:
            return dataset.load()
    except Exception as error:  # zarr tells a damaged file by errors of many kinds
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from error


def _check_codecs(path: Path) -> None:
    for file in path.rglob(".zarray"):
        array = json.loads(file.read_text(encoding="utf-8"))
        codecs = [array["compressor"], *(array["filters"] or [])]
        foreign = [codec["id"] for codec in codecs if codec and codec["id"] != COMPRESSOR]
        if foreign or "O" in str(array["dtype"]):
            raise ValueError(f"{file.parent.name} is encoded as no run encodes its numbers")
