"""Claims about the rate of recall: initial states, images, cut fluxes, time constants, loads."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from nam_jax import measure, memory
from nam_jax.experiment import retrieve
from nam_jax.experiment.claims._dynamics import CUES, K, N, at
from nam_jax.experiment.claims._finding import (
    Curve,
    Finding,
    Series,
    of_rate,
    series_of_rates,
)
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import ASTROCYTE, DERIVED_REGIMES, OURS
from nam_jax.experiment.common import (
    Exchanged,
    certified,
    random_problem,
    recall_all,
    recall_from_starts,
    released_with,
)
from nam_jax.network import Algebraic, Cold, DenseAssociativeMemory, NeuronAstrocyte


@claim(
    "initial-condition",
    "Synapses and processes start at the algebraic state; recall follows",
    f"{ASTROCYTE}, section 3",
)
def initial_condition(fast: bool) -> Finding:
    """Recall by the released parameters from four states of synapses and processes."""
    problem = random_problem(K, N, 0.15, CUES if fast else 10 * CUES, key=jr.key(3))
    starts = {
        "p = -phi phi^T, s = T phi phi^T (corrected)": Algebraic(),
        "s and p as printed (exchanged)": Exchanged(),
        "s = p = 0": Cold(),
    }
    rates = {
        name: measure.rate(
            recall_from_starts(
                released_with(problem.patterns, start=start), problem.cues, problem.targets,
                max_time=at(30.0),
            ).exact
        )
        for name, start in starts.items()
    }  # fmt: skip
    first = next(iter(rates.values()))
    meaning = "rate of exact recall from the corrected start; others: " + ", ".join(
        f"{rate.value:.2f}" for rate in list(rates.values())[1:]
    )
    return Finding(*of_rate(first), meaning, {k: r.low > 0.5 for k, r in rates.items()})


@claim(
    "dense-limit",
    "The network recalls as a quartic dense associative memory does",
    f"{ASTROCYTE}, section 3, eq 17",
)
def dense_limit(fast: bool) -> Finding:
    """Do the full network and the dense memory recall the same cues?"""
    fine, value = {}, None
    # The quick version has the sizes of other claims, so that it shares their compiled programs.
    for number, num_cues in ((20, CUES), (200, 20)) if fast else ((20, 100), (50, 100), (200, 100)):
        problem = random_problem(number, 64, 0.15, num_cues, key=jr.key(number))
        dense = recall_all(
            DenseAssociativeMemory(problem.patterns, self_coupling=True),
            problem.cues, problem.targets,
        )  # fmt: skip
        full = recall_from_starts(
            released_with(problem.patterns), problem.cues, problem.targets,
            max_time=at(30.0),
        )  # fmt: skip
        same = measure.rate(dense.exact == full.exact)
        fine[f"released, N = 64, K = {number}"] = same.value > 0.9
        value = same
    assert value is not None
    meaning = (
        "K = 200: share of cues on which eq 17 and the released network agree (recalled or not)"
    )
    return Finding(*of_rate(value), meaning, fine)


@claim(
    "photographs",
    "25 images as 768-bit codes are recalled from damaged cues",
    f"{ASTROCYTE}, Figure 2 (CIFAR-10; here photographs)",
)
def photographs(fast: bool) -> Finding:
    """`nam-jax retrieve`: 25 photographs as 768-bit codes, 10 % flips, released parameters."""
    num_recalled = 2 if fast else None
    config = retrieve.study.config(
        solver="bosh3", rtol=1e-3, atol=1e-4, num_times=2, num_recalled=num_recalled
    )
    dataset = retrieve.study.run(config)
    rate = measure.rate(dataset.exact.values)
    meaning = f"rate of exact recall of {dataset.sizes['sample']} of 25 stored photographs"
    return Finding(*of_rate(rate), meaning, {"released parameters": rate.value >= 0.9})


CUTS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)


@claim("diffusion", "Hindering the diffusion of calcium impairs recall", f"{ASTROCYTE}, discussion")
def cut_fluxes(fast: bool) -> Finding:
    """Exact recall after single fluxes of T are cut at random, N = 24, both regimes."""
    num_cues, size = (24 if fast else 100), 24
    cuts = CUTS[::2] if fast else CUTS
    problem = random_problem(8, size, 0.15, num_cues, key=jr.key(30))
    rates: dict[str, list[measure.Rate]] = {}
    for name, full in {
        "released": released_with(problem.patterns),
        "certified": certified(problem.patterns, margin=0.05),
    }.items():
        rates[name] = []
        for cut in cuts:
            lesioned = _lesioned(full, jnp.asarray(cut, float))
            recalls = recall_from_starts(lesioned, problem.cues, problem.targets, max_time=at(60.0))
            rates[name].append(measure.rate(recalls.exact & recalls.known))
    curve = Curve(
        cuts, "cut fluxes (fraction)", "rate of exact recall",
        {name: series_of_rates(line) for name, line in rates.items()},
    )  # fmt: skip
    worst = min((rate for line in rates.values() for rate in line), key=lambda rate: rate.value)
    fine = {f"{name} network": line[-1].high < line[0].low for name, line in rates.items()}
    whole = ", ".join(f"{name} {line[0].value:.2f}" for name, line in rates.items())
    meaning = f"least rate of exact recall; whole tensors: {whole}"
    return Finding(*of_rate(worst), meaning, fine, curve)


@eqx.filter_jit
def _lesioned(full: NeuronAstrocyte, cut: Array) -> NeuronAstrocyte:
    dense = memory.DenseTensor(full.tensor.to_dense())
    return eqx.tree_at(lambda n: n.tensor, full, memory.lesion(dense, cut, key=jr.key(31)))


@claim(
    "cue-freezes",
    "Released parameters freeze the cue when synapses and processes are fast, or start cold",
    DERIVED_REGIMES,
)
def cue_freezes(fast: bool) -> Finding:
    """Synapses and processes ten times faster than neurons, at unit leak: nothing is recalled."""
    problem = random_problem(K, N, 0.2, CUES if fast else 5 * CUES, key=jr.key(6))
    times = (1.0, 0.1, 0.1)
    network = released_with(problem.patterns, time_constants=times)
    recalls = recall_from_starts(network, problem.cues, problem.targets, max_time=at(30.0))
    cold = recall_from_starts(
        released_with(problem.patterns, start=Cold()),
        problem.cues,
        problem.targets,
        max_time=at(30.0),
    )
    cue = 1 - 2 * round(0.2 * N) / N
    value = float(recalls.overlap.mean())
    conditions = {
        "fast synapses and processes": bool(np.abs(recalls.overlap - cue).max() < 1e-3),
        "cold start": bool(np.abs(cold.overlap - cue).max() < 1e-3),
    }
    meaning = f"mean final overlap with fast layers (the cues have {cue:.3f})"
    return Finding(value, value, value, meaning, conditions)


@claim(
    "table-100",
    "N = 100, K = 25 recalls 1.00, 1.00, 0.95, 0.80 at 5, 10, 20, 30 % flips",
    OURS,
)
def recall_at_100(fast: bool) -> Finding:
    """Exact recall at N = 100, K = 25 from four levels of flips, beside the stated rates."""
    stated_rates = {0.05: 1.0, 0.10: 1.0, 0.20: 0.95, 0.30: 0.80}
    rates = []
    for index, level in enumerate(stated_rates):
        problem = random_problem(25, 100, level, 20 if fast else 100, key=jr.key(10 + index))
        network = released_with(problem.patterns)
        rates.append(
            measure.rate(
                recall_from_starts(network, problem.cues, problem.targets, max_time=at(30.0)).exact
            )
        )
    curve = Curve(
        list(stated_rates), "flipped bits (fraction)", "rate of exact recall",
        {"measured": series_of_rates(rates), "stated": Series(list(stated_rates.values()))},
    )  # fmt: skip
    fine = {
        f"{level:.0%} flips": rate.low - 0.1 <= stated <= rate.high + 0.1
        for (level, stated), rate in zip(stated_rates.items(), rates, strict=True)
    }
    return Finding(*of_rate(rates[-1]), "rate of exact recall at 30 % flips", fine, curve)


@claim("table-64", "N = 64, K = 200 recalls 0.55 at 15 % flips", OURS)
def recall_at_64(fast: bool) -> Finding:
    """Exact recall at N = 64, K = 200 from 15 % flips, beside the stated rate."""
    problem = random_problem(200, N, 0.15, 20 if fast else 160, key=jr.key(20))
    # To rest. A longest time is given, as in the other claims, so that they share one program.
    recalls = recall_from_starts(
        released_with(problem.patterns), problem.cues, problem.targets, max_time=at(1e6)
    )
    rate = measure.rate(recalls.exact)
    return Finding(
        *of_rate(rate), "rate of exact recall at K = 200, 15 % flips",
        {"N = 64, K = 200": rate.low <= 0.55 <= rate.high},
    )  # fmt: skip
