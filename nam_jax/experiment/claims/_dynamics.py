"""Claims about energy, equilibria, initial states and transients of the three-layer network."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from nam_jax import measure, solve
from nam_jax._misc import as_float
from nam_jax._types import Patterns
from nam_jax.experiment.claims._finding import (
    Curve,
    Finding,
    Series,
    of_rate,
    series_of_rates,
)
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import ASTROCYTE, DERIVED_REGIMES, OURS
from nam_jax.experiment.common import certified, random_problem, released_with, starts
from nam_jax.network import (
    NeuronAstrocyte,
    TripartiteState,
)

N, K, CUES = 64, 20, 10


def at(time: float) -> Array:
    """The time as an array, so that another time needs no new compilation."""
    return jnp.asarray(time, float)


@eqx.filter_jit
def _follow(network: NeuronAstrocyte, states: TripartiteState, end: Array) -> dict[str, Array]:
    def one(state: TripartiteState) -> dict[str, Any]:
        path = solve.simulate(
            network, state, end, times=41,
            save={"energy": solve.Energy(), "size": LargestProcess()},
        )  # fmt: skip
        phi, _, psi = network.activations(path.state)
        return {
            "size": path.observables["size"],
            "rise": measure.largest_energy_rise(path.energy),
            "consolidated": jnp.mean(psi * phi[:, None] * phi[None, :]),
            "phi": phi,
            "psi": psi,
        }

    return jax.vmap(one)(states)


class LargestProcess(solve.AbstractObservable):
    """The largest absolute value of a process, max |p|."""

    def __call__(self, network: Any, t: Array, state: Any, drive: Any) -> Array:
        return jnp.max(jnp.abs(state.processes))


def _cases(patterns: Patterns) -> dict[str, NeuronAstrocyte]:
    return {
        "released parameters": released_with(patterns),
        "released without leaks alpha, gamma": released_with(patterns, leak=0.0),
        "certified preset": certified(patterns, margin=0.2),
    }


@claim("energy-falls", "The energy never rises along the dynamics", f"{ASTROCYTE}, eq 10")
def energy_falls(fast: bool) -> Finding:
    """Largest rise of energy between saved times, over three regimes."""
    problem = random_problem(K, N, 0.15, CUES if fast else 5 * CUES, key=jr.key(0))
    limit = 10 * 1e-3**2 + 100 * float(jnp.finfo(jnp.result_type(float)).eps)
    rises = {
        name: float(_follow(network, starts(network, problem.cues), at(20.0))["rise"].max())
        for name, network in _cases(problem.patterns).items()
    }
    worst = max(rises.values())
    meaning = f"largest rise of E relative to |E| (the solver's own error allows {limit:.1e})"
    return Finding(worst, worst, worst, meaning, {k: v <= limit for k, v in rises.items()})


RATIOS = (0.1, 0.3, 1.0, 3.0, 10.0)


@claim(
    "time-constants",
    "Where recall ends does not depend on the time constants",
    f"{ASTROCYTE}, section 3",
)
def time_constants(fast: bool) -> Finding:
    """Do recalls from the same cues end in the same state whatever the time constants?"""
    problem = random_problem(K, N, 0.2, CUES if fast else 5 * CUES, key=jr.key(2))
    networks = {
        "certified": certified(problem.patterns, margin=0.2),
        "released": released_with(problem.patterns),
    }
    rates, same = {}, {}
    targets = np.asarray(problem.targets)
    for name, network in networks.items():
        scaled = [network.with_fast_layers(ratio) for ratio in RATIOS]
        # Up to a fixed time instead of to rest, because the first claim has compiled this program.
        ends = np.stack(
            [_follow(net, starts(net, problem.cues), at(60.0))["phi"] for net in scaled]
        )
        overlaps = (np.sign(ends) * targets).mean(axis=2)
        same[name] = np.all(np.abs(overlaps - overlaps[0]) < 1e-6, axis=0)
        rates[name] = series_of_rates([measure.rate(one == 1) for one in overlaps])
    curve = Curve(
        RATIOS,
        "time constant of s and p (membrane times)",
        "rate of exact recall",
        rates,
        log=False,
    )
    agree = {f"{name} network": bool(equal.mean() > 0.95) for name, equal in same.items()}
    value = measure.rate(same["released"])
    meaning = "released: share of cues that end in one state at all five ratios of time constants"
    return Finding(*of_rate(value), meaning, agree, curve)


@claim(
    "one-equilibrium",
    "A positive certificate gives (s, p) one equilibrium for each x",
    DERIVED_REGIMES,
)
def one_equilibrium(fast: bool) -> Finding:
    """(s, p) from random states with the neurons held: one end state, or several?"""
    problem = random_problem(K, N, 0.15, 1, key=jr.key(8))
    num = CUES if fast else 4 * CUES

    def spread(network: NeuronAstrocyte) -> float:
        still = eqx.tree_at(lambda n: n.time_constants.neural, network, as_float(1e6))
        parts = 2 * jr.normal(jr.key(9), (2, num, N, N), problem.cues.dtype)
        parts = (parts + parts.mT) / 2
        x = jnp.broadcast_to(problem.cues[0], (num, N))
        states = jax.vmap(TripartiteState)(x, parts[0], parts[1])
        psi = _follow(still, states, at(40.0))["psi"]
        return float(jnp.max(jnp.ptp(psi, axis=0)))

    spreads = {
        "certified": spread(certified(problem.patterns, margin=0.2)),
        "released": spread(released_with(problem.patterns)),
    }
    value = spreads["certified"]
    meaning = (
        f"largest difference of psi between {num} random starts, certified; "
        f"released, not certified: {spreads['released']:.2g}"
    )
    return Finding(value, value, value, meaning, {"certified": value < 1e-2})


# Apart from the first claim, because two claims are checked at once and both use one program: by
# now the first has compiled it.
@claim("bounded", "Trajectories stay bounded", f"{ASTROCYTE}, section 2")
def bounded(fast: bool) -> Finding:
    """Growth of the largest process between times 20 and 40."""
    problem = random_problem(K, N, 0.15, CUES, key=jr.key(1))
    sizes = {
        name: np.asarray(_follow(network, starts(network, problem.cues), at(40.0))["size"]).max(0)
        for name, network in _cases(problem.patterns).items()
    }
    growth = {name: float(size[-1] / size[20]) for name, size in sizes.items()}
    curve = Curve(
        np.linspace(0, 40, 41)[1:].tolist(), "time (time constants)", "largest |p| (dimensionless)",
        {name: Series(size[1:].tolist()) for name, size in sizes.items()}, log=True,
    )  # fmt: skip
    worst = max(growth.values())
    meaning = "largest |p| at time 40 over that at time 20"
    return Finding(worst, worst, worst, meaning, {k: v < 1.05 for k, v in growth.items()}, curve)


@claim(
    "consolidation",
    "psi does not stay at -phi phi^T; by time 20 it is at +phi phi^T",
    OURS,
)
def consolidation(fast: bool) -> Finding:
    """Where psi ends on phi phi^T: +1 after consolidation, -1 at the algebraic start."""
    problem = random_problem(K, N, 0.2, CUES if fast else 5 * CUES, key=jr.key(7))
    ends = {}
    for leak in (0.0, 0.1, 1.0):
        network = released_with(problem.patterns, leak=leak)
        paths = _follow(network, starts(network, problem.cues), at(20.0))
        ends[f"alpha = gamma = {leak:g}"] = float(paths["consolidated"].mean())
    value = ends["alpha = gamma = 0"]
    meaning = "mean of psi_ij phi_i phi_j at time 20 without leaks; it starts near -1"
    return Finding(value, value, value, meaning, {k: v > 0.9 for k, v in ends.items()})


@claim(
    "sign-states",
    "Any sign state with s = 2 sigma sigma^T is a fixed point of the released network",
    OURS,
)
def sign_states_are_fixed(fast: bool) -> Finding:
    """s = 2 sigma sigma^T, p = sigma sigma^T for random sigma, in the released network."""
    problem = random_problem(K, N, 0.0, CUES, key=jr.key(4))
    sigmas = jr.rademacher(jr.key(5), (CUES if fast else 10 * CUES, N), problem.patterns.dtype)
    pairs = jax.vmap(jnp.outer)(sigmas, sigmas)
    states = jax.vmap(TripartiteState)(float(N) * sigmas, 2 * pairs, pairs)
    paths = _follow(released_with(problem.patterns), states, at(20.0))
    kept = measure.rate(np.all(np.sign(paths["phi"]) == np.asarray(sigmas), axis=1))
    meaning = "share of random sign states, none of them stored, that stay where they are"
    return Finding(*of_rate(kept), meaning, {"released parameters": kept.value == 1})
