"""Capacity over two coefficients of the expanded rule: by theory, and at simulated points."""

from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from nam_jax._types import Key
from nam_jax.experiment.hebbian._optimum import best_place
from nam_jax.experiment.hebbian._rule import FEWEST, Measured, Setting, simulate

PLANES = {"linear terms": False, "constant and c1pre": True}
"""Planes by label, and whether the second axis is the constant: c1pre and c1post at constant 0;
c1pre and the constant at the best c1post."""
REACH = {
    False: ((-0.8, 0.8), (-1.2, 1.2), (-0.2, 0.2)),
    True: ((-2.0, 0.0), (-1.5, -0.5), (-0.6, 0.6)),
}
"""Ranges of c1pre, c1post and the constant. False: for patterns of -1 and +1. True: for patterns
of 0 and 1, in units of a, a and a^2."""


class Scan(NamedTuple):
    """Numbers of points in a plane, and of sets for each simulated point.

    Attributes:
        error: Error at capacity, as wrong bits over 2 a N.
        map_points: Points of the map along each axis.
        grid_points: Simulated points along each axis.
        num_sets: Sets of patterns at each simulated point.
        num_queries: Patterns of a set whose errors are counted.
    """

    error: float
    map_points: int
    grid_points: int
    num_sets: int
    num_queries: int


class Plane(NamedTuple):
    """A setting and two axes of coefficients.

    Attributes:
        setting: The setting.
        constant: Whether the other axis is the constant; if not, it is c1post.
    """

    setting: Setting
    constant: bool

    def axes(self, points: int) -> tuple[np.ndarray, np.ndarray]:
        """The values x of c1pre and y of the other coefficient, (points,) each."""
        pre, post, constant = REACH[self.setting.activity is not None]
        across = constant if self.constant else post
        return np.linspace(*pre, points), np.linspace(*across, points)

    def pairs(self, points: int) -> np.ndarray:
        """All pairs (x, y), (points^2, 2), row by row: x changes fastest."""
        x, y = np.meshgrid(*self.axes(points))
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def place(self, x: float, y: float) -> np.ndarray:
        """The coefficients (c1pre, c1post, constant) at a pair (x, y)."""
        return np.array([x, best_place(self.setting)[1], y] if self.constant else [x, y, 0.0])


class Point(NamedTuple):
    """A simulated point.

    Attributes:
        x: c1pre.
        y: c1post or the constant.
        patterns: Number of stored patterns K.
        theory: Wrong bits over 2 a N by theory.
        measured: Wrong bits over 2 a N in simulation.
    """

    x: float
    y: float
    patterns: int
    theory: float
    measured: Measured


def over_plane(plane: Plane, scan: Scan, *, key: Key) -> tuple[np.ndarray, list[Point]]:
    """Capacities over the plane by theory, (y, x), and the simulated points.

    Every point is simulated with as many patterns as its own capacity by theory.
    """
    setting = plane.setting
    many, few = (plane.pairs(points) for points in (scan.map_points, scan.grid_points))
    places = np.stack([plane.place(*pair) for pair in np.concatenate([many, few])])
    capacities = np.asarray(setting.capacities(jnp.asarray(places, float), scan.error))
    keys = jr.split(key, len(few))
    points = [
        Point(x, y, *at_capacity(setting, place, float(count), scan, key=own))
        for (x, y), place, count, own in zip(
            few.tolist(), places[len(many) :], capacities[len(many) :], keys, strict=True
        )
    ]
    return capacities[: len(many)].reshape(scan.map_points, -1), points


def at_capacity(
    setting: Setting, place: np.ndarray, capacity: float, scan: Scan, *, key: Key
) -> tuple[int, float, Measured]:
    """Simulates one place with `capacity` patterns.

    Args:
        setting: The setting.
        place: (3,), c1pre, c1post and the constant.
        capacity: Number of patterns; it is rounded, and is at least `FEWEST`.
        scan: Numbers of sets and queries.
        key: Random key.

    Returns:
        The number of patterns, the error by theory, and the measured error.
    """
    coefficients = setting.coefficients(*(jnp.asarray(value, float) for value in place))
    count = max(FEWEST, round(capacity))
    predicted = float(setting.error(jnp.asarray(float(count)), coefficients))
    many = scan.num_sets, scan.num_queries
    return count, predicted, simulate(setting, count, coefficients, *many, key=key)
