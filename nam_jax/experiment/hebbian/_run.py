"""The study `hebbian`: how coefficients of the expanded Hebbian rule set its capacity."""

import dataclasses
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax._types import Key
from nam_jax.experiment.common import attributes, in_context, key_of_seed, tracked
from nam_jax.experiment.hebbian._config import HebbianConfig
from nam_jax.experiment.hebbian._map import PLANES, Plane, Point, Scan, at_capacity, over_plane
from nam_jax.experiment.hebbian._optimum import Optimum, ascend, best_place, learned, start_of
from nam_jax.experiment.hebbian._rule import Measured, Setting, settings
from nam_jax.record import Context

AROUND = ("optimum", "c1pre -", "c1pre +", "c1post -", "c1post +", "constant -", "constant +")
"""Simulated places: the end of an ascent, and places with one coefficient lowered or raised."""
STEPS = {False: (0.3, 0.5, 0.1), True: (0.4, 0.4, 0.3)}
"""Changes of c1pre, c1post and the constant to the places of `AROUND`. False: for patterns of -1
and +1. True: for patterns of 0 and 1."""
REMEDIES = ("as learned", "k winners", "centred weights", "best coefficients")
"""Ways to improve bad coefficients, after the coefficients as they are."""
WIDE = 0.99
"""Confidence of the wide intervals."""


