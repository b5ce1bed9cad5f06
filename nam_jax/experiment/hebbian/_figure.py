"""The figure of the study `hebbian`: capacity over pairs of coefficients, with ascents."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nam_jax.experiment.common import in_style, new_figure


@in_style()
def hebbian(dataset: xr.Dataset) -> Figure:
    """The figure: a column for each setting, a row for each pair of coefficients.

    Shades and numbers are capacities by theory. Circles are simulated points whose 99 % interval
    holds the theory; crosses are the other simulated points.

    Args:
        dataset: What `run` of this study returns.
    """
    rows, columns = dataset.sizes["plane"], dataset.sizes["setting"]
    figure = new_figure(1.85 * rows + 0.5, wide=True)
    grid = figure.subplots(rows, columns, squeeze=False)
    for column, setting in enumerate(dataset.setting.values):
        for row, plane in enumerate(dataset.plane.values):
            part = dataset.sel(setting=setting, plane=plane)
            _panel(grid[row, column], part, linear=row == 0)
        grid[0, column].set_title(str(setting).replace(", ", ",\n"))
    figure.suptitle(
        "Stored patterns K (1) at the given error. Contours: theory. Circles: simulated, theory "
        "inside\nthe 99 % interval (crosses: outside). Dashed: ascent by gradient to the star.",
    )
    return figure


def _panel(axes: Axes, part: xr.Dataset, *, linear: bool) -> None:
    x, y, values = part.map_x.values, part.map_y.values, part.capacity.values
    levels = np.unique(np.round(np.linspace(values.min(), values.max(), 9)))
    levels = levels if len(levels) > 1 else levels[0] + np.array([-0.5, 0.5])
    axes.contourf(x, y, values, levels=levels, cmap="Greys", extend="both", alpha=0.6)
    lines = axes.contour(x, y, values, levels=levels, colors="black", linewidths=0.5)
    axes.clabel(lines, fmt="%d", fontsize=6)
    gap = abs(part.error - part.predicted).values
    inside = gap <= part.wide.values
    for there, marker in ((inside, "o"), (~inside, "x")):
        axes.plot(
            part.x.values[there], part.y.values[there], marker, color="black",
            markerfacecolor="white", markersize=3, zorder=3,
        )  # fmt: skip
    across = 1 if linear else 2
    ends = np.stack([part.start.values, part.optimum.values])
    axes.plot(ends[:, 0], ends[:, across], "--", color="C1")
    axes.plot(*ends[1, [0, across]], "*", color="C1", markersize=8, markeredgecolor="white")
    unit = float(part.unit)
    axes.set_xlabel("c1pre / c2corr (1)" if unit == 1 else "c1pre / (a c2corr) (1)")
    names = ("c1post / c2corr (1)", "C / c2corr (1)")
    sparse = ("c1post / (a c2corr) (1)", "A / (a² c2corr) (1)")
    axes.set_ylabel((names if unit == 1 else sparse)[0 if linear else 1])
    # Room for the points at the edges.
    x_room, y_room = 0.04 * (x[-1] - x[0]), 0.04 * (y[-1] - y[0])
    axes.set(xlim=(x[0] - x_room, x[-1] + x_room), ylim=(y[0] - y_room, y[-1] + y_room))
