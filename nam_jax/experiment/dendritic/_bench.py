"""What the parts of the dendritic experiment share: a setting, and how they report."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.random as jr
import numpy as np

from nam_jax import measure
from nam_jax._types import Key
from nam_jax.experiment.dendritic._design import designed, networks_of, recalled_at
from nam_jax.experiment.dendritic._trials import Follow, Found, Trials, judged, rates_of
from nam_jax.network import DendriticMemory
from nam_jax.theory.dendritic import Circuit, Thresholds


class Bench(NamedTuple):
    """Networks of one setting, and how they are tried.

    Attributes:
        circuit: Their numbers.
        thresholds: g_t, f_t and g_max.
        k: Neurons of a memory up to which they are designed.
        num_networks: How many, each with a wiring of its own.
        num_trials: Memories for each network at each point.
        how: How long trials are followed.
        seed: Seed of everything random.
    """

    circuit: Circuit
    thresholds: Thresholds
    k: int
    num_networks: int
    num_trials: int
    how: Follow
    seed: int

    def networks(self) -> tuple[DendriticMemory, ...]:
        """The networks, which are built once."""
        return networks_of(self.circuit, self.thresholds, self.num_networks, self.seed)

    def key(self) -> Key:
        """The key of memories and cues."""
        return jr.fold_in(jr.key(self.seed), 1)

    def found(self, k: int, networks: Any = None, **options: Any) -> list[Found]:
        """Trials of k-neuron memories; options as for `rates_of`."""
        networks = self.networks() if networks is None else networks
        options = {"how": self.how} | options
        return rates_of(networks, k, self.num_trials, key=self.key(), **options)

    def point(self, k: int, networks: Any = None, **options: Any) -> "Point":
        """The verdicts on these."""
        return Point(judged(self.found(k, networks, **options)))

    def predicted(self, k: int) -> float:
        """The rate of strict recall from features without noise by theory."""
        return recalled_at(self.circuit, self.thresholds, k)

    def elsewhere(self, circuit: Circuit, k: int | None = None) -> "Bench":
        """The same tried on another circuit, with thresholds designed for that."""
        k = self.k if k is None else k
        return self._replace(circuit=circuit, thresholds=designed(circuit, k), k=k)


class Point(NamedTuple):
    """Trials under one condition, and the rate of strict recall by theory where there is one."""

    trials: Trials
    predicted: float = float("nan")

    def rate(self) -> measure.Rate:
        """Of strict recall, with Wilson's interval over all trials."""
        return measure.rate(self.trials.strict)

    def numbers(self) -> dict[str, float]:
        """By the names in `QUANTITIES`."""
        trials, loose = self.trials, measure.rate(self.trials.separable)
        by_network = trials.strict.mean(axis=1)
        values = (
            *self.rate(), loose.value, loose.low, loose.high, self.predicted,
            by_network.min(), by_network.max(), trials.cued.mean(), trials.lowest.min(),
            trials.highest.max(), trials.others.max(),
        )  # fmt: skip
        return dict(zip(QUANTITIES, map(float, values), strict=True))


QUANTITIES = {
    "strict": ("rate of strict recall", "1"),
    "strict_low": ("lower end of its Wilson interval (95 %)", "1"),
    "strict_high": ("upper end of its Wilson interval (95 %)", "1"),
    "trials": ("trials on all networks", "1"),
    "separable": ("rate at which a threshold of 10 Hz tells members from others", "1"),
    "separable_low": ("lower end of its Wilson interval (95 %)", "1"),
    "separable_high": ("upper end of its Wilson interval (95 %)", "1"),
    "predicted": ("rate of strict recall by mean-field theory", "1"),
    "worst_network": ("rate of strict recall of the worst network", "1"),
    "best_network": ("rate of strict recall of the best network", "1"),
    "cued": ("mean rate of members", "Hz"),
    "cued_lowest": ("lowest rate of a member", "Hz"),
    "cued_highest": ("highest rate of a member", "Hz"),
    "others_highest": ("highest rate of another neuron", "Hz"),
}
"""What is reported of a point: meaning and unit."""


class Task(NamedTuple):
    """One value of what a part varies; `run` gives the points of one or several lines."""

    part: str
    x: float | int
    run: Callable[[], dict[str, Point]]


Points = dict[str, dict[str, dict[float | int, Point]]]
"""By part, line and value."""


def collected(tasks: list[Task], done: list[dict[str, Point]]) -> Points:
    """The points of all tasks."""
    points: Points = {}
    for task, lines in zip(tasks, done, strict=True):
        for line, point in lines.items():
            points.setdefault(task.part, {}).setdefault(line, {})[task.x] = point
    return points


def column(points: dict[str, dict[float | int, Point]], x: np.ndarray, quantity: str) -> np.ndarray:
    """One quantity of a part, (lines, values); NaN where a line has no such value."""
    return np.array([
        [line[value].numbers()[quantity] if value in line else np.nan for value in x.tolist()]
        for line in points.values()
    ])  # fmt: skip
