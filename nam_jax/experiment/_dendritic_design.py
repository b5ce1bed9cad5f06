"""Sizes and thresholds of the dendritic networks of an experiment, and the networks themselves."""

import functools
from typing import Any

import jax.random as jr
import numpy as np
import scipy

from nam_jax import theory
from nam_jax._types import Key
from nam_jax.network import DendriticMemory, DendriticWiring, Ramp
from nam_jax.theory import DendriticCircuit, DendriticThresholds

LEAST_MARGIN = 2.5
"""Standard deviations by which other neurons must stay quiet before the cued ones fire."""
RATE = 60.0
"""Rate of a memory of one neuron that designs aim at, in Hz."""


@functools.lru_cache(maxsize=64)
def designed(circuit: DendriticCircuit, k: int) -> DendriticThresholds:
    """Thresholds by theory alone for memories of up to k neurons.

    The most probable recall at the fixed points, unless other neurons would then be recruited on
    the way there, as in small networks; in that case f_t is what keeps them quiet, and g_max gives
    a memory of one neuron its rate.
    """
    by_rules = theory.dendritic_design(circuit, k=k, rate=RATE)
    best = theory.dendritic_refined(circuit, by_rules, k=k)
    if float(theory.dendritic_ignition_margin(circuit, best, k)) >= LEAST_MARGIN:
        return DendriticThresholds(*map(float, best))
    scale = np.array([100.0, 10.0])

    def at(x: np.ndarray) -> DendriticThresholds:
        gmax, ft = (x * scale).tolist()
        return DendriticThresholds(float(by_rules.gt), gmax, ft)

    def residual(x: np.ndarray) -> list[float]:
        margin = theory.dendritic_ignition_margin(circuit, at(x), k)
        rate = theory.dendritic_rate(circuit, at(x), 1)
        return [float(margin) - LEAST_MARGIN, (float(rate) - RATE) / 10]

    start = np.array([float(by_rules.gmax), float(by_rules.ft)]) / scale
    # Steps wider than the rounding of single precision.
    found = scipy.optimize.root(residual, start, options={"eps": 1e-2, "xtol": 1e-3})
    return at(found.x)


def recalled_at(circuit: DendriticCircuit, thresholds: DendriticThresholds, k: int) -> float:
    """The predicted rate of strict recall of k neurons."""
    return float(theory.dendritic_recall(circuit, thresholds, k))


def wiring_of(
    circuit: DendriticCircuit, *, key: Key, per_synapse: bool = False, reciprocal: bool = True
) -> DendriticWiring:
    """A random wiring with the numbers of `circuit`."""
    sizes: Any = (circuit.num_memory, circuit.num_feature)
    if not per_synapse:
        sizes = (*sizes, circuit.num_branches)
    make = DendriticWiring.per_synapse if per_synapse else DendriticWiring.random
    inhibitory = (circuit.num_memory_inhibitory, circuit.num_feature_inhibitory)
    return make(
        *map(int, sizes),
        key=key,
        connectivity=float(circuit.connectivity),
        num_inhibitory=(int(inhibitory[0]), int(inhibitory[1])),
        reciprocal=reciprocal,
        spread=float(circuit.weight_spread),
        gamma_shape=float(circuit.branch_shape),
        dendritic_mean=float(circuit.branch_mean),
    )


def transfers(circuit: DendriticCircuit, thresholds: DendriticThresholds) -> tuple[Ramp, Ramp]:
    """G of branches and F of memory neurons."""
    slope = (float(thresholds.gmax) - float(circuit.gmin)) / float(circuit.ramp)
    branch = Ramp(float(thresholds.gt), float(circuit.gmin), float(thresholds.gmax), slope)
    return branch, Ramp(float(thresholds.ft), float(circuit.rmin), float(circuit.rmax))


def network_of(
    circuit: DendriticCircuit,
    thresholds: DendriticThresholds,
    *,
    key: Key | None = None,
    wiring: DendriticWiring | None = None,
    **others: Any,
) -> DendriticMemory:
    """A network on a given wiring, or a random one from `key`; `others` go to its `__init__`."""
    if wiring is None:
        assert key is not None
        wiring = wiring_of(circuit, key=key)
    branch, memory = transfers(circuit, thresholds)
    others = {"branch_transfer": branch} | others
    return DendriticMemory(wiring, memory_transfer=memory, **others)


@functools.lru_cache(maxsize=2)
def networks_of(
    circuit: DendriticCircuit, thresholds: DendriticThresholds, num_networks: int, seed: int
) -> tuple[DendriticMemory, ...]:
    """Networks with wirings of their own; those of the last two settings are kept."""
    keys = jr.split(jr.key(seed), num_networks)
    return tuple(network_of(circuit, thresholds, key=key) for key in keys)
