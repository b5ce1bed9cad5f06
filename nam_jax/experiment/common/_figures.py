"""Figures of all studies in one style, at the width of one column of a page or of two."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, final

import matplotlib.style
from matplotlib.figure import Figure

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


def styled(index: int) -> dict[str, Any]:
    """Returns colour, line style and marker of line `index`, as arguments of `Axes.plot`.

    Every second marker is hollow. The 25th line looks like the first one.
    """
    looks = _looks()
    colour = looks["color"][index % len(looks["color"])]
    return {
        "color": colour,
        "linestyle": looks["linestyle"][index % len(looks["linestyle"])],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markerfacecolor": colour if index % 2 == 0 else "white",
    }


@functools.cache
def _looks() -> dict[str, list[Any]]:
    with in_style():
        return matplotlib.rcParams["axes.prop_cycle"].by_key()
