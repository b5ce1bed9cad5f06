"""A network computes in the float dtype of its patterns or weights, whatever the cue is made of.

Under `enable_x64`, where Python numbers become 64-bit arrays. Dtypes are those of traced programs,
so that nothing is compiled; under strict promotion a mixture of two is an error.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import DISCRETE, EVERY, FEEDFORWARD, NETWORKS, K, N, drive_of, signs, state_of

import nam_jax as nam
from nam_jax.memory import Cosine, Max
from nam_jax.network import ContinuousDenseMemory, CorrelationMatrix, UniversalHopfield
from nam_jax.network._drive import as_cue

DTYPES = ["float32", "float64"]
dtypes = pytest.mark.parametrize("dtype", DTYPES)
every = pytest.mark.parametrize("name", EVERY)


def dtypes_of(*trees):
    """Dtypes of all arrays of floats, traced or not."""
    leaves = [leaf for leaf in jax.tree.leaves(trees) if hasattr(leaf, "dtype")]
    return {str(leaf.dtype) for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.inexact)}


def at_state(net, state, drive):
    """What a network computes at one state."""

    def flow(net):
        parts = (net.vector_field(0.0, state, drive), nam.solve.residual(net, state, drive))
        if net.has_energy:
            parts += (net.energy_terms(state, drive), net.energy_rate(state, drive))
        return parts

    step = net.by_kind(
        flows=flow,
        updates=lambda net: (net.local_field(state), net.carry(state)),
        passes=lambda net: net.respond(state),
    )
    return step, net.readout(state), net.energy(state, drive) if net.has_energy else None


@functools.cache
def made(name, dtype):
    """Networks of the rows, made once; 64 bits are on."""
    return EVERY[name](jr.key(0), dtype)


@dtypes
@every
def test_a_network_computes_in_the_dtype_of_its_patterns(name, dtype, x64):
    net = made(name, dtype)
    assert net.dtype == dtype
    state, drive = state_of(net, jr.key(1)), drive_of(net, jr.key(2))  # a drive of 64 bits
    assert dtypes_of(state, eqx.filter_eval_shape(at_state, net, state, drive)) == {dtype}


CUES = {
    "int8": lambda cue: cue.astype(jnp.int8),
    "numpy int64": lambda cue: np.asarray(cue).astype(np.int64),
    "float32": lambda cue: cue.astype(jnp.float32),
    "numpy float64": lambda cue: np.asarray(cue).astype(np.float64),
}


@dtypes
@pytest.mark.parametrize("kind", CUES)
def test_a_cue_of_another_kind_is_converted(kind, dtype, x64):
    cue = 3 * signs(jr.key(1), (N,), dtype)
    converted = as_cue(CUES[kind](cue), N, jnp.dtype(dtype))
    np.testing.assert_array_equal(converted, cue)
    assert converted.dtype == dtype


@dtypes
@every
def test_states_are_in_the_dtype_of_the_patterns(name, dtype, x64):
    net = made(name, dtype)
    for kind in ("int8", "float32", "float64"):
        cue = jax.ShapeDtypeStruct((N,), kind)
        assert dtypes_of(eqx.filter_eval_shape(net.initial_state, cue)) == {dtype}


@pytest.mark.parametrize("name", [*DISCRETE, *FEEDFORWARD])
def test_a_cue_of_whole_numbers_recalls_what_one_of_floats_does(name, getkey):
    net, cue = EVERY[name](getkey()), signs(getkey(), (N,))
    expected = nam.retrieve(net, cue)
    recall = nam.retrieve(net, cue.astype(jnp.int32))
    np.testing.assert_array_equal(recall.pattern, expected.pattern)
    assert recall.pattern.dtype == expected.pattern.dtype == net.dtype


def recalled(net, cue, drive):
    """Results of the doors; those of `simulate` for networks that flow."""
    state = net.initial_state(cue)
    ends = (nam.retrieve(net, cue, drive=drive), nam.settle(net, state, drive=drive))
    run = net.by_kind(
        flows=lambda net: nam.simulate(net, state, 1.0, drive=drive),
        updates=lambda net: None,
        passes=lambda net: None,
    )
    return ends if run is None else (*ends, run.ts, run.observables, run.state, run.stop)


@pytest.mark.parametrize(
    "name",
    [
        name if name not in NETWORKS or name in {"general", "effective", "two-layer-a", "dendritic"}
        else pytest.param(name, marks=pytest.mark.slow)
        for name in EVERY
    ],
)  # fmt: skip
def test_recalls_are_in_the_dtype_of_the_patterns(name, x64):
    """A 64-bit cue, drive and Python numbers do not widen a 32-bit network, nor a 32-bit state."""
    net = made(name, "float32")
    cue, drive = signs(jr.key(1), (N,), "float64"), drive_of(net, jr.key(2))
    assert dtypes_of(eqx.filter_eval_shape(recalled, net, cue, drive)) == {"float32"}
    wide, narrow = made(name, "float64"), state_of(net, jr.key(3), "float32")
    settled = eqx.filter_eval_shape(nam.settle, wide, narrow)
    assert dtypes_of(settled) == {"float64"}


def test_a_certificate_is_in_the_dtype_of_the_patterns(x64):
    numbers = eqx.filter_eval_shape(nam.measure.certificate, made("certified", "float32"))
    assert dtypes_of(numbers) == {"float32"}


def test_numpy_patterns_keep_their_dtype_where_there_are_64_bits(getkey):
    patterns = np.sign(np.random.default_rng(0).normal(size=(K, N)))
    for bits, dtype in ((False, "float32"), (True, "float64")):
        with jax.enable_x64(bits):
            assert ContinuousDenseMemory(patterns).dtype == dtype
            assert ContinuousDenseMemory(patterns.astype(np.float32)).dtype == "float32"
            default = ContinuousDenseMemory(patterns.astype(int)).dtype
            assert default == jnp.result_type(float)


def test_two_arrays_of_patterns_meet_in_the_wider_dtype(x64):
    narrow, wide = jr.normal(jr.key(0), (2, N), "float32"), jr.normal(jr.key(1), (2, N), "float64")
    for one, other in ((narrow, wide), (wide, narrow)):
        for net in (CorrelationMatrix(one, other), UniversalHopfield(one, projection=other)):
            assert dtypes_of(net) == {"float64"} and net.dtype == "float64"


def test_a_cue_of_complex_numbers_or_of_another_length_is_refused():
    net = EVERY["attention"](jr.key(0))
    with pytest.raises(ValueError, match="`cue` must hold real numbers, but has dtype complex"):
        nam.retrieve(net, jnp.ones(N, complex))
    with pytest.raises(ValueError, match=rf"`cue` must have shape \({N},\)"):
        nam.retrieve(net, jnp.ones(2))


@pytest.mark.parametrize("large", [2**40, -(2**63), 2**33 + 1])
def test_large_whole_numbers_are_not_cut_to_32_bits(large):
    """Cut to 32 bits, 2^40 would be 0 and 2^33 + 1 would be 1."""
    rows = np.eye(2, 3, dtype=np.float32) + 1
    recalls = [
        nam.retrieve(UniversalHopfield(rows, Cosine(), Max()), cue).pattern
        for cue in ([large, 0, 0], np.array([large, 0, 0]), np.array([float(large), 0, 0]))
    ]
    for recall in recalls[:2]:
        np.testing.assert_array_equal(recall, recalls[2])
    network, wide = UniversalHopfield(rows, Cosine(), Max()), np.array([large, 0, 0])
    np.testing.assert_array_equal(network.as_state(wide), wide.astype(np.float32))
