"""The one writer of runs: settings, numbers and figures, written whole or not at all."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nam_jax.record._config import write_config
from nam_jax.record._context import Context
from nam_jax.record._folder import staged_folder
from nam_jax.record._study import Study

if TYPE_CHECKING:
    import xarray as xr

CONFIG, RESULT = "config.toml", "result.zarr"


def run_study(study: Study, config: Any, folder: Path, context: Context) -> "xr.Dataset":
    """Runs a study and writes `config.toml`, `result.zarr` and the figures as PNG into a folder.

    Args:
        study: What to run.
        config: Its settings.
        folder: Where the files go. Those of an earlier run are replaced; if the run fails, nothing
            in the folder changes.
        context: How to run it; its own folder is not used.

    Returns:
        The numbers, as written.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    with staged_folder(folder) as staging:
        dataset = study.run(config, dataclasses.replace(context, folder=staging))
        write_config(config, staging / CONFIG)
        dataset.as_numpy().to_zarr(staging / RESULT, zarr_format=2)
        draw(study, dataset, staging)
    return dataset


def draw(study: Study, dataset: "xr.Dataset", folder: Path) -> list[Path]:
    """Writes the figures of a Dataset as NAME.png into a folder that exists; returns the paths."""
    paths = []
    for name, figure in study.figures(dataset).items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=150)
    return paths
