"""The study `setwise`: recall by pairs, by triples, by both, at equal numbers of connections."""

import dataclasses
import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy
import xarray as xr
from jaxtyping import Array, Float
from rich.table import Table

from nam_jax import solve, theory
from nam_jax._types import Key, Pattern, Scalar
from nam_jax.experiment.common import attributes, in_context, key_of_seed, random_problem, tracked
from nam_jax.experiment.setwise._complexes import (
    KINDS,
    Members,
    Sets,
    SignMemory,
    complex_of,
    members_of,
    weights_of,
)
from nam_jax.experiment.setwise._config import SetwiseConfig
from nam_jax.experiment.setwise._winners import right_winners
from nam_jax.record import Context

MOST_SWEEPS = 200
"""Sweeps after which recall gives up; no trial of the default settings needs a quarter of them."""
EXPONENTS = ("overlap", "all pairs", "mixed", "triples")
"""Exponents of the memory that recognises a pattern."""


@in_context(batched=False)
def run(config: SetwiseConfig, context: Context) -> xr.Dataset:
    """Recalls patterns with every kind of complex, at every size, load and damage.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        The mean final overlap and the share of cues that end at `overlap` or above, by kind, size,
        damage and load, with intervals over complexes; the ratio of signal to noise of one step at
        a stored pattern, measured and by theory; and how often the right pattern has the largest
        exponent. Intervals are 95 %, by Student's t over complexes, each of which has its own sets
        of patterns.
    """
    if config.fast:
        config = dataclasses.replace(
            config,
            sizes=config.sizes[:1],
            num_complexes=min(4, config.num_complexes),
            num_sets=min(16, config.num_sets),
        )
    of_recall, of_winners = jr.split(key_of_seed(config.seed))
    groups = [(size, name) for size in config.sizes for name in KINDS]
    recalls = [
        _recalls(config, size, name, key=jr.fold_in(of_recall, place))
        for place, (size, name) in enumerate(tracked(groups, "recalling", context))
    ]
    winners = _winners(config, key=of_winners)
    return _dataset(config, recalls, winners).assign_attrs(attributes(config))


class Recall(NamedTuple):
    """Values of each complex, (flips, loads, complexes), of one kind and size.

    Attributes:
        overlap: Mean final overlap.
        recalled: Share of cues that end at the least overlap or above.
        signal: Mean over neurons of the ratio of signal to noise of one step.
        expected: The same by theory.
    """

    overlap: np.ndarray
    recalled: np.ndarray
    signal: np.ndarray
    expected: np.ndarray


class Outcome(NamedTuple):
    """The result of one trial.

    Attributes:
        overlap: Overlap of the last state with the target.
        fields: Fields at the target, times the target, (N,).
    """

    overlap: Scalar
    fields: Pattern


def _recalls(config: SetwiseConfig, size: int, name: str, *, key: Key) -> Recall:
    """Values of one kind and size; its complexes are the same at every load and damage."""
    random = np.random.default_rng(np.asarray(jr.key_data(key)).tolist())
    complexes = [complex_of(KINDS[name], size, random) for _ in range(config.num_complexes)]
    members = _alike(complexes, size)
    degrees = np.stack([_degrees(sets, size) for sets in complexes])
    cells = []
    for place, flips in enumerate(config.flips):
        for load in config.loads:
            of_cell = jr.fold_in(jr.fold_in(key, place), round(1e6 * load))
            cells.append(_cell(config, complexes, members, degrees, flips, load, key=of_cell))
    shape = (len(config.flips), len(config.loads), config.num_complexes)
    return Recall(*(np.asarray(values).reshape(shape) for values in zip(*cells, strict=True)))


def patterns_at(load: float, size: int) -> int:
    """Returns the number of patterns K at a load K / N."""
    return max(2, round(load * size))


