"""The figure of recalled images: originals, cues and recalls; activity, energy and overlap."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

MOST_IMAGES = 13
ROWS = {"original": "original", "damaged": "damaged cue", "recalled": "recalled"}
STYLES = ("-", "--", "-.", ":")


def retrieve(dataset: xr.Dataset) -> Figure:
    """Draws Figure 2 of Kozachkov, Slotine & Krotov.

    Images are above, the activity of the three layers in one recall in the middle, and energy and
    overlap of several recalls below.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(12, 9.5), layout="constrained")
    grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.05, 0.95))
    images, layers, curves = (figure.add_subfigure(grid[row]) for row in range(3))
    _images(images, dataset)
    _layers(layers, dataset)
    energy, overlap = curves.subplots(1, 2)
    _energy(energy, dataset)
    _overlap(overlap, dataset)
    return figure


def _images(figure: SubFigure, dataset: xr.Dataset) -> None:
    num = min(MOST_IMAGES, dataset.sizes["sample"])
    axes = figure.subplots(len(ROWS), num, squeeze=False)
    exact = int(dataset.exact.sum())
    figure.suptitle(
        f"{num} of {dataset.sizes['sample']} stored images; all bits recalled in {exact}",
        fontsize="medium",
    )
    for row, (name, label) in enumerate(ROWS.items()):
        for column in range(num):
            _image(axes[row, column], dataset[name].values[column])
        axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center")


def _image(axes: Axes, image: np.ndarray) -> None:
    shown = image if image.shape[-1] == 3 else image[..., 0]
    axes.imshow(np.clip(shown, 0, 1), cmap="gray", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])


def _layers(figure: SubFigure, dataset: xr.Dataset) -> None:
    """Activations of the first recall, entries sorted by their last value."""
    first = dataset.activation.isel(sample=0)
    axes = figure.subplots(1, 3)
    figure.suptitle(
        f"one recall: {first.sizes['entry']} neurons, synapses and processes", fontsize="medium"
    )
    names = {"neurons": r"$\phi(x_i)$", "synapses": r"$g(s_{ij})$", "processes": r"$\psi(p_{ij})$"}
    for panel, (layer, symbol) in zip(axes, names.items(), strict=True):
        values = first.sel(layer=layer).values.T
        values = values[np.argsort(values[:, -1], kind="stable")]
        limit = max(float(np.abs(values).max()), 1e-9)
        span = (0.0, _shown_until(dataset), 0.0, float(len(values)))
        kept = dataset.time.values <= span[1] + 1e-6
        mesh = panel.imshow(
            values[:, kept], aspect="auto", cmap="gray", vmin=-limit, vmax=limit, extent=span
        )
        panel.set(xlabel="time (time constants)", ylabel=f"{layer}, sorted")
        figure.colorbar(mesh, ax=panel, label=f"{symbol} (dimensionless)")


def _energy(axes: Axes, dataset: xr.Dataset) -> None:
    for index, style in zip(range(dataset.sizes["sample"]), STYLES, strict=False):
        curve = dataset.energy.isel(sample=index)
        axes.plot(curve.time, curve, style, color="black", label=f"image {index + 1}")
    axes.set(
        xlabel="time (time constants)",
        ylabel="energy E (dimensionless)",
        title="energy of four recalls",
        xlim=(0, _shown_until(dataset)),
    )
    axes.legend(fontsize="small")


def _overlap(axes: Axes, dataset: xr.Dataset) -> None:
    axes.plot(dataset.time, dataset.overlap.values.T, color="0.7", linewidth=0.8)
    axes.plot(dataset.time, dataset.overlap.mean("sample"), color="black", label="mean of all")
    axes.axhline(1, color="black", linestyle=":", linewidth=0.8)
    axes.set(
        xlabel="time (time constants)",
        ylabel="overlap with the stored image",
        title="overlap of all recalls",
        xlim=(0, _shown_until(dataset)),
    )
    axes.legend(fontsize="small")


def _shown_until(dataset: xr.Dataset) -> float:
    """The saved time by which every recall had ended."""
    later = dataset.time.values[dataset.time.values >= float(dataset.stop_time.max())]
    return float(later[0]) if later.size else float(dataset.time.values[-1])
