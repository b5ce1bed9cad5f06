"""Memories that answer in passes: correlation matrices, Minerva 2, universal Hopfield networks."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import FEEDFORWARD, K, M, N, signs

import nam_jax as nam
from nam_jax import memory
from nam_jax.memory import (
    Cosine,
    Dot,
    Euclidean,
    Identity,
    Manhattan,
    Max,
    Pearson,
    Polynomial,
    Softmax,
    Threshold,
    TopQ,
)
from nam_jax.network import (
    CorrelationMatrix,
    DenseAssociativeMemory,
    Minerva2,
    ModernHopfield,
    UniversalHopfield,
)
from nam_jax.solve import RESULTS

X64 = jax.config.jax_enable_x64
CLOSE = {"rtol": 1e-10, "atol": 1e-12} if X64 else {"rtol": 1e-5, "atol": 1e-5}
SIMILARITIES = {
    "dot": (Dot, lambda m, q: m @ q),
    "cosine": (Cosine, lambda m, q: m @ q / np.linalg.norm(m) / np.linalg.norm(q)),
    "pearson": (Pearson, lambda m, q: np.corrcoef(m, q)[0, 1]),
    "euclidean": (Euclidean, lambda m, q: -np.sum((m - q) ** 2)),
    "manhattan": (Manhattan, lambda m, q: -np.sum(np.abs(m - q))),
}
WEIGHTINGS = {
    "identity": Identity(),
    "cubed": Polynomial(3),
    "threshold": Threshold(0.1),
    "top 2": TopQ(2),
    "softmax": Softmax(1.5),
    "max": Max(),
}
every_row = pytest.mark.parametrize("name", FEEDFORWARD)


@every_row
def test_contract(name, getkey):
    """Jit and vmap change nothing, trees survive, and gradients are finite."""
    net = FEEDFORWARD[name](getkey())
    cues = jr.normal(getkey(), (3, N))

    def answer(net, cue):
        return nam.retrieve(net, cue).pattern

    eager = jnp.stack([answer(net, cue) for cue in cues])
    np.testing.assert_allclose(jax.jit(jax.vmap(answer, (None, 0)))(net, cues), eager, **CLOSE)
    leaves, structure = jax.tree.flatten(net)
    np.testing.assert_array_equal(answer(jax.tree.unflatten(structure, leaves), cues[0]), eager[0])
    recall = nam.retrieve(net, cues[0])
    assert recall.result == RESULTS.passed and int(recall.steps) == net.passes
    state = net.initial_state(cues[0])
    for _ in range(net.passes):
        state = net.respond(state)
    np.testing.assert_allclose(state, eager[0], **CLOSE)
    slope = jax.grad(lambda cue: jnp.sum(jnp.sin(answer(net, cue))))(cues[0])
    assert bool(jnp.isfinite(slope).all())
    assert bool(jnp.any(slope != 0)) == FEEDFORWARD[name].graded
    broken = jax.jit(lambda cue: nam.retrieve(net, cue).result)(cues[0].at[0].set(jnp.nan))
    assert broken == RESULTS.non_finite


@pytest.mark.parametrize("name", SIMILARITIES)
def test_similarities_are_their_definitions_row_by_row(name, getkey):
    kind, definition = SIMILARITIES[name]
    rows, query = 0.5 + jr.normal(getkey(), (K, N)), jr.normal(getkey(), (N,))
    actual = kind()(rows, query)
    expected = [definition(np.asarray(row), np.asarray(query)) for row in rows]
    np.testing.assert_allclose(actual, expected, **CLOSE)
    hidden = query.at[jnp.array([1, 4, 5])].set(jnp.nan)
    seen = ~np.isnan(np.asarray(hidden))
    expected = [definition(np.asarray(row)[seen], np.asarray(query)[seen]) for row in rows]
    np.testing.assert_allclose(kind(visible=True)(rows, hidden), expected, **CLOSE)
    matched = kind()(rows, rows[2])
    assert bool(jnp.isfinite(matched).all())
    assert name == "dot" or int(jnp.argmax(matched)) == 2
    assert bool(jnp.isfinite(kind()(jnp.zeros((2, N)), query)).all())
    assert bool(jnp.isfinite(kind(visible=True)(rows, jnp.full(N, jnp.nan))).all())


def test_weightings():
    similarities = jnp.array([0.3, -0.2, 0.9, 0.05, 0.9])
    weights = {name: value(similarities) for name, value in WEIGHTINGS.items()}
    np.testing.assert_array_equal(weights["identity"], similarities)
    np.testing.assert_allclose(weights["cubed"], similarities**3)
    np.testing.assert_allclose(weights["threshold"], [0.3, 0, 0.9, 0, 0.9])
    np.testing.assert_array_equal(weights["max"], [0, 0, 0.5, 0, 0.5])
    np.testing.assert_array_equal(weights["top 2"], [0, 0, 0.5, 0, 0.5])
    np.testing.assert_allclose(weights["softmax"], jax.nn.softmax(1.5 * similarities), rtol=1e-6)


def test_half_hidden_queries_are_told_apart_by_what_is_seen(getkey):
    """64 bits, K = 100: zeros for hidden bits mislead a Euclidean distance, NaN does not."""
    rows = (signs(getkey(), (100, 64)) + 1) * jnp.linspace(0.2, 1, 100)[:, None]
    zeros = rows.at[:, 32:].set(0)
    hidden = rows.at[:, 32:].set(jnp.nan)

    def right(similarity, queries):
        net = UniversalHopfield(rows, similarity, Max())
        recall = jax.vmap(lambda query: nam.retrieve(net, query).pattern)(queries)
        return float(jnp.mean(jnp.all(jnp.isclose(recall, rows), axis=1)))

    assert right(Euclidean(visible=True), hidden) == 1
    assert right(Euclidean(), zeros) < 0.5


def test_softmax_of_dot_products_is_the_modern_hopfield_network_and_attention(getkey):
    patterns = jr.normal(getkey(), (K, N), jnp.float32)
    query = jr.normal(getkey(), (N,), jnp.float32)
    beta = N**-0.5
    modern = nam.retrieve(ModernHopfield(patterns, beta), query).pattern
    universal = UniversalHopfield(patterns, Dot(), Softmax(beta))
    np.testing.assert_allclose(nam.retrieve(universal, query).pattern, modern, rtol=1e-5, atol=1e-5)
    attended = jax.nn.dot_product_attention(
        query[None, None, None], patterns[None, :, None], patterns[None, :, None]
    )
    np.testing.assert_allclose(modern, attended[0, 0, 0], rtol=1e-5, atol=1e-5)


def test_energy_of_the_modern_network_falls_from_pass_to_pass(getkey):
    net = ModernHopfield(jr.normal(getkey(), (K, N)), 2.0)
    states = jr.normal(getkey(), (20, N))
    for _ in range(6):
        after = jax.vmap(net.respond)(states)
        change = jax.vmap(net.energy)(after) - jax.vmap(net.energy)(states)
        assert float(change.max()) <= (1e-12 if X64 else 1e-5)
        states = after
    flow = jax.grad(net.energy)(states[0])
    np.testing.assert_allclose(flow, states[0] - net.respond(states[0]), **CLOSE)


def test_minerva_is_hintzmans_definition(getkey):
    traces = np.asarray(Minerva2.encode(signs(getkey(), (K, N)), 0.6, key=getkey()).traces)
    probe = np.asarray(signs(getkey(), (N,))) * (np.arange(N) % 3 > 0)
    echo = Minerva2(traces).echo(jnp.asarray(probe))
    activations = []
    for trace in traces:
        relevant = sum(1 for p, t in zip(probe, trace, strict=True) if p != 0 or t != 0)
        activations.append((sum(probe * trace) / relevant) ** 3)
    np.testing.assert_allclose(echo.activations, activations, **CLOSE)
    np.testing.assert_allclose(echo.intensity, sum(activations), **CLOSE)
    np.testing.assert_allclose(echo.content, np.array(activations) @ traces, **CLOSE)
    once, twice = (nam.retrieve(Minerva2(traces, passes=p), jnp.asarray(probe)) for p in (1, 2))
    np.testing.assert_allclose(jnp.max(jnp.abs(once.pattern)), 1, **CLOSE)
    again = nam.retrieve(Minerva2(traces), once.pattern)
    np.testing.assert_allclose(twice.pattern, again.pattern, **CLOSE)


def test_minerva_of_whole_traces_is_the_quartic_single_pass(getkey):
    """Corollary 2.5.2: equal norms are enough. Lost features make them different (L = 0.7)."""
    xi, states = signs(getkey(), (40, 64)), signs(getkey(), (30, 64))
    dense = DenseAssociativeMemory(xi, memory.Power(4), self_coupling=True)
    fields = jax.vmap(dense.local_field)(states)
    echoes = jax.vmap(Minerva2(xi).respond)(states)
    np.testing.assert_array_equal(jnp.sign(echoes), jnp.sign(fields))
    lost = jax.vmap(Minerva2.encode(xi, 0.7, key=getkey()).respond)(states)
    agreement = float(jnp.mean(jnp.sign(lost) == jnp.sign(fields)))
    assert 0.6 < agreement < 0.99


def test_linear_associators_superpose_and_answer(getkey):
    """Orthogonal patterns: exact answers; and Amari's signs from damaged cues."""
    hadamard = jnp.array([[1.0]])
    for _ in range(4):
        hadamard = jnp.block([[hadamard, hadamard], [hadamard, -hadamard]])
    xi, answers = hadamard[1:6], signs(getkey(), (5, M))
    net = CorrelationMatrix(xi, answers)
    for pattern, answer in zip(xi, answers, strict=True):
        np.testing.assert_allclose(nam.retrieve(net, pattern).pattern, answer, **CLOSE)
    both = nam.retrieve(net, 0.5 * xi[0] - xi[1]).pattern
    np.testing.assert_allclose(both, 0.5 * answers[0] - answers[1], **CLOSE)
    amari = CorrelationMatrix(xi[:2], sign=True)
    recall = nam.retrieve(amari, xi[0].at[0].multiply(-1))
    assert float(nam.measure.overlap(recall.pattern, xi[0])) == 1


