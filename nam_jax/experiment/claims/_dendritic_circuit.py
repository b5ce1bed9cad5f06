"""Measurements for claims about the dendritic memory: spectra, signs, controls, sparse connections.

All except the controls use one compiled program, because most of a quick check is compilation.
"""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax.experiment.common import key_of_seed
from nam_jax.experiment.dendritic import (
    KINDS,
    Bench,
    Candidate,
    Follow,
    Point,
    TrialRates,
    best_of,
    ended,
    follow,
    from_evoked,
    from_features,
    memories,
    network_of,
    one_branch,
    wiring_of,
    with_inhibition,
)
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import ExcitatoryState, Ramp, ReducedMemory, State, Wiring

QUICK = {
    "linear branches": [Candidate(0.0, 4.5, 60.0, 1), Candidate(0.0, 4.5, 400.0, 4)],
    "point neurons": [Candidate(-3.0, 3.0, 60.0, 1), Candidate(-3.0, 4.5, 400.0, 1)],
}
"""Candidates for the controls in quick checks: those best at the quick size, for strict recall and
for separable recall."""
AT_ONCE = 1e-3
"""A time constant in ms that is negligible beside steps of a millisecond."""
_SIZE = 5.0
"""Norm of the perturbations in Hz: 0.1 Hz a neuron."""
_ROUNDS, _SPAN = 8, 40.0
"""Rounds of subspace iteration, and the time of each in ms."""


def leading_exponent(bench: Bench, network: DendriticMemory) -> float:
    """The largest real part of an eigenvalue at a recalled memory, in 1/ms.

    Subspace iteration on the flow over 40 ms; it needs no matrix. Each round follows the recalled
    state and states perturbed along an orthonormal basis for 40 ms, and orthonormalises the
    differences into the next basis. The leading eigenvalue of the flow on the basis is
    exp(40 ms lambda): a difference that shrinks to 0.135 in a round has lambda = -2 / 40 ms.
    """
    count = bench.num_trials
    member = memories(network.num_memory, bench.k, 1, key=bench.key())
    start = from_features()(network, np.repeat(member, count, axis=0), bench.key())
    state = _after(network, start, bench.how.time, bench.how.step)
    at = _flat(state)
    random = np.random.default_rng(bench.seed)
    basis = np.linalg.qr(random.standard_normal((at.shape[1], count)))[0]
    projected = np.eye(count)
    for _ in range(_ROUNDS):
        moved = _step(network, state, at + _SIZE * basis.T, bench.how.step)
        at = _step(network, state, at, bench.how.step)
        change = (moved - at).T / _SIZE
        projected = basis.T @ change
        basis = np.linalg.qr(change)[0]
    return math.log(float(np.abs(np.linalg.eigvals(projected)).max())) / _SPAN


def _after(network: Any, states: Any, time: float, step: float) -> Any:
    return follow(network, states, jnp.asarray(time, float), jnp.asarray(step, float))


def _flat(states: State) -> Float[np.ndarray, "trials n"]:
    return np.concatenate([np.asarray(leaf, float) for leaf in jax.tree.leaves(states)], axis=1)


