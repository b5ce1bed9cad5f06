"""The figure of the study `lesion`: recall against five kinds of change, one panel for each."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PANELS = {
    "single fluxes cut": {
        "fluxes": ("certified", "o-", "black"),
        "fluxes_released": ("released", "s--", "0.45"),
    },
    "processes isolated": {"processes": ("certified", "o-", "black")},
    "exchange by distance": {
        "distance": ("within radius", "o-", "black"),
        "distance_control": ("same share, random", "s--", "0.45"),
    },
    "neuromodulation": {"tone": ("certified", "o-", "black")},
    "two astrocytes": {"gap_junctions": ("certified", "o-", "black")},
}


def lesion(dataset: xr.Dataset) -> Figure:
    """The figure: rate of exact recall with its 95 % interval along each sweep.

    Args:
        dataset: What `run` of this study returns.
    """
    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    for panel, (title, curves) in zip(axes.flat, PANELS.items(), strict=False):
        _panel(panel, dataset, title, curves)
    axes.flat[-1].set_axis_off()
    axes[0, 2].plot(
        dataset.radius, dataset.kept_share, ":", color="black", label="share of fluxes kept"
    )
    axes[0, 2].legend(fontsize="small")
    return figure


def _panel(
    axes: Axes, dataset: xr.Dataset, title: str, curves: dict[str, tuple[str, str, str]]
) -> None:
    for name, (label, style, color) in curves.items():
        rate = dataset[f"{name}_rate"]
        below = (rate - dataset[f"{name}_low"]).clip(min=0)
        above = (dataset[f"{name}_high"] - rate).clip(min=0)
        strength = dataset[rate.dims[0]]
        axes.errorbar(
            strength,
            rate,
            (below, above),
            fmt=style,
            color=color,
            label=label,
            capsize=3,
            markerfacecolor="white" if "--" in style else color,
        )
        axes.set_xlabel(f"{strength.attrs['long_name']} ({strength.attrs['units']})")
    axes.set(ylabel="rate of exact recall", title=title, ylim=(-0.05, 1.08))
    if len(curves) > 1:
        axes.legend(fontsize="small")
