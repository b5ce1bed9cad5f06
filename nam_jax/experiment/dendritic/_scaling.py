"""The largest memories that dendritic networks of several sizes recall, and their capacity."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.random as jr
import numpy as np

from nam_jax import theory
from nam_jax.experiment.dendritic._bench import Bench
from nam_jax.experiment.dendritic._design import one_by_one, recalled_at
from nam_jax.experiment.dendritic._trials import judged, rates_of
from nam_jax.theory.dendritic import Circuit, Thresholds

LEVEL = 0.95
"""Rate of strict recall at which a size of memories counts as recalled."""
RESAMPLES = 1000
"""Bootstrap samples for an interval."""
FARTHEST = 6
"""Largest number of sizes above the predicted one that are tried."""

NOTE = (
    "Any k-subset of the memory neurons is an attractor of the same fixed connections: this counts "
    "combinations of N1 stored vectors, not independently storable patterns, and a part of a set "
    "is recalled as that part, not completed."
)
"""A note on capacities of this network, for tables and pages."""


class Largest(NamedTuple):
    """The size of memories that is recalled at the rate `LEVEL`, interpolated between whole sizes.

    Attributes:
        predicted: By theory, with the thresholds that are best for the largest whole k.
        measured: By simulation, with these thresholds; NaN if not simulated.
        low: Lower end of its bootstrap interval (95 %) over networks.
        high: Upper end of that interval.
        trials: Number of trials at each size.
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
    """Circuits that differ from `base` in size, each with the name of the size that was changed.

    Circuits of the first three kinds with D above N1 are left out, because a neuron has at most N1
    branches.

    Args:
        base: The circuit to vary.
        memory: Values of N1, named "N1".
        feature: Values of N2, named "N2".
        branches: Values of D, named "D".
        joint: Triples (N1, N2, D), named "joint".
    """
    n1, n2, d = (int(n) for n in (base.num_memory, base.num_feature, base.num_branches))
    points = [("N1", (size, n2, d)) for size in memory if d <= size]
    points += [("N2", (n1, size, d)) for size in feature]
    points += [("D", (n1, n2, size)) for size in branches if size <= n1]
    points += [("joint", setting) for setting in joint]
    return [(name, _sized(base, *sizes)) for name, sizes in points]


def _sized(base: Circuit, memory: int, feature: int, branches: int) -> Circuit:
    """`base` with other sizes; inhibitory populations keep their proportion to excitatory ones."""
    first = round(base.num_memory_inhibitory / base.num_memory * memory)
    second = round(base.num_feature_inhibitory / base.num_feature * feature)
    return base._replace(
        num_memory=memory, num_feature=feature, num_branches=branches,
        num_memory_inhibitory=first, num_feature_inhibitory=second,
    )  # fmt: skip


def largest(bench: Bench, circuit: Circuit, *, simulate: bool) -> Largest:
    """The largest memory of one circuit by theory, and if `simulate` is True also by simulation."""
    best = theory.dendritic.largest_k(circuit, level=LEVEL)
    thresholds = Thresholds(*map(float, best.thresholds))
    predicted = crossing({k: recalled_at(circuit, thresholds, k) for k in range(1, best.k + 3)})
    if not simulate:
        return Largest(predicted)
    strict_by_size = _walk(bench, circuit, thresholds, max(best.k, 1))
    low, high = _interval(strict_by_size, seed=bench.seed)
    trials = next(iter(strict_by_size.values())).size
    measured = crossing({k: float(strict.mean()) for k, strict in strict_by_size.items()})
    return Largest(predicted, measured, low, high, trials)


def _walk(
    bench: Bench, circuit: Circuit, thresholds: Thresholds, start: int
) -> dict[int, np.ndarray]:
    """Verdicts of strict recall, (networks, trials), by size k around the crossing of `LEVEL`.

    The walk first goes down from `start` until recall is at `LEVEL` or above, then up until it is
    below, at most `FARTHEST` sizes above `start`. For example, with `start` = 4 and rates 0.9, 1.0
    at k = 4, 3 it ends at once, with k = 3 and 4 measured.
    """
    strict_by_size: dict[int, np.ndarray] = {}

    def at(k: int) -> float:
        if k not in strict_by_size:
            # Large networks do not fit in memory together, so each is built again for every k.
            networks = one_by_one(circuit, thresholds, bench.num_networks, bench.seed)
            rows = [
                judged(
                    rates_of(
                        [network], k, bench.num_trials, key=jr.fold_in(bench.key(), place),
                        how=bench.how,
                    )
                ).strict[0]
                for place, network in enumerate(networks)
            ]  # fmt: skip
            strict_by_size[k] = np.stack(rows)
        return float(strict_by_size[k].mean())

    k = start
    while k > 1 and at(k) < LEVEL:
        k -= 1
    while at(k) >= LEVEL and k < start + FARTHEST:
        k += 1
    return strict_by_size


def crossing(rates: dict[int, float]) -> float:
    """The size at which rates first fall below `LEVEL`, interpolated linearly.

    Rates 1.0 and 0.9 at sizes 1 and 2 give 1.5. If no rate is below `LEVEL`, this is the largest
    size. The size just below the smallest one is assumed to have rate 1.

    Args:
        rates: Rates of strict recall by size.
    """
    before, rate_before = min(rates) - 1, 1.0
    for k in sorted(rates):
        if rates[k] < LEVEL:
            return before + (k - before) * (rate_before - LEVEL) / (rate_before - rates[k])
        before, rate_before = k, rates[k]
    return float(before)


def _interval(strict_by_size: dict[int, np.ndarray], *, seed: int) -> tuple[float, float]:
    """Bootstrap interval (95 %, percentiles) of the crossing over networks.

    Each resample draws networks with all their trials, and the same networks for every size.
    """
    random = np.random.default_rng(seed)
    rates = {k: strict.mean(axis=1) for k, strict in strict_by_size.items()}
    networks = len(next(iter(rates.values())))
    crossings = []
    for _ in range(RESAMPLES):
        drawn = random.integers(0, networks, networks)
        crossings.append(crossing({k: float(rate[drawn].mean()) for k, rate in rates.items()}))
    low, high = np.quantile(crossings, (0.025, 0.975))
    return float(low), float(high)


def capacity(num_memory: int, rates: Sequence[float]) -> float:
    """log10 of sum_k beta_k binom(N1, k), the number of attractors; `NOTE` says what it counts.

    Args:
        num_memory: N1.
        rates: beta_1, beta_2, ...: the rates of strict recall at k = 1, 2, ...
    """
    return float(theory.dendritic.log_capacity(num_memory, rates)) / math.log(10)
