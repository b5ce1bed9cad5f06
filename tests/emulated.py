"""Prints numbers of a few networks with products as on a TPU: in full, by the policy, without it.

It runs in a process of its own, as the emulation changes what products compute.
"""

import json
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import workers
from tables.networks import NETWORKS, N, signs, state_of

import nam_jax as nam
from benchmarks._emulated import emulate

NAMES = ("general", "two-layer-b")
RECALLS = "two-layer-b"


def laws():
    """Energies, their rates and a spectrum, by name."""
    tensor = nam.memory.PatternTensor(jr.normal(jr.key(4), (3, N), jnp.float32))
    values = {"spectrum": [tensor.largest_eigenvalue(), tensor.smallest_eigenvalue()]}
    for name in NAMES:
        network = NETWORKS[name](jr.key(0), jnp.float32)
        state = state_of(network, jr.key(2), jnp.float32)
        values[f"energy {name}"] = [network.energy(state)]
        values[f"rate {name}"] = [network.energy_rate(state)]
    return values


def recalls():
    """A gradient, and the recalled bits."""
    network = NETWORKS[RECALLS](jr.key(0), jnp.float32)
    cue = signs(jr.key(1), (N,), jnp.float32)

    def loss(network):
        return jnp.sum(nam.retrieve(network, cue).pattern ** 2)

    gradient = eqx.filter_grad(loss)(network)
    leaves = [leaf for leaf in jax.tree.leaves(gradient) if leaf.ndim]
    return {"gradient": leaves, "bits": [nam.retrieve(network, cue).pattern > 0]}


def numbers(part):
    jax.clear_caches()
    joined = {
        name: np.concatenate([np.ravel(x) for x in values]) for name, values in part().items()
    }
    return {name: values.tolist() for name, values in joined.items()}


def main():
    workers.compile_quickly()
    part = {"laws": laws, "recalls": recalls}[sys.argv[1]]
    results = {"full": numbers(part)}
    for case, heed in (("policy", True), ("none", False)):
        emulate("tpu", heed=heed)
        results[case] = numbers(part)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
