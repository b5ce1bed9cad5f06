"""`save` and `load`: what comes back is what was saved, for every class that a file can name."""

import dataclasses
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from refusals import REFUSED
from tables.interactions import INTERACTIONS
from tables.lagrangians import TABLE as LAGRANGIANS
from tables.memories import PARTS
from tables.networks import EVERY, NETWORKS, N, arbitrary, signs, state_of
from tables.tensors import TENSORS

import nam_jax as nam
from nam_jax import attention, memory, network
from nam_jax.files import _names
from nam_jax.network import dendritic

TRIPARTITE = ("tripartite", "tripartite-arbitrary", "clamped-arbitrary")
"""Their functions are no public ones."""


def driven_effective(key):
    """An exact reduction that keeps what synapses are driven by."""
    full = network.NeuronAstrocyte.certified(signs(key), margin=0.3)
    return network.EffectiveNeuronAstrocyte.from_full(full, drive=network.Drive(synaptic=0.2))


def transformer(key):
    """One block with each kind of attention and all kinds of layers."""
    features = attention.FeatureMap(4, 6, key=key)
    random = attention.RandomFeatures(4, 6, orthogonal=True, mirrored=True, key=key)
    waves = attention.TrigonometricFeatures(4, 6, key=key)
    kinds = iter([
        attention.HebbianAttention(features),
        attention.DenseAttention.softmax(4),
        attention.AstrocyteAttention(random, leak=0.1),
        attention.HebbianAttention(waves),
    ])  # fmt: skip
    return attention.Transformer(
        jr.normal(key, (5, 8)), 3, lambda _: next(kinds), num_blocks=4, head_size=4, key=key
    )


def two_astrocytes(key):
    """A tensor of two astrocytes, whose territories are not arrays of floats."""
    half = jnp.arange(N) < N // 2
    return memory.GapJunctionTensor(
        memory.PatternTensor(signs(key)), half[:, None] & half[None, :], 0.3
    )


def wiring(key):
    return dendritic.Wiring.random(N, N, 4, key=key, connectivity=0.7)