@in_context(batched=False)
def run(config: HebbianConfig, context: Context) -> xr.Dataset:
    """Computes maps of capacity, simulated points, ascents and remedies, for four settings.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        Capacity by theory over pairs of coefficients. For each simulated point: the number of
        patterns, the error by theory, and the measured error with its interval. For each ascent:
        the capacity before each step, and the errors by theory and measured, at its end and at the
        other places of `AROUND`. For each remedy of bad coefficients: the number of patterns and
        the measured error.
    """
    if config.fast:
        less = {"map_points": 9, "grid_points": 3, "steps": 60}
        sets = max(8, config.num_sets // 2)
        config = dataclasses.replace(config, num_sets=sets, **less)
    cases = settings(config.num_neurons, config.sparse_neurons, config.activity)
    tasks: list[tuple[str, Callable[[], object]]] = []
    results: dict[str, list] = {"maps": [], "optima": [], "remedies": []}
    scan = Scan(
        config.error, config.map_points, config.grid_points, config.num_sets, config.num_queries
    )
    keys = iter(_keys(config.seed))
    for setting in cases:
        planes = [Plane(setting, constant) for constant in PLANES.values()]
        tasks += [("maps", lambda p=p: over_plane(p, scan, key=next(keys))) for p in planes]
        tasks.append(("optima", lambda s=setting: _optimum(s, config.steps, scan, key=next(keys))))
        if not setting.winners:
            tasks.append(("remedies", lambda s=setting: _remedies(s, scan, key=next(keys))))
    for name, task in tracked(tasks, "learning", context):
        results[name].append(task())
    return _dataset(config, cases, **results)


def _keys(seed: int) -> Iterator[Key]:
    """Yields new random keys, as many as are asked for."""
    key = key_of_seed(seed)
    while True:
        key, fresh = jr.split(key)
        yield fresh


def _optimum(
    setting: Setting, steps: int, scan: Scan, *, key: Key
) -> tuple[Optimum, list[tuple[int, float, Measured]]]:
    """Returns an ascent of the capacity, and a simulation at each place of `AROUND`.

    Every place is simulated with one number of patterns K: the last capacity of the ascent, rounded
    and at least `FEWEST`. A simulation is reported as K, the error by theory and the measured
    error.
    """
    optimum = ascend(setting, scan.error, steps)
    best = np.asarray(optimum.end, float)
    places = [best]
    for axis, step in enumerate(STEPS[setting.activity is not None]):
        places += [best + sign * step * np.eye(3)[axis] for sign in (-1, 1)]
    capacity = float(optimum.capacities[-1])
    keys = jr.split(key, len(places))
    around = [
        at_capacity(setting, place, capacity, scan, key=own)
        for place, own in zip(places, keys, strict=True)
    ]
    return optimum, around


def _remedies(setting: Setting, scan: Scan, *, key: Key) -> tuple[int, list[Measured]]:
    """Returns the capacity K of the best coefficients, and the errors of `REMEDIES` at K patterns.

    K is the number of patterns, rounded, at which theory gives the error `scan.error`. The first
    three remedies use bad coefficients, those at the start of the ascent. The last uses the best.

    Args:
        setting: The setting, without winners.
        scan: The error at capacity, and the numbers of sets and queries; a quarter of the sets, but
            at least 8, is used.
        key: Random key.
    """
    best = setting.coefficients(*(jnp.asarray(value) for value in best_place(setting)))
    bad = setting.coefficients(*start_of(setting))
    count = round(float(setting.capacity(best, scan.error)))
    many = max(8, scan.num_sets // 4), scan.num_queries
    keys = jr.split(key, len(REMEDIES))
    cases = (
        (setting, bad, False),
        (setting._replace(winners=True), bad, False),
        (setting, bad, True),
        (setting, best, False),
    )
    return count, [
        learned(case, count, coefficients, *many, centred=centred, key=own)
        for (case, coefficients, centred), own in zip(cases, keys, strict=True)
    ]


def _dataset(
    config: HebbianConfig,
    cases: tuple[Setting, ...],
    maps: list[tuple[np.ndarray, list[Point]]],
    optima: list[tuple[Optimum, list[tuple[int, float, Measured]]]],
    remedies: list[tuple[int, list[Measured]]],
) -> xr.Dataset:
    shape = (len(cases), len(PLANES))
    planes = [Plane(setting, constant) for setting in cases for constant in PLANES.values()]

    def by_plane(rows: list) -> np.ndarray:
        values = np.asarray(rows, float)
        return values.reshape(*shape, *values.shape[1:])

    at = ("setting", "plane", "point")
    points = [row for _, row in maps]
    axes = [plane.axes(config.map_points) for plane in planes]
    of_points = {
        "x": by_plane([[p.x for p in row] for row in points]),
        "y": by_plane([[p.y for p in row] for row in points]),
        "patterns": by_plane([[p.patterns for p in row] for row in points]),
        "predicted": by_plane([[p.theory for p in row] for row in points]),
    }
    of_points |= _intervals([[p.measured for p in row] for row in points], by_plane)
    around = [row for _, row in optima]
    near = {
        "around_patterns": np.asarray([[k for k, _, _ in row] for row in around]),
        "around_predicted": np.asarray([[p for _, p, _ in row] for row in around]),
    }
    errors = _intervals([[m for _, _, m in row] for row in around], np.asarray)
    near |= {f"around_{name}": value for name, value in errors.items()}
    mended = _intervals([row for _, row in remedies], np.asarray)
    dataset = xr.Dataset(
        {
            "capacity": (("setting", "plane", "row", "column"), by_plane([m for m, _ in maps])),
            "map_x": (("setting", "plane", "column"), by_plane([x for x, _ in axes])),
            "map_y": (("setting", "plane", "row"), by_plane([y for _, y in axes])),
            "start": (("setting", "coefficient"), np.stack([o.start for o, _ in optima])),
            "optimum": (("setting", "coefficient"), np.stack([o.end for o, _ in optima])),
            "ascent": (("setting", "step"), np.stack([o.capacities for o, _ in optima])),
            "remedy_patterns": ("kind", [count for count, _ in remedies]),
        }
        | {name: (at, value) for name, value in of_points.items()}
        | {name: (("setting", "around"), value) for name, value in near.items()}
        | {f"remedy_{name}": (("kind", "remedy"), value) for name, value in mended.items()},
        coords={
            "setting": [case.name for case in cases],
            "plane": list(PLANES),
            "coefficient": ["c1pre", "c1post", "constant"],
            "around": list(AROUND),
            "kind": ["-1 and +1", "0 and 1"],
            "remedy": list(REMEDIES),
            "unit": ("setting", [case.unit for case in cases]),
        },
    )
    dataset["capacity"].attrs = {"long_name": "stored patterns K", "units": "1"}
    dataset["error"].attrs = {"long_name": "wrong bits over 2 a N", "units": "1"}
    criterion = f"{100 * config.error:g} % wrong bits after one step"
    dataset.attrs = attributes(config) | {"criterion": criterion}
    return dataset


def _intervals(
    rows: list[list[Measured]], shaped: Callable[[list], np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns means over sets, ends of 95 % intervals and half-widths of 99 % intervals."""
    reach = shaped([[m.reach(0.95) for m in row] for row in rows])
    value = shaped([[m.value for m in row] for row in rows])
    wide = shaped([[m.reach(WIDE) for m in row] for row in rows])
    return {"error": value, "low": value - reach, "high": value + reach, "wide": wide}


def coverage(dataset: xr.Dataset) -> tuple[float, float, int]:
    """Returns how often theory lies in the intervals of simulated points.

    Returns:
        The share of points with theory in their 95 % interval, the share with theory in their 99 %
        interval, and the number of points.
    """
    gap = abs(dataset.error - dataset.predicted)
    narrow, wide = gap <= dataset.high - dataset.error, gap <= dataset.wide
    return float(narrow.mean()), float(wide.mean()), int(narrow.size)


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of the ascents, with errors around their ends, and of the remedies."""
    narrow, wide, number = coverage(dataset)
    title = (
        f"Best coefficients by gradient; theory within 95 % intervals at {narrow:.1%}, "
        f"within 99 % at {wide:.1%} of {number} simulated points"
    )
    result = Table(title=title, caption=f"Capacities K: {dataset.attrs['criterion']}")
    for name in ("setting", "c1pre, c1post, constant", "K by theory", "error [95 %]", "theory"):
        result.add_column(name, justify="left" if name == "setting" else "right")
    for name in dataset.setting.values:
        row = dataset.sel(setting=name)
        ascent = row.ascent.values
        result.add_row(f"{name}: start", _numbers(row.start), f"{ascent[0]:.1f}", "", "")
        for place in row.around.values:
            one = row.sel(around=place)
            first = place == "optimum"
            result.add_row(
                f"  {place}", _numbers(row.optimum) if first else "",
                f"{ascent[-1]:.1f}" if first else "",
                f"{float(one.around_error):.4f} [{float(one.around_low):.4f}, "
                f"{float(one.around_high):.4f}]", f"{float(one.around_predicted):.4f}",
            )  # fmt: skip
        result.add_section()
    for kind in dataset.kind.values:
        for remedy in dataset.remedy.values:
            one = dataset.sel(kind=kind, remedy=remedy)
            text = f"{float(one.remedy_error):.4f} [{float(one.remedy_low):.4f}, "
            text += f"{float(one.remedy_high):.4f}]"
            result.add_row(f"{kind}: {remedy}", "", f"{int(one.remedy_patterns)}", text, "")
    return result


def _numbers(values: xr.DataArray) -> str:
    return ", ".join(f"{value:+.3f}" for value in values.values.tolist())
