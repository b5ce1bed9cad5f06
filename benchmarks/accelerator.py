"""Measures the main programs on one device against what the device can do.

`python -m benchmarks accelerator` first measures how fast the device reads memory and multiplies
matrices. The bound of a program is the longer of two times: that of its bytes at this bandwidth and
that of its products at this rate. The share of a program is its bound over its time. The table goes
to `benchmarks/results/DEVICE.md`; where the device is no CPU, the smaller rows also run on the CPU.
"""

# Example: a vector field at N = 768 reads synapses and processes and writes their velocities,
# 4 x 4 x 768^2 bytes = 9.4 MB. At 2 TB/s this takes 4.7 us; its two products with K = 25 patterns
# are 4 x 25 x 768^2 = 59 Mflop, which take 1.2 us at 50 Tflop/s. The bound is 4.7 us. If the
# program takes 9.4 us, its share is 0.50.

import datetime
import functools
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks._gradient import SATURATED, by_grad, forward, problem, training
from benchmarks._problem import patterns_and_cues, random_state, released
from benchmarks._report import Report, machine
from benchmarks._timing import interleaved, spread
from benchmarks.dendritic import flow, states
from nam_jax import data, measure, retrieve, retrieve_all
from nam_jax.memory import Power
from nam_jax.network import DendriticMemory, DenseAssociativeMemory, NeuronAstrocyte
from nam_jax.train import ImplicitRoute

RESULTS = Path(__file__).parent / "results"
TESTS = Path(__file__).parents[1] / "tests"
LIMIT = 420.0
"""Seconds after which no further row begins, so that a run ends within eight minutes."""
ROUND = 4.0
"""Seconds after which no further round of a row begins."""
STAGES, ARRAYS = 3, 17
"""Vector fields of a step, and arrays of N x N numbers that a recall holds."""
NOTE = (
    "bound: the longer of the time of its bytes at the measured bandwidth and that of its products "
    "at the measured rate (float32, highest precision). Bytes are those that every implementation "
    "reads and writes: states once, velocities once, patterns or synapses once. share: bound over "
    "time, 1 is the most. Medians [quartiles] of at least 3 rounds, compiled before."
)


class Sizes(NamedTuple):
    """The sizes of all rows.

    Attributes:
        elements: Numbers that are read to measure the bandwidth.
        matrix: Rows of the square matrices that are multiplied to measure the rate of products.
        flows: Pairs of N and K of the vector field.
        recalls: Numbers of neurons N of recalls.
        batches: Numbers of cues of recalls.
        gradient: N and K of the gradient and the training step.
        patterns: Number of patterns and of cues of the dense step.
        scan: Numbers of patterns of the capacity scan.
        sets: Sets of patterns of the capacity scan.
        dendritic: Memory neurons, feature neurons and branches.
    """

    elements: int
    matrix: int
    flows: tuple[tuple[int, int], ...]
    recalls: tuple[int, ...]
    batches: tuple[int, ...]
    gradient: tuple[int, int]
    patterns: int
    scan: tuple[int, ...]
    sets: int
    dendritic: tuple[int, int, int]


FULL = Sizes(
    elements=2**28,
    matrix=8192,
    flows=((768, 25), (768, 1000), (2048, 64), (4096, 64)),
    recalls=(256, 768, 2048, 4096),
    batches=(1, 16, 64, 256),
    gradient=(256, 64),
    patterns=10_000,
    scan=(100, 200, 300, 400, 500),
    sets=256,
    dendritic=(1000, 2000, 500),
)
SMALL = Sizes(
    elements=2**25,
    matrix=1024,
    flows=((256, 25), (768, 25)),
    recalls=(64, 256),
    batches=(1, 16),
    gradient=(128, 32),
    patterns=1000,
    scan=(100, 200, 300),
    sets=32,
    dendritic=(1000, 2000, 500),
)


class Rates(NamedTuple):
    """What a device can do: bytes and floating-point operations a second."""

    bandwidth: float
    product: float


