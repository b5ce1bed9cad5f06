"""Claims about the dendritic network of Kafraj, Krotov, Bicknell & Latham."""

import functools
import math
import threading
from typing import Any

import jax.numpy as jnp
import numpy as np

from nam_jax import measure
from nam_jax.experiment.claims._dendritic_circuit import (
    at_connectivity,
    leading_exponent,
    slaved,
    without_dendrites,
    wrong_signs,
)
from nam_jax.experiment.claims._finding import Curve, Finding, Series, of_rate, series_of_rates
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DENDRITIC, OURS
from nam_jax.experiment.dendritic import (
    Bench,
    Follow,
    Point,
    TrialRates,
    first,
    from_features,
    held,
    judged,
    with_inhibition,
)
from nam_jax.network.dendritic import known_thresholds
from nam_jax.theory.dendritic import Circuit, Thresholds

_LOCK = threading.RLock()


@functools.cache
def _bench(fast: bool) -> Bench:
    """Three small networks, or eight of the paper's size; thresholds by `known_thresholds`."""
    sizes = (200, 2000, 100, 200, 100) if fast else (1000, 2000, 500, 500, 500)
    circuit = Circuit(*sizes)
    thresholds = Thresholds(*known_thresholds((sizes[0], sizes[1], sizes[4], 1.0)))
    how = Follow(200.0, 4.0) if fast else Follow(300.0, 2.0)
    networks, trials = (3, 6) if fast else (8, 12)
    return Bench(circuit, thresholds, 2 if fast else 4, networks, trials, how, 0)


def _trials(fast: bool, k: int, width: float = 0.0) -> list[TrialRates]:
    """Trials from features with noise up to `width` Hz; claims with equal arguments share them."""
    with _LOCK:
        return _shared(fast, k, width)


@functools.cache
def _shared(fast: bool, k: int, width: float) -> list[TrialRates]:
    return _bench(fast).rates(k, starts=from_features(width))


def _sizes(fast: bool) -> range:
    return range(1, 1 + _bench(fast).k)


def _recall(trials: list[TrialRates]) -> measure.Rate:
    return Point(judged(trials)).rate()


@claim(
    "dendritic-capacity",
    "Any k memory neurons are recalled, so that capacity grows as N^k: k up to 4 at 1000 and "
    "2000 neurons (quick: 2 at 200 and 2000)",
    f"{DENDRITIC}, Figure 1c",
)
def polynomial(fast: bool) -> Finding:
    """Strict recall of random k-subsets of E1 from their features, N1 = 1000 (quick: 200)."""
    bench = _bench(fast)
    sizes, rates = _curve(fast)
    n1 = int(bench.circuit.num_memory)
    count = math.log10(sum(r.value * math.comb(n1, k) for k, r in enumerate(rates, 1)))
    part = Point(judged(_partial(fast), lambda m: first(m, bench.k - 1))).rate()
    at = rates[bench.k - 1]
    meaning = (
        f"strict recall at k = {bench.k}; sum_k beta_k binom({n1}, k) = 10^{count:.1f} sets of "
        f"neurons, which are combinations of {n1} stored vectors: from k - 1 members' features "
        f"exactly these are recalled in {part.value:.2f} of trials"
    )
    curve = Curve(
        sizes, "neurons of a memory k (1)", "strict recall (1)",
        {"measured": series_of_rates(rates)},
    )  # fmt: skip
    fine = {f"any {k} of {n1} neurons": rates[k - 1].value >= 0.95 for k in _sizes(fast)}
    return Finding(*of_rate(at), meaning, fine, curve)


def _curve(fast: bool) -> tuple[list[int], list[measure.Rate]]:
    """Sizes k of memories, and the rate of strict recall at each from features without noise."""
    sizes = list(range(1, 5 if fast else 9))
    return sizes, [_recall(_trials(fast, k)) for k in sizes]


@claim(
    "dendritic-theory",
    "Mean-field theory predicts strict recall at every size k of a memory",
    f"{OURS}, `theory.dendritic.recall`",
)
def predicted(fast: bool) -> Finding:
    """Strict recall of random k-subsets, with intervals over networks, beside the theory."""
    sizes, rates = _curve(fast)
    by_theory = [_bench(fast).predicted(k) for k in sizes]
    apart = [abs(rate.value - law) for rate, law in zip(rates, by_theory, strict=True)]
    worst = int(np.argmax(apart))
    meaning = (
        f"strict recall at k = {sizes[worst]}, where theory, {by_theory[worst]:.3f}, is farthest "
        f"off; {_bench(fast).num_networks} networks of {_bench(fast).num_trials} memories"
    )
    fine = {
        f"k = {k}": rate.low <= law <= rate.high
        for k, rate, law in zip(sizes, rates, by_theory, strict=True)
    }
    curve = Curve(
        sizes, "neurons of a memory k (1)", "strict recall (1)",
        {"measured": series_of_rates(rates), "theory: mean field": Series(by_theory)},
    )  # fmt: skip
    return Finding(*of_rate(rates[worst]), meaning, fine, curve)


