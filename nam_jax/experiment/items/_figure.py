"""Figures of images stored in a dendritic memory: recall by load, right sets, and pictures."""

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

TITLES = {
    "none": "undamaged",
    "flipped": "flipped pixels",
    "hidden": "lower half hidden",
    "noisy": "noisy",
}
DECODERS = ("attractor", "threshold", "winners", "nearest set")


@in_style()
def items(dataset: xr.Dataset) -> Figure:
    """Draws exact recall by load, a panel for each damage.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = new_figure(5.0, wide=True)
    places = figure.subplots(2, 2, sharey=True, sharex=True).ravel()
    for axes, damage in zip(places, dataset.damage.values, strict=True):
        exact = dataset.exact.sel({"damage": damage, "answer": "features"})
        for index, name in enumerate(exact.memory.values):
            _curve(axes, exact.sel(memory=name), index, str(name))
        _finish(axes, exact)
        axes.set(title=TITLES[str(damage)], ylabel="rate of exact recall (1), 95 %")
        axes.label_outer()
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@in_style()
def items_more(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws the rates of finding the right set and of read-outs alone, and pictures, by name."""
    return {"figure-sets": _sets(dataset), "figure-pictures": _pictures(dataset)}


def _shown(dataset: xr.Dataset) -> str:
    names = [str(name) for name in dataset.rule.values]
    return "gradient" if "gradient" in names else names[0]


def _curve(axes: Axes, rates: xr.DataArray, index: int, label: str) -> None:
    value, low, high = (rates.sel(bound=bound).values for bound in ("value", "low", "high"))
    axes.errorbar(rates.stored, value, errors(value, low, high), label=label, **styled(index))


def _finish(axes: Axes, dataset: xr.DataArray | xr.Dataset) -> None:
    log_ticks(axes, dataset.stored.values)
    axes.set(xlabel="stored images K (1)", ylim=(-0.03, 1.03))


def _sets(dataset: xr.Dataset) -> Figure:
    figure = new_figure(2.9, wide=True)
    own, *rest = figure.subplots(1, 3, sharey=True)
    _own(own, dataset)
    method = _shown(dataset)
    for axes, damage in zip(rest, ("flipped", "hidden"), strict=True):
        rates = dataset.right_set.sel({"rule": method, "damage": damage})
        for index, name in enumerate(DECODERS):
            _curve(axes, rates.sel(decoder=name), index, name)
        _finish(axes, rates)
        axes.set_title(f"right set found, {method},\n{TITLES[damage]}")
        legend_below(axes, 2)
    return figure


def _own(axes: Axes, dataset: xr.Dataset) -> None:
    """Rates of exact read-out from the right set, for one Hebbian method and one other."""
    names = [str(name) for name in dataset.rule.values]
    hebbian = [name for name in names if name.startswith("hebbian")][:1]
    others = [name for name in names if not name.startswith("hebbian")][:1]
    lines = [(name, answer) for name in (*hebbian, *others) for answer in ("memory", "features")]
    for index, (name, answer) in enumerate(lines):
        rule = "Hebb" if name in hebbian else "least squares"
        rates = dataset.own.sel({"rule": name, "answer": answer})
        _curve(axes, rates, index, f"{rule}, from {answer}")
    _finish(axes, dataset)
    axes.set(title="every pixel read\nfrom the right set", ylabel="rate (1), 95 %")
    legend_below(axes)


def _pictures(dataset: xr.Dataset) -> Figure:
    """Cues, recalls and originals."""
    figure = new_figure(2.2, wide=True)
    figure.suptitle(f"recalls read from feature neurons, K = {int(dataset.pictured)}")
    names = [str(name).replace("-", "-\n") for name in dataset.picture.values]
    places = figure.subplots(1, dataset.sizes["damage"])
    for axes, damage in zip(places, dataset.damage.values, strict=True):
        show_pictures(axes, dataset.pictures.sel(damage=damage).values, (-1, 1), names)
        axes.tick_params(axis="x", labelrotation=90)
        axes.set_xlabel(TITLES[str(damage)])
    return figure
