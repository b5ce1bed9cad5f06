"""A program on 8 devices: networks spread over them do what they do on one device.

`python sharded.py NAMES`, with names separated by commas, prints the name of each network after its
check; `all` stands for all of them, and `tables` for one step of each network of tests/tables.
Process 0 or 1 of two processes is told so after the names, with the address of process 0 if there
is no launcher.
"""

import functools
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import workers
from jax.experimental.multihost_utils import process_allgather

import nam_jax as nam
from benchmarks._collectives import collectives, program_of
from nam_jax.network import (
    ContinuousDenseMemory,
    CorrelationMatrix,
    DendriticMemory,
    DenseAssociativeMemory,
    Hopfield,
    NeuronAstrocyte,
)
from nam_jax.network.dendritic import Ramp, Wiring
from nam_jax.solve import REST, RESULTS, Asynchronous, shard, start_processes

N, K = 64, 3
BIT_FOR_BIT = {"hopfield", "hopfield one by one", "dense", "dense one by one", "amari"}


LARGEST = {"neuron-astrocyte": K * N, "hopfield": N, "kohonen": N}
"""Numbers in the largest result that devices of a program exchange."""


def cases():
    """Functions by name that make a network, a cue that is recalled with margin, and settings."""
    patterns = nam.data.random_patterns(K, N, key=jr.key(0))
    cue = nam.data.flip(patterns[0], 0.1, key=jr.key(1))
    one_by_one = Asynchronous(jr.key(2))

    def designed():
        network = DendriticMemory.random(200, 2000, 100, key=jr.key(0))
        return network, network.features_of(jnp.arange(200) < 2), None

    def small():
        wiring = Wiring.random(20, N, 4, key=jr.key(0), num_inhibitory=(5, 4))
        ramps = Ramp(-4.0, 0.2, 9.0, slope=0.8), Ramp(-2.0, 0.1, 8.0, slope=1.3)
        network = DendriticMemory(wiring, branch_transfer=ramps[0], memory_transfer=ramps[1])
        return network, jr.uniform(jr.key(1), (N,)), None

    return {
        "neuron-astrocyte": lambda: (NeuronAstrocyte.released(patterns), cue, None),
        "certified": lambda: (NeuronAstrocyte.certified(patterns), cue, None),
        "continuous dense": lambda: (ContinuousDenseMemory(patterns), cue, None),
        "hopfield": lambda: (Hopfield.from_patterns(patterns), cue, None),
        "hopfield one by one": lambda: (Hopfield.from_patterns(patterns), cue, one_by_one),
        "dense": lambda: (DenseAssociativeMemory(patterns), cue, None),
        "dense one by one": lambda: (DenseAssociativeMemory(patterns), cue, one_by_one),
        "amari": lambda: (CorrelationMatrix(patterns, sign=True), cue, None),
        "kohonen": lambda: (CorrelationMatrix(patterns), cue, None),
        "dendritic": small,
        "dendritic, designed": designed,
    }


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


def check_recall(name, make):
    network, cue, how = make()
    split = shard(network, jax.make_mesh((8,), ("rows",)))
    whole, parts = (nam.retrieve(net, cue, how=how) for net in (network, split))
    assert bool(whole.result == parts.result), name
    assert bool((whole.result == RESULTS.converged) | (whole.result == RESULTS.passed)), name
    expected, actual = np.asarray(whole.pattern), np.asarray(parts.pattern)
    if name in LARGEST:
        check_program(split, cue, LARGEST[name])
    if name in BIT_FOR_BIT:
        np.testing.assert_array_equal(actual, expected, err_msg=name)
        assert int(whole.steps) == int(parts.steps), name
        return
    middle = (expected.max() + expected.min()) / 2
    np.testing.assert_array_equal(actual > middle, expected > middle, err_msg=name)
    check_rows(network, parts.state)
    check_rows(network, split.initial_state(cue))
    check_states(name, parts.state, whole.state)
    if name == "certified":
        runs = (nam.simulate(net, net.initial_state(cue), 2.0) for net in (split, network))
        check_states(name, *(run.state for run in runs))


def check_states(name, parts, whole):
    """States are equal within 3 `rest`, for sums run in another order."""
    pairs = zip(*map(jax.tree.leaves, (numbers(parts), whole)), strict=True)
    for one, other in pairs:
        largest = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=3 * REST * largest, err_msg=name)


def check_program(network, cue, largest):
    """Devices exchange results of at most `largest` numbers, so that none gathers N x N of them.

    A program of synapses and processes takes 17 arrays of N x N numbers on one device.
    """
    recall = eqx.filter_jit(lambda network, cue: nam.retrieve(network, cue))
    program = program_of(recall, network, cue)
    exchanged = collectives(program.as_text())
    assert max(number for collective in exchanged for number in collective.numbers) == largest
    needed = program.memory_analysis()
    limit = 3 * N**2 * network.dtype.itemsize
    assert needed.argument_size_in_bytes + needed.temp_size_in_bytes < limit


@eqx.filter_jit
def step(network, state, drive):
    return network.by_kind(
        flows=lambda network: network.vector_field(0.0, state, drive),
        updates=lambda network: network.local_field(state),
        passes=lambda network: network.respond(state),
    )


def check_step(row):
    """One step of a network of the tables, of 16 neurons, is that of one device."""
    from tables.networks import drive_of, state_of

    network = row(jr.key(0))
    state, drive = state_of(network, jr.key(1)), drive_of(network, jr.key(2))
    split = shard(network, jax.make_mesh((8,), ("rows",)))
    pairs = (jax.tree.leaves(step(net, state, drive)) for net in (split, network))
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def check_refusals():
    """Ten neurons on eight devices: refused at once, or for want of rows when a state is made."""
    mesh = jax.make_mesh((8,), ("rows",))
    edges = nam.memory.lattice_edges(10)
    nowhere = NeuronAstrocyte(nam.memory.DiffusionTensor(edges))
    for make in (
        lambda: shard(Hopfield(jnp.zeros((10, 10))), mesh),
        lambda: shard(nowhere, mesh).initial_state(jnp.ones(10)),
    ):
        try:
            make()
        except ValueError as error:
            assert "8 devices can share equally" in str(error) and "10 rows" in str(error), error
        else:
            raise AssertionError


def start(index, *address):
    """Joins two processes; of a single process, JAX finds no launcher."""
    if index:
        given = (*address, 2, int(index)) if address else ()
        assert start_processes(*given) == int(index)
        return
    try:
        start_processes()
    except ValueError as error:
        assert str(error).startswith("Argument `coordinator` must be given"), error
    else:
        raise AssertionError


if __name__ == "__main__":
    names, *rest = sys.argv[1:]
    workers.compile_quickly()
    start(*(rest or [None]))  # before all computations, but after the imports
    assert jax.device_count() == 8
    if not rest:
        check_refusals()
    if names == "tables":
        from tables import networks as tables  # makes arrays of JAX

        tables.N, tables.K, tables.M = 16, 8, 8
        rows = [name for name, row in tables.EVERY.items() if row.rows]
        checks = {name: functools.partial(check_step, tables.EVERY[name]) for name in rows}
    else:
        chosen = {n: make for n, make in cases().items() if names == "all" or n in names.split(",")}
        checks = {n: functools.partial(check_recall, n, make) for n, make in chosen.items()}
    for name, check in checks.items():
        check()
        jax.clear_caches()  # programs for 8 devices take much memory
        print(name, flush=True)
