"""Timing of code and baseline in turns, so that other work on the machine disturbs it little."""

import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

SHORTEST = 5e-3
"""Shortest duration of one measurement in seconds; faster functions are called several times."""


class Spread(NamedTuple):
    """Median and quartiles of repeated measurements."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


ENOUGH, FEWEST = 60.0, 3
"""Seconds after which no new round begins, and the number of rounds made in any case."""


def spread(values: np.ndarray) -> Spread:
    """Returns median and quartiles."""
    return Spread(*(float(np.quantile(values, q)) for q in (0.5, 0.25, 0.75)))


def milliseconds(seconds: np.ndarray) -> str:
    """Returns median and quartiles as text, in milliseconds with at least three digits."""
    values = (1e3 * value for value in spread(seconds))
    median, low, high = (f"{value:.3g}" if value < 999 else f"{value:.0f}" for value in values)
    return f"{median} [{low}, {high}]"


def interleaved(
    functions: Mapping[str, Callable[[], Any]], repeats: int, enough: float = ENOUGH
) -> dict[str, np.ndarray]:
    """Returns the seconds that functions take, measured in turns.

    In each round every function is measured once, in a new random order. If the machine is slow for
    a while, all functions of a round are slow, and their ratios do not change.

    Args:
        functions: Functions without arguments that return JAX arrays; they are called (compiled)
            before they are measured.
        repeats: Largest number of rounds; slow functions get fewer.
        enough: Seconds after which no new round begins, after the first `FEWEST`.

    Returns:
        For each function, the seconds of a call until its result is ready, shape (rounds,).
    """
    calls = {name: _calls(function) for name, function in functions.items()}
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    order, shuffle, begun = list(functions), random.Random(0).shuffle, time.perf_counter()
    for done in range(repeats):
        if done >= FEWEST and time.perf_counter() - begun > enough:
            break
        shuffle(order)
        for name in order:
            seconds[name].append(_measure(functions[name], calls[name]))
    return {name: np.array(values) for name, values in seconds.items()}


def _calls(function: Callable[[], Any]) -> int:
    """Returns the number of calls that last at least `SHORTEST` seconds."""
    # The first call compiles the function.
    _measure(function, 1)
    return max(1, math.ceil(SHORTEST / _measure(function, 1)))


def _measure(function: Callable[[], Any], calls: int) -> float:
    """Returns the mean seconds of `calls` calls."""
    begun = time.perf_counter()
    for _ in range(calls):
        jax.block_until_ready(function())
    return (time.perf_counter() - begun) / calls
