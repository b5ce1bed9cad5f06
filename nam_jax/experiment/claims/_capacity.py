"""The claim about capacity, and the measurement of half points that claims on growth share."""

import functools
import math
import threading
from collections.abc import Callable
from typing import NamedTuple

import jax.random as jr
import numpy as np

from nam_jax import measure
from nam_jax._types import Patterns
from nam_jax.experiment.claims._finding import Curve, Finding, Series
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import ASTROCYTE
from nam_jax.experiment.common import (
    MEMORIES,
    Memory,
    Slope,
    certified,
    criterion_text,
    log_slope,
    padded,
    patterns_of,
    random_problem,
    recall_all,
    reduced,
    released_with,
    rest_of,
    settings_text,
)
from nam_jax.network import AbstractNetwork, NeuronAstrocyte

LEVEL = 0.1
"""Fraction of flipped bits in the cues from which capacity is judged."""
MARGIN = 0.02
"""Margin of the certified network whose capacity is measured."""


class Model(NamedTuple):
    """A model whose capacity is measured.

    Attributes:
        make: Function of patterns; returns the network that stores them.
        guess: Function of the number of neurons; returns a number of patterns near the capacity.
        sizes: Numbers of neurons in the quick version and in the full one. If a version has no
            number, it leaves the model out. They are multiples of 10, so that cues have exactly
            `LEVEL` of their bits flipped at every size.
        full: Function of patterns; returns the network of three layers, which has a margin. None
            for other networks.
    """

    make: Callable[[Patterns], AbstractNetwork]
    guess: Callable[[int], float]
    sizes: tuple[tuple[int, ...], tuple[int, ...]]
    full: Callable[[Patterns], NeuronAstrocyte] | None = None


def _named(name: str) -> Callable[[Patterns], AbstractNetwork]:
    memory: Memory = MEMORIES.make(name, "name")
    return memory.maker(jr.key(0))


def _effective(patterns: Patterns) -> AbstractNetwork:
    return reduced(_certified(patterns))


def _certified(patterns: Patterns) -> NeuronAstrocyte:
    return certified(_sharing_programs(patterns), margin=MARGIN)


def _released(patterns: Patterns) -> NeuronAstrocyte:
    return released_with(_sharing_programs(patterns))


def _sharing_programs(patterns: Patterns) -> Patterns:
    """The patterns, padded to 256, 1024, 4096 or a larger power of 4, so that K share programs."""
    return padded(patterns, max(256, 4 ** math.ceil(math.log(len(patterns), 4))))


MODELS = {
    "dense memory, energy difference": Model(
        _named("power-4"), lambda n: 0.011 * n**3, ((30, 60), (30, 40, 50, 60, 80))
    ),
    "dense memory, single pass (eq 17)": Model(
        _named("single-pass-4"), lambda n: 0.2 * n**2, ((30, 60), (30, 50, 70, 90, 120)),
    ),
    "certified network": Model(
        _effective, lambda n: 0.2 * n**2, ((20, 50), (20, 30, 40, 50, 60)), _certified
    ),
    "released network": Model(
        _released, lambda n: 1.6 * n**1.2, ((), (30, 40, 50, 60, 90)), _released
    ),
}  # fmt: skip


class HalfPoint(NamedTuple):
    """The number of patterns at which half the cues are recalled; its relative standard error."""

    number: float
    error: float


def half_point(
    model: Model, num_neurons: int, *, num_sets: int, num_cues: int, points: int
) -> HalfPoint:
    """The half point of exact recall from 10 % flips, by a probit fit.

    The bracket moves by factors of 1.5 until recall is above one half at its lower end and below at
    its upper end. If half the cues are recalled near K = 130 and the guess is 100, K = 100 and 150
    are measured and bracket it; then `points` numbers between them. `measure.capacity` is not used,
    because it compiles three layers anew for every K; here padded patterns share programs.

    Args:
        model: The model.
        num_neurons: N.
        num_sets: Number of independent sets of patterns at each number of patterns, at least 2.
        num_cues: Number of cues of each set.
        points: Numbers of patterns that are measured inside the bracket.
    """
    numbers, by_set = [], []
    number, seed = model.guess(num_neurons), 0

    def rate_at(number: float) -> float:
        count = max(1, round(number))
        numbers.append(count)
        by_set.append([])
        for key in jr.split(jr.key(seed), num_sets):
            problem = random_problem(count, num_neurons, LEVEL, num_cues, key=key)
            recalls = recall_all(model.make(problem.patterns), problem.cues, problem.targets)
            by_set[-1].append(float(recalls.exact.mean()))
        return float(np.mean(by_set[-1]))

    step = 1.5 if rate_at(number) > 0.5 else 1 / 1.5
    while True:
        seed, last = seed + 1, number
        number = number * step
        if (rate_at(number) > 0.5) == (step < 1) or number <= 1:
            break
    for index in range(points):
        seed += 1
        rate_at(last * (number / last) ** ((index + 1) / (points + 1)))
    order = np.argsort(numbers, kind="stable")
    line = measure.ProbitLine(np.log(np.array(numbers)[order]), level=0.5)
    scores = np.array(by_set)[order]
    number = float(line.crossing(scores.mean(axis=1)[None])[0])
    return HalfPoint(number, line.log_error(scores, num_cues))