BAD = {
    "rows": (lambda: CorrelationMatrix(jnp.ones((2, 3)), jnp.ones((3, 2))), "`answers` must have"),
    "passes": (lambda: CorrelationMatrix(jnp.ones((2, 3)), jnp.ones((2, 2)), passes=2), "`passes`"),
    "traces": (lambda: Minerva2(jnp.full((1, 2), 0.5)), "`traces` must hold only -1, 0 and"),
    "shape": (lambda: Minerva2(jnp.ones(3)), "`traces` must have shape"),
    "rate": (
        lambda: Minerva2.encode(jnp.ones((1, 2)), 1.5, key=jr.key(0)),
        "`learning_rate` must be in",
    ),
    "beta": (lambda: ModernHopfield(jnp.ones((1, 2)), 0.0), "`beta` must be above 0"),
    "softmax": (lambda: Softmax(-1.0), "`beta` must be above 0"),
    "power": (lambda: Polynomial(0), "`power` must be at least 1"),
    "q": (lambda: TopQ(4)(jnp.ones(3)), "`q` must be at most K = 3"),
    "projection": (
        lambda: UniversalHopfield(jnp.ones((2, 3)), projection=jnp.ones((3, 3))),
        "`projection` must have 2 rows",
    ),
    "unseen": (
        lambda: nam.retrieve(UniversalHopfield(jnp.ones((2, 2))), jnp.array([jnp.nan, 1.0])),
        "`cue` must",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
