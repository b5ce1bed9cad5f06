"""The Dataset of the experiment with items."""

import math
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from nam_jax import measure
from nam_jax.experiment.items._methods import ANSWERS, DECODERS, Method, Outcome
from nam_jax.experiment.items._problem import DAMAGES

EXAMPLES = 5
"""Images that are drawn."""

ONE = {"units": "1"}
BOUND = ("value", "low", "high")


class Load(NamedTuple):
    """The results of one network and one number of items, with C cues of P pixels.

    Attributes:
        by_method: The outcome of each method, by its name.
        others: (answers, damages, C), whether memories that are not dendritic recalled every pixel,
            by their names. Such a memory has as many synapses as the learned maps with each
            read-out; it stores only as many images as that allows.
        cues: (damages, C, P), the damaged images.
        targets: (C, P), the images.
        shape: Numbers of rows and columns of an image.
    """

    by_method: dict[str, Outcome]
    others: dict[str, Bool[np.ndarray, "answers damages C"]]
    cues: Float[np.ndarray, "damages C P"]
    targets: Float[np.ndarray, "C P"]
    shape: tuple[int, int]


def dataset(
    config: Any, chosen: dict[str, Method], loads: dict[tuple[int, int], Load]
) -> xr.Dataset:
    """Returns the Dataset of the study.

    Args:
        config: The settings.
        chosen: The methods by name.
        loads: Results by index of the network and number of items.
    """
    names, stored = list(chosen), list(config.num_items)
    others = list(next(iter(loads.values())).others)

    def outcomes(pick: Any, rows: list[Any]) -> list[list[list[np.ndarray]]]:
        """Picks arrays by row, load and network; cues that repeat an image are left out."""
        networks = range(config.num_networks)
        return [
            [[pick(loads[net, num], row)[..., :num] for net in networks] for num in stored]
            for row in rows
        ]

    sets = outcomes(lambda load, name: load.by_method[name].sets, names)
    exact = outcomes(lambda load, name: load.by_method[name].exact, names)
    exact += outcomes(lambda load, name: load.others[name], others)
    own = outcomes(lambda load, name: load.by_method[name].own, names)
    gains = [[[loads[n, k].by_method[m].gain for n in range(config.num_networks)] for k in stored]
             for m in names]  # fmt: skip
    rates = xr.Dataset(
        {
            "right_set": (("rule", "stored", "decoder", "damage", "bound"), _pooled(sets), ONE),
            "exact": (("memory", "stored", "answer", "damage", "bound"), _pooled(exact), ONE),
            "own": (("rule", "stored", "answer", "bound"), _pooled(own), ONE),
            "set_capacity": (
                ("rule", "decoder", "damage", "network"), _crossings(sets, stored), ONE,
            ),
            "capacity": (("memory", "answer", "damage", "network"), _crossings(exact, stored), ONE),
            "gain": (("rule", "stored", "network"), np.array(gains), ONE),
            "synapses": (("rule", "answer"), _synapses(config, chosen, loads), ONE),
        },
        coords={
            "rule": names,
            "memory": [*names, *others],
            "decoder": list(DECODERS),
            "answer": list(ANSWERS),
            "damage": list(DAMAGES),
            "stored": ("stored", stored, {"long_name": "stored images K"}),
            "bound": list(BOUND),
        },
    )  # fmt: skip
    return xr.merge([rates, _pictures(chosen, loads)], join="exact", combine_attrs="drop")


def _pooled(outcomes: list[list[list[np.ndarray]]]) -> np.ndarray:
    """Rates with intervals over networks: (rows, loads, ..., bound)."""

    def rates(parts: list[np.ndarray]) -> np.ndarray:
        joined = np.stack(parts)  # networks, ..., cues
        cells = np.moveaxis(joined, 0, -2).reshape(-1, len(parts), joined.shape[-1])
        values = [measure.rate(cell, by_set=True)[:3] for cell in cells]
        return np.array(values).reshape(*joined.shape[1:-1], 3)

    return np.array([[rates(parts) for parts in row] for row in outcomes])


def _crossings(outcomes: list[list[list[np.ndarray]]], stored: list[int]) -> np.ndarray:
    """The `crossing` of the rate of each network: (rows, ..., networks)."""
    means = np.array([[[part.mean(-1) for part in parts] for parts in row] for row in outcomes])
    means = np.moveaxis(means, (1, 2), (-1, -2))  # rows, ..., networks, loads
    flat = means.reshape(-1, len(stored))
    return np.array([crossing(row, stored) for row in flat]).reshape(means.shape[:-1])


def crossing(rates: np.ndarray, stored: list[int]) -> float:
    """Returns the number K of images at which a rate first falls below 1/2.

    It is infinite if the rate never does, and 0 if the first rate is below 1/2. Between two loads,
    the rate is taken as linear in log K: rates 0.75 at K = 20 and 0.25 at K = 80 give 40.

    Args:
        rates: The rate at each load.
        stored: The loads, ascending numbers K.
    """
    below = np.flatnonzero(rates < 0.5)
    if not below.size:
        return math.inf
    place = int(below[0])
    if place == 0:
        return 0.0
    high, low = float(rates[place - 1]), float(rates[place])
    share = (high - 0.5) / (high - low)
    ends = np.log(np.array(stored[place - 1 : place + 1], float))
    return float(np.exp(ends[0] + share * (ends[1] - ends[0])))


def crossing_text(values: Float[np.ndarray, " networks"]) -> str:
    """Returns mean and range over networks as text."""
    low, high = values.min(), values.max()
    if low == 0 and high == 0:
        return "below all"
    if math.isinf(low):
        return "above all"
    return f"{values.mean():.3g} [{low:.3g}, {high:.3g}]"


def _synapses(
    config: Any, chosen: dict[str, Method], loads: dict[tuple[int, int], Load]
) -> np.ndarray:
    """Learned synapses of each method with each read-out."""
    pixels = next(iter(loads.values())).targets.shape[1]
    ends = (config.num_memory, config.num_feature)
    return np.array(
        [[pixels * (ends[method.to_features] + end) for end in ends] for method in chosen.values()]
    )


def _pictures(chosen: dict[str, Method], loads: dict[tuple[int, int], Load]) -> xr.Dataset:
    """Some recalls of the first network at its middle load, read from feature neurons."""
    cases = [case for case in loads if case[0] == 0]
    case = cases[(len(cases) - 1) // 2]
    load = loads[case]
    shown = {"cue": load.cues} | {
        name: np.clip(load.by_method[name].readouts[ANSWERS.index("features")], -1, 1)
        for name in chosen
    }
    shown["original"] = np.broadcast_to(load.targets, load.cues.shape)
    rows = np.stack([images[:, :EXAMPLES] for images in shown.values()])
    pictures = rows.reshape(*rows.shape[:-1], *load.shape)
    return xr.Dataset(
        {
            "pictures": (("picture", "damage", "sample", "row", "column"), pictures, ONE),
            "pictured": ((), case[1], {"long_name": "stored images K"}),
        },
        coords={"picture": list(shown), "damage": list(DAMAGES)},
    )
