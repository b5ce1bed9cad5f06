"""`ExponentialEuler`: exact where targets stand still, of order 1 where they move."""

import functools

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import REFUSED
from tables.bare import BareNetwork

import nam_jax as nam
from nam_jax.lagrangian import LogCosh, Quadratic
from nam_jax.memory import PatternTensor
from nam_jax.network import (
    Clamped,
    ContinuousDenseMemory,
    Drive,
    NeuronAstrocyte,
    TripartiteNetwork,
)
from nam_jax.solve import ExponentialEuler, Flow

X64 = jax.config.jax_enable_x64


def leak(t, y, args):
    """Two layers that relax to 3 and to sin t, with time constants 10 and 0.5."""
    slow, fast = y
    return (3.0 - slow) / 10, (jnp.sin(t) - fast) / 0.5


class TwoLeaks(BareNetwork):
    """A network without energy and layers, which has the flow `leak`."""

    dtype = property(lambda self: np.dtype(float))

    def initial_state(self, cue):
        return (jnp.asarray(cue[0]), jnp.asarray(cue[1]))

    def vector_field(self, t, state, drive=None):
        return leak(t, state, None)

    def time_scales(self):
        return (10.0, 0.5)

    def readout(self, state):
        return jnp.stack(state)

    def visible(self, state):
        return None


@jax.jit
def end(step):
    solver = ExponentialEuler(TwoLeaks())
    start = (jnp.asarray(0.0), jnp.asarray(1.0))
    solution = dfx.diffeqsolve(
        dfx.ODETerm(leak), solver, 0.0, 2.0, step, start, max_steps=10_000,
        stepsize_controller=dfx.ConstantStepSize(),
    )  # fmt: skip
    return tuple(leaf[-1] for leaf in solution.ys)


def exact():
    # y' = (sin t - y) / tau from 1: the forced solution and a transient.
    tau, t = 0.5, 2.0
    forced = (np.sin(t) - tau * np.cos(t)) / (1 + tau**2)
    return 3 * (1 - np.exp(-0.2)), forced + (1 + tau / (1 + tau**2)) * np.exp(-t / tau)


def test_a_target_that_stands_still_is_reached_exactly_in_steps_of_any_length():
    for step in (2.0, 0.5, 0.01):
        assert float(end(step)[0]) == pytest.approx(exact()[0], rel=1e-12 if X64 else 1e-5)


def test_errors_of_a_moving_target_halve_with_the_step():
    errors = [abs(float(end(step)[1]) - exact()[1]) for step in (0.2, 0.025, 0.0125, 0.00625)]
    assert errors[0] < 0.02 and errors == sorted(errors, reverse=True)
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(1, abs=0.15), errors


def silent(kind, leaks):
    """A network whose layers get only constant inputs: its memories have no strength."""
    none = PatternTensor(jnp.ones((1, 3)), strength=0.0, autapses=True)
    zero = functools.partial(jnp.multiply, 0.0)
    return {
        "astrocyte": lambda: NeuronAstrocyte(
            none, neural=LogCosh(), synaptic=Quadratic(1e-30), process=Quadratic(1e-30),
            leaks=leaks, time_constants=(2.0, 0.5, 3.0),
        ),
        "tripartite": lambda: TripartiteNetwork(
            none, phi=zero, g=zero, psi=zero, kappa=zero,
            f=lambda x, y, p: 0 * x * y * p, leaks=leaks, time_constants=(2.0, 0.5, 3.0),
        ),
        "dense": lambda: ContinuousDenseMemory(
            jnp.ones((1, 3)), strength=1e-30, leak=leaks[0], time_constant=2.0
        ),
    }[kind]()  # fmt: skip


@pytest.mark.parametrize("kind", ["astrocyte", "tripartite", "dense"])
@pytest.mark.parametrize("leaks", [(0.25, 1.7, 0.5), (3.0, 0.25, 0.0)])
def test_two_long_steps_are_exact_for_leaks_of_any_size(kind, leaks):
    """Towards a constant input of 1, against u = 1 / leak + (u0 - 1 / leak) exp(-leak t / tau)."""
    net = silent(kind, leaks)
    start = jax.tree.map(lambda u: jnp.full_like(u, 0.3), net.initial_state(jnp.zeros(3)))
    pairs = jnp.ones((3, 3))
    drive = Drive(jnp.ones(3)) if kind == "dense" else Drive(jnp.ones(3), pairs, pairs)
    how = Flow(solver=ExponentialEuler(net), step=5.0)
    run = nam.simulate(net, start, 10.0, how=how, drive=drive, save={}, times=2)
    ends = jax.tree.leaves(run.state)
    # Synapses of the first kind also get the product phi phi, which is no constant input.
    checked = [0, 2] if kind == "astrocyte" else range(len(ends))
    for place in checked:
        rate, tau = leaks[place], (2.0, 0.5, 3.0)[place]
        decayed = np.exp(-rate * 10 / tau)
        expected = 0.3 * decayed + ((1 - decayed) / rate if rate else 10 / tau)
        np.testing.assert_allclose(ends[place], expected, rtol=1e-12 if X64 else 1e-5)


def test_held_neurons_stay_and_something_else_than_a_network_is_refused():
    net = silent("dense", (0.25, 1.0, 1.0))
    held = Clamped.at_cue(net, jnp.asarray([True, False, False]), jnp.ones(3))
    rates, expected = held.decay_rates(), net.decay_rates()
    np.testing.assert_allclose(rates, expected)
    np.testing.assert_allclose(expected, 0.125)
    with pytest.raises(REFUSED, match="network"):
        ExponentialEuler(net.time_scales())
    with pytest.raises(REFUSED, match="network"):
        ExponentialEuler(nam.network.Hopfield(jnp.eye(3) * 0))
