"""The precision of products: chosen by the library, and right on devices that multiply coarsely."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from compilations import compilations
from jax.lax import Precision
from products import watched_products
from refusals import REFUSED
from tables.networks import NETWORKS, WITH_ENERGY, N, signs, state_of

import nam_jax as nam
from benchmarks import precision as benchmark
from benchmarks._emulated import BFLOAT16, TF32, rounded
from nam_jax._precision import flows_in, full, in_precision, precise
from nam_jax.experiment import rate
from nam_jax.record import ConfigError, Context
from nam_jax.solve import Flow
from nam_jax.solve._how import DEFAULT_SOLVER

TESTS = Path(__file__).parent
NAME = "certified"


@pytest.fixture(scope="module")
def network():
    return NETWORKS[NAME](jr.key(0), jnp.float32)


@pytest.fixture
def state(network):
    return state_of(network, jr.key(2), jnp.float32)


def precisions(function, *arguments):
    """The precisions of all products of a program."""
    arrays, static = eqx.partition(arguments, eqx.is_array)

    @jax.jit
    def program(arrays):
        return eqx.filter(function(*eqx.combine(arrays, static)), eqx.is_array)

    # A product without a precision is lowered as one of DEFAULT.
    return set(re.findall(r"precision = \[(\w+)", program.lower(arrays).as_text()))


def recall(how):
    cue = signs(jr.key(1), (N,), jnp.float32)
    return lambda network: nam.retrieve(network, cue, how=how).pattern


def test_all_products_are_in_full(network, state):
    assert precisions(recall(None), network) == {"HIGHEST"}
    assert precisions(lambda n, s: n.energy(s), network, state) == {"HIGHEST"}
    assert precisions(lambda n, s: n.vector_field(0.0, s), network, state) == {"HIGHEST"}


def test_what_users_call_directly_is_in_full():
    """Making networks, their energies, spectra and certificates."""
    patterns = signs(jr.key(0), (3, N), jnp.float32)
    with watched_products() as places:
        for name in WITH_ENERGY:
            network = NETWORKS[name](jr.key(0), jnp.float32)
            state = state_of(network, jr.key(2), jnp.float32)
            jax.eval_shape(network.energy, state)
            jax.eval_shape(network.energy_rate, state)
        nam.measure.certificate(nam.network.NeuronAstrocyte.certified(patterns))
        nam.memory.associate(nam.memory.RidgeMap(0.1), patterns, patterns)
        nam.memory.learn(nam.memory.PseudoInverse(), patterns)
        nam.theory.sparse_winners_error(100, 10, 0.1, nam.theory.Coefficients())
    assert not places


def test_the_setting_of_jax_does_not_matter(network, state):
    with jax.default_matmul_precision("bfloat16"):
        assert precisions(recall(None), network) == {"HIGHEST"}
        assert precisions(lambda n, s: n.energy(s), network, state) == {"HIGHEST"}


@pytest.mark.parametrize("solver", [DEFAULT_SOLVER, diffrax.Tsit5()], ids=["own", "diffrax"])
@pytest.mark.parametrize("precision", [Precision.DEFAULT, Precision.HIGH])
def test_a_flow_has_its_own_precision(network, solver, precision):
    how = Flow(precision=precision, solver=solver)
    assert precisions(recall(how), network) == {precision.name, "HIGHEST"}


def test_flows_that_name_no_precision_have_that_of_the_block(network):
    with flows_in(Precision.HIGH):
        assert precisions(recall(None), network) == {"HIGH", "HIGHEST"}
        assert precisions(recall(Flow(precision=Precision.HIGHEST)), network) == {"HIGHEST"}
    assert precisions(recall(None), network) == {"HIGHEST"}


def test_a_precision_compiles_once(network):
    cue = signs(jr.key(1), (N,), jnp.float32)
    how = Flow(precision=Precision.HIGH)
    nam.retrieve(network, cue, how=how)
    nam.retrieve(network, cue)
    with compilations() as compiled:
        nam.retrieve(network, cue, how=Flow(precision=Precision.HIGH))
        nam.retrieve(network, cue)
        with flows_in(Precision.HIGH), jax.default_matmul_precision("high"):
            nam.retrieve(network, cue, how=how)
    assert len(compiled) <= 1  # a block has programs of its own


def loss(network, state, how):
    return jnp.sum(network.readout(nam.settle(network, state, how=how).state) ** 2)


def test_gradients_are_in_full(network, state):
    """Also where JAX makes them after the functions of the library have returned."""
    gradient = eqx.filter_grad(eqx.filter_jit(loss))
    assert precisions(gradient, network, state, Flow()) == {"HIGHEST"}
    steps = Flow(adjoint=diffrax.ForwardMode(), max_steps=64)
    with flows_in(Precision.DEFAULT):
        push = lambda n, s: jax.jvp(lambda s: loss(n, s, steps), (s,), (s,))  # noqa: E731
        assert precisions(push, network, state) == {"HIGHEST"}


def test_methods_within_a_flow_follow_it_but_for_those_in_full():
    def product(x):
        return x @ x

    x = jnp.ones((2, 2))
    assert precisions(precise(product), x) == {"HIGHEST"}
    with in_precision(Precision.DEFAULT):
        assert precisions(precise(product), x) == {"DEFAULT"}
        assert precisions(full(product), x) == {"HIGHEST"}


def test_a_product_without_a_precision_is_seen():
    """What a fixture of `test_lowering.py` asserts can fail."""
    with watched_products(TESTS) as places:
        jax.eval_shape(lambda x: x @ x, jnp.ones((2, 2)))
    assert len(places) == 1 and "test_precision.py" in next(iter(places))
    with watched_products(TESTS) as places, jax.default_matmul_precision("high"):
        jax.eval_shape(lambda x: x @ x, jnp.ones((3, 3)))
    assert not places


def test_wrong_precisions_are_refused():
    with pytest.raises(REFUSED, match="precision"):
        Flow(precision="high")
    with pytest.raises(ValueError, match="`precision` must be None or HIGHEST where a Diffrax"):
        Flow(precision=Precision.HIGH, adjoint=diffrax.ForwardMode())
    with pytest.raises(REFUSED, match="precision"):
        Context(precision="abacus")
    with pytest.raises((ConfigError, *REFUSED), match="precision"):
        nam.sweep.run(rate.study, {}, store="nowhere", precision="abacus")


def test_the_emulation_rounds_as_numpy_does():
    x = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    for bits in (TF32, BFLOAT16):
        drop = 23 - bits
        whole = x.view(np.uint32)
        odd = (whole >> drop) & 1
        nearest = ((whole + (1 << (drop - 1)) - 1 + odd) >> drop) << drop
        np.testing.assert_array_equal(rounded(x, bits), nearest.astype(np.uint32).view(np.float32))


def emulated(part):
    """The numbers of a part of `emulated.py`: in full, and as on a TPU by the policy or without."""
    words = [sys.executable, str(TESTS / "emulated.py"), part]
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environment = os.environ | {"PYTHONPATH": paths, "JAX_ENABLE_X64": "0"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def errors(numbers, name):
    """The largest errors by the policy and without it, relative to the largest number."""
    exact = np.array(numbers["full"][name])
    return [
        np.max(np.abs(np.array(numbers[case][name]) - exact)) / np.max(np.abs(exact))
        for case in ("policy", "none")
    ]


def test_laws_hold_on_a_tpu_by_the_policy_only():
    numbers = emulated("laws")
    assert len(numbers["full"]) == 5
    for name in numbers["full"]:
        by_policy, without = errors(numbers, name)
        assert by_policy < 1e-6 and without > 1e-5, name


@pytest.mark.slow
def test_recalls_and_gradients_hold_on_a_tpu_by_the_policy_only():
    numbers = emulated("recalls")
    assert numbers["policy"]["bits"] == numbers["full"]["bits"]
    by_policy, without = errors(numbers, "gradient")
    assert by_policy < 1e-6
    assert not without < 1e-4  # NaN where the equilibrium was not found


@pytest.mark.slow
def test_the_default_is_that_of_the_rule():
    (line,) = benchmark.run(1).lines
    assert line.met, f"{line.against} says {line.ratio}"
