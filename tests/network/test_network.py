"""One contract over all networks; to test a new one, add a line to `NETWORKS` in networks.py."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import (
    NETWORKS,
    THREE_LAYERS,
    WITH_ENERGY,
    N,
    as_tripartite,
    drive_of,
    random_drive,
    random_state,
    signs,
    state_of,
    symmetric,
)

import nam_jax as nam
from nam_jax.network import EnergyTerms

X64 = jax.config.jax_enable_x64
# Rounding of sums of N^2 terms of order one, computed in another order by each compiled program.
CLOSE = {"rtol": 1e-9, "atol": 1e-9} if X64 else {"rtol": 1e-4, "atol": 1e-4}
SUMS = {"rtol": 1e-8, "atol": 1e-8} if X64 else {"rtol": 2e-3, "atol": 2e-3}  # of such sums
SLOW = pytest.mark.slow


def energy_rate_along_flow(network, state, drive):
    """dE/dt by differentiating the energy along the flow: independent of `energy_rate`."""
    flow = network.vector_field(0.0, state, drive)
    return jax.jvp(lambda s: network.energy(s, drive), (state,), (flow,))[1]


@pytest.fixture(params=NETWORKS)
def net(request, getkey):
    return NETWORKS[request.param](getkey())


@pytest.fixture(params=WITH_ENERGY)
def energetic(request, getkey):
    return NETWORKS[request.param](getkey())


@pytest.fixture(params=THREE_LAYERS)
def layered(request, getkey):
    return NETWORKS[request.param](getkey())


def assert_close(actual, expected, **tolerance):
    """Both trees agree in structure, dtype and value."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, **(tolerance or CLOSE))


class Report(NamedTuple):
    """All that a network says about one state, compiled once."""

    flow: Any
    energy: Any = None
    terms: Any = None
    rate: Any = None
    rate_along_flow: Any = None
    gradient: Any = None
    expected_gradient: Any = None


@eqx.filter_jit
def report(net, state, drive):
    flow = net.vector_field(0.0, state, drive)
    if not net.has_energy:
        return Report(flow)

    def pulled_back(u, velocity, layer):
        slope = jax.jvp(layer.lagrangian.activation, (u,), (velocity,))[1]
        return -layer.inertia.astype(u.dtype) * slope

    leaves, structure = jax.tree.flatten(state)
    expected = map(pulled_back, leaves, jax.tree.leaves(flow), net.layers())
    return Report(
        flow,
        net.energy(state, drive),
        net.energy_terms(state, drive),
        net.energy_rate(state, drive),
        energy_rate_along_flow(net, state, drive),
        jax.grad(lambda state: net.energy(state, drive))(state),
        jax.tree.unflatten(structure, list(expected)),
    )


@eqx.filter_jit
def flows_and_energies(net, states, drive):
    def one(state):
        energy = net.energy(state, drive) if net.has_energy else None
        return net.vector_field(0.0, state, drive), energy

    return jax.vmap(one)(states)


@eqx.filter_jit
def run(net, cue, drive):
    state = net.initial_state(cue)
    return state, nam.simulate(net, state, 10.0, drive=drive, times=51)


@eqx.filter_jit
def recall(net, cue):
    """A recall that is cut off early enough to be the same in every batch."""
    recall = nam.retrieve(net, cue, how=nam.solve.Flow(max_time=1.0))
    return recall.pattern, recall.steps, recall.energy


recall_all = eqx.filter_jit(eqx.filter_vmap(recall, in_axes=(None, 0)))


def few(*quick, names=tuple(NETWORKS)):
    """All networks; those not in `quick` only among the slow tests, as each compiles for long."""
    return [name if name in quick else pytest.param(name, marks=SLOW) for name in names]


COMPOSED = {name for name in NETWORKS if name.startswith("composed-")} - {"composed-two-layer"}
EAGER = [pytest.param(name, marks=SLOW) if name in COMPOSED else name for name in NETWORKS]
"""Without jit each operation is compiled, and compositions have many."""


