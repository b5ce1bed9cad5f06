"""The study `recognise`: activity of leak-gated networks after known and after unknown cues."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy
import xarray as xr
from jaxtyping import Array, Float
from rich.table import Table

from nam_jax import data, measure
from nam_jax._types import Key, Patterns
from nam_jax.experiment.common import (
    Recalls,
    attributes,
    in_context,
    key_of_seed,
    recall_all,
    tracked,
)
from nam_jax.experiment.recognise._config import RecogniseConfig
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.record import ConfigError, Context

UNRESOLVED = 0.02
"""Activity below which a state at rest counts as silent, because rest means a residual of 1e-2."""

THRESHOLDS = np.linspace(0, 1, 201)
"""Thresholds along an operating curve: a cue with at least this activity counts as known."""


@in_context(batched=False)
def run(config: RecogniseConfig, context: Context) -> xr.Dataset:
    """Shows known and unknown cues to leak-gated networks and measures their activity at rest.

    Activity is the mean |read-out|. A known cue is a stored pattern with flipped bits; an unknown
    cue is a random pattern that is not stored.

    Args:
        config: Settings of the run.
        context: Folder, device and progress bar of the run.

    Returns:
        A dataset over number of stored patterns, gain and share of flipped bits: the rate of exact
        recall by an active network with its interval (95 %), the mean activity after known cues,
        the operating curve (true and false positives by threshold), and the area under it with its
        interval (95 %). The mean activity after unknown cues and the false positives do not depend
        on flips.

    Raises:
        ConfigError: If `config.gain`, the gain for the curves of the figure, is not in
            `config.gains`.
    """
    if config.gain not in config.gains:
        raise ConfigError(
            f"Argument `gain` must be one of `gains` {list(config.gains)}, but has {config.gain}."
        )
    keys = jr.split(key_of_seed(config.seed), len(config.num_patterns))
    cases = list(zip(config.num_patterns, keys, strict=True))
    loads = [_load(config, k, key=key) for k, key in tracked(cases, "recalling", context)]
    return _dataset(config, jax.tree.map(lambda *leaves: np.stack(leaves), *loads))


def _load(config: RecogniseConfig, num_patterns: int, *, key: Key) -> tuple[Recalls, Recalls]:
    """Returns recalls of known cues, (gains, levels, cues), and of unknown cues, (gains, cues)."""
    of_patterns, of_flips, of_unknown = jr.split(key, 3)
    patterns = data.random_patterns(num_patterns, config.num_neurons, key=of_patterns)
    targets = patterns[jnp.arange(config.num_cues) % num_patterns]

    def damaged(level: float, key: Key) -> Patterns:
        keys = jr.split(key, config.num_cues)
        flip = jax.vmap(lambda target, own: data.flip(target, level, key=own))
        return flip(targets, keys)

    keys = jr.split(of_flips, len(config.levels))
    known = [damaged(level, own) for level, own in zip(config.levels, keys, strict=True)]
    unknown = data.random_patterns(config.num_cues, config.num_neurons, key=of_unknown)
    cues = jnp.concatenate([*known, unknown])
    wanted = jnp.concatenate([*(targets for _ in known), unknown])
    recalls = [_recall(patterns, config.margin, gain, cues, wanted) for gain in config.gains]
    every = jax.tree.map(lambda *leaves: np.stack(leaves), *recalls)
    split = len(known) * config.num_cues
    shape = (len(config.gains), len(known), config.num_cues)
    return (
        jax.tree.map(lambda leaf: leaf[:, :split].reshape(shape), every),
        jax.tree.map(lambda leaf: leaf[:, split:], every),
    )


@eqx.filter_jit
def _recall(
    patterns: Patterns,
    margin: float,
    gain: float,
    cues: Float[Array, "C N"],
    targets: Float[Array, "C N"],
) -> Recalls:
    full = NeuronAstrocyte.certified(
        patterns, margin=jnp.asarray(margin, float), gain=jnp.asarray(gain, float)
    )
    return recall_all(EffectiveNeuronAstrocyte.from_full(full), cues, targets)


def area_under_curve(known: Float[np.ndarray, " a"], unknown: Float[np.ndarray, " b"]) -> float:
    """Returns the probability that a known cue has more activity than an unknown cue.

    A tie counts half. This probability is the area under the operating curve.
    """
    return float(scipy.stats.mannwhitneyu(known, unknown).statistic / (known.size * unknown.size))


def _silenced(recalls: Recalls) -> Recalls:
    """Returns the recalls with activities below `UNRESOLVED` set to 0.

    Recalls that end in silence (`known` is False) no longer count as exact.
    """
    activity = np.where(recalls.activity < UNRESOLVED, 0, recalls.activity)
    return Recalls(
        recalls.exact & recalls.known, recalls.overlap, activity, recalls.known, recalls.result
    )


def _dataset(config: RecogniseConfig, loads: tuple[Recalls, Recalls]) -> xr.Dataset:
    known, unknown = (_silenced(recalls) for recalls in loads)
    dims = ("stored", "gain", "flips")
    rates = np.apply_along_axis(lambda exact: measure.rate(exact)[:3], -1, known.exact)
    areas = _areas(config, np.asarray(known.activity), np.asarray(unknown.activity))
    above = known.activity[..., None] >= THRESHOLDS
    wrongly = unknown.activity[..., None] >= THRESHOLDS
    one = {"units": "1"}
    return xr.Dataset(
        {
            "exact": (
                dims,
                rates[..., 0],
                one | {"long_name": "rate of exact recall by an active network"},
            ),
            "exact_low": (dims, rates[..., 1], one),
            "exact_high": (dims, rates[..., 2], one),
            "known_activity": (dims, known.activity.mean(-1), one),
            "unknown_activity": (dims[:2], unknown.activity.mean(-1), one),
            "true_positive": ((*dims, "threshold"), above.mean(-2), one),
            "false_positive": ((*dims[:2], "threshold"), wrongly.mean(-2), one),
            "area": ((*dims, "bound"), areas, one | {"long_name": "area under the curve"}),
        },
        coords={
            "stored": ("stored", list(config.num_patterns), {"long_name": "stored patterns K"}),
            "gain": ("gain", list(config.gains), {"units": "beta M0 N"}),
            "flips": ("flips", list(config.levels), {"long_name": "flipped bits", "units": "1"}),
            "threshold": ("threshold", THRESHOLDS, {"units": "mean |read-out|"}),
            "bound": ["value", "low", "high"],
        },
        attrs=attributes(config),
    )


def _areas(
    config: RecogniseConfig,
    known: Float[np.ndarray, "a g l c"],
    unknown: Float[np.ndarray, "a g c"],
) -> Float[np.ndarray, "a g l 3"]:
    """Returns the area under each operating curve, and its bootstrap interval (95 %, percentiles).

    The last axis of the result holds the area and the lower and upper ends of its interval.
    """
    areas = np.empty((*known.shape[:3], 3))
    for place in np.ndindex(known.shape[:3]):
        pair = known[place].astype(float), unknown[place[:2]].astype(float)
        interval = scipy.stats.bootstrap(
            pair, area_under_curve, n_resamples=200, vectorized=False,
            method="percentile", rng=np.random.default_rng(config.seed),
        ).confidence_interval  # fmt: skip
        areas[place] = area_under_curve(*pair), interval.low, interval.high
    return areas


def interval(value: float, low: float, high: float) -> str:
    """Returns a number with its interval as text."""
    return str(measure.Rate(value, low, high, 0))


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of exact recall, activity after unknown cues and area under the curve.

    Each row is one number of stored patterns and one gain; recall and area are at the middle level
    of flips.
    """
    result = Table(title="Recognition by activity at rest")
    level = dataset.flips.values[len(dataset.flips) // 2]
    for name in ("K", "gain", f"exact recall, {level:.0%} flips", "unknown cues: activity", "area"):
        result.add_column(name, justify="right")
    for stored in dataset.stored.values:
        for gain in dataset.gain.values:
            row = dataset.sel(stored=stored, gain=gain)
            cell = row.sel(flips=level)
            exact = interval(*(float(cell[k]) for k in ("exact", "exact_low", "exact_high")))
            area = interval(*(float(v) for v in cell.area))
            result.add_row(
                str(stored),
                f"{gain:g}",
                exact,
                f"{float(row.unknown_activity):.2f}",
                area,
            )
    return result
