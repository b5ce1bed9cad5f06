"""Figures of all studies in one style, at the width of one column of a page or of two."""

import contextlib
import functools
from collections.abc import Collection, Iterator, Sequence
from typing import Any, final

import matplotlib.style
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

STYLE = "nam_jax.figures"
COLUMN, PAGE = 3.4, 7.0
"""Widths of figures (in)."""

_MARKERS = ("o", "s", "^", "d", "v", "x", "P", "*")


@contextlib.contextmanager
def in_style() -> Iterator[None]:
    """Returns a context manager, also used as a decorator, whose block draws in the style.

    Settings of the user, such as a dark background, do not mix with it.
    """
    with matplotlib.style.context(STYLE, after_reset=True):
        yield


@final
class StyledFigure(Figure):
    """A figure that is drawn and saved in the style, because Matplotlib reads some of it late."""

    def draw(self, renderer: Any) -> None:
        """Draws the figure."""
        with in_style():
            Figure.draw(self, renderer)

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Saves the figure; see `matplotlib.figure.Figure.savefig`."""
        with in_style():
            Figure.savefig(self, *args, **kwargs)


def new_figure(height: float | int, *, wide: bool = False) -> Figure:
    """Returns an empty figure; the caller draws into it within `in_style`.

    Args:
        height: Its height (in).
        wide: Whether it is as wide as two columns of a page (7 in); else as one (3.4 in).
    """
    return StyledFigure(figsize=(PAGE if wide else COLUMN, height))


def styled(index: int, **changes: Any) -> dict[str, Any]:
    """Returns colour, line style and marker of line `index`, as arguments of `Axes.plot`.

    Every second marker is hollow. The 73rd line looks like the first one.

    Args:
        index: Number of the line.
        changes: Further arguments of `Axes.plot`, and others in place of these.
    """
    looks = _looks()
    colour = looks["color"][index % 6]
    return {
        "color": colour,
        "linestyle": looks["linestyle"][(index + index // 6) % 6],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markerfacecolor": colour if index % 2 == 0 else "white",
        **changes,
    }


def legend_below(axes: Axes, columns: int = 1) -> None:
    """Adds a legend below the label of the horizontal axis, which must be there already."""
    lines = axes.get_xlabel().count("\n") + 1
    below = ScaledTranslation(0, -0.23 - 0.14 * lines, axes.figure.dpi_scale_trans)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=axes.transAxes + below,
        ncols=columns,
    )  # fmt: skip


def log_ticks(axes: Axes, values: Collection[Any]) -> None:
    """Makes the horizontal axis logarithmic, with ticks at the values alone.

    A value that is so near to the one before it that their labels would overlap has no tick.
    """
    axes.set_xscale("log")
    places: list[float | int] = []
    whole = np.ptp(np.log(np.array(list(values))))
    for value in sorted(values):
        if not places or np.log(value / places[-1]) > 0.08 * whole:
            places.append(value)
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.set_xticks([], minor=True)


def errors(
    value: Float[np.ndarray, " n"], low: Float[np.ndarray, " n"], high: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "2 n"]:
    """Returns the lengths of error bars below and above values; 0 where round-off makes one < 0."""
    return np.stack([value - low, high - value]).clip(min=0)


def show_pictures(
    axes: Axes,
    pictures: Float[np.ndarray, "column row height width"],
    limits: tuple[float | int, float | int],
    columns: Sequence[str],
    rows: Sequence[str] = (),
) -> None:
    """Draws pictures as one image with gaps: black is the upper limit, and NaN is white.

    Args:
        axes: The axes, which lose their ticks and frame.
        pictures: The pictures by column and row.
        limits: The values that are white and black.
        columns: A name above each column.
        rows: A name to the left of the first rows.
    """
    across, down, height, width = pictures.shape
    gap = max(width // 8, 1)
    grid = np.full((across, down, height + gap, width + gap), np.nan)
    grid[..., :height, :width] = pictures
    joined = grid.transpose(1, 2, 0, 3).reshape(down * (height + gap), across * (width + gap))
    axes.imshow(joined, cmap="gray_r", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    places = (np.arange(across) + 0.5) * (width + gap) - gap / 2
    axes.set_xticks(places, columns)
    axes.set_yticks((np.arange(len(rows)) + 0.5) * (height + gap) - gap / 2, rows)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@functools.cache
def _looks() -> dict[str, list[Any]]:
    with in_style():
        return matplotlib.rcParams["axes.prop_cycle"].by_key()
