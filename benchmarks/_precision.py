"""Recalls of many networks with the products of a GPU or TPU, emulated: a process of `precision`.

    python -m benchmarks._precision DEVICE policy|none

It prints JSON: for each case and each precision of flows its numbers, and the bits recalled.
"""

import json
import sys
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.lax import Precision

from benchmarks._emulated import Device, emulate
from nam_jax import measure, retrieve_all, settle
from nam_jax.data import flip, random_patterns
from nam_jax.memory import Power, Weighted
from nam_jax.network import (
    AbstractNetwork,
    ContinuousDenseMemory,
    DendriticMemory,
    DenseAssociativeMemory,
    EffectiveNeuronAstrocyte,
    Hopfield,
    ModernHopfield,
    NeuronAstrocyte,
    TwoLayerMemory,
)
from nam_jax.network.dendritic import Ramp, Wiring
from nam_jax.solve import RESULTS, Energy, Flow

FULL = Precision.HIGHEST
MOST_STEPS = 500


SLOW = ("released", "certified", "dendritic")
"""Cases that are left out without the policy: their flows go on to the last step."""


class Case(NamedTuple):
    """A network, and cues with their targets."""

    network: AbstractNetwork
    cues: jax.Array
    targets: jax.Array


def cases() -> dict[str, Any]:
    """Returns functions that make the cases, by name; sizes and damage are those of the studies."""
    released, certified = NeuronAstrocyte.released, NeuronAstrocyte.certified

    def reduced(patterns: jax.Array) -> EffectiveNeuronAstrocyte:
        return EffectiveNeuronAstrocyte.from_full(certified(patterns, margin=0.02))

    return {
        "released, N = 100, K = 25, 20 % flips": lambda: _case(released, 100, 25, 0.2, 4),
        "certified, N = 64, K = 20, 10 % flips": lambda: _case(certified, 64, 20, 0.1, 4),
        "effective, N = 24, K = 112, 10 % flips": lambda: _case(reduced, 24, 112, 0.1, 100),
        "continuous dense, N = 64, K = 200, 15 % flips": lambda: _case(
            ContinuousDenseMemory, 64, 200, 0.15, 100
        ),
        "two layers, model B, N = 64, K = 50, 15 % flips": lambda: _case(
            lambda p: TwoLayerMemory.model_b(p, beta=0.7), 64, 50, 0.15, 50
        ),
        "dendritic, N = 64": _dendritic,
        "Hopfield, N = 100, K = 12, 10 % flips": lambda: _case(
            Hopfield.from_patterns, 100, 12, 0.1, 100
        ),
        "dense, n = 4, N = 64, K = 200, 15 % flips": lambda: _case(
            lambda p: DenseAssociativeMemory(p, Power(4)), 64, 200, 0.15, 100
        ),
        "attention, N = 64, K = 200": lambda: _case(
            lambda p: ModernHopfield(p, 0.2, passes=3), 64, 200, 0.15, 100
        ),
    }


def _case(make: Any, num_neurons: int, num: int, flips: float, num_cues: int) -> Case:
    of_patterns, of_flips = jr.split(jr.key(num))
    patterns = random_patterns(num, num_neurons, key=of_patterns)
    targets = patterns[jnp.arange(num_cues) % num]
    keys = jr.split(of_flips, num_cues)
    cues = jax.vmap(lambda x, key: flip(x, flips, key=key))(targets, keys)
    return Case(make(patterns), cues, targets)


def _dendritic() -> Case:
    wiring = Wiring.random(64, 64, 4, key=jr.key(1), connectivity=0.5, num_inhibitory=(16, 16))
    cues = random_patterns(20, 64, key=jr.key(2))
    network = DendriticMemory(
        wiring,
        branch_transfer=Ramp(-4.0, 0.2, 9.0, slope=0.8),
        memory_transfer=Ramp(-2.0, 0.1, 8.0, slope=1.3),
        time_constants=(0.6, 1.7, 0.3),
    )
    return Case(network, cues, cues)


def recalled(case: Case, precision: Precision) -> dict[str, Any]:
    """Returns the numbers of the recalls of a case with flows in a precision."""
    network = case.network
    options: dict[str, Any] = {}
    if _flows(network):
        options["how"] = Flow(precision=precision, max_steps=MOST_STEPS)
        if network.has_energy:
            options |= {"save": {"energy": Energy()}, "times": np.linspace(0, 20, 201)}
    recall = retrieve_all(network, case.cues, batch=len(case.cues), **options)
    exact = jax.vmap(measure.exact_recall)(recall.pattern, case.targets)
    ended = (recall.result == RESULTS.converged) | (recall.result == RESULTS.passed)
    rises = jax.vmap(measure.largest_energy_rise)(
        recall.observables.get("energy", jnp.zeros((1, 2)))
    )
    return {
        "bits": np.packbits(np.asarray(recall.pattern) > 0).tobytes().hex(),
        "size": int(recall.pattern.size),
        "exact": float(jnp.mean(exact.astype(float))),
        "ended": float(jnp.mean(ended.astype(float))),
        "steps": float(jnp.median(recall.steps)),
        "residual": float(jnp.max(recall.residual)),
        "rise": float(jnp.max(rises)),
    }


def checks() -> dict[str, list[float]]:
    """Returns numbers of laws that few digits break: a gradient and a certificate."""
    patterns = random_patterns(8, 32, key=jr.key(3))
    full = NeuronAstrocyte.certified(patterns, rule=Weighted(jnp.eye(8)), gain=0.5)
    network = EffectiveNeuronAstrocyte.from_full(full)
    start = network.initial_state(patterns[0])

    def loss(network: EffectiveNeuronAstrocyte) -> jax.Array:
        readout = network.readout(settle(network, start).state)
        return jnp.mean((readout - patterns[1]) ** 2)

    gradient = jax.tree.leaves(eqx.filter_grad(loss)(network))
    certificate = measure.certificate(full)
    numbers = (certificate.margin, certificate.largest_eigenvalue, network.energy(start))
    return {
        "gradient": [float(x) for leaf in gradient for x in np.ravel(leaf)],
        "certificate": [float(x) for x in numbers],
    }


def _flows(network: AbstractNetwork) -> bool:
    return network.by_kind(flows=lambda _: True, updates=lambda _: False, passes=lambda _: False)


def main() -> None:
    """Prints the numbers of one device."""
    device, heed = cast(Device, sys.argv[1]), sys.argv[2] == "policy"
    emulate(device, heed=heed)
    jax.config.update("jax_disable_most_optimizations", True)  # compiling takes most of the time
    # HIGH is DEFAULT on GPUs, and full products are the same on both.
    first = FULL if device == "gpu" else Precision.HIGH
    precisions = (first, Precision.DEFAULT) if heed else (FULL,)
    numbers: dict[str, Any] = {"checks": checks()}
    for name, make in cases().items():
        if not heed and name.startswith(SLOW):
            continue
        print(f"{device}, {sys.argv[2]}: {name}", file=sys.stderr)
        case = make()
        chosen = precisions if _flows(case.network) else (FULL,)
        numbers[name] = {precision.name: recalled(case, precision) for precision in chosen}
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
