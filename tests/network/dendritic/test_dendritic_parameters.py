"""The dendritic memory: what it refuses, and how it is spread over devices."""

import os
import subprocess
import sys

import jax.random as jr
import numpy as np
import pytest

from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import Dendrites


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"connectivity": 0.0}, r"`connectivity` must lie in \(0, 1\]"),
        ({"connectivity": 1.5}, r"`connectivity` must lie in \(0, 1\]"),
        ({"num_branches": 11}, "`num_branches` must be at most `num_memory` = 10"),
        ({"num_branches": 0}, "`num_branches` must be at least 1"),
        ({"thresholds": None}, "`thresholds` must be given"),
        ({"thresholds": (-0.1, 0.0, 9.0)}, "`thresholds` must have g_t above 0"),
        ({"thresholds": (60.0, 0.0, 9.0)}, "g_t \\+ 0.5 below 54.2"),
        ({"thresholds": (3.0, 0.0, 0.4)}, "`low` must be below `high`"),
        ({"rates": (2.0, 2.0)}, "`low` must be below `high`"),
        ({"rates": (-1.0, 2.0)}, "`low` must be at least 0"),
        ({"width": 0.0}, "`width` must be above 0"),
        ({"spread": 1.2}, r"`spread` must lie in \[0, 1\]"),
        ({"gamma_shape": 0.0}, "`gamma_shape` must be above 0"),
        ({"dendritic_mean": 0.0}, "`dendritic_mean` must be above 0"),
        ({"time_constants": (10.0, 50.0, 0.0)}, "`time_constants` must be above 0"),
        ({"num_inhibitory": (0, 3)}, "`num_inhibitory` must be at least 1"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(arguments, sentence):
    good = {"num_memory": 10, "num_feature": 12, "num_branches": 3, "thresholds": (3.0, 0.0, 9.0)}
    with pytest.raises(ValueError, match=sentence) as error:
        DendriticMemory.random(**{**good, **arguments}, key=jr.key(0))
    assert str(error.value).count("\n") == 0


def test_branches_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`branch` must lie in -1"):
        Dendrites(np.array([[3]]), np.ones((1, 1)), np.ones((1, 3)))


SHARDED = """
import jax, jax.numpy as jnp, jax.random as jr, numpy as np, equinox as eqx
from jax.sharding import PartitionSpec as P
from nam_jax.network import DendriticMemory

assert jax.device_count() == 8
network = DendriticMemory.random(
    20, 64, 6, key=jr.key(0), thresholds=(2.0, -9.0, 20.0), num_inhibitory=(5, 8)
)
state = network.initial_state(jr.uniform(jr.key(1), (64,), maxval=20))
flow = eqx.filter_jit(lambda network, state: network.vector_field(0.0, state))
expected = flow(network, state)
mesh = jax.make_mesh((8,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
spread = jax.device_put(network, network.row_shardings(mesh, "rows"))
weight = spread.dendrites.blocks[0].weight
assert {part.data.shape[-1] for part in weight.addressable_shards} == {8}
found = flow(spread, state)
for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
print(found.feature.sharding.is_fully_replicated)
"""


@pytest.mark.slow
def test_rows_of_features_are_spread_over_devices():
    """Eight devices hold an eighth of the synapses each, and agree with one."""
    flags = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    finished = subprocess.run(
        [sys.executable, "-c", SHARDED], env=flags, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "False"
