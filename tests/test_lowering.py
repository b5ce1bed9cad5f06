"""Every main program can be compiled for CUDA and TPU: lowered here, without the hardware.

A lowered program has static shapes, no numbers of 64 bits and no call back to Python, so that it
also can be kept, exported and run where there is no Python.
"""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from jax import export
from products import watched_products
from tables import training
from tables.networks import DISCRETE, EVERY, NETWORKS, WITH_ENERGY, N, signs, state_of

import nam_jax as nam
from nam_jax.measure import OneStep, Recall, _sampling
from nam_jax.solve import Asynchronous, Flow, Synchronous
from nam_jax.train import ImplicitRoute, _fit

PLATFORMS = ("cuda", "tpu")
FLOW = Flow(max_time=20.0)

pytestmark = pytest.mark.skipif(
    jax.config.jax_enable_x64, reason="programs of 64 bits are not meant for accelerators"
)


def assert_lowers(function, *arguments):
    """Lowers `function` for all platforms, and reads what the program consists of."""
    arrays, static = eqx.partition(arguments, eqx.is_array)

    @jax.jit
    def program(arrays):
        return eqx.filter(function(*eqx.combine(arrays, static)), eqx.is_array)

    for platform in PLATFORMS:
        text = export.export(program, platforms=[platform])(arrays).mlir_module()
        assert_fit(text)


def assert_fit(text):
    text = re.sub(r"dense<[^>]*> : tensor<[^>]*>", "", text)  # attributes of XLA, as paddings
    assert set(re.findall(r"custom_call @(\w+)", text)) <= LIBRARY, "a call that is not of XLA"
    assert not re.search(r"tensor<(?:[\dx]+x)?(?:f64|complex<f64>|i64)>", text), "64 bits"
    assert not re.search(r"tensor<[\dx]*\?", text), "a shape that is not static"


LIBRARY = {
    *("Sharding", "mhlo.topk", "TopK", "Eigh", "Qr", "ProductOfElementaryHouseholderReflectors"),
    *("cusolver_syevd_ffi", "cusolver_geqrf_ffi", "cusolver_orgqr_ffi", "cusolver_getrf_ffi"),
    *("LuDecomposition", "cu_lu_pivots_to_permutation", "shape_assertion"),
}
"""Routines of XLA and of its libraries for the platforms; none of them is a call to Python."""


@pytest.fixture(autouse=True)
def chosen_precisions():
    """No product of the library leaves its precision to the device, where a program is traced."""
    with watched_products() as places:
        yield
    assert not places, f"products without a precision: {', '.join(sorted(places))}"


@pytest.fixture(scope="module")
def make():
    """Networks of the contract table by name."""
    return lambda name: EVERY[name](jr.key(0), jnp.float32)


def cue(number=1):
    return signs(jr.key(number), (N,), jnp.float32)


def cues():
    return jnp.stack([cue(1), cue(2), cue(3)])


def how_of(name):
    return FLOW if name in NETWORKS else None


@pytest.mark.parametrize("name", EVERY)
def test_recall(name, make):
    def recall(network, cue):
        return nam.retrieve(network, cue, how=how_of(name))

    assert_lowers(recall, make(name), cue())


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_recall_of_many(name, make):
    def recall(network, cues):
        return nam.retrieve_all(network, cues, how=how_of(name))

    assert_lowers(recall, make(name), cues())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_flow_and_rest(name, make):
    def both(network, state):
        return network.vector_field(0.0, state), nam.settle(network, state, how=FLOW)

    network = make(name)
    assert_lowers(both, network, state_of(network, jr.key(2), jnp.float32))


def loss_at_rest(network, state):
    rest = nam.settle(network, state, how=FLOW)
    return jnp.sum(network.readout(rest.state) ** 2)


@pytest.mark.parametrize("name", ["certified", "effective", "continuous-dense", "two-layer-a"])
def test_gradient(name, make):
    network = make(name)
    state = state_of(network, jr.key(2), jnp.float32)
    assert_lowers(eqx.filter_grad(loss_at_rest), network, state)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_ENERGY)
def test_gradient_of_all(name, make):
    test_gradient(name, make)


@pytest.mark.parametrize("how", [Synchronous(), Asynchronous(jr.key(0))], ids=["all", "single"])
@pytest.mark.parametrize("name", DISCRETE)
def test_updates(name, how, make):
    assert_lowers(lambda net, cue: nam.retrieve(net, cue, how=how), make(name), cue())


def test_training_step(monkeypatch):
    """The compiled part of `nam.train.fit`, with the arguments that `fit` gives to it."""
    called = []

    def record(*arguments):
        called.append(arguments)
        return advance(*arguments)

    advance = _fit.advance
    monkeypatch.setattr(_fit, "advance", record)
    patterns = signs(jr.key(0), (3, N), jnp.float32)
    training.quick_fit(
        training.network(patterns),
        training.denoising(patterns, 2),
        1,
        gradient=ImplicitRoute(),
        trainable=training.couplings_and_strength,
    )
    assert_lowers(advance, *called[0])


def cubic(patterns):
    return nam.network.DenseAssociativeMemory(patterns, nam.memory.Power(3))


@pytest.mark.parametrize("criterion", [OneStep(error=0.01), Recall(flips=0.1, overlap=0.95)])
def test_capacity_scan(criterion):
    """The compiled parts of `nam.measure.scan` and `capacity`."""
    sets = signs(jr.key(0), (4, 5, N), jnp.float32)

    def scores(stored, places):
        key = jr.key(0)
        return _sampling._scores(cubic, criterion, key, stored, stored[:, :2], places)

    assert_lowers(scores, sets, jnp.arange(4))
    assert_lowers(lambda sets: _sampling._prefix_scores(cubic, sets, 2, (1, 3, 5)), sets)


@pytest.mark.parametrize("name", ["dendritic", "dendritic-associator"])
def test_dendritic_flow(name, make):
    network = make(name)
    state = state_of(network, jr.key(2), jnp.float32)
    assert_lowers(lambda net, state: nam.simulate(net, state, 5.0).state, network, state)


def test_a_call_to_python_is_caught():
    def printing(x):
        return jax.pure_callback(lambda x: x + 1, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    with pytest.raises(ValueError, match="backend cpu"):  # where JAX would run the call
        assert_lowers(printing, jnp.zeros(3))


def test_an_unknown_shape_and_64_bits_are_caught(x64):
    with pytest.raises(AssertionError, match="64 bits"):
        assert_lowers(lambda x: x * 2, jnp.zeros(3, jnp.float64))
