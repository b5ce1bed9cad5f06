"""A program whose peak memory is measured: `python -m benchmarks._dendritic_peak`.

It makes a dendritic memory of 4000 memory neurons and 8000 feature neurons with 2000 branches on
every feature neuron, takes 20 steps from a memory of four neurons, and prints one line of JSON: the
peak resident memory in bytes.
"""

import json

import equinox as eqx
import jax
import jax.random as jr

from benchmarks._peak import peak_bytes
from nam_jax import data, simulate
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import State
from nam_jax.solve import ExponentialEuler, Flow

THRESHOLDS = (5.5, -80.0, 300.0)
"""Thresholds of the right order of magnitude; the memory needed does not depend on them."""


@eqx.filter_jit
def recall(network: DendriticMemory, members: jax.Array) -> State:
    """Returns the state after 20 steps of 1 ms from the features of a memory."""
    state = network.initial_state(network.features_of(members))
    how = Flow(solver=ExponentialEuler(network), step=1.0)
    return simulate(network, state, 20.0, how=how, save={}, times=2).state


if __name__ == "__main__":
    made = DendriticMemory.random(4000, 8000, 2000, key=jr.key(0), thresholds=THRESHOLDS)
    final = recall(made, data.random_members(4000, 4, key=jr.key(1)))
    jax.block_until_ready(final)
    print(json.dumps({"peak": peak_bytes()}))
