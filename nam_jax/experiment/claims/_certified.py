"""Claims about the certified regime: its effective network, thresholds, load and gating."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from nam_jax import measure, network, solve, theory
from nam_jax._types import Patterns
from nam_jax.experiment.claims._finding import (
    Curve,
    Finding,
    Series,
    of_rate,
    series_of_rates,
)
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DERIVED_REGIMES, OURS
from nam_jax.experiment.common import (
    certified,
    padded,
    patterns_of,
    random_problem,
    recall_all,
    reduced,
    rest_of,
    settings_text,
    ungated,
)
from nam_jax.memory import Hebbian, Projection
from nam_jax.network import NeuronAstrocyte, TripartiteState


@claim(
    "effective",
    "The effective network has the equilibria of the three layers",
    DERIVED_REGIMES,
)
def effective_is_exact(fast: bool) -> Finding:
    """Flow of the three layers at lifted equilibria of the effective network."""
    problem = random_problem(20, 64, 0.15, 10 if fast else 100, key=jr.key(1))
    full = certified(problem.patterns, margin=0.2)
    gap = float(_gap(full, problem.cues).max())
    meaning = "largest residual of the full network at a lifted effective equilibrium (rest 1e-5)"
    return Finding(gap, gap, gap, meaning, {"linear g and psi, certified": gap < 1e-4})


FINE = solve.Flow(rest=1e-5, rtol=1e-5, atol=1e-6)


@eqx.filter_jit
def _gap(full: NeuronAstrocyte, cues: Patterns) -> Array:
    effective = reduced(full)

    def one(cue: Array) -> Array:
        state = effective.initial_state(cue)
        x = solve.settle(effective, state, how=FINE).state
        return solve.residual(full, effective.lift(x))

    return jax.vmap(one)(cues)


@claim("memory-gain", "A wrong bit flips if and only if R m^3 > 1", DERIVED_REGIMES)
def memory_gain(fast: bool) -> Finding:
    """R m^3 against 1: 12 cases at N = 100, K = 10, weak leak, x(0) = 3 cue (phi saturated)."""
    cases, overlaps, products = {}, [], []
    for margin in (1.0, 0.2, 0.05, 0.02):
        for flips in (0.08, 0.19, 0.30):
            problem = random_problem(10, 100, flips, 10 if fast else 100, key=jr.key(2))
            full = _ungated_100(problem.patterns, margin)
            effective = reduced(full)
            recalls = recall_all(effective, problem.cues, problem.targets)
            gain = float(theory.memory_gain(1.0, 1.0, 2 + margin))
            m = 1 - 2 * flips
            recalled = float(recalls.overlap.mean()) > (1 + m) / 2
            cases[f"R = {gain:.2f}, m = {m:.2f}"] = recalled == (gain * m**3 > 1)
            overlaps.append(float(recalls.overlap.mean()) - m)
            products.append(gain * m**3)
    order = np.argsort(products)
    curve = Curve(
        np.asarray(products)[order].tolist(), "R m^3 (1)", "overlap gained over the cue (1)",
        {"measured": Series(np.asarray(overlaps)[order].tolist())},
    )  # fmt: skip
    right = measure.rate(np.array(list(cases.values())))
    meaning = "share of 12 cases in which a wrong bit flips exactly where R m^3 > 1"
    return Finding(*of_rate(right), meaning, _condensed(cases), curve)


def _ungated_100(patterns: Patterns, margin: float) -> NeuronAstrocyte:
    full = certified(patterns, margin=margin, autapses=True)
    return eqx.tree_at(lambda n: n.start, ungated(full), network.Cold(voltage=3.0))


def _condensed(cases: dict[str, bool]) -> dict[str, bool]:
    """All cases as one condition if every case is True, else `cases`."""
    return {f"all {len(cases)} cases": True} if all(cases.values()) else cases


@claim(
    "load-limit",
    "The effective network's load limit is K / (N^2 / 2) = m^3 / (1 + m^3)",
    OURS,
)
def load_limit(fast: bool) -> Finding:
    """Exact recall against K at N = 64 (quick: 50), 10 % flips, margin 0.02, weak leak."""
    size = 50 if fast else 64
    numbers = (450, 500, 550) if fast else tuple(range(200, 1001, 100))
    num_cues = 40 if fast else 100
    rates, settings = [], ""
    for number in numbers:
        problem = random_problem(number, size, 0.1, num_cues, key=jr.key(number))
        patterns = padded(
            problem.patterns, 1024
        )  # as in the claim `capacity`, to share its program
        full = ungated(certified(patterns, margin=0.02))
        full = eqx.tree_at(lambda n: n.start, full, network.Cold())
        effective = reduced(full)
        settings = settings_text(float(full.margin()), rest_of(measure.coarse(effective)))
        rates.append(measure.rate(recall_all(effective, problem.cues, problem.targets).exact))
    values = np.array([rate.value for rate in rates])
    half = float(np.interp(0.5, values[::-1], np.array(numbers, float)[::-1]))
    limit = float(theory.load_limit(1 - 2 * round(0.1 * size) / size)) * size**2 / 2
    curve = Curve(
        numbers, "stored patterns K (1)", "rate of exact recall",
        {
            "measured": series_of_rates(rates),
            "theory: limit": Series([1.0 if number < limit else 0.0 for number in numbers]),
        },
    )  # fmt: skip
    below = max(n for n in numbers if n <= half)
    above = min((n for n in numbers if n >= half), default=numbers[-1])
    meaning = (
        f"K at which half the cues are recalled, every bit right ({settings}); "
        f"m^3 / (1 + m^3) N^2 / 2 = {limit:.0f}"
    )
    off = abs(half / limit - 1)
    fine = {"to 15 %": off < 0.15, "to 30 %": off < 0.3}
    return Finding(half, float(below), float(above), meaning, fine, curve)


GAINS = (0.01, 0.9, 1.5, 3.0)
"""Neural leaks in units of beta M0 N."""
CASES = ((20, 0.2), (200, 0.2), (600, 0.2), (600, 0.02))
"""Pairs of a number of patterns K and a margin of the certificate."""
MOST = max(number for number, _ in CASES)
"""Number of patterns that all cases are padded to, so that they share one program."""


@claim(
    "gating",
    "At gain 0.9 stored cues are recalled and unknown cues rejected",
    DERIVED_REGIMES,
)
def gating(fast: bool) -> Finding:
    """Recall of stored cues and silence after unknown ones, against the neural leak."""
    num, fine, series = (20 if fast else 200), {}, {}
    gains = (0.01, 0.9, 3.0) if fast else GAINS
    rejected = {}
    for number, margin in CASES:
        problem = random_problem(number, 64, 0.15, num, key=jr.key(3))
        unknown = patterns_of(num, 64, key=jr.key(4))
        pairs = [_gated(problem, unknown, margin, gain) for gain in gains]
        known, silent = zip(*pairs, strict=True)
        series[f"recall, K = {number}, margin {margin:g}"] = series_of_rates(known)
        works = known[1].low > 0.5 and silent[1].low > 0.5
        fine[f"K = {number}, margin {margin:g}"] = works
        rejected[number, margin] = silent[1]
    curve = Curve(gains, "neural leak (units of beta M0 N)", "rate of exact recall", series)
    meaning = (
        "share of unknown cues that the network falls silent on; K = 200, margin 0.2, gain 0.9"
    )
    return Finding(*of_rate(rejected[200, 0.2]), meaning, fine, curve)


def _gated(
    problem: tuple, unknown: Patterns, margin: float, gain: float
) -> tuple[measure.Rate, measure.Rate]:
    """The rate of exact recall of known cues, and the rate of silence after unknown cues."""
    patterns, targets, cues = problem
    full = certified(padded(patterns, MOST), margin=margin, gain=gain)
    recalls = recall_all(
        reduced(full),
        jnp.concatenate([cues, unknown]),
        jnp.concatenate([targets, unknown]),
    )
    return measure.rate(recalls.exact[: len(cues)]), measure.rate(~recalls.known[len(cues) :])


@claim(
    "hebbian-weaker",
    "At one lambda_max the Hebbian tensor recalls less than the projection rule",
    OURS,
)
def hebbian_is_weaker(fast: bool) -> Finding:
    """Hebbian against projection at one lambda_max: K = 200, margin 0.02, best gain."""
    problem = random_problem(200, 64, 0.15, 30 if fast else 200, key=jr.key(5))
    best = {}
    for name, rule in {"hebbian": Hebbian(), "projection": Projection()}.items():
        rates = []
        for gain in GAINS:
            full = certified(problem.patterns, margin=0.02, gain=gain, rule=rule)
            effective = reduced(full)
            rates.append(measure.rate(recall_all(effective, problem.cues, problem.targets).exact))
        best[name] = max(rates, key=lambda rate: rate.value)
    meaning = f"Hebbian rate at its best gain; projection rule: {best['projection'].value:.2f}"
    weaker = best["hebbian"].high < best["projection"].low
    return Finding(*of_rate(best["hebbian"]), meaning, {"K = 200, margin 0.02": weaker})


@claim("speed-gain", "A memory mode relaxes in 2 tau / margin", OURS)
def slow_strong(fast: bool) -> Finding:
    """Slowest relaxation of (s, p) on a memory mode against 2 tau / margin."""
    margins = (0.1, 0.02) if fast else (0.8, 0.4, 0.2, 0.1, 0.05, 0.02)
    patterns = patterns_of(3, 20, key=jr.key(6))
    measured = [_relaxation(patterns, margin) for margin in margins]
    predicted = [float(theory.relaxation_time_asymptotic(margin, 0.1)) for margin in margins]
    ratios = {
        f"margin {margin:g}": abs(time / expected - 1) < max(margin, 0.05)
        for margin, time, expected in zip(margins, measured, predicted, strict=True)
    }
    curve = Curve(
        margins, "margin of the certificate", "relaxation time (time constants)",
        {"measured": Series(measured), "theory: 2 tau / margin": Series(predicted)}, log=True,
    )  # fmt: skip
    ratio = measured[-1] / predicted[-1]
    meaning = f"measured over predicted relaxation time at margin {margins[-1]:g}"
    return Finding(ratio, ratio, ratio, meaning, ratios, curve)


def _relaxation(patterns: Patterns, margin: float) -> float:
    """Relaxation time of a memory mode, by its decay from 2 to 3 predicted relaxation times."""
    full = _ungated_100(patterns, margin)
    mode = patterns[0][:, None] * patterns[0][None, :]
    state = TripartiteState(jnp.zeros_like(patterns[0]), mode, mode)
    time = float(measure.certificate(full).relaxation_time)
    sizes = np.asarray(_sizes(full, state, time * jnp.array([0.0, 2.0, 3.0])))
    return time / float(np.log(sizes[1] / sizes[2]))


@eqx.filter_jit
def _sizes(full: NeuronAstrocyte, state: TripartiteState, times: Array) -> Array:
    """The mean absolute synapse at each of `times`."""
    run = solve.simulate(
        full,
        state,
        times[-1],
        how=solve.Flow(rtol=1e-5, atol=1e-7),
        times=times,
        save={"state": solve.FullState()},
    )
    return jnp.abs(run.observables["state"].synapses).mean((1, 2))