class Program(NamedTuple):
    """A program to time.

    Attributes:
        what: What it computes.
        call: The program, without arguments.
        moved: Bytes that every implementation moves.
        products: Floating-point operations of its products.
        number: Number of cues, steps or sets that one call computes.
        unit: What is counted.
        on_cpu: Whether it is small enough to run on a CPU beside another device.
    """

    what: str
    call: Callable[[], Any]
    moved: float
    products: float
    number: int
    unit: str
    on_cpu: bool = True


def run(repeats: int, *, small: bool = False) -> Report:
    """Measures the default device, and the CPU beside it where the device is another one.

    Args:
        repeats: Largest number of rounds of a row.
        small: Whether sizes are those of a CPU.
    """
    begun = time.perf_counter()
    sizes = SMALL if small else FULL
    cpu = jax.local_devices(backend="cpu")[0]
    device = jax.local_devices()[0]
    rows = [_agreement(device, cpu)]
    devices = [device] if device.platform == "cpu" else [device, cpu]
    rates: dict[Any, Rates] = {}
    for one in devices:
        with jax.default_device(one):
            rates[one] = _rates(sizes)
            rows.append(_rates_row(one, rates[one]))
    programs = list(_programs(sizes, _memory(device)))
    for make in track(programs, "programs", console=Console(stderr=True)):
        if time.perf_counter() - begun > LIMIT:
            rows.append(("further programs", "not run: out of time", ""))
            break
        rows.append(_row(make, rates, repeats))
    columns = ["program"]
    for one in devices:
        columns += [f"{one.device_kind}", "share of the bound"]
    minutes = (time.perf_counter() - begun) / 60
    note = f"{NOTE} The whole took {minutes:.1f} minutes."
    return Report(f"{device.device_kind}: main programs", note, tuple(columns), rows, [])


def write(report: Report, *, small: bool) -> Path:
    """Writes the table of a report to `benchmarks/results/`, and returns the file."""
    kind = re.sub(r"[^a-z0-9]+", "-", jax.local_devices()[0].device_kind.lower()).strip("-")
    path = RESULTS / f"{kind}{'-small' if small else ''}.md"
    head = [report.columns, ("---",) * len(report.columns)]
    width = len(report.columns)
    cells = [*head, *((*row, *("",) * (width - len(row))) for row in report.rows)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    command = f"python -m benchmarks accelerator{' --small' if small else ''}"
    versions = f"nam-jax {_version('nam-jax')}, jaxlib {_version('jaxlib')}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"# {report.title}\n\n`{command}`, {datetime.date.today()}, {versions}. {machine()}\n\n"
        f"{table}\n\n{report.note}\n"
    )
    return path


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


# What the device can do


def _rates(sizes: Sizes) -> Rates:
    """Measures bandwidth, by an array that is read and written, and the rate of products."""
    array = jnp.ones(sizes.elements, jnp.float32)
    matrix = jr.normal(jr.key(0), (sizes.matrix, sizes.matrix), jnp.float32)
    copy = jax.jit(lambda x: x + 1)
    multiply = jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))
    seconds = interleaved(
        {"copy": lambda: copy(array), "multiply": lambda: multiply(matrix)}, 10, enough=ROUND
    )
    return Rates(
        bandwidth=2 * array.nbytes / float(np.median(seconds["copy"])),
        product=2 * sizes.matrix**3 / float(np.median(seconds["multiply"])),
    )


def _rates_row(device: Any, rates: Rates) -> tuple[str, ...]:
    text = f"{rates.bandwidth / 1e9:.3g} GB/s, {rates.product / 1e12:.3g} Tflop/s"
    return (f"what {device.device_kind} does: copies, products in float32", text, "")


