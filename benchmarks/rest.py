"""How the rate of exact recall depends on the residual at which a state counts as at rest."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks._report import Line, Report
from nam_jax import measure, retrieve_all
from nam_jax.data import flip, random_patterns
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.solve import REST, Flow

N, MARGIN, FLIPS = 24, 0.02, 0.1
LOADS = (80, 112, 140)
"""Numbers of patterns below, at, and above the load at which half of the cues are recalled."""
SETS, CUES = 16, 64
RESTS = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
REFERENCE = 1e-5
LARGEST = 0.01
"""Largest error of the rate of exact recall that the default `rest` may cause."""
NOTE = (
    f"Certified networks, N = {N}, margin {MARGIN:g}, {FLIPS:.0%} of the bits flipped, {SETS} sets "
    f"of patterns of {CUES} cues for each K; rtol is a tenth of rest. Differences of the rate of "
    f"exact recall to that at rest {REFERENCE:g}, mean over sets [95 % interval over sets]. The "
    f"rule: the default is the largest `rest` whose difference is below {LARGEST:g} at every K."
)


def run(repeats: int) -> Report:
    """Measures the rates; `repeats` does not matter, as nothing is timed."""
    del repeats
    rows, worst = [], {rest: 0.0 for rest in RESTS}
    for load in LOADS:
        problems = [_problem(load, key) for key in jr.split(jr.key(load), SETS)]
        exact = {rest: _rates(problems, rest) for rest in (*RESTS, REFERENCE)}
        row = [f"{load}", f"{exact[REFERENCE].mean():.3f}"]
        for rest in RESTS:
            gaps = exact[rest] - exact[REFERENCE]
            half = 1.96 * gaps.std(ddof=1) / np.sqrt(SETS)
            worst[rest] = max(worst[rest], abs(float(gaps.mean())))
            row.append(f"{gaps.mean():+.4f} [{gaps.mean() - half:+.4f}, {gaps.mean() + half:+.4f}]")
        rows.append(tuple(row))
    chosen = max((rest for rest in RESTS if worst[rest] < LARGEST), default=REFERENCE)
    line = Line(
        "default `rest` of `retrieve`",
        f"{REST:g}, error of the rate {worst.get(REST, float('nan')):.4f}",
        f"the rule of `benchmarks/rest.py`, {chosen:g}",
        f"{REST / chosen:g}",
        "the rule's",
        chosen == REST,
    )
    columns = ("K", f"rate at {REFERENCE:g}", *(f"rest {rest:g}" for rest in RESTS))
    return Report("Residual at rest", NOTE, columns, rows, [line])


def _problem(load: int, key: jax.Array) -> tuple[EffectiveNeuronAstrocyte, jax.Array, jax.Array]:
    """Returns a network, and cues with their targets."""
    of_patterns, of_flips = jr.split(key)
    patterns = random_patterns(load, N, key=of_patterns)
    targets = patterns[jnp.arange(CUES) % load]
    cues = jax.vmap(lambda x, k: flip(x, FLIPS, key=k))(targets, jr.split(of_flips, CUES))
    network = NeuronAstrocyte.certified(patterns, margin=MARGIN)
    return EffectiveNeuronAstrocyte.from_full(network), cues, targets


def _rates(problems: list, rest: float) -> np.ndarray:
    """Returns the rate of exact recall of each set."""
    how = Flow(rest=rest, rtol=rest / 10, atol=rest / 100, max_steps=20_000)
    rates = []
    for network, cues, targets in problems:
        recalls = retrieve_all(network, cues, how=how)
        exact = jax.vmap(measure.exact_recall)(recalls.pattern, targets)
        rates.append(float(jnp.mean(exact.astype(float))))
    return np.array(rates)
