"""Claims about derivatives of equilibria of composed networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from nam_jax import solve
from nam_jax._types import Key, Scalar
from nam_jax.experiment.claims._finding import Finding
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DERIVED_COMPOSED
from nam_jax.interaction import Anchor, Bilinear
from nam_jax.lagrangian import AbstractLagrangian, LogCosh, LogSumExp, Quadratic
from nam_jax.network import EnergyNetwork, Layer, LayerStates

HOW = solve.Flow(rest=1e-5, rtol=1e-5, atol=1e-7, max_steps=2**14)
STEP = 1e-3
"""Length of a difference of parameters along a direction of length 1."""


@claim(
    "composed-gradients",
    "Derivatives of equilibria of composed networks need no solver of their own",
    f"{DERIVED_COMPOSED}; the bound of 0.001 is ours",
)
def composed_gradients(fast: bool) -> Finding:
    """Gradient by `settle` along a random direction against central differences, float64.

    Three layers (linear 16, half of them held near a cue, tanh 10, softmax or tanh 6). The loss is
    the sum of the sines of the others at rest, the direction one in all numbers of the network.
    """
    tops = {"softmax": LogSumExp()} if fast else {"softmax": LogSumExp(), "tanh": LogCosh()}
    cases = [(seed, scale) for seed in range(2 if fast else 3) for scale in (0.6, 1.0)]
    gaps = []
    with jax.enable_x64(True):
        for top in tops.values():
            for seed, scale in cases:
                network = _anchored(top, scale, jr.key(seed))
                actual, expected, fine = _derivatives(network, jr.fold_in(jr.key(seed), 7))
                gaps.append(abs(float(actual / expected) - 1) if bool(fine) else np.inf)
    median, worst = float(np.median(gaps)), max(gaps)
    meaning = f"largest relative difference of {len(gaps)} derivatives; median {median:.0e}"
    return Finding(worst, worst, worst, meaning, {"three layers": worst < 1e-3})


def _anchored(top: AbstractLagrangian, scale: float, key: Key) -> EnergyNetwork:
    below, above, cue = jr.split(key, 3)
    layers = {
        "a": Layer(Quadratic(), shape=16),
        "b": Layer(LogCosh(), time=0.3, shape=10),
        "c": Layer(top, 0.8, 0.1, shape=6),
    }
    joins = [
        Bilinear("a", "b", scale * jr.normal(below, (10, 16)) / 4),
        Bilinear("b", "c", scale * jr.normal(above, (6, 10)) / 3),
        Anchor("a", jr.normal(cue, (16,)), mask=jnp.arange(16) < 8, strength=4.0),
    ]
    return EnergyNetwork(layers, joins, "a", unbounded=True)


@eqx.filter_jit
def _derivatives(network: EnergyNetwork, key: Key) -> tuple[Scalar, Scalar, Array]:
    """The derivative, the difference quotient, and whether all equilibria were reached.

    Differences are taken of states that `nearer` moved onto the equilibrium: `settle` returns a
    state within `rest` of it.
    """
    arrays, fixed = eqx.partition(network, eqx.is_inexact_array)
    flat, unravel = ravel_pytree(arrays)
    direction = jr.normal(key, flat.shape)
    direction /= jnp.linalg.norm(direction)
    start = network.initial_state(jnp.zeros(16))

    def loss(network: EnergyNetwork, state: LayerStates) -> Scalar:
        return jnp.sum(jnp.sin(network.readout(state)[8:]))

    def settled(flat: Array) -> tuple[Scalar, tuple[LayerStates, Array]]:
        network = eqx.combine(unravel(flat), fixed)
        end = solve.settle(network, start, how=HOW)
        return loss(network, end.state), (end.state, end.result == solve.RESULTS.converged)

    def polished(flat: Array, state: LayerStates) -> tuple[Scalar, Array]:
        network = eqx.combine(unravel(flat), fixed)
        state, near = solve.nearer(network, state)
        return loss(network, state), near

    gradient, (state, rested) = jax.grad(settled, has_aux=True)(flat)
    (ahead, near), (behind, also) = (
        polished(flat + sign * STEP * direction, state) for sign in (1, -1)
    )
    return jnp.vdot(gradient, direction), (ahead - behind) / (2 * STEP), rested & near & also