def _cell(
    config: SetwiseConfig, complexes: list[Sets], members: list[list[Members]],
    degrees: np.ndarray, flips: float, load: float, *, key: Key,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Values of one damage and load; see `Recall`."""
    size, count = degrees.shape[1], patterns_at(load, degrees.shape[1])
    trials = jr.split(key, (len(complexes), config.num_sets))
    problems = [[random_problem(count, size, flips, 1, key=k) for k in row] for row in trials]
    cues, targets = (
        jnp.asarray([[np.asarray(getattr(p, part)[0]) for p in row] for row in problems])
        for part in ("cues", "targets")
    )
    weights, partners = [], []
    for n in range(len(complexes[0])):
        rows = [
            [
                np.append(weights_of(sets[n], np.asarray(p.patterns)), 0)[member[n].places]
                for p in row
            ]
            for sets, member, row in zip(complexes, members, problems, strict=True)
        ]
        weights.append(jnp.asarray(np.asarray(rows), cues.dtype))
        partners.append(jnp.asarray(np.stack([member[n].partners for member in members])))
    outcome = _outcomes(tuple(partners), tuple(weights), cues, targets, trials)
    overlaps = np.asarray(outcome.overlap)
    scaled = np.asarray(outcome.fields) / np.sqrt(degrees)[:, None]
    # The signal of a neuron in d sets is d, and its noise has the variance (K - 1) d.
    noise = (scaled - np.sqrt(degrees)[:, None]).std(axis=(1, 2))
    expected = np.asarray(theory.setwise_signal_to_noise(degrees, count)).mean(axis=1)
    recalled = (overlaps >= config.overlap - 1e-6).mean(axis=1)
    return overlaps.mean(axis=1), recalled, scaled.mean(axis=(1, 2)) / noise, expected


@eqx.filter_jit
def _outcomes(
    partners: tuple[Array, ...],
    weights: tuple[Array, ...],
    cues: Float[Array, "complexes sets N"],
    targets: Float[Array, "complexes sets N"],
    keys: Array,
) -> Outcome:
    def of_complex(given: Any) -> Outcome:
        partners, *samples = given

        def of_trial(weights: tuple[Array, ...], cue: Array, target: Array, key: Key) -> Outcome:
            memory = SignMemory(partners, weights)
            updates = solve.Asynchronous(key, max_steps=MOST_SWEEPS)
            end = solve.retrieve(memory, cue, how=updates).state
            return Outcome(jnp.mean(end * target), memory.local_field(target) * target)

        return jax.vmap(of_trial)(*samples)

    return jax.lax.map(of_complex, (partners, weights, cues, targets, keys))


def _alike(complexes: list[Sets], size: int) -> list[list[Members]]:
    """The sets of each neuron in each complex, padded to one width for each size of sets."""
    widths = [
        max(int(np.bincount(units.ravel()).max()) for units in same)
        for same in zip(*complexes, strict=True)
    ]
    return [
        [members_of(units, size, width) for units, width in zip(sets, widths, strict=True)]
        for sets in complexes
    ]


def _degrees(sets: Sets, size: int) -> np.ndarray:
    """The number of sets of each neuron, at least 1 to divide by, (N,)."""
    return np.maximum(sum(np.bincount(units.ravel(), minlength=size) for units in sets), 1)


def _winners(config: SetwiseConfig, *, key: Key) -> np.ndarray:
    """Shares of cues whose pattern has the largest exponent, (exponents, flips, complexes)."""
    size, count = config.winner_size, config.winner_patterns
    shares = np.zeros((len(EXPONENTS), len(config.winner_flips), config.num_complexes))
    for complex_place in range(config.num_complexes):
        of_complex = jr.fold_in(key, complex_place)
        random = np.random.default_rng(np.asarray(jr.key_data(of_complex)).tolist())
        sets = [
            None, *(complex_of(KINDS[k], size, random) for k in ("pairs", "mixed", "triples"))
        ]  # fmt: skip
        for place, flips in enumerate(config.winner_flips):
            problem = random_problem(
                count, size, flips, config.winner_queries, key=jr.fold_in(of_complex, place)
            )
            patterns, cues = np.asarray(problem.patterns), np.asarray(problem.cues)
            targets = np.arange(config.winner_queries) % count
            judge = functools.partial(right_winners, patterns=patterns, targets=targets, cues=cues)
            shares[:, place, complex_place] = [judge(units).mean() for units in sets]
    return shares


def _bounds(by_complex: np.ndarray, *, least: float | int) -> np.ndarray:
    """Mean over complexes, the last axis, and the ends of its interval, clipped to [least, 1]."""
    count, mean = by_complex.shape[-1], by_complex.mean(axis=-1)
    error = by_complex.std(axis=-1, ddof=1) / np.sqrt(count)
    wide = scipy.stats.t.ppf(0.975, count - 1) * error
    return np.stack([mean, np.maximum(mean - wide, least), np.minimum(mean + wide, 1)], axis=-1)


def _dataset(config: SetwiseConfig, recalls: list[Recall], winners: np.ndarray) -> xr.Dataset:
    shape = (len(config.sizes), len(KINDS), len(config.flips), len(config.loads), -1)
    overlap, recalled, signal, expected = (
        np.asarray(values).reshape(shape) for values in zip(*recalls, strict=True)
    )
    cells = ("size", "kind", "flips", "load_ratio")
    share = {"long_name": "share of cues recalled", "units": "1"}
    dataset = xr.Dataset(
        {
            "overlap": ((*cells, "bound"), _bounds(overlap, least=-1),
                        {"long_name": "final overlap", "units": "1"}),
            "recalled": ((*cells, "bound"), _bounds(recalled, least=0), share),
            "by_complex": ((*cells, "complex"), overlap, {"units": "1"}),
            "signal_to_noise": (cells, signal.mean(axis=-1)),
            "predicted_signal_to_noise": (cells, expected.mean(axis=-1)),
            "winner": (("exponent", "winner_flips", "bound"), _bounds(winners, least=0), share),
        },
        coords={
            "size": list(config.sizes),
            "kind": list(KINDS),
            "flips": list(config.flips),
            "load_ratio": list(config.loads),
            "exponent": list(EXPONENTS),
            "winner_flips": list(config.winner_flips),
            "bound": ["value", "low", "high"],
        },
    )  # fmt: skip
    dataset["load_ratio"].attrs = {"long_name": "patterns over neurons, K / N", "units": "1"}
    dataset["flips"].attrs = {"long_name": "flipped bits of the cue", "units": "fraction"}
    return dataset


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of mean final overlaps (shares recalled in brackets), and of exponents."""
    result = Table(
        title="Mean final overlap, 95 % half-width (share of cues recalled)",
        caption="C = N (N - 1) / 2 connections, or as many pins as C pairs",
    )
    result.add_column("N, flips, K / N")
    for name in dataset.kind.values:
        result.add_column(str(name), justify="right")
    for size in dataset["size"].values:
        for flips in dataset["flips"].values:
            for load in dataset["load_ratio"].values:
                row = dataset.sel(size=size, flips=flips, load_ratio=load)
                cells = [_text(row.sel(kind=name)) for name in dataset.kind.values]
                result.add_row(f"{size}, {flips:g}, {load:g}", *cells)
        result.add_section()
    for flips in dataset.winner_flips.values:
        parts = []
        for name in dataset.exponent.values:
            values = dataset.winner.sel(winner_flips=flips, exponent=name).values.tolist()
            parts.append("{}\n{:.3f} [{:.3f}, {:.3f}]".format(name, *values))
        result.add_row(f"largest exponent, {flips:g}", *parts)
    return result


def _text(row: xr.Dataset) -> str:
    value, low, high = row.overlap.values.tolist()
    share = float(row.recalled.sel(bound="value"))
    return f"{value:.3f} +- {max(value - low, high - value):.3f} ({share:.2f})"
