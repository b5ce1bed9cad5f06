"""Says where the time of one recall of `nam-jax retrieve` goes, in units of vector fields."""

from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._problem import released
from benchmarks._report import Line, Report
from benchmarks._timing import interleaved, milliseconds, spread
from nam_jax import retrieve, retrieve_all
from nam_jax._types import Pattern
from nam_jax.network import NeuronAstrocyte
from nam_jax.solve import Activity, Energy, Flow, Overlap, Unrolled

N, K = 768, 25
FIELDS = 192
"""Vector fields that a recall took with Bogacki-Shampine steps when the aim was set."""
AIM = 2.5
TIMES, END = 61, 12.0
SOLVERS = {"tsit5": dfx.Tsit5(), "dopri5": dfx.Dopri5(), "bosh3": dfx.Bosh3()}
NOTE = (
    f"The recall of `nam-jax retrieve` on random patterns: N = {N}, K = {K}, 10 % of the signs "
    f"flipped, rtol = 1e-4, rest at 1e-2, {TIMES} saved times up to {END:g}. One cue at a time. "
    f"Times are medians [quartiles]; ratios are to {FIELDS} vector fields in the same run."
)


def run(repeats: int) -> Report:
    """Times whole recalls, and their parts, for several solvers."""
    network, patterns, cues = released(K, N)
    cue = cues[0]
    rows, lines = [], []
    for name, method in SOLVERS.items():
        how = Flow(solver=Unrolled(method), rtol=1e-4, atol=1e-5, rest=1e-2, max_time=END)
        seconds = interleaved(_parts(network, patterns, cue, how), repeats)
        steps = int(retrieve(network, cue, how=how).steps)
        stages = len(method.tableau.b_sol) - 1
        unit = seconds["fields"]
        needed = steps * stages
        for part, values in _shares(seconds, needed).items():
            ratio = spread(values / unit)
            rows.append((f"{name}: {part}", milliseconds(values), str(ratio)))
        whole = spread(seconds["all observables"] / unit)
        lines.append(
            Line(
                f"recall of the main job by {name}, {steps} steps, all observables saved",
                f"{milliseconds(seconds['all observables'])} ms",
                f"{FIELDS} vector fields, {milliseconds(unit)} ms",
                str(whole),
                f"at most {AIM:g}",
                whole.median <= AIM,
            )
        )
    return Report("Profile of a recall", NOTE, ("part", "ms", f"of {FIELDS} fields"), rows, lines)


def _parts(
    network: NeuronAstrocyte, patterns: Any, cue: Pattern, how: Flow
) -> dict[str, Callable[[], Any]]:
    """Returns functions of growing parts of a recall, and one of the vector fields alone."""

    def saving(**save: Any) -> Callable[[], Any]:
        return lambda: retrieve_all(network, cue[None], how=how, times=TIMES, save=save).pattern

    return {
        "fields": lambda: _fields(network, cue),
        "nothing saved": lambda: retrieve(network, cue, how=how).pattern,
        "overlap": saving(overlap=Overlap(patterns), activity=Activity()),
        "all observables": saving(overlap=Overlap(patterns), activity=Activity(), energy=Energy()),
    }


def _shares(seconds: dict[str, np.ndarray], fields: int) -> dict[str, np.ndarray]:
    """Returns the seconds of each part of a recall."""
    of_fields = seconds["fields"] * fields / FIELDS
    bare, cheap, whole = (seconds[name] for name in ("nothing saved", "overlap", "all observables"))
    return {
        f"its {fields} vector fields": of_fields,
        "the rest of its steps": bare - of_fields,
        "overlap and activity at saved times": cheap - bare,
        "energy at saved times": whole - cheap,
        "whole recall": whole,
    }


@eqx.filter_jit
def _fields(network: NeuronAstrocyte, cue: Pattern) -> Any:
    """Returns the state after `FIELDS` small Euler steps: vector fields and one pass for each."""
    start = network.initial_state(cue)

    def step(_: Any, state: Any) -> Any:
        velocity = network.vector_field(0.0, state)
        return jax.tree.map(lambda u, v: u + 1e-3 * v, state, velocity)

    end = jax.lax.fori_loop(0, FIELDS, step, start)
    return jnp.sum(end.neurons)
