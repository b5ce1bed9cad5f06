"""The largest memories that dendritic networks of several sizes recall, and what that counts."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nam_jax import theory
from nam_jax.experiment.dendritic._bench import Bench
from nam_jax.experiment.dendritic._design import networks_of, recalled_at
from nam_jax.experiment.dendritic._trials import judged, rates_of
from nam_jax.theory.dendritic import Circuit, Thresholds

LEVEL = 0.95
"""Rate of strict recall at which a size of memories counts as recalled."""
RESAMPLES = 1000
FARTHEST = 6
"""Sizes beyond the predicted one that are tried."""

NOTE = (
    "Any k-subset of the memory neurons is an attractor of the same fixed connections: this counts "
    "combinations of N1 stored vectors, not independently storable patterns, and a part of a set "
    "is recalled as that part, not completed."
)
"""What a capacity of this network counts."""


class Largest(NamedTuple):
    """The size of memories, interpolated between whole ones, that is recalled at `LEVEL`.

    Attributes:
        predicted: By theory, at the thresholds that are best for the largest whole k.
        measured: In simulation, at the same thresholds; NaN if not simulated.
        low: Lower end of its bootstrap interval (95 %) over trials of every network.
        high: Upper end.
        trials: Trials at each size.
    """

    predicted: float
    measured: float = math.nan
    low: float = math.nan
    high: float = math.nan
    trials: int = 0


def circuits(
    base: Circuit,
    memory: Sequence[int],
    feature: Sequence[int],
    branches: Sequence[int],
    joint: Sequence[tuple[int, int, int]],
) -> list[tuple[str, Circuit]]:
    """One size varied at a time, by its name, and whole settings (N1, N2, D) as "joint"."""
    n1, n2, d = (int(n) for n in (base.num_memory, base.num_feature, base.num_branches))
    points = [("N1", (size, n2, d)) for size in memory if d <= size]
    points += [("N2", (n1, size, d)) for size in feature]
    points += [("D", (n1, n2, size)) for size in branches if size <= n1]
    points += [("joint", setting) for setting in joint]
    return [(name, _sized(base, *sizes)) for name, sizes in points]


def _sized(base: Circuit, memory: int, feature: int, branches: int) -> Circuit:
    """The circuit with other sizes, and inhibitory populations in the same proportion."""
    first = round(base.num_memory_inhibitory / base.num_memory * memory)
    second = round(base.num_feature_inhibitory / base.num_feature * feature)
    return base._replace(
        num_memory=memory, num_feature=feature, num_branches=branches,
        num_memory_inhibitory=first, num_feature_inhibitory=second,
    )  # fmt: skip


def largest(bench: Bench, circuit: Circuit, *, simulate: bool) -> Largest:
    """The largest memory of one circuit by theory, and if asked by simulation."""
    best = theory.dendritic.largest_k(circuit, level=LEVEL)
    thresholds = Thresholds(*map(float, best.thresholds))
    predicted = crossing({k: recalled_at(circuit, thresholds, k) for k in range(1, best.k + 3)})
    if not simulate:
        return Largest(predicted)
    found = _walk(bench, circuit, thresholds, max(best.k, 1))
    low, high = _interval(found, seed=bench.seed)
    trials = next(iter(found.values())).size
    measured = crossing({k: float(strict.mean()) for k, strict in found.items()})
    return Largest(predicted, measured, low, high, trials)


def _walk(
    bench: Bench, circuit: Circuit, thresholds: Thresholds, start: int
) -> dict[int, np.ndarray]:
    """Strict recall (networks, trials) at sizes around the one where it falls below `LEVEL`."""
    networks = networks_of(circuit, thresholds, bench.num_networks, bench.seed)
    found: dict[int, np.ndarray] = {}

    def at(k: int) -> float:
        if k not in found:
            key = bench.key()
            found[k] = judged(
                rates_of(networks, k, bench.num_trials, key=key, how=bench.how)
            ).strict
        return float(found[k].mean())

    k = start
    while k > 1 and at(k) < LEVEL:
        k -= 1
    while at(k) >= LEVEL and k < start + FARTHEST:
        k += 1
    return found


def crossing(rates: dict[int, float]) -> float:
    """Where rates first fall below `LEVEL`, interpolated; the last size if they never do.

    Sizes below the first one are taken to be recalled.
    """
    before, rate_before = min(rates) - 1, 1.0
    for k in sorted(rates):
        if rates[k] < LEVEL:
            return before + (k - before) * (rate_before - LEVEL) / (rate_before - rates[k])
        before, rate_before = k, rates[k]
    return float(before)


def _interval(found: dict[int, np.ndarray], *, seed: int) -> tuple[float, float]:
    """Percentile bootstrap of the crossing, trials resampled within each network."""
    random = np.random.default_rng(seed)
    crossings = []
    for _ in range(RESAMPLES):
        rates = {
            k: float(np.mean([random.choice(row, row.size).mean() for row in strict]))
            for k, strict in found.items()
        }
        crossings.append(crossing(rates))
    low, high = np.quantile(crossings, (0.025, 0.975))
    return float(low), float(high)


def capacity(num_memory: int, rates: Sequence[float]) -> float:
    """log10 of sum_k beta_k binom(N1, k) over the sizes measured; see `NOTE`."""
    return float(theory.dendritic.log_capacity(num_memory, rates)) / math.log(10)