@functools.cache
def _shared_partial(fast: bool) -> list[TrialRates]:
    bench = _bench(fast)

    def starts(network: Any, members: np.ndarray, key: Any) -> Any:
        return from_features()(network, first(members, bench.k - 1), key)

    return bench.rates(bench.k, starts=starts)


def _partial(fast: bool) -> list[TrialRates]:
    with _LOCK:
        return _shared_partial(fast)


@claim(
    "dendritic-completion",
    "A memory is recalled from part of its neurons",
    f"{OURS}; what an attractor of a pattern would do",
)
def completes(fast: bool) -> Finding:
    """Recall of k neurons from the features of k - 1 of them."""
    k, trials = _bench(fast).k, _partial(fast)
    whole = _recall(trials)
    part = Point(judged(trials, lambda members: first(members, k - 1))).rate()
    meaning = f"rate at which all {k} are recalled; exactly the {k - 1} cued ones: {part}"
    return Finding(*of_rate(whole), meaning, {f"{k - 1} of {k} neurons": whole.value > 0.5})


@claim(
    "dendritic-basin",
    "Memories are recalled from features with large noise",
    f"{DENDRITIC}, Figure 1d",
)
def basin(fast: bool) -> Finding:
    """Recall from features with noise uniform in (0, sigma), against their own mean rate."""
    bench = _bench(fast)
    widths = (0.0, 20.0, 40.0, 80.0) if fast else (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    lines, fine, at_mean = {}, {}, []
    for k in (1, bench.k):
        start = from_features()(bench.networks()[0], _trials(fast, k)[0].members, bench.key())
        mean = float(jnp.mean(start.feature))
        rates = [_recall(_trials(fast, k, width)) for width in widths]
        lines[f"k = {k}"] = series_of_rates(rates)
        at_mean.append(_recall(_trials(fast, k, round(mean, 1))))
        fine[f"k = {k}, noise of up to the mean feature ({mean:.0f} Hz)"] = at_mean[-1].value >= 0.9
    curve = Curve(widths, "largest noise of a feature (Hz)", "strict recall (1)", lines)
    meaning = f"strict recall at k = {bench.k} with noise of up to the mean feature"
    return Finding(*of_rate(at_mean[-1]), meaning, fine, curve)


@claim("dendritic-active", "No neuron is silent, members or not", f"{DENDRITIC}, Figure 1b")
def nobody_silent(fast: bool) -> Finding:
    """Lowest rate of any memory neuron at the end of recall, and the highest of a non-member."""
    networks = [network for k in _sizes(fast) for network in _trials(fast, k)]
    lowest = min(float(network.rates.min()) for network in networks)
    others = max(float(judged([network]).others.max()) for network in networks)
    meaning = (
        f"lowest rate of a memory neuron in Hz, which F bounds by r_min = 1 Hz from below; highest "
        f"of one outside the memory {others:.3g}"
    )
    fine = {"all neurons fire": lowest >= 0.999}
    return Finding(lowest, lowest, lowest, meaning, fine)


@claim("dendritic-unsaturated", "Members fire well below saturation", f"{DENDRITIC}, Figure 1b")
def unsaturated(fast: bool) -> Finding:
    """Rates of members in recalls that succeeded, beside r_max = 100 Hz."""
    highest, mean = 0.0, []
    for k in _sizes(fast):
        trials = judged(_trials(fast, k))
        highest = max(highest, float(trials.highest[trials.strict].max()))
        mean.append(float(trials.cued[trials.strict].mean()))
    meaning = (
        f"highest rate of a member in Hz; means {', '.join(f'{rate:.0f}' for rate in mean)} Hz at "
        f"k = 1 to {len(mean)}"
    )
    fine = {"means below r_max / 1.5": max(mean) < 100 / 1.5, "every member": highest < 100 / 1.5}
    return Finding(highest, highest, highest, meaning, fine)


@claim(
    "dendritic-dale",
    "Neurons excite or inhibit all their targets (Dale's law)",
    f"{DENDRITIC}, eqs 1-7",
)
def dale(fast: bool) -> Finding:
    """Targets of all populations after the rates of one of them rise, transfer functions linear."""
    against = wrong_signs(_bench(fast))
    meaning = "share of targets that move against the sign of the population that changed"
    worst = max(against.values())
    return Finding(worst, worst, worst, meaning, {name: s == 0 for name, s in against.items()})


@claim("dendritic-sparse", "Recall is robust to sparse connections", f"{DENDRITIC}, abstract")
def sparse(fast: bool) -> Finding:
    """Recall at c < 1 with f_t and g_max moved along with c, and with those of c = 1."""
    bench, rates = _bench(fast), {}
    for share in (0.5, 0.2):
        for name, anew in (("thresholds re-scaled", True), ("thresholds of c = 1", False)):
            point = at_connectivity(bench, share, anew=anew)
            rates[f"c = {share:g}, {name}"] = point.rate()
    fine = {name: rate.value >= 0.9 for name, rate in rates.items()}
    meaning = f"strict recall at k = {bench.k}, c = 0.2, thresholds re-scaled"
    return Finding(*of_rate(rates["c = 0.2, thresholds re-scaled"]), meaning, fine)


@claim(
    "dendritic-stable",
    "Recalled states are stable, with fast and slow inhibition",
    f"{DENDRITIC}, eq 26",
)
def stable(fast: bool) -> Finding:
    """Leading eigenvalue at recalled states, by subspace iteration on the linearised flow."""
    bench = _bench(fast)
    values = {}
    for time in (5.0, 100.0):
        network = with_inhibition(bench.networks()[0], time)
        values[f"tau_I = {time:g} ms"] = leading_exponent(bench, network)
    meaning = "largest real part in 1/ms at k = {}, tau_I = 5 ms; tau_I = 100 ms: {:.4f}"
    slow, fast_inhibition = values["tau_I = 100 ms"], values["tau_I = 5 ms"]
    fine = {name: value < 0 for name, value in values.items()}
    meaning = meaning.format(bench.k, slow)
    return Finding(fast_inhibition, fast_inhibition, fast_inhibition, meaning, fine)


@claim("dendritic-reduced", "Inhibition can be eliminated", f"{DENDRITIC}, eqs 9a-d")
def reduced(fast: bool) -> Finding:
    """Verdicts and rates of the full network and of inhibition that is always at rest."""
    bench, same, apart = _bench(fast), {}, 0.0
    forms = {"": False} if fast else {"": False, ", population means (eqs 9c-d)": True}
    for k in (1, bench.k) if fast else (1, 4, 6):
        full = _trials(fast, k)
        for form, mean in forms.items():
            other = slaved(bench, k, fast=fast, population_mean=mean)
            verdicts = [judged(trials).strict for trials in (full, other)]
            same[f"k = {k}{form}"] = verdicts[0] == verdicts[1]
            both = verdicts[0] & verdicts[1]
            gaps = [np.abs(a.rates - b.rates).max(axis=1) for a, b in zip(full, other, strict=True)]
            apart = max(apart, float(np.stack(gaps)[both].max()))
    rate = measure.rate(np.concatenate(list(same.values()), axis=1), by_set=True)
    meaning = f"share of trials with one verdict; rates differ by up to {apart:.2g} Hz"
    return Finding(*of_rate(rate), meaning, {name: s.mean() >= 0.95 for name, s in same.items()})


@claim(
    "dendritic-inhibition", "Recall needs fast inhibition, which suffices", f"{DENDRITIC}, appendix"
)
def fast_inhibition(fast: bool) -> Finding:
    """Recall with fast and slow inhibition that starts matched to the cue, and at 0."""
    bench, fine = _bench(fast), {}
    starts = {"matched": from_features(), "from 0": from_features(matched=False)}
    rates: dict[tuple[float, str], measure.Rate] = {}
    for time in (5.0, 100.0):
        networks = [with_inhibition(network, time) for network in bench.networks()]
        for name, start in starts.items():
            rates[time, name] = bench.point(bench.k, networks, starts=start).rate()
    fine |= {f"tau_I = 5 ms, {name}: recalls": rates[5.0, name].value >= 0.9 for name in starts}
    fine |= {f"tau_I = 100 ms, {name}: fails": rates[100.0, name].value < 0.5 for name in starts}
    if not fast:
        point = bench.point(bench.k, starts=starts["from 0"], run=held)
        fine["tau_I = 5 ms, from 0, cue held 80 ms: recalls"] = point.rate().value >= 0.9
    meaning = f"strict recall at k = {bench.k}, tau_I = 5 ms, inhibition from 0"
    return Finding(*of_rate(rates[5.0, "from 0"]), meaning, fine)


@claim("dendritic-necessary", "Without nonlinear dendrites recall fails", f"{DENDRITIC}, abstract")
def necessary(fast: bool) -> Finding:
    """Recall of one parameter set at all k: one branch, linear branches, point neurons, tuned."""
    bench = _bench(fast)
    lines = without_dendrites(bench, quick=fast)
    strict = {name: [point.rate() for point in points] for name, points in lines.items()}
    best = max(min(rate.value for rate in rates) for rates in strict.values())
    loose = {name: min(point.trials.separable.mean() for point in points)
             for name, points in lines.items()}  # fmt: skip
    top = max(loose, key=lambda name: loose[name])
    meaning = (
        f"strict recall at its worst k of 1 to {bench.k}, best network without dendrites; with "
        f"members allowed to saturate {loose[top]:.2f} ({top})"
    )
    fine = {"members below r_max": best < 0.5, "members may saturate": loose[top] < 0.5}
    return Finding(float(best), float(best), float(best), meaning, fine)
