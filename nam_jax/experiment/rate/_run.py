"""Measures the share of cues that a memory recalls, for one setting or for many in one program."""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from rich.table import Table

from nam_jax import measure, solve
from nam_jax._misc import argument_error
from nam_jax._types import Key, Patterns
from nam_jax.experiment.common import (
    MEMORIES,
    UPDATES,
    Memory,
    attributes,
    check_size,
    drawn_problem,
    in_context,
    keys_of_seeds,
)
from nam_jax.experiment.rate._config import RateConfig
from nam_jax.record import Context, reading_input


@in_context(batched=False)
def run(config: RateConfig, context: Context) -> xr.Dataset:
    """Recalls cues of several sets of patterns.

    Args:
        config: The settings.
        context: Where and how to run the study.

    Returns:
        The share of cues that were recalled, with its 95 % interval over sets (NaN for a single
        set), the mean overlap at the end with its standard deviation over sets, the share of cues
        that came to rest, the numbers of patterns, neurons, synapses and compute units, and the
        capacity that theory predicts (NaN without a theory).

    Raises:
        ConfigError: If the memory is unknown or does not exist at the number of neurons, or if both
            `num_patterns` and `load` are given.
    """
    dataset = run_many([config], context).isel(unit=0)
    return dataset.assign_attrs(attributes(config))


def run_many(configs: Sequence[RateConfig], context: Context) -> xr.Dataset:
    """Recalls the cues of several settings by one program.

    Args:
        configs: Settings that differ at most in the seed, the flipped bits and the overlap.
        context: Where to run the study; its batch is not used.

    Returns:
        The numbers of `run` along the dimension `unit`.

    Raises:
        ConfigError: As for `run`.
    """
    del context
    for config in configs:
        check(config)
    first = configs[0]
    memory = _memory(first.memory)
    ends = _recalled(configs, memory)

    @functools.cache
    def predicted(flips: float, overlap: float) -> float:
        criterion = measure.Recall(flips=flips, overlap=overlap)
        return memory.predicted(first.num_neurons, criterion)

    rows = [
        _row(config, memory, predicted(config.flips, config.overlap), overlaps, rested)
        for config, overlaps, rested in zip(configs, *ends, strict=True)
    ]
    columns = {name: ("unit", [getattr(row, name) for row in rows]) for name in Row._fields}
    dataset = xr.Dataset(columns)
    for name, (long_name, units) in LABELS.items():
        dataset[name].attrs = {"long_name": long_name, "units": units}
    return dataset.assign_attrs(attributes(first))


class Row(NamedTuple):
    """The numbers of one setting; `LABELS` says what they are."""

    recalled: float
    low: float
    high: float
    mean_overlap: float
    overlap_deviation: float
    at_rest: float
    trials: int
    stored: int
    neurons: float
    synapses: float
    compute_units: float
    predicted: float


LABELS = {
    "recalled": ("share of recalled cues", "1"),
    "low": ("lower end of the 95 % interval over sets", "1"),
    "high": ("upper end of the 95 % interval over sets", "1"),
    "mean_overlap": ("mean overlap at the end", "1"),
    "overlap_deviation": ("standard deviation of the mean overlap over sets", "1"),
    "at_rest": ("share of cues that came to rest", "1"),
    "trials": ("number of recalls", "1"),
    "stored": ("stored patterns K", "1"),
    "neurons": ("neurons", "1"),
    "synapses": ("synapses", "1"),
    "compute_units": ("compute units", "1"),
    "predicted": ("capacity by theory", "1"),
}


def check(config: RateConfig) -> None:
    """Raises a `ConfigError` where `run` would, before anything is computed."""
    with reading_input():
        if config.num_patterns is not None and config.load is not None:
            requirement = "be left out if `num_patterns` is given"
            raise argument_error("load", requirement, config.load)
        _check_memory(config.memory, config.num_neurons)


@functools.lru_cache(maxsize=1024)
def _check_memory(name: str, num_neurons: int) -> None:
    check_size(_memory(name), num_neurons)


@functools.lru_cache(maxsize=64)
def _memory(name: str) -> Memory:
    return MEMORIES.make(name, "memory")


