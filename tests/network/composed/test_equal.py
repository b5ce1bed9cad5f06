"""Hand-written networks equal their compositions, for random parameters, states and inputs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.compositions import TERRITORY
from tables.networks import K, N, drive_of, signs, state_of

import nam_jax as nam
from nam_jax.experiment.common import (
    composed_astrocyte,
    composed_dense,
    composed_gap_junctions,
    composed_two_layers,
)
from nam_jax.lagrangian import LogCosh, Softplus
from nam_jax.memory import GapJunctionTensor, PatternTensor, Power
from nam_jax.network import (
    ContinuousDenseMemory,
    LayerInputs,
    LayerStates,
    NeuronAstrocyte,
    TripartiteState,
    TwoLayerMemory,
    TwoLayerState,
)

X64 = jax.config.jax_enable_x64
CLOSE = 1e-13 if X64 else 1e-5


def numbers(key, count):
    return tuple(jr.uniform(key, (count,), minval=0.5, maxval=2.0))


def astrocyte(key, patterns, joined=lambda tensor: tensor):
    of_layers, of_leaks, of_times, of_strength = jr.split(key, 4)
    beta, leaks, times = (numbers(k, 3) for k in (of_layers, of_leaks, of_times))
    return NeuronAstrocyte(
        joined(PatternTensor(patterns, strength=0.2 * numbers(of_strength, 1)[0])),
        neural=LogCosh(beta[0]),
        synaptic=Softplus(beta[1]),
        process=LogCosh(beta[2]),
        leaks=leaks,
        time_constants=times,
    )


def divided(tensor):
    return GapJunctionTensor(tensor, TERRITORY, 0.3)


def dense(key, patterns):
    strength, leak, time, beta = numbers(key, 4)
    return ContinuousDenseMemory(
        patterns,
        Power(3),
        neural=LogCosh(beta),
        strength=strength / 100,
        leak=leak,
        time_constant=time,
    )


def in_territories(p):
    return jnp.where(TERRITORY, p, 0), jnp.where(TERRITORY, 0, p)


class Case(NamedTuple):
    """A hand-written network and its composition.

    Attributes:
        make: Makes the hand-written network from a random key and patterns.
        compose: Makes the composition of it.
        states: The states of the layers of the composition, from the hand-written state.
        back: The hand-written state, from the states of the layers.
        terms: For each term of the hand-written energy, the places of its parts.
    """

    make: Callable[..., Any]
    compose: Callable[..., Any]
    states: Callable[..., Any] = lambda state: tuple(jax.tree.leaves(state))
    back: Callable[..., Any] = TripartiteState
    terms: Any = None


CASES = {
    "neuron-astrocyte": Case(astrocyte, composed_astrocyte),
    **{
        f"two-layer-{model}": Case(
            lambda key, xi, make=make: make(xi / 3, time_constants=numbers(key, 2)),
            composed_two_layers,
            back=TwoLayerState,
        )
        for model, make in (
            ("a", TwoLayerMemory.model_a),
            ("b", TwoLayerMemory.model_b),
            ("c", lambda xi, **times: TwoLayerMemory.model_c(xi, epsilon=0.1, **times)),
        )
    },
    "continuous-dense": Case(dense, composed_dense, back=lambda x: x),
    "gap-junctions": Case(
        lambda key, xi: astrocyte(key, xi, divided),
        composed_gap_junctions,
        states=lambda state: (state.neurons, state.synapses, *in_territories(state.processes)),
        back=lambda x, s, p, q: TripartiteState(x, s, p + q),
        terms=[[0], [1], [2, 3], [4], [5, 6], [7, 8, 9], [10]],
    ),
}


def inputs(case, net, drive):
    """The hand-written inputs by layer, with an array for each; zeros where there are none."""
    signals = [*jax.tree.leaves(drive)] + [0.0] * 3
    shapes = jax.eval_shape(net.initial_state, jax.ShapeDtypeStruct((N,), net.dtype))
    leaves, structure = jax.tree.flatten(shapes)
    arrays = [
        jnp.broadcast_to(jnp.asarray(signal, net.dtype), leaf.shape)
        for signal, leaf in zip(signals, leaves, strict=False)
    ]
    return case.states(jax.tree.unflatten(structure, arrays))


def pair(case, key, patterns):
    """Both networks with the same random state and inputs."""
    of_net, of_state, of_drive = jr.split(key, 3)
    net = case.make(of_net, patterns)
    composed = case.compose(net)
    state, drive = state_of(net, of_state), drive_of(net, of_drive)
    given = LayerInputs(**dict(zip(composed.names, inputs(case, net, drive), strict=True)))
    return net, state, drive, composed, LayerStates(composed.names, case.states(state)), given


def said(net, state, drive):
    terms = jnp.stack(net.energy_terms(state, drive))
    return net.vector_field(0.0, state, drive), terms, net.energy_rate(state, drive)


@eqx.filter_jit
def both(case, key, patterns):
    """What both networks say, and the derivatives of their energies by the patterns."""

    def hand(patterns):
        net, state, drive, *_ = pair(case, key, patterns)
        return net.energy(state, drive), said(net, state, drive)

    def composed(patterns):
        *_, net, state, given = pair(case, key, patterns)
        flow, terms, rate = said(net, state, given)
        if case.terms is not None:
            terms = jnp.stack([jnp.sum(terms[jnp.array(places)]) for places in case.terms])
        return net.energy(state, given), (case.back(*flow), terms, rate)

    return [jax.value_and_grad(f, has_aux=True)(patterns) for f in (hand, composed)]


def assert_equal(one, other, tolerance):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        scale = float(jnp.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("name", CASES)
def test_flow_energy_terms_and_gradients_are_equal(name, getkey):
    for _ in range(3):
        patterns = jr.normal(getkey(), (K, N))
        expected, actual = both(CASES[name], getkey(), patterns)
        (energy, values), gradient = expected
        (other, others), slope = actual
        assert_equal((others, slope), (values, gradient), CLOSE)
        largest = float(jnp.abs(values[1]).max())  # terms may cancel
        np.testing.assert_allclose(other, energy, rtol=0, atol=CLOSE * largest)


QUICK = ("two-layer-a",)


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CASES]
)
def test_equilibria_and_their_gradients_are_equal(name, getkey):
    """From equal states; the equilibria are those that Newton's method finds next to them."""
    case, key = CASES[name], getkey()
    how = nam.solve.Flow(rest=1e-5, rtol=1e-6, atol=1e-8, max_steps=2**14)
    how = how if X64 else nam.solve.Flow(rest=1e-4, rtol=1e-4, atol=1e-6)

    def reading(patterns, composed):
        net, state, drive, other, states, given = pair(case, key, patterns)
        net, state, drive = (other, states, given) if composed else (net, state, drive)
        rest = nam.settle(net, state, drive=drive, how=how)
        near, _ = nam.solve.nearer(net, rest.state, drive=drive)
        loss = jnp.sum(jnp.sin(jnp.arange(float(N))) * net.readout(rest.state))
        return loss, (near, net.readout(near), rest.result == nam.solve.RESULTS.converged)

    patterns = signs(getkey())
    hand, composed = (
        jax.jit(jax.value_and_grad(lambda xi, c=c: reading(xi, c), has_aux=True))(patterns)
        for c in (False, True)
    )
    ((_, (state, readout, rested)), gradient), ((_, (other, again, also)), slope) = hand, composed
    assert bool(rested) and bool(also)
    close = 1e-9 if X64 else 1e-4
    assert_equal((case.back(*other), again), (state, readout), close)
    assert_equal(slope, gradient, 1e-6 if X64 else 1e-2)


