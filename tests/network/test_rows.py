"""Networks split over devices by the rows that they declare compute what one device does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SPLIT = """
import sys
import equinox as eqx, jax, jax.random as jr, numpy as np
from jax.sharding import AxisType
from nam_jax.network import split_rows
from tables import networks as tables

assert jax.device_count() == 8
tables.N, tables.K, tables.M = 16, 8, 8
mesh = jax.make_mesh((8,), ("rows",), axis_types=(AxisType.Auto,))


@eqx.filter_jit
def step(net, state, drive):
    return net.by_kind(
        flows=lambda net: net.vector_field(0.0, state, drive),
        updates=lambda net: net.local_field(state),
        passes=lambda net: net.respond(state),
    )


def are_split(axes, tree):
    "For each array that is to be split, whether the first device holds an eighth of its rows."
    def is_split(axis, leaf):
        if axis is None:
            return None
        return leaf.addressable_shards[0].data.shape[axis] == leaf.shape[axis] // 8

    return jax.tree.leaves(jax.tree.map(is_split, axes, tree, is_leaf=lambda axis: axis is None))


for name in sys.argv[1:] or [n for n, row in tables.EVERY.items() if row.rows]:
    net = tables.EVERY[name](jr.key(0))
    state, drive = tables.state_of(net, jr.key(1)), tables.drive_of(net, jr.key(2))
    axes = net.row_axes()
    split = split_rows((net, state), axes, mesh, "rows")
    assert all(are_split(axes, split)) and are_split(axes, split), name
    whole, parts = step(net, state, drive), step(*split, drive)
    for one, other in zip(jax.tree.leaves(parts), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=name)
    print(name)
"""
FEW = ("general", "dendritic-reduced", "hopfield", "attention")


def split_over_eight_devices(*names):
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    finished = subprocess.run(
        [sys.executable, "-c", SPLIT, *names], env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split("\n")[:-1]


def test_four_kinds_of_networks_split_over_eight_devices():
    assert split_over_eight_devices(*FEW) == list(FEW)


@pytest.mark.slow
def test_all_networks_split_over_eight_devices():
    assert len(split_over_eight_devices()) > len(FEW)
