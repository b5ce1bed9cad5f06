"""Times binary memories against their bare products, simpler code, and other libraries."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import hamux
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from hopfieldkit import HopfieldNetwork
from hopfieldkit.capacity import empirical_capacity_scan
from jaxtyping import Array

from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax import data, measure, retrieve, settle
from nam_jax._types import Pattern, Patterns
from nam_jax.memory import Power
from nam_jax.network import DenseAssociativeMemory, Hopfield
from nam_jax.solve import Asynchronous

STEP_AIM, SCAN_AIM = 1.3, 20.0
NOTE = (
    "Step: all fields of 10,000 cues by energy differences, n = 4; bound: the products Xi s and "
    "Xi^T g of all cues. Sweep: one update of all N neurons in a given order; ours updates the "
    "overlaps, the baseline computes them anew for every neuron. hopfieldkit (NumPy) and hamux "
    "(JAX, descent on the energy, with the smallest number of steps that recalls as much) recall "
    "from the same cues; the shares recalled are in the last column. Scan: hopfieldkit's own case, "
    "N = 100, 15 % flips, with the same numbers of patterns and trials and therefore intervals of "
    "the same width; compilation, about 1.5 s for each number of patterns, is left out. Medians "
    "[quartiles]."
)


class Comparison(NamedTuple):
    """Two functions without arguments that are timed in turns, and texts for the report.

    Attributes:
        what: Description of the problem.
        ours: Our code.
        against: Name of the baseline.
        theirs: The baseline.
        aim: Aim for the ratio.
        faster: Whether the ratio is the baseline's time over ours, at least `aim`; else it is our
            time over the baseline's, at most `aim`.
        more: Remark.
    """

    what: str
    ours: Callable[[], Any]
    against: str
    theirs: Callable[[], Any]
    aim: float
    faster: bool
    more: str = ""


def run(repeats: int) -> Report:
    """Runs every comparison; code and baseline take turns."""
    rows, lines = [], []
    sweeps = (functools.partial(_sweep, count) for count in (1, 32))
    for make in (_step, *sweeps, _pairwise_recall, _dense_recall, _scan, _log_domain):
        problem = make()
        functions = {"ours": problem.ours, "theirs": problem.theirs}
        seconds = interleaved(functions, max(3, repeats // 3))
        ours, theirs = (milliseconds(seconds[name]) for name in functions)
        ratios = seconds["ours"] / seconds["theirs"]
        ratio = spread(1 / ratios if problem.faster else ratios)
        met = ratio.median >= problem.aim if problem.faster else ratio.median <= problem.aim
        text = f"{ratio} x faster" if problem.faster else str(ratio)
        aim = f"at least {problem.aim:g} x faster" if problem.faster else f"at most {problem.aim:g}"
        against = f"{problem.against}, {theirs} ms"
        lines.append(Line(problem.what, f"{ours} ms", against, text, aim, met))
        rows.append((problem.what, ours, theirs, text, problem.more))
    columns = ("problem", "ours (ms)", "baseline (ms)", "ratio", "more")
    return Report("Binary memories", NOTE, columns, rows, lines)


@eqx.filter_jit
def fields(network: DenseAssociativeMemory, states: Patterns) -> Patterns:
    """Returns the fields of one synchronous step from each state."""
    return jax.vmap(network.local_field)(states)


@jax.jit
def two_products(xi: Patterns, states: Patterns, slopes: Array) -> tuple[Array, Array]:
    """Returns the two matrix products that every implementation of a step needs."""
    return states @ xi.T, slopes @ xi


def _step() -> Comparison:
    size, count = 784, 10_000
    xi = data.random_patterns(count, size, key=jr.key(0))
    states = data.random_patterns(count, size, key=jr.key(1))
    network = DenseAssociativeMemory(xi, Power(4))
    slopes = jr.normal(jr.key(2), (count, count))
    return Comparison(
        "synchronous step, N = 784, K = 10,000, 10,000 cues",
        lambda: fields(network, states),
        "its two products",
        lambda: two_products(xi, states, slopes),
        STEP_AIM,
        faster=False,
    )


@eqx.filter_jit
def carried(network: DenseAssociativeMemory, states: Patterns, order: Array) -> Patterns:
    """Returns all states after one sweep over their neurons, by the code of the library."""
    how = Asynchronous(order=order, max_steps=1)
    return jax.vmap(lambda state: settle(network, state, how=how).state)(states)


@eqx.filter_jit
def anew(network: DenseAssociativeMemory, states: Patterns, order: Array) -> Patterns:
    """Returns all states after one sweep, with overlaps computed anew for every neuron.

    There is no check whether a state is at rest.
    """

    def one(state: Pattern) -> Pattern:
        bits = network.carry(state).bits

        def visit(place: Array, state: Pattern) -> Pattern:
            i = order[place]
            overlaps = network.patterns @ state
            weight, own = network.separation.differences(overlaps, float(state.shape[0]))
            field = jnp.vdot(bits[i], weight) - state[i] * jnp.vdot(jnp.ones_like(own), own)
            return state.at[i].set(jnp.where(field == 0, state[i], jnp.sign(field)))

        return jax.lax.fori_loop(0, state.shape[0], visit, state)

    return jax.vmap(one)(states)


def _sweep(num_states: int) -> Comparison:
    size, count = 256, 2000
    xi = data.random_patterns(count, size, key=jr.key(0))
    states = jax.vmap(lambda x, key: data.flip(x, 0.2, key=key))(
        xi[:num_states], jr.split(jr.key(1), num_states)
    )
    network = DenseAssociativeMemory(xi, Power(4))
    order = jr.permutation(jr.key(2), size)
    np.testing.assert_array_equal(
        carried(network, states, order), anew(network, states, order)
    )  # speeds of different answers are not compared
    return Comparison(
        f"sweep of N = 256 neurons one by one, K = 2000, {num_states} cue"
        + ("s" if num_states > 1 else ""),
        lambda: carried(network, states, order),
        "overlaps anew for each neuron",
        lambda: anew(network, states, order),
        size / 20,
        faster=True,
    )


@eqx.filter_jit
def recall(network: DenseAssociativeMemory | Hopfield, cues: Patterns, keys: Array) -> Patterns:
    """Returns read-outs after recall to rest, with neurons updated one by one in random order."""
    return jax.vmap(lambda cue, key: retrieve(network, cue, how=Asynchronous(key)).pattern)(
        cues, keys
    )


@eqx.filter_jit
def together(network: DenseAssociativeMemory, cues: Patterns) -> Patterns:
    """Returns read-outs after recall to rest, with all neurons updated at once."""
    return jax.vmap(lambda cue: retrieve(network, cue).pattern)(cues)


def _problem(count: int, size: int, flips: float, num_cues: int) -> tuple[Patterns, Patterns]:
    xi = data.random_patterns(count, size, key=jr.key(3))
    keys = jr.split(jr.key(4), num_cues)
    targets = xi[jnp.arange(num_cues) % count]
    return xi, jax.vmap(lambda x, key: data.flip(x, flips, key=key))(targets, keys)


def _share(recalled: Array, xi: Patterns) -> float:
    """Returns the share of cues that ended in the pattern from which they were made."""
    targets = xi[jnp.arange(len(recalled)) % len(xi)]
    return float(jnp.mean(jnp.all(jnp.sign(recalled) == targets, axis=1)))


def _pairwise_recall() -> Comparison:
    xi, cues = _problem(20, 256, 0.1, 200)
    ours = Hopfield.from_patterns(xi)
    theirs = HopfieldNetwork(256).fit(np.asarray(xi))
    plain, keys = np.asarray(cues), jr.split(jr.key(5), len(cues))

    def by_hopfieldkit() -> np.ndarray:
        return np.stack([np.asarray(theirs.recall(cue)) for cue in plain])

    shares = _share(recall(ours, cues, keys), xi), _share(jnp.asarray(by_hopfieldkit()), xi)
    assert abs(shares[0] - shares[1]) < 0.05, shares
    return Comparison(
        "recall, pairwise, N = 256, K = 20, 200 cues, 10 % flips",
        lambda: recall(ours, cues, keys),
        "hopfieldkit 0.1.0",
        by_hopfieldkit,
        1.0,
        faster=True,
        more=f"recalled {shares[0]:.3f}, {shares[1]:.3f}",
    )


class _Quartic(eqx.Module):
    """The hyperedge -t N sum (Xi x / N)^4 / 4 for hamux.

    The strength t is such that the force of a pattern is 4 at an overlap of 0.4.
    """

    patterns: Array
    strength: float = 4 / 0.4**3

    def __call__(self, activity: Array) -> Array:
        size = self.patterns.shape[1]
        return -self.strength * jnp.sum((self.patterns @ activity / size) ** 4) * size / 4


def _dense_recall() -> Comparison:
    xi, cues = _problem(3000, 256, 0.2, 200)
    ours = DenseAssociativeMemory(xi, Power(4))
    neurons = {"x": hamux.NeuronLayer(hamux.lagr_tanh, (256,))}
    ham = hamux.VectorizedHAM(hamux.HAM(neurons, {"s": _Quartic(xi)}, [(("x",), "s")]))

    @eqx.filter_jit
    def by_hamux(ham: hamux.VectorizedHAM, cues: Patterns, steps: int) -> Array:
        def descend(_: int, states: dict[str, Array]) -> dict[str, Array]:
            slopes = ham.dEdact(ham.activations(states), states)
            return jax.tree.map(lambda x, slope: x - slope, states, slopes)

        return jax.lax.fori_loop(0, steps, descend, {"x": 2 * cues})["x"]

    goal = _share(together(ours, cues), xi)
    steps, share = next(
        (steps, recalled)
        for steps in range(1, 30)
        if (recalled := _share(by_hamux(ham, cues, steps), xi)) >= goal - 0.005 or steps == 29
    )
    assert share >= goal - 0.005, (share, goal)
    return Comparison(
        "recall all at once, n = 4, N = 256, K = 3000, 200 cues, 20 % flips",
        lambda: together(ours, cues),
        f"hamux 0.2.2, {steps} steps of 1",
        lambda: by_hamux(ham, cues, steps),
        1.0,
        faster=True,
        more=f"recalled {goal:.3f}, {share:.3f}",
    )


def _scan() -> Comparison:
    counts, trials = (7, 13, 19, 25, 29), 300

    def ours() -> measure.Scan:
        return measure.scan(
            Hopfield.from_patterns, counts, 100, measure.Recall(flips=0.15),
            key=jr.key(6), num_sets=trials, num_queries=1,
        )  # fmt: skip

    def theirs() -> dict[str, list[float]]:
        return empirical_capacity_scan(100, list(counts), n_trials=trials, seed=0)

    rates, other = ours().scores, np.array(theirs()["success_rates"])
    error = np.sqrt((rates * (1 - rates) + other * (1 - other) + 0.01) / trials)
    assert (np.abs(rates - other) < 4 * error).all(), (rates, other)
    text = " ".join(f"{rate:.2f}" for rate in rates)
    beside = " ".join(f"{rate:.2f}" for rate in other)
    return Comparison(
        "capacity scan, N = 100, K = 7 to 29, 300 trials each",
        ours,
        "hopfieldkit's empirical_capacity_scan",
        theirs,
        SCAN_AIM,
        faster=True,
        more=f"recalled {text}; {beside}",
    )


@jax.jit
def plain_fields(xi: Patterns, states: Patterns) -> Patterns:
    """Returns the fields for n = 20 by plain powers, which may overflow or vanish."""

    def one(state: Pattern) -> Pattern:
        overlaps = xi @ state
        up, down = (overlaps + 2) ** 20, (overlaps - 2) ** 20
        return (up - down) @ xi - state * jnp.sum(up - 2 * overlaps**20 + down)

    return jax.vmap(one)(states)


def _log_domain() -> Comparison:
    xi = data.random_patterns(2000, 64, key=jr.key(7))
    states = data.random_patterns(1000, 64, key=jr.key(8))
    network = DenseAssociativeMemory(xi, Power(20))
    return Comparison(
        "fields of n = 20 that neither overflow nor vanish, N = 64, K = 2000, 1000 cues",
        lambda: fields(network, states),
        "plain powers",
        lambda: plain_fields(xi, states),
        3.0,
        faster=False,
    )