def _row(
    config: RateConfig, memory: Memory, predicted: float, overlaps: np.ndarray, rested: np.ndarray
) -> Row:  # overlaps and rested: (sets, queries)
    recalled = overlaps >= config.overlap - 1e-6
    low, high, single = math.nan, math.nan, config.sets == 1
    if not single:
        _, low, high, _ = measure.rate(recalled, by_set=True)
    costs = memory.costs(config.num_neurons, config.stored)
    means = overlaps.mean(axis=1)
    return Row(
        recalled=float(recalled.mean()),
        low=low,
        high=high,
        mean_overlap=float(means.mean()),
        overlap_deviation=math.nan if single else float(means.std(ddof=1)),
        at_rest=float(rested.mean()),
        trials=recalled.size,
        stored=config.stored,
        neurons=costs.neurons,
        synapses=costs.synapses,
        compute_units=costs.compute_units,
        predicted=predicted,
    )


def _recalled(
    configs: Sequence[RateConfig], memory: Memory
) -> tuple[Float[np.ndarray, "units sets queries"], Any]:
    """Returns the overlaps at the end, and whether each recall came to rest."""
    first = configs[0]
    size, stored, sets, queries = first.num_neurons, first.stored, first.sets, first.queries
    keys = np.asarray(keys_of_seeds([config.seed for config in configs], sets))
    keys, num = keys.reshape(len(configs) * sets, -1), len(configs) * sets
    updates = UPDATES["all-at-once" if memory.together else first.updates]
    make = jax.tree_util.Partial(memory.make)

    def batch(places: np.ndarray) -> tuple[Array, Array]:
        # Drawn here, as all patterns of a thousand units would fill the memory.
        problems = [
            drawn_problem(stored, size, configs[place // sets].flips, queries, key_data=keys[place])
            for place in places.tolist()
        ]
        patterns, _, cues = map(np.stack, zip(*problems, strict=True))
        samples = map(jnp.asarray, (patterns, cues, keys[places]))
        return _ends(make, memory.random, updates, *samples)

    at_once = solve.at_once(num, 4 * size * max(stored, queries, size))
    overlaps, rested = solve.in_batches(batch, np.arange(num), at_once)
    shape = (len(configs), sets, queries)
    return np.asarray(overlaps, float).reshape(shape), np.asarray(rested).reshape(shape)


@eqx.filter_jit
def _ends(
    make: Any,
    random: bool,
    updates: Any,
    patterns: Float[Array, "sets K N"],
    cues: Float[Array, "sets queries N"],
    keys: Any,
) -> tuple[Float[Array, "sets queries"], Any]:
    def of_set(
        patterns: Patterns, cues: Float[Array, "queries N"], data: Any
    ) -> tuple[Array, Array]:
        key: Key = jr.wrap_key_data(data)
        network = make(patterns, jr.fold_in(key, 2**31) if random else None)
        numbers = jnp.arange(len(cues))

        def of_cue(cue: Any, number: Any) -> tuple[Array, Array]:
            retrieval = updates(network, cue, jr.fold_in(key, number))
            target = patterns[number]
            overlap = measure.overlap(jnp.sign(retrieval.pattern), target)
            result = retrieval.result
            ended = (result == solve.RESULTS.converged) | (result == solve.RESULTS.passed)
            return jnp.where(jnp.isnan(overlap), 0, overlap), ended

        return jax.vmap(of_cue)(cues, numbers)

    return jax.vmap(of_set)(patterns, cues, keys)


def table(dataset: xr.Dataset) -> Table:
    """Returns a table of the share of recalled cues and of what the memory costs."""
    result = Table(title="Recall from damaged cues")
    result.add_column("number")
    result.add_column("value", justify="right")
    value, low, high = (float(dataset[name]) for name in ("recalled", "low", "high"))
    interval = "" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    result.add_row("share of recalled cues [95 %]", f"{value:.3f}{interval}")
    for name in ("mean_overlap", "at_rest"):
        result.add_row(LABELS[name][0], f"{float(dataset[name]):.3f}")
    for name in ("trials", "stored", "neurons", "synapses", "compute_units", "predicted"):
        number = float(dataset[name])
        result.add_row(LABELS[name][0], "-" if math.isnan(number) else f"{number:.4g}")
    return result
