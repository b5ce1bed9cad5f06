"""The style of figures: colours that differ in grey and to the colour-blind, text, files."""

import io
import itertools

import matplotlib
import matplotlib.style
import numpy as np
import pytest
import skimage.color
from matplotlib.backends.backend_agg import FigureCanvasAgg

from nam_jax.experiment.common import COLUMN, PAGE, in_style, new_figure, styled

SIGHT = {
    "normal": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
"""What becomes of linear RGB to protanopes and deuteranopes: Machado, Oliveira & Fernandes, IEEE
Transactions on Visualization and Computer Graphics 15, 1291 (2009), severity 1."""


def cycle():
    with matplotlib.style.context("nam_jax.figures"):
        return matplotlib.rcParams["axes.prop_cycle"].by_key()


def colours():
    return np.array([matplotlib.colors.to_rgb(colour) for colour in cycle()["color"]])


def as_seen(colours, sight):
    """CIE L*, a*, b* of colours."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(SIGHT[sight]).T, 0, 1)
    coded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return skimage.color.rgb2lab(coded)


def closest(points, distance):
    return min(float(distance(*pair)) for pair in itertools.combinations(points, 2))


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_differ_to_everybody(sight):
    """By 15 in CIEDE2000; a difference of 1 to 2 is just visible beside each other."""
    assert closest(as_seen(colours(), sight), skimage.color.deltaE_ciede2000) >= 15


def test_colours_differ_in_grey_and_from_paper():
    """By 10 in lightness L*, which goes from 0 to 100; white paper has 100."""
    lightness = as_seen(colours(), "normal")[:, 0]
    assert closest(lightness, lambda a, b: abs(a - b)) >= 10
    assert lightness.max() <= 80


def test_the_check_sees_colours_that_are_too_close():
    """Red and green of equal lightness."""
    red_and_green = np.array([[0.85, 0.2, 0.2], [0.0, 0.54, 0.0]])
    lightness = as_seen(red_and_green, "normal")[:, 0]
    assert abs(np.subtract(*lightness)) < 10
    seen = [closest(as_seen(red_and_green, s), skimage.color.deltaE_ciede2000) for s in SIGHT]
    assert seen[0] > 50 and min(seen[1:]) < 15


def test_each_line_has_a_style_of_its_own():
    looks = [styled(index) for index in range(72)]
    assert styled(72) == looks[0]
    assert len({str(sorted(look.items())) for look in looks}) == 72
    assert len({look["linestyle"] for look in looks}) == len(cycle()["linestyle"]) == 6
    assert [look["color"] for look in looks[:6]] == cycle()["color"]


def test_maps_of_colours_grow_in_lightness():
    with in_style():
        shades = matplotlib.colormaps[matplotlib.rcParams["image.cmap"]](np.linspace(0, 1, 64))
    assert (np.diff(as_seen(shades[:, :3], "normal")[:, 0]) > 0).all()


@pytest.mark.parametrize(("wide", "width"), [(False, COLUMN), (True, PAGE)])
def test_a_figure_is_drawn_and_saved_in_the_style_whatever_the_user_has_set(wide, width):
    images = []
    for given in ({}, {"savefig.facecolor": "black", "text.color": "white", "xtick.major.size": 9}):
        with matplotlib.rc_context(given):
            with in_style():
                figure = new_figure(2.0, wide=wide)
                FigureCanvasAgg(figure)
                axes = figure.subplots()
                axes.plot([1, 2], **styled(0))
            axes.set(xlabel="x (1)")
            figure.canvas.draw()  # as notebooks do
            figure.savefig(file := io.BytesIO(), format="svg", metadata={"Date": None})
        images.append((file.getvalue(), np.asarray(figure.canvas.buffer_rgba()).tobytes()))
    assert images[0] == images[1] and b"<text" in images[0][0]
    assert figure.get_size_inches().tolist() == [width, 2.0]
    assert not axes.spines["top"].get_visible() and axes.xaxis.label.get_size() == 8
