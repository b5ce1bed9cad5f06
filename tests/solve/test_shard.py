"""One network spread over devices by its rows, in one process and in two."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from compilations import compilations
from tables import networks as tables

import nam_jax as nam
from nam_jax.network import ContinuousDenseMemory, EnergyNetwork, Hopfield, Layer
from nam_jax.solve import shard, start_processes

TESTS = Path(__file__).parents[1]
FEW = ("neuron-astrocyte", "dense", "kohonen", "dendritic")


def started(*words, devices=8, launcher=None):
    """A process that runs `sharded.py`, and sees the variables of no other launcher."""
    others = ("SLURM_", "OMPI_", "KUBERNETES_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    environment |= {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}",
    }
    return subprocess.Popen(
        [sys.executable, TESTS / "sharded.py", *words],
        env=environment | (launcher or {}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def lines_of(process):
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-3000:]
    return [line for line in output.splitlines() if not line.startswith("[Gloo]")]


def test_networks_on_eight_devices_recall_as_on_one():
    assert lines_of(started(",".join(FEW))) == list(FEW)


@pytest.mark.slow
def test_all_kinds_on_eight_devices_recall_as_on_one():
    assert len(lines_of(started("all"))) > len(FEW)


@pytest.mark.slow
def test_a_step_of_each_network_on_eight_devices_is_that_on_one():
    expected = [name for name, row in tables.EVERY.items() if row.rows]
    assert lines_of(started("tables")) == expected


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.slow
def test_networks_on_two_processes_recall_as_on_one(port):
    words = [("all", index, f"127.0.0.1:{port}") for index in ("0", "1")]
    first, second = map(lines_of, [started(*told, devices=4) for told in words])
    assert first == second and len(first) > len(FEW)


SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2",
    "SLURM_PROCID": "{}", "SLURM_LOCALID": "{}",
}  # fmt: skip
OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://127.0.0.1:34911", "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_RANK": "{}", "OMPI_COMM_WORLD_LOCAL_RANK": "{}",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("variables", [SLURM, OPEN_MPI], ids=["slurm", "open-mpi"])
def test_processes_join_by_the_variables_of_launchers(variables, port):
    """The launchers themselves are not here: only what they tell each process."""
    processes = []
    for index in ("0", "1"):
        told = {name: value.format(index) for name, value in variables.items()}
        told |= {"JAX_COORDINATOR_PORT": port}
        processes.append(started("dense", index, devices=4, launcher=told))
    assert [lines_of(process) for process in processes] == [["dense"], ["dense"]]


@pytest.fixture
def mesh():
    return jax.make_mesh((1,), ("rows",))


@pytest.mark.parametrize("name", ["continuous-dense", "attention"])
def test_a_network_on_a_mesh_declares_and_does_what_it_did(name, mesh, getkey):
    net = tables.EVERY[name](getkey())
    split = shard(net, mesh)
    cue, state, drive = (make(net, getkey()) for make in (cue_of, tables.state_of, tables.drive_of))
    for word in ("dtype", "drive_type", "has_energy", "can_be_silent", "nan_allowed"):
        assert getattr(split, word) == getattr(net, word)
    np.testing.assert_array_equal(split.stored_rows(), net.stored_rows())
    np.testing.assert_allclose(split.energy(state, drive), net.energy(state, drive), rtol=1e-6)
    both = [jax.tree.leaves(net.initial_state(cue)) for net in (net, split)]
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    both = [nam.retrieve_all(net, cue[None], drive=drive).pattern for net in (net, split)]
    np.testing.assert_allclose(*both, rtol=1e-3, atol=1e-3)


def cue_of(net, key):
    return jnp.sign(jr.normal(key, (tables.N,), net.dtype))


def test_a_second_recall_on_a_mesh_compiles_nothing(mesh, getkey):
    split = shard(ContinuousDenseMemory(tables.signs(getkey())), mesh)
    cues = [cue_of(split, getkey()) for _ in range(2)]
    nam.settle(split, split.initial_state(cues[0]))
    nam.retrieve(split, cues[0])
    with compilations() as events:
        nam.settle(split, split.initial_state(cues[1]))
        nam.retrieve(split, cues[1])
    assert not events


def test_what_cannot_be_spread_is_refused_in_a_sentence(mesh):
    net = Hopfield(jnp.zeros((4, 4)))
    composed = EnergyNetwork({"x": Layer(nam.lagrangian.LogCosh(), shape=(4,))}, [], visible="x")
    two = jax.make_mesh((1, 1), ("rows", "columns"))
    for wrong, arguments in {
        "`network` must have rows to spread over devices, but has none in a EnergyNetwork": (
            composed, mesh,
        ),
        "`network` must be given once": (shard(net, mesh), mesh),
        "`mesh` must be devices": (net, jax.devices()),
        "`axis` must be one of .'rows', 'columns'.*but has None": (net, two),
        "`axis` must be one of .'rows'.*but has 'row'": (net, mesh, "row"),
        "`cue` must be finite": (),
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=wrong):
            if arguments:
                shard(*arguments)
            else:
                shard(net, mesh).initial_state(np.full(4, np.nan))
    assert shard(net, two, "columns").axis == "columns"
    with pytest.raises(ValueError, match=r"nam_jax|network"):
        nam.save("never.nam", shard(net, mesh))


def test_processes_that_cannot_be_joined_are_refused(monkeypatch):
    for word, arguments in {
        "coordinator": ("host0",), "index": ("host0:1", 2, 2),
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=f"Argument `{word}` must be"):
            start_processes(*arguments)
    with pytest.raises(RuntimeError, match="must be called before"):
        start_processes("127.0.0.1:1", 1, 0)
