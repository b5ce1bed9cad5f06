"""Claims about growth with N; they use the half points that `_capacity.half_points` measures."""

import math

import jax.random as jr
import numpy as np

from nam_jax import measure, theory
from nam_jax.experiment.claims._capacity import (
    LEVEL,
    capacity_curve,
    half_points,
    measured_with,
    slopes_of,
)
from nam_jax.experiment.claims._finding import Curve, Finding, Series
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import ASTROCYTE, KROTOV_HOPFIELD, PROSPECTUS
from nam_jax.experiment.common import criterion_text, log_slope, random_problem, recall_all
from nam_jax.memory import Power
from nam_jax.network import DenseAssociativeMemory, TwoLayerMemory


@claim("per-unit", "Memories per compute unit grow as N", f"{ASTROCYTE}, section 3")
def memories_per_unit(fast: bool) -> Finding:
    """Patterns per compute unit N + 2 N^2, beside a two-layer network of as many units."""
    points = half_points(fast)
    slopes = slopes_of(points, theory.compute_units_astrocyte)
    curve = capacity_curve(points, theory.compute_units_astrocyte, "memories per compute unit (1)")
    sizes = curve.x[:1] if fast else curve.x[:4]
    two_layer = [_two_layer(int(n), 40 if fast else 200) for n in sizes]
    padded = [*two_layer, *[math.nan] * (len(curve.x) - len(two_layer))]
    beside = {"two-layer network, same units": Series(padded)}
    curve = curve._replace(series={**curve.series, **beside})
    best = slopes["dense memory, energy difference"]
    highest = max(
        h.number / theory.compute_units_astrocyte(n)
        for sizes_, halves in points.values()
        for n, h in zip(sizes_, halves, strict=True)
    )
    meaning = (
        f"exponent of memories per unit in N, energy differences; largest measured of any model "
        f"{float(highest):.3f}, two-layer network {two_layer[-1]:.2f}. Memories: "
        f"{measured_with(points)}"
    )
    return Finding(*best[:3], meaning, {k: s.reaches(1.0) for k, s in slopes.items()}, curve)


def _two_layer(num_neurons: int, num_cues: int) -> float:
    """Memories per unit of a softmax two-layer network with the units of an astrocyte network.

    An astrocyte network has N + 2 N^2 units. In the two-layer network, N of them are neurons and
    each other unit holds one pattern. Patterns count by the share recalled from 10 % flips.
    """
    units = num_neurons + 2 * num_neurons**2
    num_patterns = units - num_neurons
    problem = random_problem(num_patterns, num_neurons, LEVEL, num_cues, key=jr.key(1))
    recalls = recall_all(TwoLayerMemory.model_b(problem.patterns), problem.cues, problem.targets)
    return float(recalls.exact.mean()) * num_patterns / units


@claim(
    "exponents",
    "A dense memory of degree n stores patterns as N^(n-1)",
    f"{PROSPECTUS}, Theorem 2.6.1; {KROTOV_HOPFIELD}",
)
def exponents(fast: bool) -> Finding:
    """Exponents of K in N: one-step errors of 0.5 % for n = 2 and 3, recall from 10 % for n = 4."""
    sizes, sets = ([48, 96], 60) if fast else ([48, 96, 192], 400)
    criterion, points, slopes = measure.OneStep(0.005), {}, {}
    for n, factor in ((2, 0.15), (3, 0.05)):
        capacities = [
            measure.capacity(
                lambda xi, n=n: DenseAssociativeMemory(xi, Power(n)), size, criterion,
                key=jr.key(n), guess=factor * size ** (n - 1), num_sets=sets,
            )
            for size in sizes
        ]  # fmt: skip
        values = [c.value for c in capacities]
        errors = [np.log(c.high / c.low) / 3.92 for c in capacities]
        name = f"n = {n}, energy differences"
        points[name] = Series(values, [c.low for c in capacities], [c.high for c in capacities])
        slopes[name] = (log_slope(sizes, values, errors), n - 1)
    half = {}
    for name, model in (
        ("n = 4, energy differences", "dense memory, energy difference"),
        ("n = 4, single pass", "dense memory, single pass (eq 17)"),
    ):
        places, halves = half[model] = half_points(fast)[model]
        slope = log_slope(places, [h.number for h in halves], [h.error for h in halves])
        slopes[name] = (slope, 3)
    first = slopes["n = 3, energy differences"][0]
    meaning = "exponent of K in N, n = 3; " + "; ".join(
        f"{name}: {slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]"
        for name, (slope, _) in slopes.items()
        if name != "n = 3, energy differences"
    )
    meaning += f". n = 2, 3: {criterion_text(criterion)}; n = 4: {measured_with(half)}"
    fine = {name: slope.reaches(exponent) for name, (slope, exponent) in slopes.items()}
    curve = Curve(sizes, "neurons N (1)", "patterns at 0.5 % wrong bits (1)", points, log=True)
    return Finding(first.value, first.low, first.high, meaning, fine, curve)