_ONE_AT_A_TIME = threading.Lock()


def half_points(fast: bool) -> dict[str, tuple[list[int], list[HalfPoint]]]:
    """Sizes and half points of every model, by its name; they are measured once for all claims."""
    with _ONE_AT_A_TIME:
        return _half_points(fast)


@functools.cache
def _half_points(fast: bool) -> dict[str, tuple[list[int], list[HalfPoint]]]:
    num_sets, num_cues, points = (4, 10, 0) if fast else (10, 20, 4)
    measured = {}
    for name, model in MODELS.items():
        if sizes := list(model.sizes[not fast]):
            halves = [
                half_point(model, n, num_sets=num_sets, num_cues=num_cues, points=points)
                for n in sizes
            ]
            measured[name] = (sizes, halves)
    return measured


def measured_with(points: dict[str, tuple[list[int], list[HalfPoint]]]) -> str:
    """The criterion of half points, and margin (at the largest size) and rest of flows, as text."""
    texts = [criterion_text(measure.Recall(LEVEL))]
    for name, (sizes, halves) in points.items():
        model = MODELS[name]
        patterns = patterns_of(max(1, round(halves[-1].number)), sizes[-1], key=jr.key(0))
        margin = math.nan if model.full is None else float(model.full(patterns).margin())
        rest = rest_of(measure.coarse(model.make(patterns[:1])))
        if not math.isnan(rest):
            texts.append(f"{name} with {settings_text(margin, rest)}")
    return "; ".join(texts)


def slopes_of(
    points: dict[str, tuple[list[int], list[HalfPoint]]], divisor: Callable
) -> dict[str, Slope]:
    """The exponent in N of (half point / divisor(N)), for each model."""
    return {
        name: log_slope(
            sizes, [h.number / divisor(n) for n, h in zip(sizes, halves, strict=True)],
            [h.error for h in halves],
        )
        for name, (sizes, halves) in points.items()
    }  # fmt: skip


def capacity_curve(
    points: dict[str, tuple[list[int], list[HalfPoint]]], divisor: Callable, y_label: str
) -> Curve:
    """The curves of (half point / divisor(N)) against N with 95 % intervals, for all models."""
    every = sorted({n for sizes, _ in points.values() for n in sizes})
    series = {}
    for name, (sizes, halves) in points.items():
        there = dict(zip(sizes, halves, strict=True))
        value = [there[n].number / divisor(n) if n in there else math.nan for n in every]
        error = [1.96 * there[n].error if n in there else math.nan for n in every]
        low = [v * math.exp(-e) for v, e in zip(value, error, strict=True)]
        high = [v * math.exp(e) for v, e in zip(value, error, strict=True)]
        series[name] = Series(value, low, high)
    return Curve(every, "neurons N (1)", y_label, series, log=True)


@claim("capacity", "K_max grows as N^3", f"{ASTROCYTE}, section 3")
def cubic_capacity(fast: bool) -> Finding:
    """Exponent of the number of patterns recalled from 10 % flips."""
    points = half_points(fast)
    slopes = slopes_of(points, lambda n: 1.0)
    first = slopes["dense memory, energy difference"]
    others = "; ".join(
        f"{name}: {s.value:.2f} [{s.low:.2f}, {s.high:.2f}]" for name, s in list(slopes.items())[1:]
    )
    meaning = f"exponent of K50 in N, energy differences; {others}. K50: {measured_with(points)}"
    curve = capacity_curve(points, lambda n: 1.0, "patterns recalled from 10 % flips, K50 (1)")
    return Finding(*first[:3], meaning, {k: s.reaches(3.0) for k, s in slopes.items()}, curve)
