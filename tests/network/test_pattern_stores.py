"""Patterns that come and go: `with_patterns`, `added` and `removed` against making it anew."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from refusals import REFUSED
from tables.networks import signs

from nam_jax import lagrangian, memory, network
from nam_jax.files import _names
from nam_jax.memory import AbstractPatternStore, learn

N, K, M = 9, 4, 5


def traces(key, shape=(K, N)):
    return jr.randint(key, shape, -1, 2).astype(float)


STORES = {
    "hebbian": lambda xi: memory.PatternTensor(xi, strength=0.7, autapses=True),
    "distinct": lambda xi: memory.DistinctTensor(xi, strength=2.0),
    "dense": lambda xi: network.DenseAssociativeMemory(xi, memory.Power(3), single_pass=True),
    "dense-distinct": lambda xi: network.DenseAssociativeMemory(xi, memory.DistinctPower(3, N)),
    # Its strength by default follows from N.
    "continuous": lambda xi: network.ContinuousDenseMemory(
        xi, memory.Exponential(0.1), neural=lagrangian.LogCosh(2.0), leak=0.5
    ),
    "two-layer": lambda xi: network.TwoLayerMemory.model_a(xi, n=3, time_constants=(2.0, 0.3)),
    "minerva": lambda xi: network.Minerva2(xi, passes=2),
    "universal": lambda xi: network.UniversalHopfield(
        xi, memory.Cosine(), memory.Polynomial(2), passes=3
    ),
    "modern": lambda xi: network.ModernHopfield(xi, 0.4, passes=2),
}
ANSWERING = {
    "universal": lambda xi, y: network.UniversalHopfield(xi, projection=y),
    "modern": lambda xi, y: network.ModernHopfield(xi, 0.4, projection=y),
}
every_row = pytest.mark.parametrize("name", STORES)
each_answering = pytest.mark.parametrize("name", ANSWERING)


def rows(name, key, shape=(K, N)):
    return traces(key, shape) if name == "minerva" else signs(key, shape)


def assert_same(actual, expected):
    """The same structure and the same bits."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None)


def test_every_store_is_in_the_table(getkey):
    kinds = {kind for kind in _names.classes().values() if issubclass(kind, AbstractPatternStore)}
    assert kinds == {type(make(rows(name, getkey()))) for name, make in STORES.items()}


@every_row
def test_it_is_what_making_it_anew_gives(name, getkey):
    make = STORES[name]
    before, after = rows(name, getkey()), rows(name, getkey(), (K + 2, N))
    store = make(before)
    assert_same(store.with_patterns(after), make(after))
    assert_same(store.added(after[1]), make(jnp.concatenate([before, after[1:2]])))
    for index in (0, 2, K - 1):
        assert_same(store.removed(index), make(jnp.delete(before, index, axis=0)))
    assert_same(store.added(after[0]).removed(K), store)
    assert_same(store, make(before))


@each_answering
def test_answers_come_and_go_with_their_patterns(name, getkey):
    make = ANSWERING[name]
    xi, more = signs(getkey(), (K, N)), signs(getkey(), (2, N))
    y, more_y = jr.normal(getkey(), (K, M)), jr.normal(getkey(), (2, M))
    store = make(xi, y)
    assert_same(store.with_patterns(more, more_y), make(more, more_y))
    both = jnp.concatenate([xi, more[:1]]), jnp.concatenate([y, more_y[:1]])
    assert_same(store.added(more[0], more_y[0]), make(*both))
    assert_same(store.removed(1), make(jnp.delete(xi, 1, axis=0), jnp.delete(y, 1, axis=0)))


@every_row
def test_all_but_the_patterns_stays_the_same_object(name, getkey):
    store = STORES[name](rows(name, getkey()))
    other = store.added(rows(name, getkey())[0])
    kept = [leaf for leaf in jax.tree.leaves(store) if jnp.shape(leaf)[:1] != (K,)]
    assert all(any(leaf is mine for mine in jax.tree.leaves(other)) for leaf in kept)


def test_it_works_under_jit_with_traced_patterns(getkey):
    store, pattern = STORES["modern"](signs(getkey(), (K, N))), signs(getkey(), (N,))
    actual = jax.jit(lambda store, pattern: store.added(pattern).removed(0))(store, pattern)
    assert_same(actual, store.added(pattern).removed(0))


@every_row
def test_numbers_are_converted_to_the_dtype_of_the_memory(name, getkey):
    store = STORES[name](rows(name, getkey()))
    dtype = store.stored()[0].dtype
    for pattern in ([1] * N, [1.0] * N, np.ones(N, np.int8), jnp.ones(N, dtype)):
        assert store.added(pattern).stored()[0].dtype == dtype
    half = STORES[name](rows(name, getkey()).astype(jnp.bfloat16))
    assert half.added([1.0] * N).stored()[0].dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.with_patterns(np.ones((K, N + 1))), r"`patterns` must have shape \(K, 9\)"),
        (lambda s: s.with_patterns(np.ones((0, N))), "`patterns` must have shape"),
        (lambda s: s.with_patterns(np.ones(N)), r"`patterns` must have shape \(K, 9\), but has"),
        (lambda s: s.added(np.ones(N - 1)), r"`pattern` must have shape \(9,\), but has shape"),
        (lambda s: s.added(np.ones((1, N))), r"`pattern` must have shape \(9,\), but has shape"),
        (lambda s: s.added(np.full(N, np.nan)), "`pattern` must be finite"),
        (lambda s: s.added(np.ones(N, bool)), "`pattern` must have the dtype float.* has bool"),
        (lambda s: s.added(np.ones(N, complex)), "`pattern` must have the dtype float.* complex"),
        (lambda s: s.added(jnp.ones(N, jnp.float16)), "`pattern` must have the dtype .* float16"),
        (lambda s: s.added(np.ones(N), np.ones(N)), "`answer` must be None, as this memory"),
        (lambda s: s.with_patterns(np.ones((K, N)), np.ones((K, N))), "`answers` must be None"),
        (lambda s: s.removed(K), "`index` must be a row from 0 to 3, but has 4"),
        (lambda s: s.removed(-1), "`index` must be a row from 0 to 3, but has -1"),
        (
            lambda s: s.removed(1.0),
            "`index` must be a whole number, but has a float|parameter 'index'",
        ),
        (lambda s: s.removed(0).removed(0).removed(0).removed(0), "must leave at least one"),
    ],
)
def test_what_does_not_fit_is_refused(change, sentence):
    with pytest.raises(REFUSED, match=sentence) as error:
        change(network.ModernHopfield(np.ones((K, N))))
    assert "\n" not in str(error.value) or isinstance(error.value, TypeError)


