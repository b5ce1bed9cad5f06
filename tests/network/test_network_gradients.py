"""Gradients by every parameter of every network are finite, of energies and of whole runs."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from tables.networks import (
    NETWORKS,
    WITH_ENERGY,
    N,
    signs,
    state_of,
)

import nam_jax as nam
from nam_jax.solve import Flow

X64 = jax.config.jax_enable_x64


SLOW = pytest.mark.slow


@eqx.filter_jit
def run(net, cue, drive):
    state = net.initial_state(cue)
    return state, nam.simulate(net, state, 10.0, drive=drive, times=51)


def few(*quick, names=tuple(NETWORKS)):
    """All networks; those not in `quick` only among the slow tests, as each compiles for long."""
    return [name if name in quick else pytest.param(name, marks=SLOW) for name in names]


def all_finite_and_some_not_zero(gradient, net):
    actual = jax.tree.leaves(gradient)
    assert len(actual) == len(jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array)))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in actual)
    assert any(float(jnp.abs(leaf).max()) > 0 for leaf in actual)


@pytest.mark.parametrize(
    "name", few("general", "softmax-neurons", "effective", "quasi-static", names=WITH_ENERGY)
)
def test_energy_gradients_by_every_parameter_are_finite(name, getkey):
    net = NETWORKS[name](getkey())
    state = state_of(net, getkey())
    gradient = eqx.filter_jit(eqx.filter_grad(lambda net: net.energy(state)))(net)
    all_finite_and_some_not_zero(gradient, net)


@pytest.mark.parametrize("name", few("general"))
def test_gradients_of_a_run_by_every_parameter_are_finite(name, getkey):
    net, cue = NETWORKS[name](getkey()), signs(getkey(), (N,))

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(net):
        state = net.initial_state(cue)
        end = nam.simulate(
            net, state, 0.3, times=2, save={}, how=Flow(solver=dfx.Heun(), step=0.1, max_steps=4)
        )
        return jnp.sum(net.readout(end.state) ** 2)

    all_finite_and_some_not_zero(gradient(net), net)
