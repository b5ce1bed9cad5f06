"""Recalls over eight simulated devices: the results of one device, and nothing between devices."""

import os
import re
import subprocess
import sys

import jax
import numpy as np
import pytest

import nam_jax as nam
from nam_jax.network import Hopfield
from nam_jax.solve._devices import in_order, rows_of_devices

PROGRAM = """
import sys
import equinox as eqx, jax, jax.numpy as jnp, numpy as np
import nam_jax as nam
from nam_jax.network import DendriticMemory, DenseAssociativeMemory, NeuronAstrocyte
from nam_jax.network.dendritic import Ramp, Wiring
from nam_jax.solve import Asynchronous, Flow, Synchronous
from nam_jax.solve._batch import Problem
from nam_jax.solve._devices import mesh_of
from nam_jax.solve._refill import empty_slots, go_on, prepared_work

N, B = 12, 43
devices = jax.devices()
assert len(devices) == 8
xi = nam.data.random_patterns(3, N, key=jax.random.key(0))
targets = xi[jnp.arange(B) % 3]
damaged = (jnp.arange(B)[:, None] % 4 == 0) & (jnp.arange(N)[None] % 4 == 0)
cues = jnp.where(damaged, -targets, targets)

def compare(actual, expected, bits=True):
    for name in ("pattern", "state", "steps", "memory", "result"):
        pairs = [jax.tree.leaves(getattr(recall, name)) for recall in (actual, expected)]
        for a, b in zip(*pairs, strict=True):
            assert a.shape == b.shape, name
            if bits or name in ("memory", "result"):
                np.testing.assert_array_equal(a, b, err_msg=name)
            elif name != "steps":
                a, b = np.asarray(a), np.asarray(b)
                np.testing.assert_allclose(a, b, rtol=0, atol=3e-3 * np.abs(b).max())

def check(network, how=None, cues=cues, **options):
    \"\"\"Slots on many devices and on one, then plain batches.\"\"\"
    recall = lambda **more: nam.retrieve_all(network, cues, how=how, **options, **more)
    one = recall(batch=4, keep_states=True)
    many = recall(batch=4, keep_states=True, devices=devices)
    assert one.slot_use is not None and many.slot_use.shape == (len(cues),)
    if not options:
        assert len(set(np.asarray(many.slot_use).tolist())) > 1 or len(cues) < 40
    compare(many, one)
    return recall, one

def dendritic():
    wiring = Wiring.random(N, N, 4, key=jax.random.key(1), connectivity=0.7, num_inhibitory=(5, 4))
    return DendriticMemory(wiring, branch_transfer=Ramp(-4.0, 0.2, 9.0, slope=0.8),
                           memory_transfer=Ramp(-2.0, 0.1, 8.0, slope=1.3),
                           time_constants=(0.6, 1.7, 0.3))

quick = sys.argv[1] == "quick"
pairs = DenseAssociativeMemory(xi)
how = Asynchronous(jax.random.key(3))
recall, one = check(pairs, how)
if not quick:
    compare(recall(devices=devices[:3], keep_states=True), one)
    check(pairs)
    recall, one = check(dendritic(), Flow(rest=1e-2))
    compare(recall(devices=devices[:3], keep_states=True), one, bits=False)
astrocytes = NeuronAstrocyte.released(xi)
if not quick:
    recall, one = check(astrocytes)
    compare(recall(devices=devices, keep_states=True), one, bits=False)
    saved = [recall(save={"x": lambda s: s.neurons[:3]}, times=jnp.arange(4.0), devices=these)
             for these in (None, devices)]
    assert saved[1].ts.shape == (4,) and saved[1].slot_use is None
    np.testing.assert_allclose(*(s.observables["x"] for s in saved), atol=3e-3)
    sets = nam.data.random_patterns(B * 3, N, key=jax.random.key(5)).reshape(B, 3, N)
    stacked = eqx.filter_vmap(DenseAssociativeMemory)(sets)
    starts = jnp.where(jnp.arange(N) < 2, -sets[:, 0], sets[:, 0])
    check(stacked, cues=starts, stacked=True)
    seen = []
    recall(batch=2, devices=devices, progress=lambda *counts: seen.append(counts))
    assert seen == sorted(seen) and seen[-1] == (B, B) and len(seen) > 1

def program(network, size, mesh):
    how = Synchronous() if network is pairs else Flow(max_steps=np.int32(400))
    settings = (None, how, np.asarray(0.5, network.dtype), None, None)
    many = np.tile(np.asarray(targets), (3, 1))[:128]
    problem = Problem(network, many, settings, False, False, mesh)
    refill, work, _ = prepared_work(problem.on_devices(), size, np.arange(128))
    fixed = (refill, work, mesh)
    return go_on.lower(fixed, empty_slots(fixed), np.int32(1)).compile().compiled

mesh = mesh_of(devices)
compiled = program(pairs if quick else astrocytes, 8, mesh)
print(compiled.as_text())
if not quick:
    whole = program(astrocytes, 64, None).cost_analysis()["flops"]
    share = compiled.cost_analysis()["flops"] / whole
    assert 0.12 < share < 0.13, share
print("done")
"""

COLLECTIVES = r"\b(all-reduce|all-gather|all-to-all|reduce-scatter|collective-\w+|send|recv)\b"


@pytest.mark.parametrize("how_much", ["quick", pytest.param("all", marks=pytest.mark.slow)])
def test_eight_devices_recall_as_one_and_send_nothing(how_much):
    """Of a neuron-astrocyte, a dense and a dendritic network; the program has no collectives."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how_much],
        env=os.environ | flags, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0 and run.stdout.endswith("done\n"), run.stderr[-2000:]
    # Within the loops of a device, and around them, nothing is sent to another device.
    assert " while(" in run.stdout and "num_partitions=8" in run.stdout
    assert not re.findall(COLLECTIVES, run.stdout)


def test_rows_are_dealt_out_and_put_back():
    rows = rows_of_devices(5, 2)
    np.testing.assert_array_equal(rows, [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(in_order(rows[..., None] * 10, 5)[:, 0], np.arange(5) * 10)


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ([], "must be devices of one platform, such as `jax.local_devices..`, but has 0"),
        (jax.local_devices()[:1] * 2, "must hold each device once"),
    ],
)
def test_bad_devices_are_refused_by_name(devices, words):
    net = Hopfield.from_patterns(2 * np.eye(4) - 1)
    with pytest.raises(ValueError, match=words):
        nam.retrieve_all(net, np.ones((2, 4)), devices=devices)


def test_devices_are_refused_under_jit():
    net, devices = Hopfield.from_patterns(2 * np.eye(4) - 1), jax.local_devices()[:1]
    with pytest.raises(ValueError, match="`devices` must be None under jit"):
        jax.jit(lambda cues: nam.retrieve_all(net, cues, devices=devices).pattern)(np.ones((2, 4)))
    alone = nam.retrieve_all(net, np.ones((2, 4)), devices=devices)
    np.testing.assert_array_equal(alone.pattern, nam.retrieve_all(net, np.ones((2, 4))).pattern)
