"""Programs of networks of N neurons on simulated devices: `python -m benchmarks._shard N`.

It prints JSON. `benchmarks/shard.py` starts it for every N, because the number of devices is fixed
when JAX starts, and because compiled programs fill the memory of a process.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from benchmarks._collectives import collectives, in_loop, program_of, total
from benchmarks._problem import patterns_and_cues
from nam_jax.network import (
    AbstractNetwork,
    ContinuousDenseMemory,
    DendriticMemory,
    DenseAssociativeMemory,
    Hopfield,
    NeuronAstrocyte,
)
from nam_jax.solve import settle, shard

NUM_PATTERNS, MEMORY, BRANCHES = 32, 128, 8


def networks(size: int) -> Iterator[tuple[str, Callable[[], AbstractNetwork]]]:
    """Returns names, and functions that make networks of N = `size` neurons."""
    patterns = patterns_and_cues(NUM_PATTERNS, size)[0]
    for name, kind in (
        ("neuron-astrocyte, released", NeuronAstrocyte.released),
        ("neuron-astrocyte, certified", NeuronAstrocyte.certified),
        ("continuous dense", ContinuousDenseMemory),
        ("dense, all at once", DenseAssociativeMemory),
        ("Hopfield, all at once", Hopfield.from_patterns),
    ):
        yield name, lambda kind=kind: kind(patterns)
    yield "dendritic", lambda: _dendritic(size)


def _dendritic(num_feature: int) -> DendriticMemory:
    return DendriticMemory.random(
        MEMORY, num_feature, BRANCHES, key=jr.key(0), thresholds=(4.4, -28.0, 246.0)
    )


def measured(network: AbstractNetwork, size: int) -> dict[str, Any]:
    """Returns what a device receives in a step, and the memory of a device alone and as one of 8.

    Args:
        network: The network.
        size: N, the length of a cue.
    """
    split = shard(network, jax.make_mesh((jax.device_count(),), ("rows",)))
    shapes = eqx.filter_eval_shape(network.initial_state, jax.ShapeDtypeStruct((size,), "float32"))
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    alone = program_of(_settled, network, state)
    parts = program_of(_settled, split, split.as_state(state))
    text = parts.as_text()
    return {
        "step": total(in_loop(text)),
        "largest": max(result for c in collectives(text) for result in c.numbers),
        "alone": _memory(alone),
        "device": _memory(parts),
    }


@eqx.filter_jit
def _settled(network: AbstractNetwork, state: Any) -> Any:
    return settle(network, state)


def _memory(program: Any) -> int:
    analysis = program.memory_analysis()
    return analysis.argument_size_in_bytes + analysis.temp_size_in_bytes


if __name__ == "__main__":
    size = int(sys.argv[1])
    rows = []
    for name, make in networks(size):
        rows.append({"name": name, "size": size, **measured(make(), size)})
        jax.clear_caches()
    print(json.dumps(rows))
