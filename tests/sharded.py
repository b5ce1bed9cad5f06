"""A program on several devices: networks spread over them do what they do on one device.

`python sharded.py` prints the names of the networks that it checked. `python sharded.py PORT INDEX`
is process INDEX of two.
"""

import json
import sys

import nam_jax as nam

if len(sys.argv) > 1:
    nam.solve.start_processes(f"127.0.0.1:{sys.argv[1]}", 2, int(sys.argv[2]))

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.experimental.multihost_utils import process_allgather

from nam_jax.network import (
    ContinuousDenseMemory,
    CorrelationMatrix,
    DendriticMemory,
    DenseAssociativeMemory,
    Hopfield,
    NeuronAstrocyte,
)
from nam_jax.solve import REST, Asynchronous, shard

N, K = 64, 3
BIT_FOR_BIT = {"hopfield", "hopfield one by one", "dense", "dense one by one", "amari"}


def cases():
    """Networks by name, with a cue that is recalled with margin, and the settings."""
    patterns = nam.data.random_patterns(K, N, key=jr.key(0))
    cue = nam.data.flip(patterns[0], 0.1, key=jr.key(1))
    one_by_one = Asynchronous(jr.key(2))
    yield "neuron-astrocyte", NeuronAstrocyte.released(patterns), cue, None
    yield "continuous dense", ContinuousDenseMemory(patterns), cue, None
    yield "hopfield", Hopfield.from_patterns(patterns), cue, None
    yield "hopfield one by one", Hopfield.from_patterns(patterns), cue, one_by_one
    yield "dense", DenseAssociativeMemory(patterns), cue, None
    yield "dense one by one", DenseAssociativeMemory(patterns), cue, one_by_one
    yield "amari", CorrelationMatrix(patterns, sign=True), cue, None
    dendritic = DendriticMemory.random(200, 2000, 100, key=jr.key(0))
    features = dendritic.features_of(jnp.arange(200) < 2)
    yield "dendritic", dendritic, features, None


def numbers(tree):
    """The arrays of a tree as NumPy's, from all processes."""
    return jax.tree.map(lambda leaf: np.asarray(process_allgather(leaf, tiled=True)), tree)


def check_rows(network, state):
    """Each device holds its share of the rows of a state, and no other."""

    def check(axis, leaf):
        shape = leaf.sharding.shard_shape(leaf.shape)
        if axis is None:
            return shape == leaf.shape
        return shape[axis] * jax.device_count() == leaf.shape[axis]

    axes = network.row_axes()[1]
    checks = jax.tree.map(check, axes, state, is_leaf=lambda axis: axis is None)
    assert all(jax.tree.leaves(checks)), state


def check_recall(name, network, cue, how):
    split = shard(network, jax.make_mesh((jax.device_count(),), ("rows",)))
    whole, parts = (nam.retrieve(net, cue, how=how) for net in (network, split))
    assert bool(whole.result == parts.result) and str(parts.result) == str(whole.result), name
    expected, actual = np.asarray(whole.pattern), np.asarray(parts.pattern)
    if name in BIT_FOR_BIT:
        np.testing.assert_array_equal(actual, expected, err_msg=name)
        assert int(whole.steps) == int(parts.steps), name
        return
    assert bool(whole.result == nam.solve.RESULTS.converged), name
    middle = (expected.max() + expected.min()) / 2
    np.testing.assert_array_equal(actual > middle, expected > middle, err_msg=name)
    check_rows(network, parts.state)
    check_rows(network, split.initial_state(cue))
    pairs = zip(*map(jax.tree.leaves, (numbers(parts.state), whole.state)), strict=True)
    for one, other in pairs:
        largest = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=3 * REST * largest, err_msg=name)


if __name__ == "__main__":
    assert jax.device_count() == 8
    wanted = json.loads(sys.stdin.read() or "null")
    for case in cases():
        if wanted is None or case[0] in wanted:
            check_recall(*case)
            print(case[0], flush=True)