def test_forward_starts_like_the_two_layer_memory(getkey):
    net = TwoLayerMemory.model_a(signs(getkey()), voltage=0.7)
    cue = signs(getkey(), (N,))
    states, expected = composed_two_layers(net).initial_state(cue), net.initial_state(cue)
    np.testing.assert_allclose(states["v"], expected.features, rtol=1e-6)
    np.testing.assert_allclose(states["h"], expected.hidden, rtol=1e-6)


def test_the_flow_of_asymmetric_synapses_follows_its_energy_when_composed(x64):
    """The hand-written flow takes g, that of the composition its symmetric part."""
    net, state, _, composed, states, _ = pair(
        CASES["neuron-astrocyte"], jr.key(3), signs(jr.key(4))
    )
    noise = jr.normal(jr.key(5), (N, N))
    state = eqx.tree_at(lambda s: s.synapses, state, state.synapses + 0.3 * noise)
    states = LayerStates(composed.names, tuple(jax.tree.leaves(state)))

    @eqx.filter_jit
    def rates(net, state):
        flow = net.vector_field(0.0, state)
        return net.energy_rate(state), jax.jvp(net.energy, (state,), (flow,))[1]

    formula, actual = rates(composed, states)
    np.testing.assert_allclose(formula, actual, rtol=1e-12)
    formula, actual = rates(net, state)
    assert abs(formula / actual - 1) > 1e-5
