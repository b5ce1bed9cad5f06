"""Claims about trained hierarchies that complete digits, beside statistics and stored digits."""

from typing import NamedTuple

import xarray as xr

from nam_jax.experiment import hierarchy
from nam_jax.experiment.claims._finding import Finding, of_bounds
from nam_jax.experiment.claims._once import once
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DERIVED_HIERARCHY, OURS
from nam_jax.experiment.common import over_seeds

SINGLE, DOUBLE = "128", ("64-64", "80-38")
"""Trained networks, by their hidden units, of equal numbers of weights."""
GAUSSIAN, STORING = "Gaussian, ridge 0.004", "softmax, untrained"


@once
def _measured() -> xr.Dataset:
    """Completions of 60 digits by all methods, five seeds, 500 steps of training."""
    return hierarchy.study.run(hierarchy.study.config())


class _Gap(NamedTuple):
    """A mean difference with its 95 % interval over seeds; pairs share digits and cues."""

    value: float
    low: float
    high: float


def _gap(memory: str, other: str, measure: str, damage: str = "random") -> _Gap:
    """The `measure` of a memory less that of another one."""
    rows = _measured().by_seed.sel(measure=measure, damage=damage)
    gaps = rows.sel(memory=memory) - rows.sel(memory=other)
    return _Gap(*of_bounds(over_seeds(gaps.values)))


@claim(
    "hierarchy-depth",
    "Two hidden layers complete images better than one of equally many weights",
    f"{OURS}, found by a prototype with one seed",
    quick=False,
)
def hierarchy_depth(fast: bool) -> Finding:
    """Squared error of 32 unknown pixels of 60 digits, 64-64 and 80-38 less 128 hidden units."""
    del fast
    gaps = {name: _gap(name, SINGLE, "error") for name in DOUBLE}
    lower = _gap(DOUBLE[1], SINGLE, "error", "lower")
    meaning = (
        f"error of 80-38 less that of 128 hidden units, random pixels; 64-64 "
        f"{gaps[DOUBLE[0]].value:+.4f}; 80-38 on lower halves {lower.value:+.4f}"
    )
    fine = {f"{name}, random pixels": gap.high < 0 for name, gap in gaps.items()}
    fine["80-38, lower half"] = lower.high < 0
    return Finding(*gaps[DOUBLE[1]], meaning, fine)


@claim(
    "hierarchy-statistics",
    "A trained hierarchy recalls better than the conditional mean of a Gaussian",
    f"{OURS}, docs/results/hierarchy.md",
    quick=False,
)
def hierarchy_statistics(fast: bool) -> Finding:
    """Share of right recalls by unknown pixels, 80-38 less the Gaussian of the 60 digits."""
    del fast
    gap, error = (_gap(DOUBLE[1], GAUSSIAN, measure) for measure in ("recall", "error"))
    lower = _gap(DOUBLE[1], GAUSSIAN, "recall", "lower")
    meaning = (
        f"recall of 80-38 less that of the Gaussian, random pixels; lower half {lower.value:+.3f}; "
        f"squared error {error.value:+.4f}"
    )
    fine = {"recall, random pixels": gap.low > 0, "recall, lower half": lower.low > 0}
    return Finding(*gap, meaning, fine | {"error, random pixels": error.high < 0})


@claim(
    "hierarchy-storing",
    "Softmax units that hold the images recall more than trained units, without training",
    DERIVED_HIERARCHY,
    quick=False,
)
def hierarchy_storing(fast: bool) -> Finding:
    """Share of right recalls by unknown pixels, 60 softmax units less the best trained network."""
    del fast
    gaps = {name: _gap(STORING, name, "recall") for name in (*DOUBLE, SINGLE, GAUSSIAN)}
    best = min((*DOUBLE, SINGLE), key=lambda name: gaps[name].value)
    value = float(_measured().score.sel(memory=STORING, measure="recall", bound="value")[0])
    other = gaps[GAUSSIAN].value
    meaning = f"recall ({value:.2f}) less that of {best}; less the Gaussian {other:+.3f}"
    fine = {f"beside {name}": gap.low > 0 for name, gap in gaps.items()}
    return Finding(*gaps[best], meaning, fine)


@claim(
    "hierarchy-rest",
    "A trained memory with one hidden layer is too slow to rest, more often than one with two",
    f"{OURS}, found by a prototype with coarse steps",
    quick=False,
)
def hierarchy_rest(fast: bool) -> Finding:
    """Share of cues that are at rest in 400 steps, residual 0.002, tolerance of steps 0.0001."""
    del fast
    dataset = _measured()
    rested = dataset.score.sel(measure="rested", damage="random")
    row = of_bounds(rested.sel(memory=SINGLE).values)
    two = float(rested.sel(memory=DOUBLE[1], bound="value"))
    dropped = float(dataset.dropped.sel(bound="value").max())
    meaning = f"share with 128 hidden units; 80-38 {two:.3f}; gradients left out {dropped:.4f}"
    return Finding(*row, meaning, {"60 digits": row[2] < 1})