@pytest.mark.parametrize("name", ["distinct", "dense", "dense-distinct", "minerva"])
def test_numbers_that_a_memory_does_not_store_are_refused(name, getkey):
    store = STORES[name](rows(name, getkey()))
    with pytest.raises(ValueError, match=r"`patterns` must hold only -1"):
        store.added(np.full(N, 0.5))


@each_answering
def test_answers_that_do_not_fit_are_refused(name, getkey):
    store = ANSWERING[name](signs(getkey(), (K, N)), jr.normal(getkey(), (K, M)))
    with pytest.raises(ValueError, match="`answer` must be given, as this memory answers with"):
        store.added(np.ones(N))
    with pytest.raises(ValueError, match=r"`answer` must have shape \(5,\)"):
        store.added(np.ones(N), np.ones(M + 1))
    with pytest.raises(ValueError, match=r"`answers` must have shape \(2, 5\)"):
        store.with_patterns(np.ones((2, N)), np.ones((3, M)))
    with pytest.raises(ValueError, match="`answers` must be finite"):
        store.with_patterns(np.ones((2, N)), np.full((2, M), np.inf))


@pytest.mark.parametrize("rule", [memory.Projection(), memory.Weighted(jnp.arange(1.0, K + 1))])
def test_couplings_that_patterns_share_are_not_learned_again(rule, getkey):
    tensor = memory.PatternTensor(signs(getkey(), (K, N)), rule)
    for change in (lambda: tensor.added(np.ones(N)), lambda: tensor.removed(0)):
        with pytest.raises(ValueError, match="`couplings` must be those of the Hebbian rule"):
            change()


# Weights that learn one more pattern


LEARNING = {
    "activity product": memory.ActivityProduct(),
    "covariance": memory.Covariance(0.2),
    "expanded": memory.ExpandedHebbian(memory.Decay(0.1), 0.1, -0.2, 0.3, -0.1, 1.0),
    "storkey": memory.Storkey(),
    "clamped oja": memory.ClampedOja(0.2),
}


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("self_coupling", [False, True])
def test_weights_learn_one_pattern_more(name, self_coupling, getkey):
    rule, xi = LEARNING[name], signs(getkey(), (K, N))
    threshold = jr.normal(getkey(), (N,))

    def make(patterns):
        return network.Hopfield.from_patterns(
            patterns, rule, threshold=threshold, self_coupling=self_coupling
        )

    actual, expected = make(xi[:-1]).added(xi[-1], rule), make(xi)
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    scale = float(jnp.max(jnp.abs(learn(rule, xi))))
    np.testing.assert_allclose(actual.weights, expected.weights, rtol=0, atol=1e-6 * scale)
    np.testing.assert_array_equal(actual.threshold, threshold)
    if name == "activity product":
        np.testing.assert_array_equal(make(xi[:-1]).added(xi[-1]).weights, actual.weights)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (memory.PseudoInverse(), "must be a rule that can learn one more pattern.*PseudoInverse"),
        (memory.Perceptron(), "must be a rule that can learn one more pattern.*a Perceptron"),
        (memory.Covariance(), "must have a given mean, as the mean over patterns changes"),
        (memory.Storkey(passes=2), "must show all patterns once, but has 2 passes"),
    ],
)
def test_rules_that_need_all_patterns_are_refused(rule, sentence):
    with pytest.raises(ValueError, match=f"`rule` {sentence}"):
        network.Hopfield(jnp.zeros((N, N))).added(np.ones(N), rule)


def test_a_correlation_matrix_learns_one_pair_more(getkey):
    xi, y = signs(getkey(), (K, N)), jr.normal(getkey(), (K, M))
    make = network.CorrelationMatrix
    actual = make(xi[:-1], y[:-1], sign=True).added(xi[-1], y[-1])
    np.testing.assert_allclose(actual.weights, make(xi, y).weights, rtol=1e-5, atol=1e-6)
    assert actual.sign
    actual = make(xi[:-1], passes=3).added(xi[-1])
    np.testing.assert_allclose(actual.weights, make(xi).weights, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"`answer` must have shape \(5,\), but has shape \(9,\)"):
        make(xi, y).added(xi[0])


@pytest.mark.parametrize("shape", [(N + 1,), (1, N), ()])
def test_weights_refuse_a_pattern_of_another_shape(shape):
    for net in (network.Hopfield(jnp.eye(N)), network.CorrelationMatrix(jnp.ones((K, N)))):
        with pytest.raises(ValueError, match=r"`pattern` must have shape \(9,\)"):
            net.added(np.ones(shape))
