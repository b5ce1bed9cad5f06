"""The study `generalise`: phases, thresholds and attractors of a memory full of samples."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.random as jr
import numpy as np
import xarray as xr
from rich.table import Table

from nam_jax import theory
from nam_jax._types import Key
from nam_jax.experiment.common import Slope, attributes, in_context, key_of_seed, log_slope, tracked
from nam_jax.experiment.generalise._config import GeneraliseConfig
from nam_jax.experiment.generalise._samples import attractors, outputs, phases
from nam_jax.record import Context

LADDER = np.unique(np.round(2 ** (np.arange(2, 33) / 2))).astype(int)
"""Numbers of samples K for the thresholds of all betas, which therefore share programs."""


class Manifold(NamedTuple):
    """A manifold of samples.

    Attributes:
        name: Its label.
        dimension: Its dimension; samples have one entry more.
        guess: Function of beta that returns an estimate of the threshold K_c. K_c is measured
            around this estimate.
        attractors: Function of beta that returns the number of attractors at large K, by theory.
        exponent: The exponent of K_c in beta, by theory.
    """

    name: str
    dimension: int
    guess: Callable[[float], float]
    attractors: Callable[[float], Any]
    exponent: float


CIRCLE = Manifold("circle", 1, lambda beta: 1.45 * beta**0.5, theory.circle_attractors, 0.5)
SPHERE = Manifold("sphere", 2, lambda beta: 0.6 * beta, theory.sphere_attractors, 1.0)
MANIFOLDS = (CIRCLE, SPHERE)


@in_context(batched=False)
def run(config: GeneraliseConfig, context: Context) -> xr.Dataset:
    """Measures phases, thresholds and numbers of attractors.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        Shares of memorised, spurious and generalised cues against K; the distance between outputs
        of two memories of disjoint samples; the threshold K_c, at which half the cues are
        memorised, by beta, with its exponent; the number of attractors far above K_c, measured and
        by theory. Intervals are 95 %.
    """
    if config.fast:
        few = tuple(k for k in config.phase_samples if k <= 900) or config.phase_samples[:1]
        sets = max(4, config.num_sets // 2)
        config = dataclasses.replace(config, num_sets=sets, phase_samples=few)
    cells = [(CIRCLE, beta) for beta in config.circle_betas]
    cells += [(SPHERE, beta) for beta in config.sphere_betas]
    keys = jr.split(key_of_seed(config.seed), 2)
    phased = [
        _phases_at(config, count, key=jr.fold_in(keys[0], count))
        for count in tracked(config.phase_samples, "phases", context)
    ]
    measured = [
        _cell(config, manifold, beta, key=jr.fold_in(keys[1], place))
        for place, (manifold, beta) in enumerate(tracked(cells, "thresholds", context))
    ]
    return _dataset(config, cells, phased, measured)


class _Interval(NamedTuple):
    value: float
    low: float
    high: float


def _mean(by_set: np.ndarray) -> _Interval:
    value, error = float(by_set.mean()), float(by_set.std(ddof=1)) / np.sqrt(len(by_set))
    return _Interval(value, value - 1.96 * error, value + 1.96 * error)


def _phases_at(config: GeneraliseConfig, num_samples: int, *, key: Key) -> list[_Interval]:
    """Means over sets: the shares memorised, spurious and generalised, and the gap."""
    many = config.num_sets, config.num_queries
    returned = outputs(num_samples, 2, config.phase_beta, config.steps, *many, key=key)
    shares = phases(returned, config.phase_beta, weight=config.weight, distance=config.distance)
    return [_mean(by_set) for by_set in (*shares, returned.gap.mean(axis=1))]


class _Cell(NamedTuple):
    """Measurements on one manifold at one beta.

    Attributes:
        threshold: K_c.
        samples: Numbers of samples K, far above K_c, one for each load.
        attractors: Numbers of attractors at these K.
    """

    threshold: _Interval
    samples: list[int]
    attractors: list[_Interval]


def _cell(config: GeneraliseConfig, manifold: Manifold, beta: float, *, key: Key) -> _Cell:
    of_threshold, of_attractors = jr.split(key)
    threshold = _threshold(config, manifold, beta, key=of_threshold)
    # A power of two, so that programs are shared.
    samples = [2 ** round(np.log2(load * manifold.guess(beta))) for load in config.loads]
    many = config.num_starts, max(4, config.num_sets // 2)
    counts = [
        _mean(attractors(k, manifold.dimension, beta, *many, key=jr.fold_in(of_attractors, k)))
        for k in samples
    ]
    return _Cell(threshold, samples, counts)


def _threshold(config: GeneraliseConfig, manifold: Manifold, beta: float, *, key: Key) -> _Interval:
    """K_c, at which half the cues are memorised, from a line through the share against log K.

    The line uses numbers of samples of `LADDER` between the guess over 2.2 and the guess times 2.2.
    The interval is a bootstrap over sets.
    """
    guess = manifold.guess(beta)
    counts = LADDER[(guess / 2.2 < LADDER) & (guess * 2.2 > LADDER)]
    sizes = manifold.dimension, beta, config.steps, config.num_sets, config.num_queries
    shares = np.stack(
        [
            (outputs(int(k), *sizes, key=jr.fold_in(key, int(k))).weight > config.weight).mean(1)
            for k in counts
        ]
    )
    random = np.random.default_rng(int(counts.sum()))
    chosen = random.integers(0, config.num_sets, (500, len(counts), config.num_sets))
    resampled = np.take_along_axis(shares[None], chosen, axis=2).mean(axis=2)
    crossings = [_crossing(counts, sample) for sample in resampled]
    low, high = np.quantile(crossings, [0.025, 0.975])
    return _Interval(_crossing(counts, shares.mean(axis=1)), float(low), float(high))


def _crossing(counts: np.ndarray, shares: np.ndarray) -> float:
    """The count at which a straight line through `shares` against log `counts` is one half."""
    slope, height = np.polyfit(np.log(counts), shares - 0.5, 1)
    return float(np.exp(-height / slope))


def _dataset(
    config: GeneraliseConfig,
    cells: list[tuple[Manifold, float]],
    phased: list[list[_Interval]],
    measured: list[_Cell],
) -> xr.Dataset:
    shares = np.asarray(phased, float)
    bounds = ["value", "low", "high"]
    exponents = [_exponent(manifold, cells, measured) for manifold in MANIFOLDS]
    dataset = xr.Dataset(
        {
            "share": (("stored", "phase", "bound"), shares[:, :3]),
            "gap": (("stored", "bound"), shares[:, 3]),
            "threshold": (("cell", "bound"), np.asarray([c.threshold for c in measured])),
            "attractors": (
                ("cell", "multiple", "bound"),
                np.asarray([c.attractors for c in measured]),
            ),
            "attractor_samples": (("cell", "multiple"), [c.samples for c in measured]),
            "predicted_attractors": (
                "cell",
                [manifold.attractors(beta) for manifold, beta in cells],
            ),
            "exponent": (("manifold", "bound"), np.asarray(exponents)),
            "predicted_exponent": ("manifold", [manifold.exponent for manifold in MANIFOLDS]),
        },
        coords={
            "stored": list(config.phase_samples),
            "phase": ["memorised", "spurious", "generalised"],
            "bound": bounds,
            "multiple": list(config.loads),
            "beta": ("cell", [beta for _, beta in cells]),
            "on": ("cell", [manifold.name for manifold, _ in cells]),
            "manifold": [manifold.name for manifold in MANIFOLDS],
        },
    )
    dataset["stored"].attrs = {"long_name": "stored samples K", "units": "1"}
    dataset["gap"].attrs = {"long_name": "distance of two memories' outputs", "units": "noise"}
    criterion = f"weight of the cued sample above {config.weight:g} for half of the cues"
    dataset.attrs = attributes(config) | {"criterion": criterion}
    return dataset


def _exponent(
    manifold: Manifold, cells: Sequence[tuple[Manifold, float]], measured: list[_Cell]
) -> Slope:
    """The exponent of K_c in beta on one manifold; NaN if it has one beta only."""
    rows = [
        (beta, c.threshold) for (on, beta), c in zip(cells, measured, strict=True) if on is manifold
    ]
    if len(rows) < 2:
        return Slope(np.nan, np.nan, np.nan)
    errors = [np.log(t.high / t.low) / (2 * 1.96) for _, t in rows]
    return log_slope([beta for beta, _ in rows], [t.value for _, t in rows], errors)


def table(dataset: xr.Dataset) -> Table:
    """Thresholds and attractors by beta, exponents, and phases by number of samples."""
    title = "Samples memorised, and attractors when there are many [95 %]"
    result = Table(title=title, caption=f"K_c: {dataset.attrs['criterion']}")
    for name in ("", "K_c, half memorised", "attractors", "theory"):
        result.add_column(name, justify="left" if not name else "right")
    for place in range(dataset.sizes["cell"]):
        row = dataset.isel(cell=place)
        result.add_row(
            f"{row.on.item()}, beta = {float(row.beta):g}", _text(row.threshold),
            "\n".join(
                f"{_text(row.attractors.isel(multiple=k))} at K = {int(row.attractor_samples[k])}"
                for k in range(row.sizes["multiple"])
            ),
            f"{float(row.predicted_attractors):.1f}",
        )  # fmt: skip
    result.add_section()
    for name in dataset.manifold.values:
        row = dataset.sel(manifold=name)
        text = f"{_text(row.exponent, 3)}, theory {float(row.predicted_exponent):g}"
        result.add_row(f"{name}: exponent of K_c", text, "", "")
    result.add_section()
    for count in dataset.stored.values:
        row = dataset.sel(stored=count)
        parts = [f"{name} {float(row.share.sel(phase=name, bound='value')):.2f}"
                 for name in dataset.phase.values]  # fmt: skip
        result.add_row(f"sphere, K = {count}", ", ".join(parts), f"gap {_text(row.gap, 2)}", "")
    return result


def _text(values: xr.DataArray, digits: int = 1) -> str:
    value, low, high = values.values.tolist()
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
