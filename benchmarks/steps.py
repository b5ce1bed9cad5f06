"""How many vector fields recalls need, by the solver and the coefficients of the step control."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from benchmarks._problem import patterns_and_cues, released
from benchmarks._report import Line, Report
from nam_jax._types import Pattern
from nam_jax.network import AbstractContinuousNetwork, NeuronAstrocyte, TwoLayerMemory
from nam_jax.solve import REST, Flow, Unrolled
from nam_jax.solve._controller import Foresight
from nam_jax.solve._integrate import INTEGRAL, PROPORTIONAL, layer_norm
from nam_jax.solve._loop import Integration, advance, begin

CUES = 6
SOLVERS = {"bosh3": dfx.Bosh3(), "tsit5": dfx.Tsit5(), "dopri5": dfx.Dopri5()}
COEFFICIENTS = ((0.0, 1.0), (0.2, 0.8), (0.3, 0.7), (0.4, 0.6), (0.3, 0.4), (0.4, 0.3))
DIFFRAX = (0.4, 0.3)
"""The coefficients that Diffrax proposes for mildly stiff problems."""
CHOSEN = (PROPORTIONAL, INTEGRAL)
NOTE = (
    f"Vector fields of a recall to rest at {REST:g}, rtol = 1e-4, mean over {CUES} cues with 10 % "
    "of the signs flipped. Columns: proportional and integral coefficient. Every number is with "
    f"steps that may shorten after an accepted step; the last column is with Diffrax's controller "
    f"and coefficients {DIFFRAX}. Counts, not times."
)


def run(repeats: int) -> Report:
    """Counts the vector fields; `repeats` does not matter, as nothing is timed."""
    del repeats
    rows, lines = [], []
    for name, (network, cues) in _problems().items():
        for method_name, method in SOLVERS.items():
            stages = len(method.tableau.b_sol) - 1
            counts = {
                pair: stages * _steps(network, cues, method, Foresight(_pid(*pair)))
                for pair in COEFFICIENTS
            }
            before = stages * _steps(network, cues, method, _pid(*DIFFRAX))
            numbers = [f"{count:.0f}" for count in (*counts.values(), before)]
            rows.append((f"{name}, {method_name}", *numbers))
            lines.append(
                Line(
                    f"vector fields of a recall, {name}, {method_name}",
                    f"{counts[CHOSEN]:.0f}",
                    f"Diffrax's step control, {before:.0f}",
                    f"{counts[CHOSEN] / before:.2f}",
                    "at most 1.05",
                    counts[CHOSEN] <= 1.05 * before,
                )
            )
    columns = ("network, solver", *(f"{p:g}, {i:g}" for p, i in COEFFICIENTS), "Diffrax")
    return Report("Steps of a recall", NOTE, columns, rows, lines)


def _problems() -> dict[str, tuple[AbstractContinuousNetwork, Float[Array, "B N"]]]:
    """Returns networks of several kinds and their cues."""
    network, _, cues = released(8, 256)
    few, few_cues = patterns_and_cues(40, 48)
    return {
        "released, N = 256, K = 8": (network, cues[:CUES]),
        "certified, N = 48, K = 40": (NeuronAstrocyte.certified(few), few_cues[:CUES]),
        "model A, N = 48, K = 8": (TwoLayerMemory.model_a(few[:8] / 48**0.5), few_cues[:CUES]),
    }


def _pid(p: float, i: float) -> dfx.PIDController:
    return dfx.PIDController(
        rtol=1e-4,
        atol=1e-7,
        pcoeff=jnp.asarray(p),
        icoeff=jnp.asarray(i),
        norm=layer_norm,
        dtmin=1e-9,
    )


def _steps(
    network: AbstractContinuousNetwork, cues: Float[Array, "B N"], method: Any, controller: Any
) -> float:
    """Returns the mean number of steps of recalls, rejected ones included."""
    return float(np.mean([int(_count(network, cue, method, controller)) for cue in cues]))


@eqx.filter_jit
def _count(network: Any, cue: Pattern, method: Any, controller: Any) -> Array:
    how, zero = Flow(), jnp.zeros((), cue.dtype)
    integration = Integration(
        network,
        network.as_drive(None),
        Unrolled(method),
        controller,
        stop=jnp.full_like(zero, jnp.inf),
        rest=jnp.full_like(zero, REST),
        floor=how.floor(cue.dtype),
        max_steps=jnp.asarray(how.max_steps),
        jumps=None,
        observe=lambda t, state: {},
        times=jnp.zeros((0,), cue.dtype),
    )
    course = begin(integration, network.initial_state(cue), zero, step=None, num_rows=0)
    return advance(integration, course).num_steps
