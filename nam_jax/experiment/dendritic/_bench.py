"""A setting of the dendritic study, and the form in which its parts report points of a curve."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.random as jr
import numpy as np

from nam_jax import measure
from nam_jax._types import Key
from nam_jax.experiment.common import key_of_seed
from nam_jax.experiment.dendritic._design import designed, networks_of, recalled_at
from nam_jax.experiment.dendritic._trials import Follow, TrialRates, Trials, judged, rates_of
from nam_jax.network import DendriticMemory
from nam_jax.theory.dendritic import Circuit, Thresholds


class Bench(NamedTuple):
    """One setting: the networks to build, and the trials to run on them.

    Attributes:
        circuit: Sizes and constants of every network.
        thresholds: g_t, f_t and g_max of every network.
        k: Largest number of neurons of a memory that the thresholds are designed for.
        num_networks: Number of networks, at least 2; every network has its own random wiring.
        num_trials: Number of memories that are tried on every network, at every point.
        how: Simulated time and step of a trial.
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
        """Returns the networks of this setting. They are built once and then kept."""
        return networks_of(self.circuit, self.thresholds, self.num_networks, self.seed)

    def key(self) -> Key:
        """Returns the random key of memories and cues."""
        return jr.fold_in(key_of_seed(self.seed), 1)

    def rates(self, k: int, networks: Any = None, **options: Any) -> list[TrialRates]:
        """Returns the rates at the end of trials of k-neuron memories, one entry for each network.

        Args:
            k: Neurons of a memory.
            networks: The networks to try; by default `self.networks()`.
            **options: Further arguments of `rates_of`; `how` is `self.how` by default.
        """
        networks = self.networks() if networks is None else networks
        options = {"how": self.how} | options
        return rates_of(networks, k, self.num_trials, key=self.key(), **options)

    def point(self, k: int, networks: Any = None, **options: Any) -> "Point":
        """Returns the verdicts on the trials that `rates` runs; takes the arguments of `rates`."""
        return Point(judged(self.rates(k, networks, **options)))

    def predicted(self, k: int) -> float:
        """Returns the rate of strict recall of k neurons from features without noise, by theory."""
        return recalled_at(self.circuit, self.thresholds, k)

    def on_circuit(self, circuit: Circuit, k: int | None = None) -> "Bench":
        """Returns this setting with another circuit, and thresholds that theory designs for it.

        Args:
            circuit: Sizes and constants of the new networks.
            k: Largest number of neurons of a memory; by default that of this setting.
        """
        k = self.k if k is None else k
        return self._replace(circuit=circuit, thresholds=designed(circuit, k), k=k)


class Point(NamedTuple):
    """The verdicts on all trials at one point of a curve.

    Attributes:
        trials: The verdicts.
        predicted: The rate of strict recall by theory; NaN if there is no prediction.
    """

    trials: Trials
    predicted: float = float("nan")

    def rate(self) -> measure.Rate:
        """Returns the rate of strict recall, with its interval (95 %) over networks."""
        return measure.rate(self.trials.strict, by_set=True)

    def numbers(self) -> dict[str, float]:
        """Returns all reported numbers, by the names in `QUANTITIES`."""
        trials, loose = self.trials, measure.rate(self.trials.separable, by_set=True)
        by_network = trials.strict.mean(axis=1)
        values = (
            *self.rate(), loose.value, loose.low, loose.high, self.predicted,
            by_network.min(), by_network.max(), trials.cued.mean(), trials.lowest.min(),
            trials.highest.max(), trials.others.max(),
        )  # fmt: skip
        return dict(zip(QUANTITIES, map(float, values), strict=True))


QUANTITIES = {
    "strict": ("rate of strict recall", "1"),
    "strict_low": ("lower end of its interval over networks (95 %)", "1"),
    "strict_high": ("upper end of its interval over networks (95 %)", "1"),
    "trials": ("trials on all networks", "1"),
    "separable": ("rate at which a threshold of 10 Hz tells members from others", "1"),
    "separable_low": ("lower end of its interval over networks (95 %)", "1"),
    "separable_high": ("upper end of its interval over networks (95 %)", "1"),
    "predicted": ("rate of strict recall by mean-field theory", "1"),
    "worst_network": ("rate of strict recall of the worst network", "1"),
    "best_network": ("rate of strict recall of the best network", "1"),
    "cued": ("mean rate of members", "Hz"),
    "cued_lowest": ("lowest rate of a member", "Hz"),
    "cued_highest": ("highest rate of a member", "Hz"),
    "others_highest": ("highest rate of another neuron", "Hz"),
}
"""The reported numbers of a point: meaning and unit by name."""


class Task(NamedTuple):
    """One unit of work of the study: all points at one value of the quantity that a part varies.

    A part is one experiment of the study, such as `noise`, which varies the noise of features. Its
    figure has one or more lines, such as one for each kind of network.

    Attributes:
        part: Name of the part.
        x: The value of the varied quantity.
        run: Function without arguments that runs the trials. It returns a `Point` for each line of
            the figure, by the line's name.
    """

    part: str
    x: float | int
    run: Callable[[], dict[str, Point]]


Points = dict[str, dict[str, dict[float | int, Point]]]
"""Points by part, then by line, then by the value of the varied quantity."""


def collected(tasks: list[Task], done: list[dict[str, Point]]) -> Points:
    """Returns the points of all tasks, grouped by part, then by line, then by value.

    Args:
        tasks: The tasks.
        done: The return value of every task's `run`, in the order of `tasks`.
    """
    points: Points = {}
    for task, lines in zip(tasks, done, strict=True):
        for line, point in lines.items():
            points.setdefault(task.part, {}).setdefault(line, {})[task.x] = point
    return points


def column(points: dict[str, dict[float | int, Point]], x: np.ndarray, quantity: str) -> np.ndarray:
    """Returns one quantity of a part, (lines, values); NaN where a line has no point at that value.

    Args:
        points: Points of the part, by line and value.
        x: (values,), the values.
        quantity: A name of `QUANTITIES`.
    """
    return np.array([
        [line[value].numbers()[quantity] if value in line else np.nan for value in x.tolist()]
        for line in points.values()
    ])  # fmt: skip
