"""Timing that other work on the machine disturbs least: code and baseline take turns."""

import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

SHORTEST = 5e-3
"""Seconds that one measurement lasts at least; faster functions are called several times."""


class Spread(NamedTuple):
    """Median and quartiles of repeated measurements."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


ENOUGH, FEWEST = 60.0, 3
"""Seconds after which no new round begins, and the rounds that are made all the same."""


def spread(values: np.ndarray) -> Spread:
    return Spread(*(float(np.quantile(values, q)) for q in (0.5, 0.25, 0.75)))


def milliseconds(seconds: np.ndarray) -> str:
    """Median and quartiles as text, in milliseconds with three digits or more."""
    values = (1e3 * each for each in spread(seconds))
    median, low, high = (f"{each:.3g}" if each < 999 else f"{each:.0f}" for each in values)
    return f"{median} [{low}, {high}]"


def interleaved(functions: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, np.ndarray]:
    """Seconds that each function takes, measured in turns.

    In each round every function is measured once, in a new random order, so that a slow spell of
    the machine meets all of them and cancels in the ratios of one round.

    Args:
        functions: Functions of nothing that return JAX arrays; they are warmed up (compiled) first.
        repeats: Rounds at most; slow functions get fewer (see `ENOUGH`).

    Returns:
        For each function (rounds,) seconds a call, results awaited.
    """
    calls = {name: _calls(function) for name, function in functions.items()}
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    order, shuffle, begun = list(functions), random.Random(0).shuffle, time.perf_counter()
    for done in range(repeats):
        if done >= FEWEST and time.perf_counter() - begun > ENOUGH:
            break
        shuffle(order)
        for name in order:
            seconds[name].append(_measure(functions[name], calls[name]))
    return {name: np.array(values) for name, values in seconds.items()}


def _calls(function: Callable[[], Any]) -> int:
    """Calls that fill the shortest measurement, after one that compiles and warms up."""
    _measure(function, 1)
    return max(1, math.ceil(SHORTEST / _measure(function, 1)))


def _measure(function: Callable[[], Any], calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        jax.block_until_ready(function())
    return (time.perf_counter() - begun) / calls
