"""The figure of the trained codec: loss, overlaps of codes, reconstructions."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from nam_jax.experiment.common import in_style, legend_below, new_figure, styled

ROWS = {"original": "original", "reconstruction": "restored", "damaged": "10 % of bits\nflipped"}


@in_style()
def train_codec(dataset: xr.Dataset) -> Figure:
    """Draws loss against steps, overlaps of stored codes, and held-out images with restored ones.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(5.2, wide=True)
    grid = figure.add_gridspec(2, 1, height_ratios=(1.1, 1))
    upper, lower = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    left, right = upper.subplots(1, 2)
    _loss(left, dataset)
    _overlaps(right, dataset)
    _examples(lower, dataset)
    return figure


def _loss(axes: Axes, dataset: xr.Dataset) -> None:
    axes.semilogy(
        dataset.step, dataset.loss, "-", color="0.6", linewidth=0.6, label="training batch"
    )
    errors = dataset.validation_mse
    for index, name in enumerate(("autoencoder", "PCA, signs", "mean image")):
        look = styled(index, marker="", label=f"held out: {name}")
        axes.axhline(float(errors.sel(codec=name)), **look)
    axes.set(xlabel="training step (1)", ylabel="mean squared error (1)")
    legend_below(axes, 2)


def _overlaps(axes: Axes, dataset: xr.Dataset) -> None:
    overlap = dataset.overlap.values[np.triu_indices(dataset.sizes["stored_sample"], 1)]
    num_bits = int(dataset.bits.sel(codec="autoencoder"))
    limit = max(0.2, float(np.abs(overlap).max()))
    edges = np.linspace(-limit, limit, 41)
    axes.hist(overlap, edges.tolist(), color="C3", edgecolor="black")
    chance = _normal(edges, 1 / num_bits) * overlap.size * (edges[1] - edges[0])
    axes.plot(edges, chance, "--", color="C0", label=f"independent bits, N = {num_bits}")
    num = dataset.sizes["stored_sample"]
    axes.set(xlabel="overlap of two codes (1)", ylabel=f"pairs of {num} images (1)")
    legend_below(axes)


def _normal(x: Float[np.ndarray, " n"], variance: float) -> Float[np.ndarray, " n"]:
    return np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def _examples(figure: SubFigure, dataset: xr.Dataset) -> None:
    grid = figure.subplots(len(ROWS), dataset.sizes["sample"], squeeze=False)
    figure.suptitle("held-out images")
    for axes_row, (name, label) in zip(grid, ROWS.items(), strict=True):
        axes_row[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axes, image in zip(axes_row, dataset[name].values, strict=True):
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
