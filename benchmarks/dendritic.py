"""Times the dendritic memory against one pass over its synapses and against other code for it."""

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.experimental import sparse
from jaxtyping import Array, Float

from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax import simulate
from nam_jax.data import random_members
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import Dendrites, Ramp, State
from nam_jax.solve import ExponentialEuler, Flow, Readout

N1, N2, D, M = 1000, 2000, 500, 500
AIM, BATCHES, LIMIT = 1.5, (1, 8, 32), 3 * 2**30
NOTE = (
    f"N1 = {N1}, N2 = {N2}, D = {D}, M1 = M2 = {M}. Bound: the time to read the bytes of all "
    "synapse arrays, at the bandwidth with which a sum reads 256 MB in the same run. Five ways to "
    "sum the synapses on branches, 8 trials: packed (ours); one-hot (a dense D x N matrix for one "
    "neuron after another); segment_sum; cumulative sums over inputs sorted by branch; BCOO. All "
    "give the same sums. Solvers: rates are compared with Tsit5 at rtol 1e-4. Medians [quartiles]."
)


class Flat(NamedTuple):
    """The synapses on branches, not packed.

    Attributes:
        branch: Branch of every input, shape (N2, N).
        weight: W, weight of every input, shape (N2, N).
        dendritic: A, weight of every branch, shape (N2, D).
    """

    branch: Array
    weight: Array
    dendritic: Array


