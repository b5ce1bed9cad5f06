"""Cues that are spread over devices: explicit and automatic axes of a mesh, and `shard_map`."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import equinox as eqx, jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
import nam_jax as nam
from nam_jax.network import DenseAssociativeMemory, NeuronAstrocyte
from nam_jax.solve import Activity, Asynchronous

assert len(jax.devices()) == 8
kind = {"explicit": AxisType.Explicit, "auto": AxisType.Auto}[sys.argv[1]]
mesh = jax.make_mesh((8,), ("b",), axis_types=(kind,))
xi = nam.data.random_patterns(3, 12, key=jax.random.key(0))
targets = xi[jnp.arange(16) % 3]
cues = jnp.where(jnp.arange(12)[None] < 1, -targets, targets)
placed = jax.device_put(cues, NamedSharding(mesh, P("b")))
flow, pairs = NeuronAstrocyte.released(xi), DenseAssociativeMemory(xi)
for network, how in ((flow, None), (pairs, None), (pairs, Asynchronous(order=jnp.arange(12)))):
    expected = nam.retrieve_all(network, cues, how=how).pattern

    def recall(cues):
        return jax.vmap(lambda cue: nam.retrieve(network, cue, how=how).pattern)(cues)

    ways = {
        "shard_map": jax.shard_map(
            recall, mesh=mesh, in_specs=P("b"), out_specs=P("b"), check_vma=how is None
        )
    }
    if how is None:
        ways["vmap"] = recall
    for name, way in ways.items():
        with jax.set_mesh(mesh):
            found = [jax.jit(way)(placed)]
        found.append(jax.jit(way)(placed))  # without a word about the mesh
        for actual in found:
            assert actual.sharding.spec[0] == "b", (name, actual.sharding)
            np.testing.assert_array_equal(np.sign(actual), np.sign(expected), err_msg=name)
    np.testing.assert_array_equal(
        np.sign(nam.retrieve_all(network, placed, how=how).pattern), np.sign(expected)
    )
def traced(cues):
    settled = jax.vmap(lambda cue: nam.settle(flow, flow.initial_state(cue)).state.neurons)(cues)
    return settled, nam.retrieve_all(flow, cues).pattern

def simulated(cues):
    save = {"activity": Activity()}
    run = lambda cue: nam.simulate(flow, flow.initial_state(cue), 2.0, times=3, save=save)
    return jax.vmap(lambda cue: run(cue).observables["activity"])(cues)

def loss(network, cues):
    recalled = jax.vmap(lambda cue: nam.retrieve(network, cue).pattern)(cues)
    return jnp.sum(recalled * jnp.cos(targets))

def compare(actual, expected, rtol=1e-3):
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9 + rtol * np.abs(b).max())

compare(jax.jit(traced)(placed), jax.jit(traced)(cues))
mapped = jax.shard_map(simulated, mesh=mesh, in_specs=P("b"), out_specs=P("b"))
compare(jax.jit(mapped)(placed), jax.jit(simulated)(cues))
if kind == AxisType.Auto:
    certified = NeuronAstrocyte.certified(xi)
    gradient = eqx.filter_jit(eqx.filter_grad(loss))
    compare(gradient(certified, placed), gradient(certified, cues), rtol=1e-2)
print("done")
"""


@pytest.mark.parametrize("kind", ["explicit", pytest.param("auto", marks=pytest.mark.slow)])
def test_cues_on_eight_devices_are_recalled_as_on_one(kind):
    """`shard_map` checks by default that samples do not mix; updates one by one need `False`."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind],
        env=os.environ | flags, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0 and run.stdout.endswith("done\n"), run.stderr[-2000:]
