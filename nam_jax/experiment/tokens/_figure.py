"""Figures of the study `tokens`: error and energy against steps, and completions."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nam_jax.experiment.common import in_style, legend_below, new_figure, styled

PICTURED = (0, 1, 2, 3, 8, 16, 40)
"""Numbers of steps whose completions are drawn."""


@in_style()
def tokens(dataset: xr.Dataset) -> Figure:
    """Draws the error of hidden pixels and the energy against the number of steps.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(2.9, wide=True)
    errors, energies = figure.subplots(1, 2)
    trained = int(dataset.attrs["trained_steps"])
    x = dataset.step.values
    for index, name in enumerate(dataset.trained.values):
        row = dataset.by_step.sel(trained=name)
        style = styled(index)
        errors.errorbar(x, row.sel(bound="value"), row.sel(bound="error"), label=str(name), **style)
        energies.plot(x, dataset.energy.sel(trained=name).mean("run"), label=str(name), **style)
    mean = float(dataset.squared_error.sel(model="mean image", bound="value"))
    errors.axhline(mean, color="0.5", linewidth=0.8, label="mean image")
    for axes in (errors, energies):
        axes.axvline(trained, color="0.85", linewidth=5, zorder=0, label="trained steps")
        axes.set(xlabel="steps of the block (1)")
    errors.set(ylabel="squared error of hidden pixels (1)", ylim=(0, None))
    energies.set(ylabel="energy E (1)")
    legend_below(errors, 2)
    legend_below(energies, 2)
    return figure


@in_style()
def more(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws what the block makes of some digits after several numbers of steps.

    Args:
        dataset: The result of `run` of this study.
    """
    steps = [step for step in PICTURED if step in dataset.step.values]
    rows = [
        ("image", dataset.original.values),
        ("known", dataset.cue.values),
        *((f"after {step}", _filled(dataset, step)) for step in steps),
    ]
    figure = new_figure(0.36 * len(rows))
    grid = figure.subplots(len(rows), dataset.sizes["example"], squeeze=False)
    for line, (name, pictures) in zip(grid, rows, strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            axes.set_facecolor("0.75")
            axes.imshow(np.ma.masked_invalid(picture), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return {"figure-completions": figure}


def _filled(dataset: xr.Dataset, step: int) -> np.ndarray:
    """The known pixels, and the completion of the others."""
    completion = dataset.completion.sel(step=step).values
    return np.where(np.isnan(dataset.cue.values), completion, dataset.cue.values)
