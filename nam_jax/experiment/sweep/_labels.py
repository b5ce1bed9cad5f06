"""How figures of sweeps call fields and place their values; no Matplotlib."""

import json
from typing import Any

import numpy as np
import xarray as xr

from nam_jax.experiment.sweep._capacities import LOADS
from nam_jax.experiment.sweep._means import setting

LABELS = {
    "load": "load K / N (1)",
    "num_patterns": "stored patterns K (1)",
    "num_neurons": "neurons N (1)",
    "sizes": "neurons N (1)",
    "flips": "flipped bits of the cue (share)",
    "size": "neurons of a memory k (1)",
    "num_branches": "branches of a neuron D (1)",
}
"""The labels of axes of common fields; other fields have their names."""
SHORT = {
    "load": "K / N",
    "num_patterns": "K",
    "num_neurons": "N",
    "sizes": "N",
    "size": "k",
    "num_branches": "D",
}
"""How a legend calls fields."""


def title(dataset: xr.Dataset) -> str:
    """Returns the study, the fields that all units share, and how many are there if not all."""
    settings = json.loads(dataset.attrs["config"])["settings"]
    given = [f"{short(name)} = {written(value)}" for name, value in settings.items()]
    text = ", ".join([str(dataset.attrs["swept_study"]), *given])
    computed = dataset["computed"].values
    if not computed.all():
        text += f" ({int(computed.sum())} of {computed.size} units)"
    return text


def short(name: str) -> str:
    """Returns a field as legends and titles call it."""
    return SHORT.get(name, name.removeprefix("swept_").replace("_", " "))


def written(value: Any) -> str:
    """Returns a value of a field as text."""
    if isinstance(value, list):
        return "+".join(map(written, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def axis_label(name: str) -> str:
    """Returns the label of the axis of a field."""
    return LABELS.get(name, name.removeprefix("swept_").replace("_", " "))


def predicted_load(dataset: xr.Dataset, dim: Any) -> xr.DataArray | None:
    """Returns the capacity by theory in the unit of a field of what is stored; None for others."""
    if dim not in LOADS or "predicted" not in dataset or dataset["predicted"].isnull().all():
        return None
    predicted = dataset["predicted"]
    if dim == "load":
        sizes = dataset.coords.get("num_neurons", setting(dataset, "num_neurons"))
        predicted = predicted / sizes
    return predicted


def by_factors(places: np.ndarray) -> bool:
    """Returns whether numbers are spaced by factors rather than evenly."""
    if len(places) < 3 or min(places) <= 0 or max(places) < 4 * min(places):
        return False
    steps, factors = np.diff(np.sort(places)), np.diff(np.log(np.sort(places)))
    return float(np.std(factors) / np.mean(factors)) < float(np.std(steps) / np.mean(steps))


def edges(places: np.ndarray) -> np.ndarray:
    """Returns the edges of cells around sorted places, halfway between them."""
    values = np.log(places) if by_factors(places) else np.asarray(places, float)
    inner = (values[:-1] + values[1:]) / 2
    sides = np.array([2 * values[0] - inner[0], *inner, 2 * values[-1] - inner[-1]])
    return np.exp(sides) if by_factors(places) else sides
