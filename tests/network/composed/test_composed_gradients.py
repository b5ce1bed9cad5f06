"""Derivatives of equilibria of composed networks against central differences, in float64.

Differences are taken of states that `nearer` has moved onto the equilibrium: `settle` alone returns
a state within `rest` of it.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import nam_jax as nam
from nam_jax.interaction import Anchor, Bilinear
from nam_jax.lagrangian import LogCosh, LogSumExp, Quadratic
from nam_jax.network import EnergyNetwork, Layer
from nam_jax.solve import RESULTS, Flow

SIZES = 16, 10, 6
HALF = jnp.arange(16) < 8
TOPS = {"softmax": LogSumExp, "tanh": LogCosh}
HOW = Flow(rest=1e-5, rtol=1e-5, atol=1e-7, max_steps=2**14)
CASES = [(seed, scale) for seed in range(3) for scale in (0.6, 1.0)]


def chain(top, seed, scale):
    """Three layers; half of the first is held near a cue."""
    first, second, third = SIZES
    below, above, cue = jr.split(jr.key(seed), 3)
    layers = {
        "a": Layer(Quadratic(), 1.0, 1.0, shape=first),
        "b": Layer(LogCosh(), 1.0, 0.3, shape=second),
        "c": Layer(TOPS[top](), 0.8, 0.1, shape=third),
    }
    joins = [
        Bilinear("a", "b", scale * jr.normal(below, (second, first)) / 4),
        Bilinear("b", "c", scale * jr.normal(above, (third, second)) / 3),
        Anchor("a", jr.normal(cue, (first,)), mask=HALF, strength=4.0),
    ]
    return EnergyNetwork(layers, joins, visible="a", unbounded=True)


@functools.cache
def program(top):
    """Compares one derivative along a random unit direction in all leaves of a network."""

    @jax.jit
    def compare(seed, scale):
        net = chain(top, seed, scale)
        arrays, fixed = eqx.partition(net, eqx.is_inexact_array)
        flat, unravel = ravel_pytree(arrays)
        direction = jr.normal(jr.fold_in(jr.key(seed), 7), flat.shape)
        direction = direction / jnp.linalg.norm(direction)
        start = net.initial_state(jnp.zeros(SIZES[0]))

        def loss(net, state):
            return jnp.sum(jnp.where(HALF, 0, jnp.sin(net.readout(state))))

        def settled(flat):
            net = eqx.combine(unravel(flat), fixed)
            equilibrium = nam.settle(net, start, how=HOW)
            return loss(net, equilibrium.state), (
                equilibrium.state,
                equilibrium.result == RESULTS.converged,
            )

        def polished(flat, state):
            net = eqx.combine(unravel(flat), fixed)
            state, near = nam.solve.nearer(net, state)
            return loss(net, state), near

        gradient, (state, rested) = jax.grad(settled, has_aux=True)(flat)
        h = 1e-3
        (ahead, near), (behind, also) = (polished(flat + s * h * direction, state) for s in (1, -1))
        expected = (ahead - behind) / (2 * h)
        return jnp.vdot(gradient, direction), expected, rested & near & also

    return compare


def relative_errors(cases):
    values = [program(top)(seed, scale) for top, seed, scale in cases]
    assert all(bool(fine) for *_, fine in values)
    return np.array([abs(float(actual / expected) - 1) for actual, expected, _ in values])


def test_gradients_of_equilibria_agree_with_central_differences(x64):
    assert relative_errors([("softmax", 1, 1.0), ("softmax", 2, 0.6)]).max() < 1e-3


@pytest.mark.slow
def test_twelve_cases_agree_as_well_as_differences_can(x64):
    errors = relative_errors([(top, *case) for top in TOPS for case in CASES])
    print(f"median {np.median(errors):.1e}, largest {errors.max():.1e}")
    assert np.median(errors) < 1e-6 and errors.max() < 1e-3