@pytest.mark.parametrize("name", EAGER)
def test_jit_equals_eager(name, getkey):
    net = NETWORKS[name](getkey())
    state, drive = state_of(net, getkey()), drive_of(net, getkey())
    eager = net.vector_field(0.0, state, drive)
    assert_close(report(net, state, drive).flow, eager)


def test_vmap_equals_loop(net, getkey):
    states = jax.vmap(lambda key: state_of(net, key))(jr.split(getkey(), 3))
    drive = drive_of(net, getkey())
    batched = flows_and_energies(net, states, drive)
    looped = [report(net, jax.tree.map(lambda a, i=i: a[i], states), drive)[:2] for i in range(3)]
    assert_close(batched, jax.tree.map(lambda *leaves: jnp.stack(leaves), *looped), **SUMS)


@pytest.mark.parametrize("name", few("general"))
def test_vmapped_retrieve_equals_loop(name, getkey):
    net, cues = NETWORKS[name](getkey()), signs(getkey(), (3, N))
    pattern, steps, energy = recall_all(net, cues)
    assert pattern.shape == (3, N)
    for i, cue in enumerate(cues):
        alone = recall(net, cue)
        np.testing.assert_allclose(pattern[i], alone[0], rtol=1e-3, atol=1e-3)  # 10 rtol of Flow
        np.testing.assert_allclose(energy[i], alone[2], rtol=1e-3)
        assert abs(int(steps[i]) - int(alone[1])) <= 1  # rounding may accept a step less


def test_pytree_round_trip(net, getkey):
    state, drive = state_of(net, getkey()), drive_of(net, getkey())
    leaves, structure = jax.tree.flatten(net)
    arrays, rest = eqx.partition(net, eqx.is_array)
    expected = report(net, state, drive)
    assert_close(report(jax.tree.unflatten(structure, leaves), state, drive), expected)
    assert_close(report(eqx.combine(arrays, rest), state, drive), expected)
    leaves, structure = jax.tree.flatten(state)
    assert eqx.tree_equal(jax.tree.unflatten(structure, leaves), state)


def test_readout_and_time_scales_fit_the_state(net, getkey):
    state = state_of(net, getkey())
    assert net.readout(state).shape == (N,)
    scales = net.time_scales()
    assert jax.tree.structure(scales) == jax.tree.structure(state)
    assert all(float(scale) > 0 for scale in jax.tree.leaves(scales))


def test_symmetric_layers_stay_symmetric(layered, getkey):
    flow = report(layered, random_state(getkey()), random_drive(getkey())).flow
    np.testing.assert_allclose(flow.synapses, flow.synapses.T, **CLOSE)
    np.testing.assert_allclose(flow.processes, flow.processes.T, **CLOSE)


def test_vector_field_is_the_energy_gradient(energetic, getkey):
    """With H = d(activation)/du, dE/du = H dE/dy, so dE/dx = -tau_n H_n x', and half of it in s, p.

    Activations are the coordinates in which the flow is a descent; differentiating by the states
    instead needs no inverse activation, which softmax and layer norm do not have.
    """
    report_values = report(energetic, state_of(energetic, getkey()), drive_of(energetic, getkey()))
    # Tensors are defined on symmetric psi: only the symmetric part of dE/dp has a meaning.
    assert_close(symmetric(report_values.gradient), report_values.expected_gradient, **SUMS)


@pytest.mark.parametrize("name", THREE_LAYERS)
def test_energy_gradient_of_symmetric_states_is_symmetric(name, getkey):
    net = NETWORKS[name](getkey())
    gradient = report(net, random_state(getkey()), random_drive(getkey())).gradient
    np.testing.assert_allclose(gradient.synapses, gradient.synapses.T, **SUMS)
    np.testing.assert_allclose(gradient.processes, gradient.processes.T, **SUMS)


