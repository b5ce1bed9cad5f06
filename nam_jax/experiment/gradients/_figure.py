"""The figure of the study `gradients`: 1 - cosine against nudge, steps and distance."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import in_style, legend_below, log_ticks, new_figure, styled

FLOOR = 1e-16


@in_style()
def gradients(dataset: xr.Dataset) -> Figure:
    """The figure. Left: equilibrium propagation; middle: truncated; right: all routes by distance.

    Args:
        dataset: What `run` of this study returns.
    """
    figure = new_figure(3.1, wide=True)
    nudge, steps, distance = figure.subplots(1, 3, sharey=True)
    _nudges(nudge, dataset)
    _steps(steps, dataset)
    _distances(distance, dataset)
    return figure


def _nudges(axes: Axes, dataset: xr.Dataset) -> None:
    for index, place in enumerate(_spread(dataset)):
        here = dataset.isel(distance=place)
        for sides, line in (("one", "--"), ("centred", "-")):
            label = f"{'one-sided' if sides == 'one' else sides}, distance {float(here.distance):g}"
            style = styled(index, linestyle=line, label=label)
            axes.loglog(here.nudge, here.nudged_miss.sel(sides=sides).clip(FLOOR), **style)
    log_ticks(axes, dataset.nudge.values)
    axes.set(
        title="equilibrium propagation, float64",
        xlabel="nudge (units of restoring force)",
        ylabel="1 - cosine with finite differences (1)",
    )
    legend_below(axes)


def _steps(axes: Axes, dataset: xr.Dataset) -> None:
    for index, place in enumerate(_spread(dataset)):
        here = dataset.isel(distance=place)
        label = f"distance {float(here.distance):g}"
        axes.loglog(here.steps, here.truncated_miss.clip(FLOOR), label=label, **styled(index))
    log_ticks(axes, dataset.steps.values)
    axes.set(title="truncated, float64", xlabel="steps differentiated (1)")
    legend_below(axes)


def _distances(axes: Axes, dataset: xr.Dataset) -> None:
    here = dataset.isel(neurons=0, stored=0, margin=0)
    for index, route in enumerate(dataset.route.values):
        label = str(route).replace("_", " ")
        axes.loglog(here.distance, here.miss.sel(route=route).clip(FLOOR), label=label,
                    **styled(index))  # fmt: skip
    log_ticks(axes, dataset.distance.values)
    axes.invert_xaxis()
    axes.set(title="defaults, float32", xlabel="distance from the critical leak (1)")
    legend_below(axes)


def _spread(dataset: xr.Dataset) -> list[int]:
    """Places of the first, the middle and the last distance."""
    return sorted({0, dataset.sizes["distance"] // 2, dataset.sizes["distance"] - 1})
