"""The figure of recalled images: originals, cues and recalls; activity, energy and overlap."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from nam_jax.experiment.common import in_style, new_figure

MOST_IMAGES = 13
ROWS = {"original": "original", "damaged": "damaged", "recalled": "recalled"}


@in_style()
def retrieve(dataset: xr.Dataset) -> Figure:
    """Draws Figure 2 of Kozachkov, Slotine & Krotov.

    Images are above, the activity of the three layers in one recall in the middle, and energy and
    overlap of several recalls below.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(6.2, wide=True)
    grid = figure.add_gridspec(3, 1, height_ratios=(0.95, 1.05, 1.05))
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
        f"{num} of {dataset.sizes['sample']} stored images; all bits recalled in {exact}"
    )
    for row, (name, label) in enumerate(ROWS.items()):
        for column in range(num):
            _image(axes[row, column], dataset[name].values[column])
        axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center")


def _image(axes: Axes, image: np.ndarray) -> None:
    shown = image if image.shape[-1] == 3 else image[..., 0]
    axes.imshow(np.clip(shown, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _layers(figure: SubFigure, dataset: xr.Dataset) -> None:
    """Activations of the first recall, entries sorted by their last value."""
    first = dataset.activation.isel(sample=0)
    axes = figure.subplots(1, 3)
    figure.suptitle(f"one recall: {first.sizes['entry']} neurons, synapses and processes")
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
        figure.colorbar(mesh, ax=panel, label=f"{symbol} (1)")


def _energy(axes: Axes, dataset: xr.Dataset) -> None:
    for index in range(min(4, dataset.sizes["sample"])):
        curve = dataset.energy.isel(sample=index)
        axes.plot(curve.time, curve, label=f"image {index + 1}")
    axes.set(
        xlabel="time (time constants)",
        ylabel="energy E (1)",
        title="energy of four recalls",
        xlim=(0, _shown_until(dataset)),
    )
    axes.legend()


def _overlap(axes: Axes, dataset: xr.Dataset) -> None:
    axes.plot(dataset.time, dataset.overlap.values.T, color="0.75", linestyle="-", linewidth=0.5)
    axes.plot(dataset.time, dataset.overlap.mean("sample"), "-", color="C0", label="mean of all")
    axes.axhline(1, color="black", linestyle=":", linewidth=0.8)
    axes.set(
        xlabel="time (time constants)",
        ylabel="overlap with stored image (1)",
        title="overlap of all recalls",
        xlim=(0, _shown_until(dataset)),
    )
    axes.legend()


def _shown_until(dataset: xr.Dataset) -> float:
    """The saved time by which every recall had ended."""
    later = dataset.time.values[dataset.time.values >= float(dataset.stop_time.max())]
    return float(later[0]) if later.size else float(dataset.time.values[-1])
