"""Figures of training: recall against the load, losses, recalled and completed images."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import (
    errors,
    in_style,
    legend_below,
    log_ticks,
    new_figure,
    show_pictures,
    styled,
)

TITLES = {"flipped": "flipped bits", "occluded": "hidden rows"}


@in_style()
def train(dataset: xr.Dataset) -> Figure:
    """Draws recall by load for both kinds of damage.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(3.1, wide=True)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, damage in zip(panels, TITLES, strict=True):
        _recall(axes, dataset.sel(damage=damage))
    panels[0].set_ylabel("rate of exact recall (1), 95 %")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@in_style()
def train_more(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws losses during training, and recalled and completed images, by file name.

    Args:
        dataset: The result of `run` of this study.
    """
    losses = new_figure(2.4 + 0.15 * dataset.sizes["run"] / 2)
    _losses(losses.subplots(), dataset)
    pictures = new_figure(3.4, wide=True)
    left, right = pictures.subplots(1, 2, width_ratios=(1, 1.6))
    largest = int(dataset.stored[-1])
    _pictures(left, dataset.recalls, f"recall from flipped bits, K = {largest}")
    _pictures(right, dataset.paintings, "held-out images completed")
    return {"figure-losses": losses, "figure-pictures": pictures}


def _recall(axes: Axes, dataset: xr.Dataset) -> None:
    for index, memory in enumerate(dataset.memory.values):
        row = dataset.sel(memory=memory)
        values = [row[name].values for name in ("exact", "exact_low", "exact_high")]
        axes.errorbar(
            dataset.stored, values[0], errors(*values), label=str(memory), **styled(index)
        )
    log_ticks(axes, dataset.stored.values)
    axes.set(
        title=TITLES[str(dataset.damage.values)],
        xlabel="stored images K (1)",
        ylim=(-0.03, 1.03),
    )


def _losses(axes: Axes, dataset: xr.Dataset) -> None:
    """Losses, each smoothed by a running mean."""
    for index, run in enumerate(dataset.run.values):
        loss = dataset.loss.sel(run=run).dropna("step").values
        width = max(len(loss) // 8, 1)
        smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
        look = styled(index, marker="", label=str(run))
        axes.plot(np.arange(len(smooth)) + width, smooth, **look)
    axes.set(xlabel="step (1)", ylabel="loss, running mean (1)")
    legend_below(axes, 2)


def _pictures(axes: Axes, pictures: xr.DataArray, title: str) -> None:
    """Columns are methods, rows examples."""
    methods = pictures.coords[pictures.dims[0]].values
    names = [str(name).replace(" ", "\n") for name in methods]
    show_pictures(axes, pictures.values, (-1, 1), names)
    axes.set_title(title)
