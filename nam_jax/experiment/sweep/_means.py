"""The means of a sweep over its seeds, with intervals: what its table and its figures show."""

import json
from typing import Any

import numpy as np
import scipy
import xarray as xr

from nam_jax import measure

SEEDS = ("seed", "swept_seed")
"""Names of the dimension of seeds."""


def main_variable(dataset: xr.Dataset) -> str:
    """Returns the name of the variable that is tabulated and drawn.

    It is the headline of the study. For a study without one it is a variable of real numbers that
    differs between units, with the fewest dimensions besides the swept ones, the first by name.

    Args:
        dataset: The numbers of a sweep.
    """
    headline = str(dataset.attrs.get("headline", ""))
    if headline in dataset.data_vars:
        return headline
    swept = swept_dims(dataset)
    real = [
        (bool(np.nanstd(variable) == 0), len(set(variable.dims) - {*swept}), str(name))
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind == "f"
        and {*swept} <= set(variable.dims)
        and variable.notnull().any()
    ]
    return min(real)[-1] if real else "computed"


def swept_dims(dataset: xr.Dataset) -> tuple[str, ...]:
    """Returns the swept dimensions, in the order of the grid."""
    return tuple(json.loads(dataset.attrs["swept"]))


def setting(dataset: xr.Dataset, name: str) -> Any:
    """Returns the value of a field of the study that is the same in all units; None if none is."""
    from nam_jax.experiment import study_named

    settings = json.loads(dataset.attrs["config"])["settings"]
    config = study_named(dataset.attrs["swept_study"]).config.resolve()
    return settings.get(name, getattr(config(), name, None))


def means(dataset: xr.Dataset) -> xr.Dataset:
    """Returns the means of the main variable over seeds with their 95 % intervals.

    Units that have an interval of their own, such as one over many sets of patterns, are joined:
    seeds are independent, so the squares of their errors add up. Without such intervals, that of a
    share of trials is the one of `measure.rate` with one set for each seed, and others are
    Student's over seeds; they are NaN with a single seed.

    Args:
        dataset: The numbers of a sweep, of some or all units.

    Returns:
        The variables `value`, `low`, `high` and `seeds` (number of seeds that are there) over the
        swept dimensions without the seeds, and after them those dimensions of the variable that the
        swept ones do not determine. The attribute `label` is the name of the variable with its
        unit, and `share` tells whether it lies from 0 to 1.
    """
    name = main_variable(dataset)
    own = _with_own_interval(dataset, name)
    spread = _collapsed(own, swept_dims(dataset))
    trials = _trials(dataset, spread["value"])
    attrs = {"label": _label(dataset, name), "share": _is_share(spread["value"].values)}
    seeds = [dim for dim in spread.dims if dim in SEEDS]
    if not seeds:
        counted = spread["value"].notnull().astype(int)
        return spread.assign(seeds=counted).assign_attrs(attrs)
    (seed,) = seeds
    value = spread["value"]
    if bool((value.isnull() | spread["low"].notnull()).all()):
        result = _joined(spread, seed)
    else:
        result = _student(value, seed) if trials is None else _shares(value, trials, seed)
    return result.assign_attrs(attrs)


def _label(dataset: xr.Dataset, name: str) -> str:
    attrs = dataset[name].attrs
    return f"{attrs.get('long_name', name.replace('_', ' '))} ({attrs.get('units', '1')})"


def _with_own_interval(dataset: xr.Dataset, name: str) -> xr.Dataset:
    """The variables value, low and high of each unit, averaged over samples such as cues."""
    value = dataset[name].astype(float)
    parts: dict[str, xr.DataArray] = {"value": value}
    if "bound" in value.dims:
        known = [bound for bound in ("value", "low", "high") if bound in value["bound"]]
        parts = {bound: value.sel(bound=bound, drop=True) for bound in known}
    for bound in ("low", "high"):
        for other in (bound, f"{name}_{bound}"):
            if other in dataset and dataset[other].dims == value.dims:
                parts[bound] = dataset[other].astype(float)
        parts.setdefault(bound, xr.full_like(parts["value"], np.nan))
    own = xr.Dataset({key: part.variable for key, part in parts.items()}, parts["value"].coords)
    return own.mean("sample") if "sample" in own.dims else own


def _collapsed(own: xr.Dataset, swept: tuple[str, ...]) -> xr.Dataset:
    """The variables without dimensions that a swept dimension determines.

    For example, if sizes 40 and 80 are swept and the study has a dimension neurons, its values
    at (40, 40) and (80, 80) are there and those at (40, 80) and (80, 40) are NaN: neurons goes.
    """
    for dim in [str(name) for name in own["value"].dims if name not in swept]:
        there = own["value"].notnull()
        alone = any(
            bool((there.any([d for d in there.dims if d not in (dim, s)]).sum(dim) <= 1).all())
            for s in (name for name in swept if name in there.dims)
        )
        if own.sizes[dim] == 1 or alone:
            own = own.max(dim, skipna=True)
    return own.transpose(*[name for name in swept if name in own.dims], ...)


def _trials(dataset: xr.Dataset, value: xr.DataArray) -> xr.DataArray | None:
    """The number of trials of each unit, if the values are shares of them; else None."""
    if "trials" not in dataset or dataset["trials"].dims != value.dims:
        return None
    trials = dataset["trials"].astype(float)
    counts = (value * trials).values
    counts = counts[np.isfinite(counts)]
    whole = np.allclose(counts, np.round(counts), atol=1e-3)
    return trials if whole and _is_share(value.values) else None


def _is_share(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return bool(((known >= 0) & (known <= 1)).all())


def _joined(spread: xr.Dataset, seed: str) -> xr.Dataset:
    """Means over seeds with the interval that follows from those of the seeds."""
    value = spread["value"]
    count, mean = value.notnull().sum(seed), value.mean(seed)
    below, above = (
        np.sqrt(((spread[bound] - value) ** 2).sum(seed)) / count for bound in ("low", "high")
    )
    return xr.Dataset({"value": mean, "low": mean - below, "high": mean + above, "seeds": count})


def _student(value: xr.DataArray, seed: str) -> xr.Dataset:
    """Means over seeds with Student's interval; NaN where fewer than two seeds are there."""
    count = value.notnull().sum(seed)
    mean = value.mean(seed)
    deviation = value.std(seed, ddof=1).where(count > 1)
    quantile = scipy.stats.t.ppf(0.975, np.maximum(count.values - 1, 1))
    half = deviation / np.sqrt(count) * quantile
    return xr.Dataset({"value": mean, "low": mean - half, "high": mean + half, "seeds": count})


def _shares(value: xr.DataArray, trials: xr.DataArray, seed: str) -> xr.Dataset:
    """Means of shares over seeds, with the interval of shares of trials in sets."""
    means = _student(value, seed)
    low, high = (np.full(means["value"].shape, np.nan) for _ in range(2))
    rows = value.transpose(..., seed).values
    numbers = trials.transpose(..., seed).values
    for place in np.ndindex(*low.shape):
        there = np.isfinite(rows[place])
        share, number = rows[place][there], numbers[place][there]
        if len(share) > 1 and np.ptp(number) == 0:
            count = np.round(share * number)
            rate = measure.rate(np.arange(int(number[0])) < count[:, None], by_set=True)
            low[place], high[place] = rate.low, rate.high
    dims = means["value"].dims
    return means.assign(low=(dims, low), high=(dims, high))
