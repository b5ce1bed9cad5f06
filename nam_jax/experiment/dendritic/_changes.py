"""Recall by dendritic networks with slow inhibition, with sparse connections, and after damage."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from nam_jax.experiment.common import key_of_seed
from nam_jax.experiment.dendritic._bench import Bench, Point, Task
from nam_jax.experiment.dendritic._design import network_of, wiring_of
from nam_jax.experiment.dendritic._trials import Follow, ended, follow, from_features
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import HeldFeatures, Wiring

HELD = 80.0
"""Time for which a held cue keeps the features fixed, in ms."""


def by_inhibition(bench: Bench, times: Sequence[float]) -> list[Task]:
    """Tasks of part `inhibition`: recall against tau_I, from three kinds of start.

    Inhibition starts at its steady state for the cue; or at 0; or at 0 while the cue is held for
    `HELD` ms. The first start is tried at k = 1 and k = `bench.k`, the others at k = `bench.k`.

    Args:
        bench: The setting.
        times: Values of tau_I, in ms.
    """

    def at(time: float) -> dict[str, Point]:
        networks = [with_inhibition(network, time) for network in bench.networks()]
        how = bench.how._replace(step=min(bench.how.step, time))
        silent = from_features(matched=False)
        matched = {
            f"matched start, k = {k}": bench.point(k, networks, how=how)
            for k in dict.fromkeys((1, bench.k))
        }
        return matched | {
            f"start at 0, k = {bench.k}": bench.point(bench.k, networks, how=how, starts=silent),
            f"start at 0, cue held {HELD:.0f} ms, k = {bench.k}": bench.point(
                bench.k, networks, how=how, starts=silent, run=held
            ),
        }

    return [Task("inhibition", time, lambda time=time: at(time)) for time in times]


def with_inhibition(network: DendriticMemory, time: float) -> DendriticMemory:
    """The network with `time`, in ms, as the time constant of inhibition tau_I."""
    old = network.time_constants[2]
    return eqx.tree_at(lambda n: n.time_constants[2], network, jnp.asarray(time, old.dtype))


def held(network: DendriticMemory, states: Any, how: Follow) -> np.ndarray:
    """Rates at the end of trials whose features are held at the cue for `HELD` ms, then freed."""
    time, step = jnp.asarray(HELD), jnp.asarray(how.step, float)
    return ended(network, follow(HeldFeatures(network), states, time, step), how)


def by_sparsity(bench: Bench, shares: Sequence[float], sizes: Sequence[int]) -> list[Task]:
    """Tasks of part `sparsity`: recall against k, the neurons of a memory, for several c.

    c is the probability that two neurons are connected. The figure has three lines for each c:

    1. D branches as in `bench`, with thresholds designed for c.
    2. c D branches, rounded and at least 2, with thresholds designed for c and for them.
    3. D branches and the thresholds of `bench`, at k = 1 and k = `bench.k` only.

    Args:
        bench: The setting.
        shares: Values of c.
        sizes: Values of k, for the first two lines.
    """
    tasks = []
    for share in shares:
        whole = bench.circuit._replace(connectivity=share)
        fewer = whole._replace(num_branches=max(2, round(share * whole.num_branches)))
        for name, circuit in (("same D", whole), ("D in proportion", fewer)):
            sparse, line = bench.on_circuit(circuit), f"c = {share:g}, {name}"

            def at(k: int, sparse: Bench = sparse, line: str = line) -> dict[str, Point]:
                return {line: sparse.point(k)._replace(predicted=sparse.predicted(k))}

            tasks += [Task("sparsity", k, lambda k=k, at=at: at(k)) for k in sizes]
        old = bench._replace(circuit=whole)
        line = f"c = {share:g}, thresholds of c = {bench.circuit.connectivity:g}"
        tasks += [
            Task("sparsity", k, lambda k=k, old=old, line=line: {line: old.point(k)})
            for k in dict.fromkeys((1, bench.k))
        ]
    return tasks


Damage = Callable[[Wiring, float, np.random.Generator], Wiring]
"""Function of a wiring, a strength of damage and a generator; returns the damaged wiring."""


def lose_branches(wiring: Wiring, share: float, random: np.random.Generator) -> Wiring:
    """The wiring after each branch was lost with probability `share`.

    A lost branch passes nothing to the soma, and, by eq 4, nothing back.
    """
    alive = random.random(wiring.dendritic.shape) >= share
    return dataclasses.replace(wiring, dendritic=jnp.where(alive, wiring.dendritic, 0))


def lose_synapses(wiring: Wiring, share: float, random: np.random.Generator) -> Wiring:
    """The wiring after each contact of E1 and E2 was lost with probability `share`.

    A lost contact takes its synapse back to E1 with it.
    """
    alive = random.random(wiring.weight.shape) >= share
    weight = jnp.where(alive, wiring.weight, 0)
    return dataclasses.replace(wiring, weight=weight, feedback=wiring.feedback & alive)


def jitter_forward(wiring: Wiring, spread: float, random: np.random.Generator) -> Wiring:
    """The wiring with weights from E1 to branches multiplied by log-normal factors of mean 1."""
    return dataclasses.replace(wiring, weight=wiring.weight * _factors(wiring, spread, random))


def _factors(wiring: Wiring, spread: float, random: np.random.Generator) -> jnp.ndarray:
    drawn = random.standard_normal(wiring.weight.shape)
    factors = np.exp(spread * drawn - spread**2 / 2)
    return jnp.asarray(factors, wiring.weight.dtype)


DAMAGES: dict[str, Damage] = {
    "branches lost": lose_branches,
    "contacts lost": lose_synapses,
    "forward weights jittered": jitter_forward,
}


def by_damage(bench: Bench, strengths: Sequence[float]) -> list[Task]:
    """Tasks of part `damage`: recall of `bench.k` neurons after damage of several strengths.

    Thresholds are not adapted to the damage, and cues are those of the undamaged networks.
    """

    def at(strength: float) -> dict[str, Point]:
        lines = {name: damaged(bench, damage, strength) for name, damage in DAMAGES.items()}
        lines["feedback weights jittered"] = [
            _with_feedback(network, strength, bench.seed + place)
            for place, network in enumerate(bench.networks())
        ]
        whole = bench.networks()
        return {
            name: bench.point(bench.k, networks, cued_by=whole) for name, networks in lines.items()
        }

    return [Task("damage", value, lambda value=value: at(value)) for value in strengths]


def damaged(bench: Bench, damage: Damage, strength: float) -> list[DendriticMemory]:
    """The networks of `bench` after damage of one kind and strength."""
    networks = []
    for place, key in enumerate(jr.split(key_of_seed(bench.seed), bench.num_networks)):
        random = np.random.default_rng([bench.seed, place])
        wiring = damage(wiring_of(bench.circuit, key=key), strength, random)
        networks.append(network_of(bench.circuit, bench.thresholds, wiring=wiring))
    return networks


def _with_feedback(network: DendriticMemory, spread: float, seed: int) -> DendriticMemory:
    """The network with weights from E2 to E1 multiplied by log-normal factors of mean 1.

    They then differ from the weights that eq 4 asks for.
    """
    drawn = np.random.default_rng([seed, 1]).standard_normal(network.feedback.shape)
    factors = jnp.asarray(np.exp(spread * drawn - spread**2 / 2), network.feedback.dtype)
    return eqx.tree_at(lambda n: n.feedback, network, network.feedback * factors)
