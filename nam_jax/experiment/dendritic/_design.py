"""Thresholds, wirings and networks of the study `dendritic`."""

import functools
from collections.abc import Iterator
from typing import Any

import jax.random as jr

from nam_jax import theory
from nam_jax._types import Key
from nam_jax.experiment.common import key_of_seed
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import Ramp, Wiring, check_branch_threshold
from nam_jax.theory.dendritic import Circuit, Thresholds

RATE = 60.0
"""Rate of a memory of one neuron that designs aim at, in Hz."""


@functools.lru_cache(maxsize=64)
def designed(circuit: Circuit, k: int) -> Thresholds:
    """Thresholds g_t, f_t and g_max for memories of up to k neurons, by theory alone."""
    by_rules = theory.dendritic.design(circuit, k=k, rate=RATE)
    return Thresholds(*map(float, theory.dendritic.refined(circuit, by_rules, k=k)))


def given(circuit: Circuit, numbers: tuple[float, float, float]) -> Thresholds:
    """Thresholds g_t, f_t and g_max that a user gave, after a check.

    Raises:
        ValueError: If g_t is not possible for the branches of this circuit.
    """
    thresholds = Thresholds(*numbers)
    load = float(circuit.connectivity * circuit.num_memory / circuit.num_branches)
    rates = float(circuit.rmin), float(circuit.rmax)
    check_branch_threshold(float(thresholds.branch), float(circuit.width), rates, load)
    return thresholds


def recalled_at(circuit: Circuit, thresholds: Thresholds, k: int) -> float:
    """The rate of strict recall of k neurons by mean-field theory."""
    return float(theory.dendritic.recall(circuit, thresholds, k))


def wiring_of(
    circuit: Circuit, *, key: Key, per_synapse: bool = False, reciprocal: bool = True
) -> Wiring:
    """A random wiring with the sizes and constants of `circuit`.

    Args:
        circuit: Sizes and constants.
        key: Random key.
        per_synapse: True: every synapse has its own weight, instead of that of its branch.
        reciprocal: As for `Wiring.random`.
    """
    sizes: Any = (circuit.num_memory, circuit.num_feature)
    if not per_synapse:
        sizes = (*sizes, circuit.num_branches)
    make = Wiring.per_synapse if per_synapse else Wiring.random
    inhibitory = (circuit.num_memory_inhibitory, circuit.num_feature_inhibitory)
    return make(
        *map(int, sizes),
        key=key,
        connectivity=float(circuit.connectivity),
        num_inhibitory=(int(inhibitory[0]), int(inhibitory[1])),
        reciprocal=reciprocal,
        spread=float(circuit.spread),
        gamma_shape=float(circuit.gamma_shape),
        dendritic_mean=float(circuit.dendritic_mean),
    )


def transfers(circuit: Circuit, thresholds: Thresholds) -> tuple[Ramp, Ramp]:
    """The transfer functions: G of branches and F of memory neurons."""
    begins, memory, high = map(float, thresholds)
    low, width = float(circuit.resting_output), float(circuit.width)
    branch = Ramp(begins, low, high, (high - low) / width)
    return branch, Ramp(memory, float(circuit.rmin), float(circuit.rmax))


def network_of(
    circuit: Circuit,
    thresholds: Thresholds,
    *,
    key: Key | None = None,
    wiring: Wiring | None = None,
    **others: Any,
) -> DendriticMemory:
    """A network with transfer functions made from `thresholds`.

    Args:
        circuit: Sizes and constants.
        thresholds: g_t, f_t and g_max.
        key: Key of a random wiring; needed if `wiring` is left out.
        wiring: The wiring.
        **others: Further arguments of `DendriticMemory`.
    """
    if wiring is None:
        assert key is not None
        wiring = wiring_of(circuit, key=key)
    branch, memory = transfers(circuit, thresholds)
    others = {"branch_transfer": branch} | others
    return DendriticMemory(wiring, memory_transfer=memory, **others)


@functools.lru_cache(maxsize=2)
def networks_of(
    circuit: Circuit, thresholds: Thresholds, num_networks: int, seed: int
) -> tuple[DendriticMemory, ...]:
    """Networks with random wirings. The networks of the last two settings are kept in memory."""
    return tuple(one_by_one(circuit, thresholds, num_networks, seed))


def one_by_one(
    circuit: Circuit, thresholds: Thresholds, num_networks: int, seed: int
) -> Iterator[DendriticMemory]:
    """Yields the networks of `networks_of`, each built when it is asked for and not kept."""
    for key in jr.split(key_of_seed(seed), num_networks):
        yield network_of(circuit, thresholds, key=key)
