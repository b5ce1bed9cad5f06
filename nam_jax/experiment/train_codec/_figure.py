"""The figure of the trained codec: loss, overlaps of codes, reconstructions."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

ROWS = {"original": "original", "reconstruction": "restored", "damaged": "10 % of bits\nflipped"}


def train_codec(dataset: xr.Dataset) -> Figure:
    """Draws loss against steps, overlaps of stored codes, and held-out images with restored ones.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(9, 7), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 1.2))
    upper, lower = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    left, right = upper.subplots(1, 2)
    _loss(left, dataset)
    _overlaps(right, dataset)
    _examples(lower, dataset)
    return figure


def _loss(axes: Axes, dataset: xr.Dataset) -> None:
    axes.semilogy(dataset.step, dataset.loss, color="0.6", linewidth=0.7, label="training batch")
    errors = dataset.validation_mse
    for name, style in (("autoencoder", "-"), ("PCA, signs", "--"), ("mean image", ":")):
        axes.axhline(
            float(errors.sel(codec=name)), color="black", linestyle=style, label=f"held out: {name}"
        )
    axes.set(xlabel="training step", ylabel="mean squared error")
    axes.legend(fontsize="small")


def _overlaps(axes: Axes, dataset: xr.Dataset) -> None:
    overlap = dataset.overlap.values[np.triu_indices(dataset.sizes["stored_sample"], 1)]
    num_bits = int(dataset.bits.sel(codec="autoencoder"))
    limit = max(0.2, float(np.abs(overlap).max()))
    edges = np.linspace(-limit, limit, 41)
    axes.hist(overlap, edges.tolist(), color="0.75", edgecolor="black")
    chance = _normal(edges, 1 / num_bits) * overlap.size * (edges[1] - edges[0])
    axes.plot(edges, chance, "k--", label=f"independent bits, N = {num_bits}")
    axes.margins(y=0.25)
    num = dataset.sizes["stored_sample"]
    axes.set(xlabel="overlap of two codes", ylabel=f"pairs of {num} images")
    axes.legend(fontsize="small")


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
