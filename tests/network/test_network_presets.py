"""Presets and drives of three-layer networks, and how bad input is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import (
    K,
    N,
    general,
    random_state,
    released,
    signs,
)

import nam_jax as nam
from nam_jax.network import (
    Drive,
    NeuronAstrocyte,
    TripartiteNetwork,
)

X64 = jax.config.jax_enable_x64


# Rounding of sums of N^2 terms of order one, computed in another order by each compiled program.
CLOSE = {"rtol": 1e-9, "atol": 1e-9} if X64 else {"rtol": 1e-4, "atol": 1e-4}


def assert_close(actual, expected, **tolerance):
    """Both trees agree in structure, dtype and value."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, **(tolerance or CLOSE))


def test_drives_may_be_numbers_arrays_or_functions_of_time(getkey):
    net, state = general(getkey()), random_state(getkey())
    b = jr.normal(getkey(), (N,))
    still = net.vector_field(0.0, state)
    moved = net.vector_field(2.0, state, Drive(lambda t: t * b, 0.5, lambda t: jnp.asarray(t)))
    tau = net.time_constants
    np.testing.assert_allclose(moved.neurons - still.neurons, 2 * b / tau.neural, **CLOSE)
    np.testing.assert_allclose(moved.synapses - still.synapses, 0.5 / tau.synaptic, **CLOSE)
    np.testing.assert_allclose(moved.processes - still.processes, 2.0 / tau.process, **CLOSE)
    at_two = net.energy_terms(state, Drive(lambda t: t * b), 2.0).inputs
    np.testing.assert_allclose(at_two, -2 * jnp.vdot(b, net.readout(state)), **CLOSE)


def test_released_preset_has_the_stated_parameters(getkey):
    patterns = signs(getkey())
    assert eqx.tree_equal(NeuronAstrocyte.released(patterns), released(patterns), rtol=1e-6)


def test_released_tensor_is_hebbian_over_n_cubed(getkey):
    patterns = signs(getkey())
    expected = jnp.einsum("mi,mj,mk,ml->ijkl", patterns, patterns, patterns, patterns) / N**3
    np.testing.assert_allclose(released(patterns).tensor.to_dense(), expected, **CLOSE)


def test_certified_preset_has_the_stated_parameters(getkey):
    certified = NeuronAstrocyte.certified(signs(getkey()), margin=0.4, gain=0.8, beta=2.0)
    np.testing.assert_allclose(certified.tensor.largest_eigenvalue(), 1.0, rtol=1e-4)
    expected = (0.8 * 2.0 * 2.4 / 1.4 * N, 1.0, 2.4)
    np.testing.assert_allclose(certified.leaks, expected, rtol=1e-5)
    np.testing.assert_allclose(certified.time_constants, (expected[0], 0.1, 0.1), rtol=1e-5)


def network(**arguments):
    return NeuronAstrocyte(nam.memory.PatternTensor(jnp.ones((K, N))), **arguments)


def tripartite(**arguments):
    def same(u):
        return u

    tensor = nam.memory.PatternTensor(jnp.ones((K, N)))
    return TripartiteNetwork(tensor, same, same, lambda x, y, p: p, same, same, **arguments)


BAD = {
    "negative leak": (lambda make: make(leaks=(1.0, -0.1, 1.0)), r"`leaks` must be at least 0"),
    "nan leak": (lambda make: make(leaks=(1.0, np.nan, 1.0)), "`leaks` must .*synaptic = nan"),
    "negative time": (
        lambda make: make(time_constants=(1.0, 1.0, -2.0)),
        "`time_constants` must be above 0 in every layer, but has process = -2",
    ),
    "zero time": (lambda make: make(time_constants=(0.0, 1.0, 1.0)), "neural = 0"),
    "two leaks": (lambda make: make(leaks=(1.0, 1.0)), "`leaks` must hold three numbers"),
    "four times": (lambda make: make(time_constants=(1.0,) * 4), "three numbers .*but has 4"),
    "nan cue": (
        lambda make: make().initial_state(jnp.ones(N).at[0].set(jnp.nan)),
        "`cue` must be finite, but has 1 entries",
    ),
    "infinite cue": (
        lambda make: make().initial_state(jnp.full(N, jnp.inf)),
        f"`cue` must be finite, but has {N} entries",
    ),
    "short cue": (
        lambda make: make().initial_state(jnp.ones(N - 1)),
        rf"`cue` must have shape \({N},\), .*but has shape \({N - 1},\)",
    ),
}


@pytest.mark.parametrize("name", ["margin", "gain", "beta"])
@pytest.mark.parametrize("number", [0.0, -0.1, np.nan, np.inf])
def test_certified_networks_refuse_numbers_out_of_range(name, number, getkey):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must be above 0"):
        NeuronAstrocyte.certified(signs(getkey()), **{name: number})


@pytest.mark.parametrize("make", [network, tripartite])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case, make):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act(make)
