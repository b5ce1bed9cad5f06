"""What a figure shows, to be compared with the numbers that it should show."""

import itertools
from typing import NamedTuple

import numpy as np
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text


class Curve(NamedTuple):
    """The points of one line; `low` and `high` are the ends of its error bars, None without."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def curves(axes):
    """The lines of axes that have a label, by it, those with error bars first."""
    barred = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    actual = {one.get_label(): _with_bars(one) for one in barred}
    plain = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    return actual | {line.get_label(): Curve(*_points(line)) for line in plain}


def assert_shows(curve, rates):
    """The line has the values and intervals of an array with `bound` value, low and high."""
    for name, shown in (("value", curve.y), ("low", curve.low), ("high", curve.high)):
        np.testing.assert_allclose(shown, rates.sel(bound=name), rtol=1e-6, atol=1e-6)


def labels(axes):
    return axes.get_xlabel(), axes.get_ylabel()


def drawn(study, dataset):
    """All figures of a study by name, of which each can be printed."""
    figures = study.figures(dataset)
    for figure in figures.values():
        assert_printable(figure)
    return figures


def assert_printable(figure):
    """One or two columns wide, all text within its edges and large enough, and labelled axes."""
    assert figure.get_size_inches()[0] in (3.4, 7.0)
    figure.draw_without_rendering()
    edges = figure.bbox.padded(1)
    hidden = _hidden(figure)
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and id(text) not in hidden:
            ends = text.get_window_extent().get_points()
            assert edges.contains(*ends[0]) and edges.contains(*ends[1]), text
            assert text.get_size() >= 6, text
    for axes in figure.axes:
        if axes.get_visible() and axes.axison and axes.has_data():
            for axis in (axes.xaxis, axes.yaxis):
                assert _is_labelled(axes, axis), (axes.get_title(), axis)
                assert not _overlap(axis), (axes.get_title(), _ticks(axis))
            if axes.get_legend() and axes.get_xlabel():
                below = axes.xaxis.label.get_window_extent()
                assert not below.overlaps(axes.get_legend().get_window_extent()), axes.get_xlabel()


def _hidden(figure):
    """All artists of axes that are not drawn, and of ticks outside of axes."""
    hidden = [axes for axes in figure.axes if not (axes.get_visible() and axes.axison)]
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        ticks = (*axis.majorTicks, *axis.minorTicks)
        hidden += [tick for tick in ticks if not _lies_in_view(axis, tick)]
    return {id(artist) for one in hidden for artist in one.findobj()}


def _lies_in_view(axis, tick):
    low, high = sorted(axis.get_view_interval())
    return low <= tick.get_loc() <= high


def _ticks(axis):
    """The labels of the ticks of an axis that are drawn."""
    drawn = [tick for tick in axis.majorTicks if tick.get_visible() and _lies_in_view(axis, tick)]
    labels = [label for tick in drawn for label in (tick.label1, tick.label2)]
    return [label for label in labels if label.get_visible() and label.get_text()]


def _is_labelled(axes, axis):
    """By a label of its own or of axes that share it, or by names at its ticks; or it has none."""
    if axes.get_label() == "<colorbar>" or not any(_is_number(t.get_text()) for t in _ticks(axis)):
        return True
    name = axis.axis_name
    shared = getattr(axes, f"get_shared_{name}_axes")().get_siblings(axes)
    return any(getattr(other, f"get_{name}label")() for other in shared)


def _is_number(text):
    return any(letter.isdigit() for letter in text) and not any(map(str.isalpha, text))


def _overlap(axis):
    boxes = [label.get_window_extent() for label in _ticks(axis)]
    return any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def _with_bars(container):
    line, _, (bars,) = container.lines
    ends = np.array([segment[:, 1] for segment in bars.get_segments()]).reshape(-1, 2)
    return Curve(*_points(line), *ends.T)


def _points(line):
    return (np.asarray(value, float) for value in line.get_data())
