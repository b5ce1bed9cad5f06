"""Capacity over two coefficients of the expanded rule by theory, with simulated points."""

from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from nam_jax._types import Key
from nam_jax.experiment.hebbian._optimum import best_place
from nam_jax.experiment.hebbian._rule import FEWEST, Measured, Setting, simulate

PLANES = ("linear terms", "constant and c1pre")
"""c1pre and c1post with a constant of 0; c1pre and the constant with the best c1post."""
REACH = {
    False: ((-0.8, 0.8), (-1.2, 1.2), (-0.2, 0.2)),
    True: ((-2.0, 0.0), (-1.5, -0.5), (-0.6, 0.6)),
}
"""Of c1pre, c1post and the constant: for -1 and +1, and for 0 and 1 in units of a, a and a^2."""


class Scan(NamedTuple):
    """How finely a plane is looked at, and how often a point is simulated.

    Attributes:
        error: At which capacity is meant.
        map_points: Points of the map along each axis.
        grid_points: Simulated points along each axis.
        num_sets: Sets of patterns at each simulated point.
        num_queries: Patterns of a set that are judged.
    """

    error: float
    map_points: int
    grid_points: int
    num_sets: int
    num_queries: int


class Plane(NamedTuple):
    """Two axes of coefficients in a setting, by the names in `PLANES`."""

    setting: Setting
    plane: str

    def axes(self, points: int) -> tuple[np.ndarray, np.ndarray]:
        pre, post, constant = REACH[self.setting.activity is not None]
        across = post if self.plane == PLANES[0] else constant
        return np.linspace(*pre, points), np.linspace(*across, points)

    def pairs(self, points: int) -> np.ndarray:
        x, y = np.meshgrid(*self.axes(points))
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def place(self, x: float, y: float) -> np.ndarray:
        linear = self.plane == PLANES[0]
        return np.array([x, y, 0.0] if linear else [x, best_place(self.setting)[1], y])


class Point(NamedTuple):
    """A simulated point."""

    x: float
    y: float
    patterns: int
    theory: float
    measured: Measured


def over_plane(plane: Plane, scan: Scan, *, key: Key) -> tuple[np.ndarray, list[Point]]:
    """Capacities over the plane, (y, x), and the simulated points."""
    setting = plane.setting
    many, few = (plane.pairs(points) for points in (scan.map_points, scan.grid_points))
    places = np.stack([plane.place(*pair) for pair in np.concatenate([many, few])])
    found = np.asarray(setting.capacities(jnp.asarray(places, float), scan.error))
    keys = jr.split(key, len(few))
    points = [
        Point(x, y, *at_capacity(setting, place, float(count), scan, key=each))
        for (x, y), place, count, each in zip(
            few.tolist(), places[len(many) :], found[len(many) :], keys, strict=True
        )
    ]
    return found[: len(many)].reshape(scan.map_points, -1), points


def at_capacity(
    setting: Setting, place: np.ndarray, capacity: float, scan: Scan, *, key: Key
) -> tuple[int, float, Measured]:
    """How many patterns are stored at a capacity, and both errors."""
    coefficients = setting.coefficients(*(jnp.asarray(each, float) for each in place))
    count = max(FEWEST, round(capacity))
    predicted = float(setting.error(jnp.asarray(float(count)), coefficients))
    many = scan.num_sets, scan.num_queries
    return count, predicted, simulate(setting, count, coefficients, *many, key=key)
