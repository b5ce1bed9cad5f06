"""The figure of training: recall against the load, losses, recalled and completed images."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLES = {
    "hebbian": ("s", ":", "0.0"),
    "projection": ("^", "--", "0.0"),
    "trained": ("o", "-", "0.0"),
    "pseudo-inverse": ("v", "--", "0.55"),
    "storkey": ("d", ":", "0.55"),
    "nearest stored": ("", "-", "0.75"),
}
OTHERS = ("x", "*", "P", "h", "<")
"""Markers of other memories, in the order of the Dataset."""

TITLES = {"flipped": "flipped bits", "occluded": "hidden rows"}


def train(dataset: xr.Dataset) -> Figure:
    """Draws recall by load for both kinds of damage, losses, and pictures.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(12, 9.5), layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 1.25)))
    flipped, occluded, losses = upper.subplots(1, 3)
    for axes, damage in ((flipped, "flipped"), (occluded, "occluded")):
        _recall(axes, dataset.sel(damage=damage))
    flipped.set_ylabel("rate of exact recall (95 % interval)")
    upper.legend(*flipped.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    _losses(losses, dataset)
    left, right = lower.subfigures(1, 2, width_ratios=(1, 1.6))
    largest = int(dataset.stored[-1])
    _pictures(left.subplots(), dataset.recalls, f"recall from flipped bits, K = {largest}")
    _pictures(right.subplots(), dataset.paintings, "held-out images completed")
    return figure


def _recall(axes: Axes, dataset: xr.Dataset) -> None:
    others = iter(OTHERS * len(dataset.memory))
    for memory in dataset.memory.values:
        style = STYLES.get(str(memory)) or (next(others), "-.", "0.35")
        row = dataset.sel(memory=memory)
        errors = np.abs(np.stack([row.exact - row.exact_low, row.exact_high - row.exact]))
        axes.errorbar(
            dataset.stored, row.exact, errors, marker=style[0], linestyle=style[1],
            color=style[2], capsize=2, markersize=5, linewidth=1.2, label=str(memory),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(dataset.stored.values, [str(k) for k in dataset.stored.values])
    axes.minorticks_off()
    axes.set(
        title=TITLES[str(dataset.damage.values)],
        xlabel="stored images K",
        ylim=(-0.03, 1.03),
    )


def _losses(axes: Axes, dataset: xr.Dataset) -> None:
    """Losses, each smoothed by a running mean."""
    runs = [str(run) for run in dataset.run.values]
    for index, run in enumerate(runs):
        loss = dataset.loss.sel(run=run).dropna("step").values
        width = max(len(loss) // 8, 1)
        smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
        last = run == "inpainting"
        shade = "0.0" if last else str(0.75 - 0.6 * index / max(len(runs) - 1, 1))
        axes.plot(
            np.arange(len(smooth)) + width, smooth, "--" if last else "-",
            color=shade, linewidth=1.2, label=run,
        )  # fmt: skip
    axes.set(title="training", xlabel="step", ylabel="loss, running mean (1)")
    axes.legend(fontsize="x-small")


def _pictures(axes: Axes, pictures: xr.DataArray, title: str) -> None:
    """Joins the pictures into one image with white gaps: columns are methods, rows examples."""
    kind, example, height, width = pictures.sizes.values()
    gap = max(width // 8, 1)
    grid = np.full((kind, example, height + gap, width + gap), np.nan)
    grid[..., :height, :width] = pictures.values
    joined = grid.transpose(1, 2, 0, 3).reshape(example * (height + gap), kind * (width + gap))
    axes.imshow(joined, cmap="gray_r", vmin=-1, vmax=1, interpolation="nearest")
    centres = (np.arange(kind) + 0.5) * (width + gap) - gap / 2
    names = [str(name).replace(" ", "\n") for name in pictures.coords[pictures.dims[0]].values]
    axes.set_xticks(centres, names, fontsize="small")
    axes.set_yticks([])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
