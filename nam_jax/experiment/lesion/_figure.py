"""The figure of the study `lesion`: recall against five kinds of change, one panel for each."""

import textwrap

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import errors, in_style, legend_below, new_figure, styled

PANELS = {
    "single fluxes cut": {"fluxes": "certified", "fluxes_released": "released"},
    "processes isolated": {"processes": "certified"},
    "exchange by distance": {
        "distance": "within radius",
        "distance_control": "same share, random",
    },
    "neuromodulation": {"tone": "certified"},
    "two astrocytes": {"gap_junctions": "certified"},
}


@in_style()
def lesion(dataset: xr.Dataset) -> Figure:
    """The figure: rate of exact recall with its 95 % interval along each sweep.

    Args:
        dataset: What `run` of this study returns.
    """
    figure = new_figure(4.6, wide=True)
    axes = figure.subplots(2, 3, sharey=True)
    for panel, (title, curves) in zip(axes.flat, PANELS.items(), strict=False):
        _panel(panel, dataset, title, curves)
    for panel in axes[:, 0]:
        panel.set_ylabel("rate of exact recall (1)")
    axes.flat[-1].set_axis_off()
    axes[0, 2].plot(
        dataset.radius, dataset.kept_share, ":", color="0.4", label="share of fluxes kept"
    )
    for panel in (axes[0, 0], axes[0, 2]):
        legend_below(panel)
    return figure


def _panel(axes: Axes, dataset: xr.Dataset, title: str, curves: dict[str, str]) -> None:
    for index, (name, label) in enumerate(curves.items()):
        values = [dataset[f"{name}_{end}"].values for end in ("rate", "low", "high")]
        strength = dataset[dataset[f"{name}_rate"].dims[0]]
        axes.errorbar(strength, values[0], errors(*values), label=label, **styled(index))
        text = textwrap.fill(str(strength.attrs["long_name"]), 28)
        axes.set_xlabel(f"{text} ({strength.attrs['units']})")
    axes.set(title=title, ylim=(-0.05, 1.08))