def point_memory(key):
    """Without dendrites, with linear branches and a cue of memory neurons."""
    own = dendritic.Wiring.per_synapse(N, N, key=key)
    return network.DendriticMemory(
        own,
        branch_transfer=dendritic.Linear(2.0),
        memory_transfer=dendritic.Ramp(-2.0, 0.1, 8.0, slope=1.3),
        start=dendritic.MemoryCue(rate=20.0),
        dendrites=dendritic.PointSynapses(jr.uniform(key, (N, N + N // 2))),
    )


OTHERS = {
    "driven": driven_effective,
    "transformer": transformer,
    "hebbian attention": lambda key: attention.HebbianAttention(),
    "energy block": lambda key: attention.EnergyBlock.random(
        4, num_heads=2, head_size=3, num_memories=5, leak=0.5, key=key
    ),
    "gap junctions": two_astrocytes,
    "astrocyte": lambda key: memory.grow_astrocyte(3, key=key),
    "wiring": wiring,
    "point synapses": point_memory,
    "held features": lambda key: dendritic.HeldFeatures(NETWORKS["dendritic"](key)),
    "cold": lambda key: network.NeuronAstrocyte(memory.PatternTensor(signs(key))),
    "distinct": lambda key: network.DenseAssociativeMemory(signs(key), memory.DistinctPower(3, N)),
    "normalised": lambda key: network.UniversalHopfield(
        signs(key), memory.Dot(), memory.Normalised(memory.Max())
    ),
    "branch by a function": lambda key: eqx.tree_at(
        lambda net: net.branch_transfer, NETWORKS["dendritic"](key), jax.nn.relu
    ),
    "a layer": lambda key: NETWORKS["general"](key).layers()[1],
    "a drive": lambda key: dendritic.ExternalInputs(jr.normal(key, (N,)), 0.3),
    "inputs of layers": lambda key: network.LayerInputs(x=jr.normal(key, (N,)), s=0.3),
    "states of layers": lambda key: NETWORKS["composed-hierarchy"](key).initial_state(jnp.ones(N)),
    "held units": lambda key: network.Layer(
        nam.lagrangian.Rows(nam.lagrangian.Spherical()),
        shape=(2, 3),
        held=jnp.eye(2, 3, dtype=bool),
    ),
}
PLAIN = [
    *(memory.ActivityProduct(), memory.Covariance(0.2), memory.PseudoInverse()),
    *(memory.ClampedOja(0.1), memory.FreeOja(), memory.OjaSubspace(), memory.Sanger()),
    *(memory.Storkey(passes=2), memory.Perceptron(0.3), memory.Unlearning(10)),
    *(memory.ExpandedHebbian(memory.Decay(0.1)), memory.RidgeMap(0.1)),
    *(memory.RidgeMap(float("inf")), memory.Hebbian(), memory.Projection()),
    memory.Weighted(jnp.arange(3.0)),
]
"""Rules, which hold nothing random."""
MADE = {
    **{name: make for name, make in EVERY.items() if name not in TRIPARTITE},
    **{f"tensor {name}": make for name, make in TENSORS.items()},
    **{f"interaction {name}": row for name, row in INTERACTIONS.items()},
    **{f"lagrangian {name}": lambda key, make=make: make() for name, make in LAGRANGIANS.items()},
    **{f"plain {i}": lambda key, module=module: module for i, module in enumerate(PLAIN)},
    **{f"part {name}": lambda key, part=part: part for name, part in PARTS.items()},
    **OTHERS,
}


def round_trip(path, module):
    nam.save(path, module)
    return nam.load(path)


def assert_same(loaded, saved):
    """Equal in structure, in the kind of each leaf, and in each bit."""
    assert jax.tree.structure(loaded) == jax.tree.structure(saved)
    for actual, expected in zip(jax.tree.leaves(loaded), jax.tree.leaves(saved), strict=True):
        assert type(actual) is type(expected)
        if not isinstance(expected, jax.Array | np.ndarray | np.generic):
            assert actual is expected or actual == expected
            continue
        assert actual.dtype == expected.dtype and actual.shape == expected.shape
        if jnp.issubdtype(expected.dtype, jax.dtypes.prng_key):
            assert jr.key_impl(actual) == jr.key_impl(expected)
            actual, expected = jr.key_data(actual), jr.key_data(expected)
        assert np.asarray(actual).tobytes() == np.asarray(expected).tobytes()


@pytest.mark.parametrize("name", MADE)
def test_what_comes_back_is_what_was_saved(name, getkey, tmp_path):
    saved = MADE[name](getkey())
    assert_same(round_trip(tmp_path / "network.safetensors", saved), saved)


@pytest.mark.parametrize(
    "name",
    ["general", "effective", "dendritic", "two-layer-c", "clamped", "composed-hierarchy"],
)
def test_the_flow_of_what_comes_back_is_the_same(name, getkey, tmp_path):
    saved = NETWORKS[name](getkey())
    loaded = round_trip(tmp_path / "network.safetensors", saved)
    state = state_of(saved, getkey())
    flow = eqx.filter_jit(lambda net, state: net.vector_field(0.0, state))
    for actual, expected in zip(
        jax.tree.leaves(flow(loaded, state)), jax.tree.leaves(flow(saved, state)), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)


def parts_of(value):
    """The classes of a module and of all modules in it."""
    if isinstance(value, tuple):
        return {type(value)}.union(*(parts_of(part) for part in value))
    if not isinstance(value, eqx.Module):
        return set()
    fields = (getattr(value, field.name) for field in dataclasses.fields(value))
    return {type(value)}.union(*(parts_of(part) for part in fields))


def test_every_public_class_is_tried(getkey):
    """What only a computation returns (states, terms of an energy) is not saved alone."""
    tried = set().union(*(parts_of(make(getkey())) for make in MADE.values()))
    missing = {kind.__name__ for kind in {*_names.classes().values()} - tried}
    returned = {name for name in missing if name.endswith(("State", "Terms"))}
    inputs = {"Pulse", "Steps"}  # as drives, they are no part of a network
    assert missing - returned == {"TripartiteNetwork", "Echo"} | inputs


class Everything(eqx.Module):
    """A field of each kind that no network of the tables has."""

    value: object


@pytest.fixture
def any_value(monkeypatch):
    """Lets files name a class that holds anything."""
    names = {**_names.classes(), "tests:Everything": Everything}
    monkeypatch.setattr("nam_jax.files._structure.classes", lambda: names)


VALUES = {
    "bfloat16": lambda: jnp.asarray([1.5, jnp.nan, -jnp.inf], jnp.bfloat16),
    "float16": lambda: jnp.asarray([[1.5, 2e-5]], jnp.float16),
    "integers": lambda: jnp.asarray([-3, 5], jnp.int8),
    "complex": lambda: jnp.asarray([1 + 2j], jnp.complex64),
    "empty": lambda: jnp.zeros((0, 3)),
    "negative zero and a subnormal": lambda: jnp.asarray([-0.0, 1e-40]),
    "a transpose": lambda: np.arange(6.0).reshape(2, 3).T,
    "64 bits of NumPy": lambda: np.asarray([np.pi]),
    "a number of NumPy": lambda: np.float64(np.pi),
    "a key": lambda: jr.key(3),
    "keys of another kind": lambda: jr.split(jr.key(3, impl="rbg"), 2),
    "constants": lambda: (True, 1, -(2**62), 1.0, 0.1, -0.0, None, 'a "text"\n\u263a', ()),
    "no finite numbers": lambda: (float("inf"), float("-inf")),
    "functions": lambda: (jnp.tanh, jax.nn.gelu, jnp.abs, jnp.absolute, jax.nn.relu),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_of_value_keeps_its_type_and_its_bits(name, any_value, tmp_path):
    saved = Everything(VALUES[name]())
    loaded = round_trip(tmp_path / "value.safetensors", saved)
    assert_same(loaded, saved)
    if isinstance(saved.value, tuple):
        assert [type(part) for part in loaded.value] == [type(part) for part in saved.value]
        assert repr(loaded.value) == repr(saved.value)  # tells -0.0 from 0.0


def test_64_bits_come_back_as_they_are_and_are_refused_without(x64, getkey, tmp_path):
    path = tmp_path / "network.safetensors"
    saved = NETWORKS["general"](getkey())
    assert saved.tensor.tensors[0].patterns.dtype == jnp.float64
    assert_same(round_trip(path, saved), saved)
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"float64, which needs jax_enable"):
        nam.load(path)


def test_32_bits_stay_32_bits_where_64_are_allowed(getkey, tmp_path):
    path = tmp_path / "network.safetensors"
    with jax.enable_x64(False):
        saved = NETWORKS["certified"](getkey())
        nam.save(path, saved)
    with jax.enable_x64(True):
        assert_same(nam.load(path), saved)


def test_a_batch_of_networks_comes_back(getkey, tmp_path):
    saved = eqx.filter_vmap(NETWORKS["released"])(jr.split(getkey(), 2))
    assert_same(round_trip(tmp_path / "networks.safetensors", saved), saved)


# What cannot be saved


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            arbitrary,
            r"`network\.f` must be one of the functions .* tables\.networks\.facilitate\.$",
        ),
        (
            NETWORKS["tripartite"],
            r"`network\.phi` must be .* or of a class of lagrangian.*BoundMethod\.$",
        ),
        (
            lambda key: network.QuasiStatic(
                NETWORKS["certified"](key),
                network.Drive(process=lambda t: jnp.sin(t) * jnp.ones((N, N))),
            ),
            r"`network\.drive\.process` must be one of the functions .*<lambda>\.$",
        ),
        (
            lambda key: eqx.tree_at(lambda n: n.weights, EVERY["thresholds"](key), "weights"),
            r"`network\.weights` must be of the kind that network:Hopfield declares, but has a str",
        ),
        (
            lambda key: eqx.tree_at(
                lambda n: n.weights, EVERY["thresholds"](key), jnp.eye(3, dtype=jnp.int4)
            ),
            r"`network\.weights` must have one of the dtypes bool, .*, but has int4\.$",
        ),
        (
            lambda key: jnp.zeros(3),
            r"`network` must be a module, .*, but has a ArrayImpl\.$|parameter 'network'",
        ),
        (
            lambda key: memory.Power(2**63),
            r"`network\.n` must be a whole number below .*, but has a larger one\.$",
        ),
    ],
)
def test_what_cannot_be_saved_is_refused_by_name(make, sentence, getkey, tmp_path):
    with pytest.raises(REFUSED, match=sentence) as error:
        nam.save(tmp_path / "network.safetensors", make(getkey()))
    assert "\n" not in str(error.value) or isinstance(error.value, TypeError)
    assert not list(tmp_path.iterdir())


def test_traced_arrays_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`network\.weights` must hold numbers, but has an array"):
        jax.jit(lambda w: nam.save(tmp_path / "x", network.Hopfield(w)))(jnp.eye(3))


def test_a_save_that_fails_leaves_the_file_before_it(getkey, tmp_path):
    path = tmp_path / "network.safetensors"
    saved = EVERY["thresholds"](getkey())
    nam.save(path, saved)
    with pytest.raises(ValueError, match="facilitate"):
        nam.save(path, arbitrary(getkey()))
    assert_same(nam.load(path), saved)
    assert list(tmp_path.iterdir()) == [path]


def test_the_extra_is_named_where_it_is_missing(monkeypatch, tmp_path, getkey):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: nam.load(tmp_path / "x"), lambda: nam.save(tmp_path / "x", memory.Dot())):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'nam-jax\[experiments\]'\.$"):
            call()