def _step(
    network: DendriticMemory, like: State, at: np.ndarray, step: float
) -> Float[np.ndarray, "trials n"]:
    """The flat states `at` after 40 ms, flat again; `like` gives the shapes of the leaves."""
    leaves, tree = jax.tree.flatten(like)
    ends = np.cumsum([leaf.shape[1] for leaf in leaves])[:-1]
    parts = np.split(at, ends, axis=1)
    states = [jnp.asarray(part, leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
    return _flat(_after(network, jax.tree.unflatten(tree, states), _SPAN, step))


SIGNS = {"memory": 1, "feature": 1, "memory_inhibition": -1, "feature_inhibition": -1}
"""Sign of the effect that each population must have on its targets."""


def wrong_signs(bench: Bench) -> dict[str, float]:
    """For each population, the share of targets that a rise of its rates moves the wrong way.

    Transfer functions are replaced by straight lines, because a neuron at rest or saturated would
    hide a sign. The targets are read from one step: u' = u + (1 - exp(-h / tau)) (target - u).
    """
    network, count = _unrectified(bench.networks()[0]), bench.num_trials
    zero = from_features()(
        network, memories(network.num_memory, 1, count, key=bench.key()), bench.key()
    )
    random = np.random.default_rng(bench.seed)

    def drawn(leaf: Array) -> Array:
        return jnp.asarray(random.uniform(0, 20, leaf.shape), leaf.dtype)

    base = jax.tree.map(drawn, zero)
    at_base, wrong = _targets(network, base), {}
    for name, sign in SIGNS.items():
        rates = getattr(base, name)
        raised = eqx.tree_at(lambda s, n=name: getattr(s, n), base, rates + drawn(rates))
        change = _flat(_targets(network, raised)) - _flat(at_base)
        wrong[name.replace("_", " ")] = float(np.mean(sign * change < -0.02))
    return wrong


def _unrectified(network: DendriticMemory) -> DendriticMemory:
    line = jax.tree.map(
        lambda new, old: new.astype(old.dtype),
        Ramp(-4e3, 0.0, 1e6),
        network.memory_transfer,
    )
    where = lambda n: (n.memory_transfer, n.branch_transfer)  # noqa: E731
    return eqx.tree_at(where, network, (line, line))


def _targets(network: DendriticMemory, states: State) -> State:
    step = 2.0
    after = _after(network, states, step, step)

    def target(new: Array, old: Array, tau: Array) -> np.ndarray:
        kept = np.exp(-step / float(tau))
        return (np.asarray(new, float) - kept * np.asarray(old, float)) / (1 - kept)

    return jax.tree.map(target, after, states, network.time_scales())


def slaved(bench: Bench, k: int, *, fast: bool, population_mean: bool = False) -> list[TrialRates]:
    """The trials of `bench.rates(k)` with inhibition that is always at its steady state.

    The full form uses eq 9. The fast form uses a tau_I of `AT_ONCE` instead.
    """
    if fast:
        networks = [with_inhibition(network, AT_ONCE) for network in bench.networks()]
        return bench.rates(k, networks)

    def run(network: DendriticMemory, states: State, how: Follow) -> np.ndarray:
        excitatory = jax.vmap(lambda state: ExcitatoryState(state.memory, state.feature))(states)
        reduced = ReducedMemory(network, population_mean=population_mean)
        return ended(reduced, excitatory, how)

    return bench.rates(k, run=run)


def without_dendrites(bench: Bench, *, quick: bool) -> dict[str, list[Point]]:
    """Recall at k = 1 to `bench.k` of every control, by its name; it is tuned once for all k."""
    keys = jr.split(key_of_seed(bench.seed), bench.num_networks)
    lines = {"one branch": ([one_branch(bench, key) for key in keys], 60.0)}
    for name, (make, candidates) in KINDS.items():
        networks = [make(bench, key) for key in keys]
        lines |= best_of(bench, name, networks, QUICK[name] if quick else candidates)
    return {
        name: [bench.point(k, networks, starts=from_evoked(rate)) for k in range(1, bench.k + 1)]
        for name, (networks, rate) in lines.items()
    }


def at_connectivity(bench: Bench, share: float, *, anew: bool) -> Point:
    """Recall of `bench.k` neurons at connection probability c = `share`.

    If `anew`, f_t grows by sqrt(N2) r_min (1 - sqrt c), because less inhibition is left, and g_max
    is multiplied by 2 / (sqrt c (3 - c)), so that the signal stays (gamma weights of shape 1/2).
    Otherwise thresholds are those of `bench`.
    """
    old, c = bench.thresholds, share
    shift = math.sqrt(bench.circuit.num_feature) * bench.circuit.rmin * (1 - math.sqrt(c))
    new = old._replace(
        memory=old.memory + shift, saturation=old.saturation * 2 / (c**0.5 * (3 - c))
    )
    networks = [
        network_in_dense_form(bench._replace(thresholds=new if anew else old), share, key)
        for key in jr.split(key_of_seed(bench.seed), bench.num_networks)
    ]
    return bench.point(bench.k, networks)


def network_in_dense_form(bench: Bench, share: float, key: Any) -> DendriticMemory:
    """A network with c = `share`, written as a network with c = 1.

    Weights of missing connections are 0, and every factor 1/c or 1/sqrt(c) in front of a sum is
    multiplied into its weights, so that the equations are equal. Branches are those of the dense
    network, so that both networks share a program.
    """
    dense = wiring_of(bench.circuit, key=key)
    sparse = wiring_of(bench.circuit._replace(connectivity=share), key=key)
    root = math.sqrt(share)
    wiring: Wiring = dataclasses.replace(
        sparse,
        branch=dense.branch,
        inhibitory_branch=dense.inhibitory_branch,
        forward=dense.forward,
        inhibitory_forward=dense.inhibitory_forward,
        weight=sparse.weight / root,
        inhibitory_weight=sparse.inhibitory_weight / root,
        to_memory_inhibition=sparse.to_memory_inhibition / share,
        to_feature_inhibition=sparse.to_feature_inhibition / share,
        memory_inhibition=sparse.memory_inhibition / root,
        feature_inhibition=sparse.feature_inhibition / root,
        within_memory_inhibition=sparse.within_memory_inhibition / share**2,
        within_feature_inhibition=sparse.within_feature_inhibition / share**2,
        connectivity=1.0,
    )
    network = network_of(bench.circuit, bench.thresholds, wiring=wiring)
    return eqx.tree_at(lambda n: n.feedback, network, network.feedback / root)
