"""Runs a sweep as a study, and its table."""

import xarray as xr
from rich.table import Table

from nam_jax import sweep
from nam_jax.record import Context


def run(config: sweep.SweepConfig, context: Context) -> xr.Dataset:
    """Runs the sweep that the settings describe.

    Args:
        config: The settings of the sweep.
        context: Where to keep its chunks, and whether to show progress.
    """
    from nam_jax.experiment import study_named

    assert context.folder is not None
    study = study_named(config.study)
    return sweep.run_config(config, study, context.folder, progress=context.progress)


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of the means over seeds."""
    result = Table(title=f"Sweep of {dataset.attrs['swept_study']}")
    result.add_column("units")
    result.add_row(str(int(dataset["computed"].sum())))
    return result