def run(repeats: int) -> Report:
    """Times the flow, other representations and solvers, and measures memory at a larger size."""
    network = DendriticMemory.random(N1, N2, D, key=jr.key(0))
    rows, lines = _flow(network, repeats)
    more_rows, more_lines = _representations(max(3, repeats // 6))
    solver_rows, solver_line = _solvers(max(3, repeats // 6))
    peak = _peak()
    lines += [*more_lines, solver_line, _memory_line(peak)]
    rows += [
        *more_rows,
        *solver_rows,
        ("peak memory, N1 = 4000, N2 = 8000, D = 2000", f"{peak >> 20} MiB", ""),
    ]
    columns = ("what", "time (ms)", "a trial (ms)")
    return Report("Dendritic memory", NOTE, columns, rows, lines)


def states(network: DendriticMemory, num_trials: int) -> State:
    """Returns random rates of all populations for each trial."""
    sizes = (network.num_memory, network.num_feature, M, M)
    keys = jr.split(jr.key(1), 4)
    return jax.vmap(State)(
        *(jr.uniform(key, (num_trials, size)) for key, size in zip(keys, sizes, strict=True))
    )


@eqx.filter_jit
def flow(network: DendriticMemory, states: State) -> State:
    """Returns the vector field of every trial."""
    return jax.vmap(lambda state: network.vector_field(0.0, state))(states)


def _flow(network: DendriticMemory, repeats: int) -> tuple[list[tuple[str, ...]], list[Line]]:
    synapses = sum(
        leaf.nbytes for leaf in jax.tree.leaves(network) if eqx.is_array(leaf) and leaf.ndim > 1
    )
    big = jnp.ones(2**26, jnp.float32)
    read = jax.jit(jnp.sum)
    functions: dict[str, Callable[[], Any]] = {"read": lambda: read(big)}
    for batch in BATCHES:
        functions[str(batch)] = functools.partial(flow, network, states(network, batch))
    seconds = interleaved(functions, repeats)
    bound = seconds["read"] * synapses / big.nbytes
    rows = [(f"bound, {synapses / 1e6:.0f} MB", milliseconds(bound), "")]
    for batch in BATCHES:
        times = seconds[str(batch)]
        rows.append((f"flow, {batch} trials", milliseconds(times), milliseconds(times / batch)))
    ratio = spread(seconds["8"] / bound)
    line = Line(
        f"flow of the dendritic memory, N1 = {N1}, N2 = {N2}, D = {D}, 8 trials",
        f"{milliseconds(seconds['8'])} ms",
        f"one pass over {synapses / 1e6:.0f} MB of synapses, {milliseconds(bound)} ms",
        str(ratio),
        f"at most {AIM:g}",
        ratio.median <= AIM,
    )
    return rows, [line]


def _representations(repeats: int) -> tuple[list[tuple[str, ...]], list[Line]]:
    random, inputs = np.random.default_rng(0), N1 + M
    branch = random.integers(D, size=(N2, inputs))
    weight = random.uniform(0.8, 1.2, (N2, inputs)).astype(np.float32)
    dendritic = random.gamma(0.5, 0.4, (N2, D)).astype(np.float32)
    x = jr.uniform(jr.key(2), (8, inputs)) - 0.3
    packed = Dendrites(branch, weight, dendritic)
    flat = Flat(jnp.asarray(branch, jnp.int32), jnp.asarray(weight), jnp.asarray(dendritic))
    by_branch = _sorted(branch, weight, dendritic)
    matrix = _bcoo(branch, weight)
    functions = {
        "packed": lambda: of_packed(packed, x),
        "one-hot": lambda: one_hot(flat, x),
        "segment_sum": lambda: by_segments(flat, x),
        "cumulative": lambda: cumulative(*by_branch, x),
        "BCOO": lambda: by_bcoo(matrix, flat.dendritic, x),
    }
    expected = functions["segment_sum"]()
    for name, function in functions.items():  # speeds of different answers are not compared
        np.testing.assert_allclose(function(), expected, rtol=1e-3, atol=0.1, err_msg=name)
    seconds = interleaved(functions, repeats)
    rows = [(name, milliseconds(t), milliseconds(t / 8)) for name, t in seconds.items()]
    return rows, [_faster(name, seconds) for name in functions if name != "packed"]


def _faster(name: str, seconds: dict[str, np.ndarray]) -> Line:
    ratio = spread(seconds[name] / seconds["packed"])
    return Line(
        f"synapses on branches, N2 = {N2}, 8 trials, against {name}",
        f"{milliseconds(seconds['packed'])} ms",
        f"{name}, {milliseconds(seconds[name])} ms",
        f"{ratio} x faster",
        "at least 1 x faster",
        ratio.median >= 1,
    )


TRANSFER = Ramp(1.0, 0.5, 60.0, slope=100.0)


@eqx.filter_jit
def of_packed(packed: Dendrites, x: Array) -> Array:
    """Returns the sums as the library computes them."""
    return jax.vmap(lambda x: packed.sum_branches(x, TRANSFER))(x)


@jax.jit
def one_hot(flat: Flat, x: Array) -> Float[Array, "B N2"]:
    """Returns the sums by a dense D x N matrix for one neuron after another."""

    def of_neuron(neuron: Flat) -> Array:
        matrix = jax.nn.one_hot(neuron.branch, D, axis=0) * neuron.weight
        return neuron.dendritic @ TRANSFER(matrix @ x.T)

    return jax.lax.map(of_neuron, flat).T


@jax.jit
def by_segments(flat: Flat, x: Array) -> Float[Array, "B N2"]:
    """Returns the sums by `jax.ops.segment_sum` over the inputs of each neuron, trials last."""

    def of_neuron(neuron: Flat) -> Array:
        drive = jax.ops.segment_sum(neuron.weight[:, None] * x.T, neuron.branch, D)
        return neuron.dendritic @ TRANSFER(drive)

    return jax.vmap(of_neuron)(flat).T


@jax.jit
def cumulative(source: Array, weight: Array, ends: Array, dendritic: Array, x: Array) -> Array:
    """Returns the sums as differences of cumulative sums at the ends of branches."""

    def of_neuron(source: Array, weight: Array, ends: Array, dendritic: Array) -> Array:
        sums = jnp.cumsum(weight[:, None] * x.T[source], axis=0)
        sums = jnp.concatenate([jnp.zeros((1, x.shape[0])), sums])
        return dendritic @ TRANSFER(jnp.diff(sums[ends], axis=0))

    return jax.vmap(of_neuron)(source, weight, ends, dendritic).T


@jax.jit
def by_bcoo(matrix: sparse.BCOO, dendritic: Array, x: Array) -> Float[Array, "B N2"]:
    """Returns the sums by one sparse (N2 D) x N matrix."""
    drive = (matrix @ x.T).reshape(*dendritic.shape, -1)
    return jnp.einsum("jd,jdb->bj", dendritic, TRANSFER(drive))


def _sorted(branch: np.ndarray, weight: np.ndarray, dendritic: np.ndarray) -> tuple[Array, ...]:
    order = np.argsort(branch, axis=1, kind="stable")
    lengths = np.stack([np.bincount(row, minlength=D) for row in branch])
    ends = np.concatenate([np.zeros((N2, 1), int), np.cumsum(lengths, axis=1)], axis=1)
    weight = np.take_along_axis(weight, order, axis=1)
    integers = (jnp.asarray(array, jnp.int32) for array in (order, ends))
    source, ends = integers
    return source, jnp.asarray(weight), ends, jnp.asarray(dendritic)


def _bcoo(branch: np.ndarray, weight: np.ndarray) -> sparse.BCOO:
    rows = (np.arange(N2)[:, None] * D + branch).ravel()
    columns = np.broadcast_to(np.arange(N1 + M), branch.shape).ravel()
    order = np.argsort(rows, kind="stable")
    places = jnp.asarray(np.stack([rows[order], columns[order]], axis=1), jnp.int32)
    entries = jnp.asarray(weight.ravel()[order])
    return sparse.BCOO((entries, places), shape=(N2 * D, N1 + M), indices_sorted=True)


def _solvers(repeats: int) -> tuple[list[tuple[str, ...]], Line]:
    """Times 200 ms of recall in a small network, with errors against a fine Tsit5."""
    network = DendriticMemory.random(200, 2000, 100, num_inhibitory=(100, 200), key=jr.key(3))
    members = jax.vmap(lambda key: random_members(200, 2, key=key))(jr.split(jr.key(4), 8))
    begin = jax.vmap(lambda memory: network.initial_state(network.features_of(memory)))(members)
    exponential = ExponentialEuler(network)
    settings = {
        "fine": Flow(solver=dfx.Tsit5(), rtol=1e-4, atol=1e-3),
        "exponential Euler, 2 ms": Flow(solver=exponential, step=2.0),
        "exponential Euler, 5 ms": Flow(solver=exponential, step=5.0),
        "Tsit5, rtol 1e-2": Flow(solver=dfx.Tsit5(), rtol=1e-2, atol=1e-1),
        "Tsit5, rtol 1e-3": Flow(solver=dfx.Tsit5(), rtol=1e-3, atol=1e-2),
    }

    def recall(how: Flow) -> Callable[[], Array]:
        def path(state: State) -> Array:
            save = {"rates": Readout()}
            run = simulate(network, state, 200.0, how=how, save=save, times=21)
            return run.observables["rates"]

        compiled = eqx.filter_jit(jax.vmap(path))
        return lambda: compiled(begin)

    functions = {name: recall(how) for name, how in settings.items()}
    fine = np.asarray(functions.pop("fine")())
    errors = {name: abs(np.asarray(run()) - fine).max((0, 2)) for name, run in functions.items()}
    seconds = interleaved(functions, repeats)
    texts = {n: f"off by {e.max():.2g} Hz, at the end {e[-1]:.2g} Hz" for n, e in errors.items()}
    rows = [(f"{n}: {texts[n]}", milliseconds(t), milliseconds(t / 8)) for n, t in seconds.items()]
    ours, theirs = "exponential Euler, 5 ms", "Tsit5, rtol 1e-2"
    ratio = spread(seconds[theirs] / seconds[ours])
    line = Line(
        f"200 ms of recall, 200 and 2000 neurons, 8 trials, {ours} ({texts[ours]})",
        f"{milliseconds(seconds[ours])} ms",
        f"{theirs} ({texts[theirs]}), {milliseconds(seconds[theirs])} ms",
        f"{ratio} x faster",
        "at least 1 x faster",
        ratio.median >= 1,
    )
    return rows, line


def _memory_line(peak: int) -> Line:
    return Line(
        "peak memory of a dendritic memory made and recalled once, N1 = 4000, N2 = 8000, D = 2000",
        f"{peak / 2**20:.0f} MiB",
        "limit, 3072 MiB",
        f"{peak / LIMIT:.2f}",
        "at most 1",
        peak <= LIMIT,
    )


def _peak() -> int:
    """Returns the peak memory in bytes of a new process that runs `_dendritic_peak.py`."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks._dendritic_peak"],
        cwd=Path(__file__).parents[1],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(finished.stdout)["peak"]
