"""Energy never rises: 12 fixed structures, for which hypothesis draws the numbers.

A run is 80 steps of the classical Runge-Kutta method, whose error is far below the descent of a
step; see test_energy.py for why a rise is compared with the largest term.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables.structures import STRUCTURES

from nam_jax import interaction, lagrangian

X64 = jax.config.jax_enable_x64
LIMIT = 1e-8 if X64 else 2e-5
STEP, STEPS = 0.02, 80
QUICK = ("two layers", "images", "tokens", "sets", "two astrocytes")

few = settings(deadline=None, max_examples=10, derandomize=True, database=None)


def test_the_structures_use_every_interaction_and_every_lagrangian():
    half = jnp.full(5, 0.5)
    nets = [
        eqx.filter_eval_shape(structure.network, jr.key(0), 0.1, half, half)
        for structure in STRUCTURES.values()
    ]
    used = {type(term).__name__ for net in nets for term in net.interactions}
    assert used | {"AbstractInteraction"} == {*interaction.__all__}
    layers = {type(layer.lagrangian).__name__ for net in nets for layer in net.parts}
    assert layers | {"AbstractLagrangian"} == {*lagrangian.__all__}
    assert len(STRUCTURES) == 12 and {len(net.parts) for net in nets} == {2, 3, 4, 5}


@functools.cache
def program(name):
    """Follows a network of a structure, and returns its energies and two rates of the first."""

    @jax.jit
    def follow(seed, scale, leaks, times):
        of_net, of_state = jr.split(jr.key(seed))
        net = STRUCTURES[name].network(of_net, scale, leaks, times)
        start = STRUCTURES[name].state(of_state)

        def ahead(state, velocity, size):
            return jax.tree.map(lambda u, v: u + size * v, state, velocity)

        def step(state, _):
            k1 = net.vector_field(0.0, state)
            k2 = net.vector_field(0.0, ahead(state, k1, STEP / 2))
            k3 = net.vector_field(0.0, ahead(state, k2, STEP / 2))
            k4 = net.vector_field(0.0, ahead(state, k3, STEP))
            mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
            after = ahead(state, mean, STEP)
            return after, jnp.stack(net.energy_terms(after))

        _, terms = jax.lax.scan(step, start, length=STEPS)
        flow = net.vector_field(0.0, start)
        along = jax.jvp(net.energy, (start,), (flow,))[1]
        return jnp.sum(terms, axis=1), jnp.abs(terms).max(), net.energy_rate(start), along

    return follow


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in STRUCTURES]
)
@few
@given(
    seed=st.integers(0, 2**31 - 1),
    scale=st.floats(0.1, 1.0),
    leaks=st.lists(st.floats(0.1, 2.0), min_size=5, max_size=5),
    times=st.lists(st.floats(0.3, 3.0), min_size=5, max_size=5),
)
def test_energy_does_not_rise(name, seed, scale, leaks, times):
    numbers = (jnp.asarray(value, float) for value in (scale, leaks, times))
    energies, largest, rate, along = program(name)(seed, *numbers)
    assert bool(jnp.isfinite(energies).all()) and float(rate) < 0
    assert float(jnp.diff(energies).max()) <= LIMIT * float(largest)
    np.testing.assert_allclose(rate, along, rtol=1e-12 if X64 else 1e-3)
