"""What users pass by mistake is refused in one sentence that names the argument and the remedy."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from refusals import REFUSED

import nam_jax as nam
from nam_jax import memory
from nam_jax.network import (
    ContinuousDenseMemory,
    CorrelationMatrix,
    DenseAssociativeMemory,
    Drive,
    EffectiveNeuronAstrocyte,
    Hopfield,
    Minerva2,
    ModernHopfield,
    NeuronAstrocyte,
    Pulse,
    TwoLayerMemory,
    UniversalHopfield,
)
from nam_jax.solve import Synchronous

N = 16
XI = np.asarray(nam.data.random_patterns(3, N, key=jr.key(0)))
BITS = (XI + 1) / 2
SIGNED: dict[str, Any] = {
    "released": NeuronAstrocyte.released,
    "certified": NeuronAstrocyte.certified,
    "effective": EffectiveNeuronAstrocyte.dense,
    "continuous": ContinuousDenseMemory,
    "discrete": DenseAssociativeMemory,
    "two layers": TwoLayerMemory.model_a,
    "hopfield": Hopfield.from_patterns,
    "perceptron": lambda xi: Hopfield.from_patterns(xi, memory.Perceptron()),
    "storkey": lambda xi: memory.learn(memory.Storkey(), xi),
    "pseudo-inverse": lambda xi: memory.learn(memory.PseudoInverse(), xi),
    "another": lambda xi: Hopfield.from_patterns(XI).added(xi[0]),
    "exchanged": lambda xi: DenseAssociativeMemory(XI).with_patterns(xi),
}


@pytest.mark.parametrize("name", SIGNED)
def test_patterns_of_0_and_1_are_refused_where_signs_are_meant(name):
    for bits in (BITS.astype(XI.dtype), BITS.astype(int)):
        with pytest.raises(ValueError, match=r"-1 and \+1, not 0 and 1; use `2 \* patterns? - 1`"):
            SIGNED[name](bits)
    with pytest.raises(ValueError, match=r"`patterns?` must"):
        SIGNED[name](BITS == 1)
    SIGNED[name]((2 * BITS - 1).astype(XI.dtype))


def test_rules_for_0_and_1_recall_from_them():
    """The neurons are at -1 and +1 also then; a 0 in a cue is an entry that is not known."""
    xi = np.asarray(nam.data.random_patterns(3, 200, key=jr.key(1)))
    bits = (xi + 1) / 2
    for rule in (memory.Covariance(0.5), memory.ExpandedHebbian(0.25, -0.5, -0.5)):
        recall = nam.retrieve(Hopfield.from_patterns(bits, rule), bits[0], how=Synchronous())
        np.testing.assert_array_equal(recall.pattern, xi[0])
    with pytest.raises(ValueError, match=r"use `jnp.sign\(patterns\)`, .* has 48 graded entries"):
        Hopfield.from_patterns(0.5 * XI)
    # Memories of graded numbers, and of neurons that are not tanh, take 0 and 1.
    TwoLayerMemory.model_b(BITS)
    ModernHopfield(BITS)


CALLS: dict[str, tuple[Any, str]] = {
    "swapped": (lambda net, xi: nam.retrieve(xi[0], net), "`network` must be a network"),
    "swapped, all": (lambda net, xi: nam.retrieve_all(xi, net), "`network` must be a network"),
    "swapped, settle": (lambda net, xi: nam.settle(xi[0], net), "`network` must be a network"),
    "cue as state": (
        lambda net, xi: nam.settle(net, xi[0]),
        r"`state` must be a state, as from `network.initial_state\(cue\)`",
    ),
    "cue as state, simulate": (lambda net, xi: nam.simulate(net, xi[0], 1.0), "`state` must be"),
    "rows as cue": (lambda net, xi: nam.retrieve(net, xi), "`cue` must have shape .*retrieve_all"),
    "ragged": (lambda net, xi: nam.retrieve(net, [[1, -1], [1]]), "`cue` must be an array of real"),
    "ragged rows": (lambda net, xi: nam.retrieve_all(net, [[1, -1], [1]]), "`cues` must be an arr"),
    "text": (lambda net, xi: nam.retrieve(net, "cue"), "`cue` must be an array of real"),
    "discrete in time": (
        lambda net, xi: nam.simulate(Hopfield.from_patterns(xi), xi[0], 1.0),
        "`network` must flow in time; `retrieve` and `settle` take",
    ),
    "no tensor": (
        lambda net, xi: nam.measure.certificate(Hopfield.from_patterns(xi)),
        "`network` must be a NeuronAstrocyte, which has .* a tensor T",
    ),
    "narrow drive": (
        lambda net, xi: nam.retrieve(net, xi[0], drive=Drive(synaptic=jnp.ones(N))),
        r"`drive` must hold one number or shape \(16, 16\)",
    ),
    "moving drive": (
        lambda net, xi: nam.retrieve(net, xi[0], drive=Drive(neural=jnp.sin)),
        "`drive` must be constant, a `Pulse` or `Steps`; `simulate` takes functions of time",
    ),
    "overlap": (
        lambda net, xi: nam.measure.overlap(xi[0], xi[0, 1:]),
        r"`recalled` must have the shape \(15,\) of `pattern`",
    ),
    "key": (lambda net, xi: nam.data.random_patterns(2, 3, key=0), r"`key` .*jax.random.key\(0\)"),
    "key of damage": (lambda net, xi: nam.data.flip(xi[0], 0.1, key=0), "`key` must be a random"),
    "key of updates": (lambda net, xi: nam.solve.Asynchronous(0), "`key` must be a random key"),
    "key of a lesion": (lambda net, xi: memory.lesion(net.tensor, 0.1, key=0), "`key` must be a"),
    "key of weights": (
        lambda net, xi: nam.attention.Transformer(
            xi.T, 2, lambda key: nam.attention.DenseAttention(memory.Power(2)), key=0
        ),
        "`key` must be a random key",
    ),
    "key of features": (
        lambda net, xi: nam.attention.FeatureMap(3, 4, key=0),
        "`key` must be a random key",
    ),
    "key of a codec": (lambda net, xi: nam.data.BinaryAutoencoder(key=0), "`key` must be a random"),
    "key of a projection": (
        lambda net, xi: nam.data.RandomProjection.fit(jnp.zeros((1, 4, 4, 1)), 3, key=0),
        "`key` must be a random key",
    ),
    "key of images": (
        lambda net, xi: nam.data.load_images("digits", num_images=2, key=0),
        "`key` must be a random key",
    ),
    "key of erasures": (
        lambda net, xi: nam.train.fit_linear_map(
            xi, xi, optimizer=optax.sgd(0.1), num_steps=1, key=0
        ),
        "`key` must be a random key",
    ),
    "no tensors": (lambda net, xi: memory.tensor.SumTensor(), r"`tensors` .*SumTensor\(a, b\)"),
    "distances": (
        lambda net, xi: memory.tensor.Morphology(jnp.zeros((1, 1, 3)), -jnp.ones((1, 1))),
        "`distances` must be lengths of at least 0",
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_mistake_is_told_in_one_sentence(case):
    call, message = CALLS[case]
    # Where annotations are checked, a wrong type is told by them.
    by_type = case.startswith(("swapped", "key", "text", "ragged", "overlap"))
    kinds = REFUSED if by_type else ValueError
    with pytest.raises(kinds, match=None if kinds is REFUSED else message) as refusal:
        call(NeuronAstrocyte.released(XI), jnp.asarray(XI))
    if refusal.type is ValueError:
        assert len(str(refusal.value).splitlines()) == 1
        refusal.match(message)


def test_lists_pulses_and_raw_keys_are_taken():
    net = NeuronAstrocyte.released(XI)
    expected = nam.retrieve(net, XI[0])
    np.testing.assert_array_equal(nam.retrieve(net, XI[0].tolist()).pattern, expected.pattern)
    pushed = nam.retrieve(net, XI[0], drive=Drive(neural=Pulse(0.0, 0.5, 0.1)))
    assert bool(pushed.result == nam.solve.RESULTS.converged)
    nam.data.random_patterns(2, 3, key=jr.PRNGKey(0))
    joined = memory.tensor.SumTensor(net.tensor, net.tensor)
    assert joined.tensors == (net.tensor + net.tensor).tensors


METHODS: dict[str, Any] = {
    "linear": (lambda: CorrelationMatrix(0.75 * XI), lambda net, s: net.respond(s)),
    "universal": (lambda: UniversalHopfield(0.75 * XI), lambda net, s: net.respond(s)),
    "attention": (lambda: ModernHopfield(XI, 0.3), lambda net, s: (net.respond(s), net.energy(s))),
    "minerva": (lambda: Minerva2(XI), lambda net, s: net.echo(s)),
    "pairs": (
        lambda: Hopfield.from_patterns(XI),
        lambda net, s: (net.local_field(s), net.energy(s)),
    ),
    "dense": (lambda: DenseAssociativeMemory(XI), lambda net, s: net.local_field(s)),
    "continuous": (
        lambda: ContinuousDenseMemory(XI, strength=0.3, leak=0.7),
        lambda net, s: (net.vector_field(0.0, s), net.energy(s), net.force(s), net.readout(s)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_compute_in_the_dtype_of_the_network_for_states_of_any_kind(name):
    make, call = METHODS[name]
    net = make()
    for kind, state in (("int8", XI[0]), ("uint8", 3 * BITS[0]), ("bool", BITS[0])):
        result = call(net, jnp.asarray(state).astype(kind))
        expected = call(net, jnp.asarray(state, net.dtype))
        for one, other in zip(jax.tree.leaves(result), jax.tree.leaves(expected), strict=True):
            assert one.dtype == net.dtype
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="`state` must hold real numbers"):
        call(net, jnp.ones(N, complex))