def _memory(device: Any) -> float:
    """Bytes that a program may take: of the device, or of the machine if it is a CPU."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return 0.6 * stats["bytes_limit"]
    return 0.3 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _timed(program: Program, rates: Rates, repeats: int) -> list[str]:
    """The cells of a program: what it does a second or how long it takes, and its share."""
    seconds = interleaved({"it": program.call}, repeats, enough=ROUND)["it"]
    bound = max(program.moved / rates.bandwidth, program.products / rates.product)
    median, low, high = spread(seconds)
    if program.number > 1:
        speed = [program.number / value for value in (median, high, low)]
        text = f"{speed[0]:.4g} [{speed[1]:.4g}, {speed[2]:.4g}] {program.unit} a second"
    else:
        text = f"{1e3 * median:.3g} [{1e3 * low:.3g}, {1e3 * high:.3g}] ms"
    return [text, f"{bound / median:.2f}" if bound else ""]


def _row(make: Callable[[], Program], rates: dict[Any, Rates], repeats: int) -> tuple[str, ...]:
    """The row of a program: on the device, and beside it on the CPU if it is small enough."""
    first, *others = rates
    with jax.default_device(first):
        program = make()
        cells = _timed(program, rates[first], repeats)
    for other in others:
        with jax.default_device(other):
            cells += _timed(make(), rates[other], repeats) if program.on_cpu else ["", ""]
    return program.what, *cells


# The programs


def _programs(sizes: Sizes, memory: float) -> Iterator[Callable[[], Program]]:
    """Functions that make the programs; arrays are made where they are called."""
    for num_neurons, num_patterns in sizes.flows:
        yield functools.partial(_flow, num_neurons, num_patterns)
    for num_neurons in sizes.recalls:
        for batch in sizes.batches:
            if ARRAYS * 4 * num_neurons**2 * batch <= memory:
                yield functools.partial(_recall, num_neurons, batch)
    yield functools.partial(_forward, *sizes.gradient)
    yield functools.partial(_gradient, *sizes.gradient)
    yield functools.partial(_training, *sizes.gradient)
    yield functools.partial(_dense_step, sizes.patterns)
    yield functools.partial(_scan, sizes.scan, sizes.sets)
    for trials in (8, 256):
        yield functools.partial(_dendritic, *sizes.dendritic, trials)


def _flow(num_neurons: int, num_patterns: int) -> Program:
    network, _, _ = released(num_patterns, num_neurons)
    state = random_state(num_neurons)
    field = eqx.filter_jit(lambda network, state: network.vector_field(0.0, state))
    return Program(
        f"vector field, N = {num_neurons}, K = {num_patterns}",
        lambda: field(network, state),
        4 * (4 * num_neurons**2 + num_patterns * num_neurons),
        4 * num_patterns * num_neurons**2,
        1,
        "",
    )


def _recall(num_neurons: int, batch: int) -> Program:
    """Recalls of `batch` cues at once; the bound is that of the vector fields they need."""
    num_patterns = 25
    patterns, _ = patterns_and_cues(num_patterns, num_neurons)
    rows = jnp.arange(batch) % num_patterns
    keys = jr.split(jr.key(1), batch)
    cues = jax.vmap(lambda row, key: data.flip(patterns[row], 0.1, key=key))(rows, keys)
    network = NeuronAstrocyte.released(patterns)
    recall = functools.partial(retrieve_all, network, cues, batch=batch)
    fields = STAGES * int(jnp.sum(recall().steps))
    return Program(
        f"`retrieve_all`, N = {num_neurons}, K = {num_patterns}, {batch} cues at once",
        recall,
        fields * 16 * num_neurons**2,
        fields * 4 * num_patterns * num_neurons**2,
        batch,
        "cues",
        on_cpu=num_neurons**2 * batch <= 768**2,
    )


def _at_rest(num_neurons: int, num_patterns: int) -> tuple[Any, Any, float, float]:
    network, sample = problem(num_neurons, num_patterns, SATURATED)
    fields = STAGES * int(forward(network, sample).steps)
    moved, products = fields * 16 * num_neurons**2, fields * 4 * num_patterns * num_neurons**2
    return network, sample, moved, products


def _forward(num_neurons: int, num_patterns: int) -> Program:
    network, sample, moved, products = _at_rest(num_neurons, num_patterns)
    what = f"`settle`, three layers, N = {num_neurons}, K = {num_patterns}"
    return Program(what, lambda: forward(network, sample), moved, products, 1, "")


def _gradient(num_neurons: int, num_patterns: int) -> Program:
    network, sample, moved, products = _at_rest(num_neurons, num_patterns)
    what = "the same and its implicit gradient (bound: that of `settle`)"
    return Program(what, lambda: by_grad(network, sample), moved, products, 1, "")


def _training(num_neurons: int, num_patterns: int) -> Program:
    network, _, moved, products = _at_rest(num_neurons, num_patterns)
    patterns, _ = patterns_and_cues(num_patterns, num_neurons)
    step = training(network, patterns, ImplicitRoute())
    what = f"two training steps, N = {num_neurons}, K = {num_patterns}, batch of 2 (four recalls)"
    return Program(what, step, 4 * moved, 4 * products, 1, "")


def _dense_step(num_patterns: int) -> Program:
    size = 784
    xi = data.random_patterns(num_patterns, size, key=jr.key(0))
    states = data.random_patterns(num_patterns, size, key=jr.key(1))
    network = DenseAssociativeMemory(xi, Power(4))
    fields = eqx.filter_jit(lambda network, states: jax.vmap(network.local_field)(states))
    return Program(
        f"dense step, N = {size}, {num_patterns} patterns, {num_patterns} cues",
        lambda: fields(network, states),
        4 * 3 * num_patterns * size,
        4 * num_patterns**2 * size,
        1,
        "",
    )


def _cubic(patterns: Any) -> DenseAssociativeMemory:
    return DenseAssociativeMemory(patterns, Power(3))


def _scan(counts: Sequence[int], num_sets: int) -> Program:
    """Recalls at each number of patterns; the bound has the products of two steps a recall."""
    num_neurons, queries = 64, 8
    criterion = measure.Recall(flips=0.1, overlap=0.95)
    scan = functools.partial(
        measure.scan, _cubic, tuple(counts), num_neurons, criterion, key=jr.key(0),
        num_sets=num_sets, num_queries=queries,
    )  # fmt: skip
    recalls = num_sets * queries * len(counts)
    return Program(
        f"capacity scan, n = 3, N = {num_neurons}, K = {counts[0]} to {counts[-1]}",
        scan,
        4 * num_sets * sum(counts) * num_neurons,
        2 * 4 * num_sets * queries * sum(counts) * num_neurons,
        recalls,
        "recalls",
    )


def _dendritic(num_memory: int, num_feature: int, num_branches: int, trials: int) -> Program:
    network = DendriticMemory.random(num_memory, num_feature, num_branches, key=jr.key(0))
    trial_states = states(network, trials)
    synapses = sum(x.nbytes for x in jax.tree.leaves(network) if eqx.is_array(x) and x.ndim > 1)
    return Program(
        f"flow of the dendritic memory, {num_memory} and {num_feature} neurons, "
        f"{num_branches} branches, {trials} trials",
        lambda: flow(network, trial_states),
        synapses,
        0,
        trials,
        "trials",
    )


# Correctness


def _agreement(device: Any, cpu: Any) -> tuple[str, ...]:
    """Compares recalls of one network of each class with those in 64 bits on the CPU."""
    sys.path.insert(0, str(TESTS))
    from tables.networks import EVERY, N, signs

    cue = signs(jr.key(1), (N,), jnp.float32)
    classes, worst, wrong = {}, 0.0, []
    for name, row in EVERY.items():
        with jax.default_device(device):
            network = row.make(jr.key(0), jnp.float32)
            if type(network) in classes:
                continue
            classes[type(network)] = name
            pattern = np.asarray(retrieve(network, cue).pattern, np.float64)
        with jax.enable_x64(True), jax.default_device(cpu):
            exact = jax.tree.map(_in_64_bits, network)
            reference = np.asarray(retrieve(exact, _in_64_bits(cue)).pattern)
        scale = max(float(np.abs(reference).max()), 1e-6)
        worst = max(worst, float(np.abs(pattern - reference).max()) / scale)
        if (np.sign(pattern) != np.sign(reference))[np.abs(reference) > 0.05 * scale].any():
            wrong.append(name)
    text = f"{len(classes) - len(wrong)} of {len(classes)} recall the same signs"
    text += f" ({', '.join(wrong)} do not)" if wrong else ""
    what = "one contract network of each class, against the CPU in 64 bits"
    return (what, f"{text}; largest difference {worst:.1e}", "")


def _in_64_bits(leaf: Any) -> Any:
    """An array of 32-bit floats as one of 64 bits on the CPU; anything else as it is."""
    if eqx.is_array(leaf) and leaf.dtype == jnp.float32:
        return jnp.asarray(np.asarray(leaf, np.float64))
    return leaf
