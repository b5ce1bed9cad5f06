"""Initial states: what each promises about synapses and processes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import released, signs

from nam_jax.lagrangian import LogCosh
from nam_jax.memory import PatternTensor, Projection
from nam_jax.network import Algebraic, Cold, Conditional, NeuronAstrocyte

X64 = jax.config.jax_enable_x64
N, K = 12, 4


def linear(key, gamma=2.3, start=None):
    return NeuronAstrocyte(
        PatternTensor(signs(key, (K, N)), Projection()),
        leaks=(1.0, 1.0, gamma),
        start=Conditional() if start is None else start,
    )


def nonlinear(key, start=None):
    """Certified: (3 / 1.5) (4 / 1.2 - 1) = 4.7 > 1."""
    return NeuronAstrocyte(
        PatternTensor(signs(key, (K, N)), Projection()),
        synaptic=LogCosh(1.5),
        process=LogCosh(1.2),
        leaks=(1.0, 3.0, 4.0),
        start=Conditional() if start is None else start,
    )


def flow_of(net, state):
    flow = net.vector_field(0.0, state)
    return max(float(jnp.abs(layer).max()) for layer in (flow.synapses, flow.processes))


@pytest.mark.parametrize("start", [Cold, Algebraic, Conditional])
def test_neurons_start_at_voltage_times_cue(start, getkey):
    cue = 0.7 * signs(getkey(), (N,))
    for net in (linear(getkey(), start=start()), linear(getkey(), start=start(voltage=3.0))):
        state = net.initial_state(cue)
        np.testing.assert_allclose(state.neurons, net.start.voltage * cue, rtol=1e-6)


def test_cold_start_is_zero_in_synapses_and_processes(getkey):
    state = linear(getkey(), start=Cold()).initial_state(signs(getkey(), (N,)))
    assert not state.synapses.any() and not state.processes.any()


def test_algebraic_start_solves_the_equations_without_leaks(getkey):
    """psi(p) = -phi phi^T and g(s) = T phi phi^T, so that neither layer moves."""
    net = released(signs(getkey(), (K, N)), leak=0.0)
    state = net.initial_state(0.3 * signs(getkey(), (N,)))
    phi, g, psi = net.activations(state)
    pairs = phi[:, None] * phi[None, :]
    np.testing.assert_allclose(psi, -pairs, rtol=1e-5)
    np.testing.assert_allclose(g, net.tensor(pairs), rtol=1e-4, atol=1e-6)
    assert flow_of(net, state) < 1e-5


def test_algebraic_start_is_finite_where_the_activation_saturates(getkey):
    net = released(signs(getkey(), (K, N)))
    state = net.initial_state(20.0 * signs(getkey(), (N,)))  # phi phi^T rounds to +-1
    assert all(bool(jnp.isfinite(layer).all()) for layer in jax.tree.leaves(state))


@pytest.mark.parametrize("make", [linear, nonlinear])
def test_conditional_start_is_an_equilibrium_of_synapses_and_processes(make, getkey):
    """The tolerance of its solve is 1e-5, relative to numbers of order one."""
    net = make(getkey())
    state = eqx.filter_jit(net.initial_state)(signs(getkey(), (N,)))
    assert float(jnp.abs(state.synapses).max()) > 0.1
    assert flow_of(net, state) < 1e-4


def test_conditional_start_of_a_linear_network_is_its_closed_form(getkey):
    """s = M u and p = alpha s - u, with M = (gamma - t) / (alpha (gamma - t) - 1) on each mode."""
    net = linear(getkey())
    pattern = net.tensor.patterns[0]
    state = net.initial_state(pattern)
    pairs = jnp.outer(net.readout(state), net.readout(state))
    diagonal = jnp.diag(jnp.diagonal(pairs))  # without autapses T is 0 there, and 1 on the rest
    synapses = 1.3 / 0.3 * (pairs - diagonal) + 2.3 / 1.3 * diagonal
    np.testing.assert_allclose(state.synapses, synapses, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(state.processes, synapses - pairs, rtol=1e-3, atol=1e-3)


def test_conditional_start_is_nan_where_there_is_no_equilibrium(getkey):
    """At gamma = 2 the memory mode is singular: alpha (gamma - t) = 1 and the force is not 0."""
    net = linear(getkey(), gamma=2.0)
    state = net.initial_state(net.tensor.patterns[0])
    assert bool(jnp.isnan(state.synapses).any()) and bool(jnp.isnan(state.processes).any())


def test_conditional_start_of_a_strong_memory_is_found(getkey):
    """Certified with margin 0.01; an independent prototype uses margins down to 0.02."""
    patterns = signs(jr.key(1), (20, 100))
    net = NeuronAstrocyte(
        PatternTensor(patterns, Projection(), autapses=True),
        leaks=(1.0, 1.0, 2.01),
        start=Conditional(),
    )
    cues = jnp.where(jnp.arange(100) < 30, -1.0, 1.0)[None, :] * patterns
    states = jax.jit(jax.vmap(lambda cue: net.initial_state(cue)))(cues)
    assert not bool(jnp.isnan(states.processes).any())
