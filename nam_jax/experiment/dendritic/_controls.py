"""Controls without nonlinear dendrites: one branch, linear branches, point neurons.

Linear branches and point neurons have three free numbers: threshold and slope of the feature
neurons, and f_t. `tuned_by` computes slope and f_t for one `Candidate` from mean inputs. A worked
case: members get an input of 5 per unit of slope and other neurons 3, with a spread of 0.5, and the
input from I1 is 0. With a safety of 2 the gap is 5 - 3 - 2 * 0.5 = 1. A member rate of 60 Hz, which
is 59 Hz above rest at 1 Hz, needs slope 59 and f_t = 59 (3 + 2 * 0.5) = 236. `best_of` then keeps
the candidates with the highest measured recall.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax._types import Key, Scalar
from nam_jax.experiment.common import key_of_seed
from nam_jax.experiment.dendritic._bench import Bench, Point, Task
from nam_jax.experiment.dendritic._design import network_of, transfers, wiring_of
from nam_jax.experiment.dendritic._trials import Members, Starts, judged, memories, rates_of
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import PointSynapses, Ramp, State, Wiring

UNBOUNDED = 1e6
"""A saturation rate in Hz that no feature neuron reaches."""
SCAN_TRIALS = 16
"""Largest number of memories of each size that a candidate is judged by."""


class Somatic(eqx.Module):
    """The transfer weight * G(z) of neurons that add all inputs to z before the ramp G acts.

    Neurons with dendrites instead apply G on every branch, and then add.

    Attributes:
        weight: (N2,), one factor for each of the N2 feature neurons.
        ramp: G, from the summed input to a rate in Hz.
    """

    weight: Float[Array, " N2"]
    ramp: Ramp

    def __call__(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.weight.astype(z.dtype) * self.ramp(z)


class Candidate(NamedTuple):
    """Targets from which the free numbers of a control are computed.

    Attributes:
        reach: Threshold of feature neurons, in standard deviations of their input above its mean
            (0 for linear ones).
        safety: Standard deviations between the input of other memory neurons and f_t.
        rate: Rate in Hz that k members would have if they did not saturate.
        k: Number of members for which they would have that rate.
    """

    reach: float
    safety: float
    rate: float
    k: int


class Tuned(NamedTuple):
    """The free numbers of a control: threshold and slope of feature neurons, and f_t."""

    threshold: float
    slope: float
    ft: float


def one_branch(bench: Bench, key: Key) -> DendriticMemory:
    """Returns the network with D = 1 branch.

    All feedback weights of a feature neuron are then equal.
    """
    wiring = wiring_of(bench.circuit._replace(num_branches=1), key=key)
    matrix = jnp.concatenate(
        [
            jnp.where(wiring.forward, wiring.weight, 0),
            jnp.where(wiring.inhibitory_forward, wiring.inhibitory_weight, 0),
        ],
        axis=1,
    )
    branch, _ = transfers(bench.circuit, bench.thresholds)
    return _somatic(bench, wiring, PointSynapses(matrix), branch, wiring.dendritic[:, 0])


def linear_branches(bench: Bench, key: Key) -> DendriticMemory:
    """Returns the network with linear branches.

    The input i on branch b of feature neuron j then has the weight A_jb W_ji.
    """
    wiring = wiring_of(bench.circuit, key=key)
    pairs = (
        (wiring.branch, wiring.forward, wiring.weight),
        (wiring.inhibitory_branch, wiring.inhibitory_forward, wiring.inhibitory_weight),
    )
    matrix = [
        jnp.where(mask, jnp.take_along_axis(wiring.dendritic, b.astype(jnp.int32), axis=1) * w, 0)
        for b, mask, w in pairs
    ]
    ramp = Ramp(0.0, 0.0, UNBOUNDED)
    return _somatic(bench, wiring, PointSynapses(jnp.concatenate(matrix, axis=1)), ramp)


def point_neurons(bench: Bench, key: Key) -> DendriticMemory:
    """Returns a network of point neurons.

    Every synapse has its own weight, in both directions, and the soma has a threshold.
    """
    wiring = wiring_of(bench.circuit, key=key, per_synapse=True)
    return _somatic(bench, wiring, point_synapses(wiring), Ramp(0.0, 0.0, UNBOUNDED))


def point_synapses(wiring: Wiring) -> PointSynapses:
    """Returns the synapses of feature neurons without dendrites.

    A synapse from E1 has the weight that its branch would have. A synapse from I1 has its
    inhibitory weight J times the mean m of dendritic weights. Excitation and inhibition then
    balance as they do on branches.

    Args:
        wiring: Made by `Wiring.per_synapse`.
    """
    excited = jnp.where(wiring.forward, wiring.dendritic, 0)
    return PointSynapses(
        jnp.concatenate([excited, wiring.dendritic_mean * wiring.inhibitory_weight], axis=1)
    )


def _somatic(
    bench: Bench,
    wiring: Wiring,
    synapses: PointSynapses,
    ramp: Ramp,
    weight: Array | None = None,
) -> DendriticMemory:
    size = wiring.branch.shape[0]
    weight = jnp.ones(size, synapses.matrix.dtype) if weight is None else weight
    transfer = Somatic(weight, ramp)
    return network_of(
        bench.circuit, bench.thresholds, wiring=wiring, dendrites=synapses, branch_transfer=transfer
    )


def with_numbers(network: DendriticMemory, tuned: Tuned) -> DendriticMemory:
    """Returns the control with its free numbers set to `tuned`."""

    def leaves(n: Any) -> tuple[Any, ...]:
        ramp = n.branch_transfer.ramp
        return ramp.threshold, ramp.slope, n.memory_transfer.threshold

    return eqx.tree_at(leaves, network, tuple(map(_like(network), tuned)))


def _like(network: DendriticMemory) -> Callable[[float], Array]:
    dtype = network.feedback.dtype
    return lambda value: jnp.asarray(value, dtype)


def from_evoked(rate: float) -> Starts:
    """Returns starts from the features that the members evoke when they fire at `rate`, in Hz.

    Memory neurons start at rest.
    """

    def starts(network: DendriticMemory, members: Members, key: Key) -> State:
        del key
        return _evoked(network, jnp.asarray(members), jnp.asarray(rate, float))

    return starts


@eqx.filter_jit
def _evoked(network: DendriticMemory, members: Array, rate: Scalar) -> State:
    def one(members: Array) -> State:
        rest = network.memory_transfer.low.astype(rate.dtype)
        memory = jnp.where(members, rate, rest)
        return network.initial_state(network.evoked_features(memory))

    return jax.vmap(one)(members)


@eqx.filter_jit
def _inputs(network: DendriticMemory, members: Array, rate: Scalar) -> tuple[Array, Array]:
    """Returns two inputs of memory neurons, (trials, N1) each, while members fire at `rate`.

    The first input is from feature neurons and their inhibition, per unit of slope. The second is
    from I1.
    """

    def one(members: Array) -> tuple[Array, Array]:
        rest = network.memory_transfer.low.astype(rate.dtype)
        memory = jnp.where(members, rate, rest)
        state = network.state_of(memory, network.evoked_features(memory))
        i1, i2 = state.memory_inhibition, state.feature_inhibition
        silent = network.memory_drive(jnp.zeros_like(state.feature), i1, jnp.zeros_like(i2))
        return network.memory_drive(state.feature, i1, i2) - silent, silent

    return jax.vmap(one)(members)


def tuned_by(network: DendriticMemory, candidate: Candidate, members: Members) -> Tuned | None:
    """Returns the numbers of a control that meet the targets of `candidate`, or None.

    None means that no numbers meet them.

    Args:
        network: A control; its own free numbers do not matter.
        candidate: The targets.
        members: (trials, N1), memories from whose inputs the numbers are computed.
    """
    rest, high = float(network.memory_transfer.low), float(network.memory_transfer.high)
    rate = jnp.asarray(min(candidate.rate, high), float)
    threshold = 0.0 if candidate.reach == 0 else _reached(network, members, rate, candidate.reach)
    probe = with_numbers(network, Tuned(threshold, 1.0, 0.0))
    by_features, by_inhibition = map(np.asarray, _inputs(probe, jnp.asarray(members), rate))
    per_slope = by_features[members].mean(), by_features[~members].mean()
    common = by_inhibition[members].mean(), by_inhibition[~members].mean()
    spread = by_features[~members].std()
    gap = per_slope[0] - per_slope[1] - candidate.safety * spread
    if not gap > 0:
        return None
    slope = (candidate.rate - rest + common[1] - common[0]) / gap
    ft = slope * (per_slope[1] + candidate.safety * spread) + common[1]
    return Tuned(threshold, float(slope), float(ft))


def _reached(network: DendriticMemory, members: Members, rate: Scalar, reach: float) -> float:
    """Returns the mean input of feature neurons plus `reach` of its standard deviations."""
    shift = 1e3
    shifted = with_numbers(network, Tuned(-shift, 1.0, 0.0))
    inputs = np.asarray(_evoked(shifted, jnp.asarray(members), rate).feature) - shift
    return float(inputs.mean() + reach * inputs.std())


POINT = [
    Candidate(*numbers)
    for numbers in itertools.product((-3.0, 1.0, 2.5), (3.0, 4.5), (60.0, 400.0), (1, 4))
]
"""Candidates for point neurons: every combination of reach, safety, rate and k."""
LINEAR = [
    Candidate(0.0, *numbers)
    for numbers in itertools.product((2.0, 3.0, 4.5), (60.0, 400.0), (1, 4))
]
"""Candidates for linear branches, whose reach is 0: combinations of safety, rate and k."""
KINDS: dict[str, tuple[Callable[[Bench, Key], DendriticMemory], list[Candidate]]] = {
    "linear branches": (linear_branches, LINEAR),
    "point neurons": (point_neurons, POINT),
}
"""Controls that are tuned: the function that makes one, and its candidates, by name."""


def by_control(bench: Bench, sizes: Sequence[int]) -> list[Task]:
    """Returns the tasks of part `controls`: recall of k neurons by the network and each control.

    Args:
        bench: The setting.
        sizes: Values of k.
    """
    keys = jr.split(key_of_seed(bench.seed), bench.num_networks)
    made: dict[str, tuple[list[DendriticMemory], float]] = {}

    def lines() -> dict[str, tuple[list[DendriticMemory], float]]:
        if not made:
            made["one branch (D = 1)"] = [one_branch(bench, key) for key in keys], 60.0
            for name, (make, candidates) in KINDS.items():
                networks = [make(bench, key) for key in keys]
                made.update(best_of(bench, name, networks, candidates))
        return made

    def at(k: int) -> dict[str, Point]:
        points = {"nonlinear branches": bench.point(k)}
        for line, (networks, rate) in lines().items():
            points[line] = bench.point(k, networks, starts=from_evoked(rate))
        return points

    return [Task("controls", k, lambda k=k: at(k)) for k in sizes]


def best_of(
    bench: Bench, name: str, networks: list[DendriticMemory], candidates: list[Candidate]
) -> dict[str, tuple[list[DendriticMemory], float]]:
    """Tunes a control once for strict and once for separable recall of 1 to `bench.k` neurons.

    Candidates are tried on the first network only.

    Args:
        bench: The setting.
        name: Name of the control.
        networks: The control, one for each wiring.
        candidates: Targets to choose from.

    Returns:
        By the name of a line: the tuned networks, and the rate in Hz of the members that evoke the
        features of a cue. Empty if no candidate can be met.
    """
    scores, trials = {}, min(SCAN_TRIALS, bench.num_trials)
    for candidate in candidates:
        members = memories(
            networks[0].num_memory, candidate.k, trials, key=jr.fold_in(bench.key(), 3)
        )
        tuned = tuned_by(networks[0], candidate, members)
        if tuned is not None:
            scores[tuned] = _score(bench, with_numbers(networks[0], tuned), candidate.rate)
    lines = {}
    for index, goal in enumerate(("strict", "separable")):
        if scores:
            tuned = max(scores, key=lambda numbers: scores[numbers][index])
            rate = scores[tuned][2]
            lines[f"{name}, tuned for {goal} recall"] = (
                [with_numbers(network, tuned) for network in networks],
                rate,
            )
    return lines


def _score(bench: Bench, network: DendriticMemory, rate: float) -> tuple[float, float, float]:
    """Returns strict and separable recall, each summed over k = 1 to `bench.k`, and the cue's rate.

    The random key differs from the key of `bench.point`, so the memories that choose a candidate
    are not the memories that the results are measured on.

    Args:
        bench: The setting.
        network: A control with its free numbers set.
        rate: Rate in Hz of the members that evoke the features of a cue.

    Returns:
        The fraction of memories with strict recall, summed over k, so at most `bench.k`; the same
        sum for separable recall; and `rate`, at most the highest rate of a memory neuron.
    """
    rate = min(rate, float(network.memory_transfer.high))
    verdicts = [
        judged(
            rates_of(
                [network], k, min(SCAN_TRIALS, bench.num_trials),
                key=jr.fold_in(bench.key(), 4), how=bench.how, starts=from_evoked(rate),
            )
        )
        for k in range(1, bench.k + 1)
    ]  # fmt: skip
    strict, separable = (
        sum(float(getattr(trials, name).mean()) for trials in verdicts)
        for name in ("strict", "separable")
    )
    return strict, separable, rate