def test_terms_are_those_of_the_definition_and_sum_to_the_energy(layered, getkey):
    """Each term by the letter of its definition, u . y - L with the plain Lagrangian."""
    state, drive = random_state(getkey()), random_drive(getkey())
    phi, g, psi = layered.activations(state)
    leak = layered.leaks

    def layer(lagrangian, u, y):
        return jnp.sum(u * y) - lagrangian(u)

    expected = EnergyTerms(
        leak.neural * layer(layered.neural, state.neurons, phi),
        leak.synaptic / 2 * layer(layered.synaptic, state.synapses, g),
        leak.process / 2 * layer(layered.process, state.processes, psi),
        -jnp.einsum("ij,i,j->", g, phi, phi) / 2,
        -jnp.sum(psi * g) / 2,
        -jnp.vdot(psi, layered.tensor(psi)) / 4,
        -jnp.sum(drive.neural * phi) - jnp.sum(drive.synaptic * g) / 2 - 0.3 * jnp.sum(psi) / 2,
    )
    report_values = report(layered, state, drive)
    assert_close(report_values.terms, expected, **SUMS)
    np.testing.assert_allclose(sum(report_values.terms), report_values.energy, **SUMS)
    assert float(layered.energy_terms(state).inputs) == 0


def test_terms_sum_to_the_energy(energetic, getkey):
    report_values = report(energetic, state_of(energetic, getkey()), drive_of(energetic, getkey()))
    np.testing.assert_allclose(sum(report_values.terms), report_values.energy, **SUMS)


def test_energy_rate_by_formula_and_along_the_flow_agree(energetic, getkey):
    report_values = report(energetic, state_of(energetic, getkey()), drive_of(energetic, getkey()))
    assert float(report_values.rate) < 0
    np.testing.assert_allclose(
        report_values.rate, report_values.rate_along_flow, rtol=1e-9 if X64 else 1e-4
    )


@pytest.mark.skipif(not X64, reason="a difference of energies needs float64")
def test_energy_rate_by_finite_difference_along_a_short_integration(energetic, getkey):
    """Two steps of the classical Runge-Kutta method, and the central difference over both."""
    state, drive, h = state_of(energetic, getkey()), drive_of(energetic, getkey()), 1e-4

    def ahead(state, velocity, size):
        return jax.tree.map(lambda u, v: u + size * v, state, velocity)

    def step(state):
        k1 = report(energetic, state, drive).flow
        k2 = report(energetic, ahead(state, k1, h / 2), drive).flow
        k3 = report(energetic, ahead(state, k2, h / 2), drive).flow
        k4 = report(energetic, ahead(state, k3, h), drive).flow
        mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
        return ahead(state, mean, h)

    middle = step(state)
    first, at_middle, last = (report(energetic, s, drive) for s in (state, middle, step(middle)))
    difference = (last.energy - first.energy) / (2 * h)  # error h^2 E''' / 6
    np.testing.assert_allclose(difference, at_middle.rate, rtol=1e-5)


@pytest.mark.parametrize(
    "name", few("released", "certified", "general", "effective", "two-layer-a", names=WITH_ENERGY)
)
def test_energy_does_not_rise_along_a_run(name, getkey):
    """Rises are second order in the solver's error (see test_energy.py), and rounding."""
    net = NETWORKS[name](getkey())
    _, trajectory = run(net, signs(getkey(), (N,)), drive_of(net, getkey()))
    curve = trajectory.energy
    assert bool(jnp.isfinite(curve).all()) and float(curve[-1]) < float(curve[0])
    limit = 10 * 1e-3**2 + 100 * float(jnp.finfo(curve.dtype).eps)
    assert float(nam.measure.largest_energy_rise(curve)) <= limit


def test_tripartite_network_has_the_flow_of_the_energy_network(layered, getkey):
    twin, state, drive = as_tripartite(layered), random_state(getkey()), random_drive(getkey())
    flow = report(layered, state, drive).flow
    assert_close(twin.vector_field(0.0, state, drive), flow)
