"""The table and the figures of sweeps, from numbers whose means and capacities are known."""

import json
import math

import figures
import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from nam_jax.experiment import SWEEP
from nam_jax.experiment.sweep._capacities import capacities, exponent
from nam_jax.experiment.sweep._means import means


def swept(study, headline, dims, variables, settings=None, **units):
    """The Dataset of a sweep; `dims` are the coordinates, of which `units` names those swept."""
    names = units.get("swept", list(dims))
    dataset = xr.Dataset(variables, coords=dims)
    shape = [dataset.sizes[name] for name in names]
    dataset["computed"] = (names, np.ones(shape, bool))
    config = {"study": study, "settings": settings or {}, "grid": {}, "zip": [], "seeds": None}
    return dataset.assign_attrs(
        study="sweep", swept_study=study, headline=headline,
        swept=json.dumps(names), config=json.dumps(config),
    )  # fmt: skip


def recalls(sizes=(64, 256), loads=(0.1, 0.12, 0.14, 0.16, 0.18, 0.2), seeds=8, half=0.15):
    """Recall falls from all to none between loads `half` -+ 0.05, a line with a slope of -10."""
    n, load, seed = np.meshgrid(sizes, loads, range(seeds), indexing="ij")
    share = np.clip((half + 0.05 - load) * 10, 0, 1)
    wobble = np.where(seed % 2 == 0, 1, -1) * 0.125 * ((share > 0.2) & (share < 0.8))
    dims = ["num_neurons", "load", "seed"]
    numbers = {
        "recalled": np.round(8 * (share + wobble)) / 8,
        "trials": np.full(n.shape, 8),
        "stored": load * n,
        "predicted": 0.138 * n,
        "neurons": n + load * n,
        "synapses": load * n**2,
        "compute_units": n + load * n + load * n**2,
    }
    variables = {name: (dims, value) for name, value in numbers.items()}
    coords = {"num_neurons": list(sizes), "load": list(loads), "seed": list(range(seeds))}
    dataset = swept("rate", "recalled", coords, variables, {"memory": "power-2", "flips": 0.0})
    dataset["recalled"].attrs = {"long_name": "share of recalled cues", "units": "1"}
    return dataset


def measured(sizes=(40, 80, 160), memories=("power-2", "power-3"), seeds=2):
    """Capacities 0.2 N^(n-1) of a sweep over memories, sizes and seeds, each of one of its units."""
    dims = ["memories", "sizes", "seed", "memory", "neurons"]
    shape = (len(memories), len(sizes), seeds, len(memories), len(sizes))
    blank = {name: np.full(shape, np.nan) for name in ("capacity", "low", "high", "predicted")}
    for m, memory in enumerate(memories):
        for s, size in enumerate(sizes):
            value = 0.2 * size ** (int(memory[-1]) - 1)
            for name, factor in (("capacity", 1), ("low", 0.9), ("high", 1.1), ("predicted", 1.2)):
                blank[name][m, s, :, m, s] = factor * value
    n = np.array(sizes, float)
    variables = {name: (dims, value) for name, value in blank.items()} | {
        "synapses": ("neurons", n**2),
        "compute_units": ("neurons", n + 2 * n**2),
        "flipped_bits": ("neurons", 0.1 * n),
        "wrong_bits": ("neurons", n / 40),
    }
    coords = {"memories": list(memories), "sizes": list(sizes), "seed": list(range(seeds))}
    coords |= {"memory": list(memories), "neurons": list(sizes)}
    return swept("capacity", "capacity", coords, variables, swept=["memories", "sizes", "seed"])


def unfinished(dataset):
    """The same sweep without the last half of its units."""
    names = json.loads(dataset.attrs["swept"])
    there = np.ones(dataset["computed"].shape, bool)
    there[:, -1:] = False
    dataset = dataset.assign(computed=(names, there))
    blanked = {
        name: value.where(dataset["computed"])
        for name, value in dataset.data_vars.items()
        if name != "computed" and {*names} <= {*value.dims}
    }
    return dataset.assign(blanked)


def text_of(dataset):
    console = Console(width=200)
    with console.capture() as text:
        console.print(SWEEP.table(dataset))
    return text.get()
