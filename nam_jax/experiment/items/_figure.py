"""Figures of images stored in a dendritic memory: recall by load, right sets, and pictures."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "d", "v")
TITLES = {
    "none": "undamaged",
    "flipped": "flipped pixels",
    "hidden": "lower half hidden",
    "noisy": "noisy",
}
DECODERS = {
    "attractor": ("o", "-", "0.0"),
    "threshold": ("s", "--", "0.0"),
    "winners": ("^", ":", "0.35"),
    "nearest set": ("", "-", "0.65"),
}


def items(dataset: xr.Dataset) -> Figure:
    """Draws exact recall by load, rates of finding the right set, and read-outs alone.

    Args:
        dataset: The result of `run` of this study.
    """
    figure = Figure(figsize=(12, 8.5), layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1))
    damages = [str(damage) for damage in dataset.damage.values]
    places = np.asarray(upper.subplots(1, len(damages), sharey=True))
    for axes, damage in zip(places, damages, strict=True):
        exact = dataset.exact.sel({"damage": damage, "answer": "features"})
        _recall(axes, exact, [str(name) for name in dataset.rule.values])
        axes.set_title(TITLES[damage])
    places[0].set_ylabel("rate of exact recall (95 % interval)")
    upper.legend(*places[0].get_legend_handles_labels(), loc="outside upper center", ncols=8)
    own, *rest = np.asarray(lower.subplots(1, 3, sharey=True))
    method = _shown(dataset)
    for axes, damage in zip(rest, ("flipped", "hidden"), strict=True):
        _sets(axes, dataset.right_set.sel({"rule": method, "damage": damage}))
        axes.set_title(f"right set found, {method}: {TITLES[damage]}", fontsize="medium")
    _own(own, dataset)
    return figure


def _shown(dataset: xr.Dataset) -> str:
    names = [str(name) for name in dataset.rule.values]
    return "gradient" if "gradient" in names else names[0]


def _curve(axes: Axes, rates: xr.DataArray, style: tuple[str, str, str], label: str) -> None:
    value, low, high = (rates.sel(bound=bound).values for bound in ("value", "low", "high"))
    errors = np.clip([value - low, high - value], 0, None)
    axes.errorbar(
        rates.stored, value, errors, marker=style[0], linestyle=style[1], color=style[2],
        capsize=2, markersize=4, linewidth=1.1, label=label,
    )  # fmt: skip


def _finish(axes: Axes, dataset: xr.DataArray | xr.Dataset) -> None:
    stored = dataset.stored.values
    axes.set_xscale("log")
    axes.set_xticks(stored, [str(number) for number in stored])
    axes.minorticks_off()
    axes.set(xlabel="stored images K (1)", ylim=(-0.03, 1.03))


def _recall(axes: Axes, exact: xr.DataArray, dendritic: list[str]) -> None:
    markers = iter(MARKERS * len(exact.memory))
    for name in exact.memory.values:
        style = (next(markers), "-.", "0.45")
        if name in dendritic:
            style = (style[0], "-", "0.0")
        elif name == "nearest image":
            style = ("", "-", "0.7")
        _curve(axes, exact.sel(memory=name), style, str(name))
    _finish(axes, exact)


def _sets(axes: Axes, rates: xr.DataArray) -> None:
    for name, style in DECODERS.items():
        _curve(axes, rates.sel(decoder=name), style, name)
    _finish(axes, rates)
    axes.legend(fontsize="small")


def _own(axes: Axes, dataset: xr.Dataset) -> None:
    """Rates of exact read-out from the right set, for one Hebbian method and one other."""
    names = [str(name) for name in dataset.rule.values]
    hebbian = [name for name in names if name.startswith("hebbian")][:1]
    others = [name for name in names if not name.startswith("hebbian")][:1]
    for name, line in zip([*hebbian, *others], (":", "-"), strict=False):
        rule = "Hebb" if name in hebbian else "least squares"
        for answer, marker, shade in (("memory", "o", "0.5"), ("features", "s", "0.0")):
            rates = dataset.own.sel({"rule": name, "answer": answer})
            _curve(axes, rates, (marker, line, shade), f"{rule}, from {answer}")
    _finish(axes, dataset)
    axes.set_title("every pixel read from the right set", fontsize="medium")
    axes.set(ylabel="rate (95 % interval)")
    axes.legend(fontsize="small")


def item_pictures(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draws cues, recalls and originals; returns the figure by the name of its file."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    number = int(dataset.pictured)
    figure.suptitle(f"recalls read from feature neurons, K = {number}")
    places = np.asarray(figure.subplots(1, dataset.sizes["damage"]))
    for axes, damage in zip(places, dataset.damage.values, strict=True):
        pictures = dataset.pictures.sel(damage=damage).values
        kinds, examples, height, width = pictures.shape
        gap = max(width // 8, 1)
        grid = np.full((kinds, examples, height + gap, width + gap), np.nan)
        grid[..., :height, :width] = pictures
        joined = grid.transpose(1, 2, 0, 3).reshape(examples * (height + gap), -1)
        axes.imshow(joined, cmap="gray_r", vmin=-1, vmax=1, interpolation="nearest")
        centres = (np.arange(kinds) + 0.5) * (width + gap) - gap / 2
        names = [str(name).replace("-", "-\n") for name in dataset.picture.values]
        axes.set_xticks(centres, names, fontsize="x-small", rotation=90)
        axes.set_yticks([])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(TITLES[str(damage)])
    return {"figure-pictures": figure}
