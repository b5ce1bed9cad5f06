"""Small natural colour images cut from the photographs that scikit-image and scikit-learn ship.

Nothing is downloaded: the files are in the installed packages.
"""

import importlib.util
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from nam_jax._lazy import extra
from nam_jax.data._picture import resize_to

FILES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "ihc": ("skimage", "data/ihc.png"),
    "hubble": ("skimage", "data/hubble_deep_field.jpg"),
    "retina": ("skimage", "data/retina.jpg"),
}
"""For each photograph, the package that ships it and the path inside the package."""

WINDOWS = (
    ("astronaut", 20, 150, 150),
    ("chelsea", 20, 100, 235),
    ("coffee", 5, 170, 245),
    ("rocket", 120, 190, 265),
    ("flower", 70, 150, 290),
    ("motorcycle", 255, 500, 200),
    ("china", 15, 60, 290),
    ("ihc", 300, 230, 165),
    ("hubble", 730, 840, 66),
    ("retina", 470, 60, 370),
    ("astronaut", 0, 345, 165),
    ("coffee", 255, 315, 125),
    ("motorcycle", 130, 290, 170),
    ("china", 120, 480, 160),
    ("chelsea", 0, 340, 105),
    ("astronaut", 340, 290, 170),
    ("rocket", 335, 95, 92),
    ("flower", 365, 275, 62),
    ("ihc", 0, 60, 190),
    ("retina", 600, 560, 330),
    ("astronaut", 90, 0, 120),
    ("motorcycle", 240, 100, 185),
    ("coffee", 0, 480, 120),
    ("astronaut", 345, 125, 90),
    ("hubble", 20, 240, 150),
)
"""Square windows chosen by eye, (photograph, top row, left column, side); they come first."""

CELLS = 9
"""The rest of a photograph is cut into square tiles whose side is 1/9 of its shorter side."""

FLAT = 0.06
"""Tiles whose intensities have a smaller standard deviation show too little and are left out."""

Photograph = Float[np.ndarray, "_ _ 3"]
Window = tuple[str, int, int, int]


def photographs() -> dict[str, Photograph]:
    """Returns the photographs by name, in full size, as float32 intensities in [0, 1].

    Raises:
        FileNotFoundError: If scikit-learn or scikit-image is not installed, or lacks a photograph.
        ModuleNotFoundError: If Pillow is not installed.
    """
    files = {name: _locate(*where) for name, where in FILES.items()}
    with extra("The bundled photographs"):
        from PIL import Image
    return {
        name: np.asarray(Image.open(file).convert("RGB")).astype(np.float32) / 255
        for name, file in files.items()
    }


def windows(images: dict[str, Photograph]) -> Iterator[Window]:
    """Yields all windows in a fixed order; no two windows share a pixel.

    `WINDOWS` come first. Then come tiles that do not overlap with `WINDOWS`: the first tile of each
    photograph, then the second of each, and so on.
    """
    yield from WINDOWS
    rows = itertools.zip_longest(*(_tiles(name, image) for name, image in images.items()))
    yield from (window for row in rows for window in row if window is not None)


def cut(image: Photograph, window: Window, size: int) -> Float[np.ndarray, "size size 3"]:
    """Returns one window of a photograph, scaled to `size` x `size` pixels with anti-aliasing."""
    _, row, column, side = window
    return resize_to(image[row : row + side, column : column + side], (size, size))


def _locate(package: str, path: str) -> Path:
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f"The bundled photographs need the package {package}: "
            "install nam-jax with the extra `experiments`."
        )
    file = Path(spec.origin).parent / path
    if not file.is_file():
        raise FileNotFoundError(f"The installed package {package} does not contain {file}.")
    return file


def _tiles(name: str, image: Photograph) -> list[Window]:
    """Returns the tiles of one photograph that share no pixel with `WINDOWS`, by contrast.

    Tiles with the largest contrast come first.
    """
    side = min(image.shape[:2]) // CELLS
    corners = itertools.product(*(range(0, n - side + 1, side) for n in image.shape[:2]))
    contrasts: dict[Window, float] = {}
    for row, column in corners:
        window = (name, row, column, side)
        if not any(_share_pixels(window, chosen) for chosen in WINDOWS):
            tile = image[row : row + side, column : column + side]
            contrasts[window] = float(tile.std(axis=(0, 1)).mean())
    tiles = [window for window, contrast in contrasts.items() if contrast >= FLAT]
    return sorted(tiles, key=lambda window: (-contrasts[window], window))


def _share_pixels(a: Window, b: Window) -> bool:
    same_rows = a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
    same_columns = a[2] < b[2] + b[3] and b[2] < a[2] + a[3]
    return a[0] == b[0] and same_rows and same_columns
