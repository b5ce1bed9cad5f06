"""Line styles that can be told apart without colour."""

from typing import Any

_STYLES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "d", "v", "x", "P", "*")


def styled(index: int) -> dict[str, Any]:
    """Returns colour, line style and marker of line `index`, as arguments of `Axes.plot`."""
    grey = str(0.6 * (index % 3) / 2)
    filled = grey if index % 2 == 0 else "white"
    return {
        "color": grey,
        "linestyle": _STYLES[index % len(_STYLES)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markerfacecolor": filled,
    }
