"""Attention by synapses and calcium: equal to linear attention, and its laws; random features."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy

from nam_jax.attention import (
    AstrocyteAttention,
    DenseAttention,
    FeatureMap,
    HebbianAttention,
    RandomFeatures,
    TrigonometricFeatures,
)

X64 = jax.config.jax_enable_x64
CLOSE = {"rtol": 1e-12, "atol": 1e-12} if X64 else {"rtol": 2e-5, "atol": 2e-5}
T, D, M, F = 32, 16, 6, 24


def tokens(getkey, scale=0.5):
    """Queries, keys and values."""
    queries, keys = (scale * jr.normal(getkey(), (T, D)) for _ in range(2))
    return queries, keys, jr.normal(getkey(), (T, M))


FEATURES = {
    "elu": lambda key: FeatureMap(D, F, key=key),
    "random": lambda key: RandomFeatures(D, F, key=key),
    "orthogonal": lambda key: RandomFeatures(D, F, orthogonal=True, key=key),
    "mirrored": lambda key: RandomFeatures(D, F, mirrored=True, key=key),
}


@pytest.mark.parametrize("name", FEATURES)
def test_synapses_and_calcium_are_linear_attention_at_every_place(name, getkey):
    features, given = FEATURES[name](getkey()), tokens(getkey)
    answers = AstrocyteAttention(features)(*given)
    np.testing.assert_allclose(answers, HebbianAttention(features)(*given), **CLOSE)


def test_token_by_token_is_the_same(getkey):
    """What a user who streams tokens does; no place looks ahead."""
    attention = AstrocyteAttention(FEATURES["random"](getkey()), leak=0.1, reading_time=2.0)
    queries, keys, values = tokens(getkey)
    expected, state = attention(queries, keys, values), attention.start(keys[0], values[0])
    for t in range(3):
        state = attention.read(attention.written(state, keys[t], values[t]), queries[t])
        np.testing.assert_allclose(attention.answer(state, queries[t]), expected[t], **CLOSE)


@pytest.mark.parametrize("leak", [0.01, 0.1])
def test_a_leak_weighs_a_token_by_its_age(leak, getkey):
    """By exp(-leak age): a matrix of weights written out."""
    features, (queries, keys, values) = FEATURES["random"](getkey()), tokens(getkey)
    phi = jax.vmap(features)
    age = np.arange(T)[:, None] - np.arange(T)
    weights = np.where(age >= 0, np.exp(-leak * age) * np.asarray(phi(queries) @ phi(keys).T), 0)
    expected = weights @ values / weights.sum(axis=1, keepdims=True)
    answers = AstrocyteAttention(features, leak=leak)(queries, keys, values)
    np.testing.assert_allclose(answers, expected, **CLOSE)


@pytest.mark.parametrize(("time", "excess"), [(1, 0.582), (3, 0.0524), (5, 0.0068)])
def test_answers_read_too_early_are_too_large(time, excess, getkey):
    """By 1 / (1 - exp(-t / tau_p)): 58 %, 5.2 %, .68 %."""
    features, given = FEATURES["random"](getkey()), tokens(getkey)
    early = AstrocyteAttention(features, reading_time=time)(*given)
    expected = HebbianAttention(features)(*given) / (1 - math.exp(-time))
    np.testing.assert_allclose(early, expected, **CLOSE)
    assert 1 / (1 - math.exp(-time)) - 1 == pytest.approx(excess, rel=0.01)


def test_calcium_that_is_kept_forgets_the_last_query(getkey):
    """Errors after the first answers shrink with the reading time, down to rounding."""
    features, given = FEATURES["random"](getkey()), tokens(getkey)
    expected = HebbianAttention(features)(*given)
    errors = []
    for time in (1, 2, 3, 5, 10):
        attention = AstrocyteAttention(features, reading_time=time, keeps_calcium=True)
        gaps = jnp.linalg.norm(attention(*given) - expected, axis=1)
        errors.append(float(jnp.max((gaps / jnp.linalg.norm(expected, axis=1))[1:])))
    assert errors == sorted(errors, reverse=True) and errors[0] < 0.4 and errors[-1] < 1e-4


def test_the_pulse_of_writing_is_its_differential_equation(getkey):
    """A token written at a constant rate for a fixed time, integrated by SciPy, without a leak;
    and the calcium of one query."""
    attention = AstrocyteAttention(FEATURES["random"](getkey()), reading_time=1.5)
    queries, keys, values = tokens(getkey)
    phi = np.asarray(jax.vmap(attention.features)(keys))
    asked = np.asarray(attention.features(queries[2]))
    flat = np.zeros(F * M + F)
    for t in range(3):
        pulse = np.concatenate([np.outer(phi[t], values[t]).ravel(), phi[t]])
        flat = scipy.integrate.solve_ivp(lambda _, y, p=pulse: p, (0, 0.3), flat).y[:, -1]
    synapses, gains = flat[: F * M].reshape(F, M), flat[F * M :]
    drive = gains @ asked
    read = scipy.integrate.solve_ivp(lambda _, p: drive - p, (0, 1.5), [0.0], rtol=1e-8, atol=1e-10)
    expected = asked @ synapses / read.y[0, -1]
    answers = attention(queries, keys, values)
    np.testing.assert_allclose(answers[2], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("orthogonal", [False, True])
def test_random_features_have_the_exponential_as_their_mean_overlap(orthogonal, getkey):
    """Within four standard errors over 4096 features, for vectors of ordinary length."""
    phi = RandomFeatures(D, 4096, orthogonal=orthogonal, key=getkey())
    x, y = 0.5 * jr.normal(getkey(), (2, D))
    products = 4096 * np.asarray(phi(x) * phi(y))
    error = products.std() / math.sqrt(len(products))
    assert abs(products.mean() - float(jnp.exp(x @ y / math.sqrt(D)))) < 4 * error
    assert (products > 0).all()


def test_orthogonal_directions_are_orthogonal_and_as_long_as_normal_vectors(getkey):
    rows = np.asarray(RandomFeatures(D, 40, orthogonal=True, key=getkey()).directions)
    for block in (rows[:16], rows[16:32], rows[32:]):
        products = block @ block.T
        np.testing.assert_allclose(products - np.diag(np.diag(products)), 0, atol=1e-4)
    assert abs((rows**2).sum(axis=1).mean() - D) < 4


@pytest.mark.parametrize(("count", "low", "high"), [(64, 0.201, 0.343), (256, 0.129, 0.195)])
@pytest.mark.parametrize("orthogonal", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_errors_of_random_features(count, low, high, orthogonal):
    """The median over 60 draws lies in the quartiles of an independent program."""
    random, errors = np.random.default_rng(count), []
    for draw in range(60):
        queries, keys = 0.5 * random.normal(size=(2, T, D))
        values = random.normal(size=(T, 8))
        key = jr.fold_in(jr.key(count), draw)
        phi = RandomFeatures(D, count, orthogonal=orthogonal, key=key)
        directions = np.asarray(phi.directions, float)
        mapped = [
            np.exp(x @ directions.T / 2 - (x**2).sum(axis=1, keepdims=True) / 8)
            for x in (queries, keys)  # D^(1/4) = 2
        ]
        if not draw:
            expected = np.asarray(phi(jnp.asarray(queries[0], float)))
            np.testing.assert_allclose(mapped[0][0] / math.sqrt(count), expected, rtol=1e-4)
        weights = mapped[0] @ mapped[1].T
        exact = np.exp(queries @ keys.T / 4)
        answers, softmax = (w @ values / w.sum(axis=1, keepdims=True) for w in (weights, exact))
        errors.append(np.linalg.norm(answers - softmax) / np.linalg.norm(softmax))
    assert low < np.median(errors) < high


def test_mirrored_directions_are_hyperbolic_features(getkey):
    """phi(x) = (exp(W z), exp(-W z)) exp(-|z|^2 / 2) / sqrt(F), whatever the directions."""
    phi = RandomFeatures(D, 6, mirrored=True, key=getkey())
    x = jr.normal(getkey(), (D,))
    overlaps = np.asarray(phi.directions)[:3] @ np.asarray(x) / 2  # D^(1/4) = 2
    scale = math.exp(-float(x @ x) / 8) / math.sqrt(6)
    expected = scale * np.exp(np.concatenate([overlaps, -overlaps]))
    np.testing.assert_allclose(phi(x), expected, rtol=1e-4)


@pytest.mark.parametrize("orthogonal", [False, True])
def test_trigonometric_features_have_the_exponential_as_their_mean_overlap(orthogonal, getkey):
    """Within four standard errors; the overlap of x with itself is exact for all directions."""
    phi = TrigonometricFeatures(D, 8192, orthogonal=orthogonal, key=getkey())
    x, y = 0.5 * jr.normal(getkey(), (2, D))
    products = 4096 * np.asarray(phi(x) * phi(y)).reshape(2, 4096).sum(axis=0)
    error = products.std() / math.sqrt(len(products))
    assert abs(products.mean() - float(jnp.exp(x @ y / math.sqrt(D)))) < 4 * error
    np.testing.assert_allclose(phi(x) @ phi(x), jnp.exp(x @ x / math.sqrt(D)), rtol=1e-4)


def test_answers_without_a_positive_divisor_are_nan():
    """Ordinary queries and few trigonometric features; the divisors written out."""
    of_features, *of_tokens = jr.split(jr.key(0), 4)
    phi = TrigonometricFeatures(D, 8, key=of_features)
    queries, keys = (jr.normal(key, (T, D)) for key in of_tokens[:2])
    values = jr.normal(of_tokens[2], (T, M))
    overlaps = np.asarray(jax.vmap(phi)(queries) @ jax.vmap(phi)(keys).T, float)
    totals = np.tril(overlaps).sum(axis=1)
    clear = np.abs(totals) > 1e-4 * np.tril(np.abs(overlaps)).sum(axis=1)
    assert 0 < (totals <= 0).sum() < T and clear.sum() > T - 3
    for attention in (HebbianAttention(phi), AstrocyteAttention(phi)):
        without = np.isnan(np.asarray(attention(queries, keys, values)))
        assert (without == without[:, :1]).all()
        np.testing.assert_array_equal(without[clear, 0], totals[clear] <= 0)


@pytest.mark.parametrize("kind", ["hebbian", "astrocyte"])
def test_many_random_features_come_near_causal_softmax_attention(kind, getkey):
    features, given = RandomFeatures(D, 2048, key=getkey()), tokens(getkey, scale=0.3)
    made = HebbianAttention(features) if kind == "hebbian" else AstrocyteAttention(features)
    exact = DenseAttention.softmax(D)(*given)
    assert jnp.linalg.norm(made(*given) - exact) < 0.05 * jnp.linalg.norm(exact)


def test_gradients_are_finite_and_directions_are_not_trained(getkey):
    attention = AstrocyteAttention(FEATURES["random"](getkey()), reading_time=2.0)
    slopes = jax.grad(lambda given: jnp.sum(jnp.sin(attention(*given))))(tokens(getkey))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in slopes)
    assert attention.trained() == []
    assert len(AstrocyteAttention(FEATURES["elu"](getkey())).trained()) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda key: RandomFeatures(0, 4, key=key), "`size` must be at least 1"),
        (lambda key: RandomFeatures(4, 0, key=key), "`num_features` must be at least 1"),
        (lambda key: RandomFeatures(4, 3, mirrored=True, key=key), "`num_features` must be even"),
        (lambda key: TrigonometricFeatures(4, 3, key=key), "`num_features` must be even"),
        (
            lambda key: jax.vmap(lambda k: RandomFeatures(4, 4, orthogonal=True, key=k).directions)(
                jr.split(key)
            ),
            "`orthogonal` must be False inside",
        ),
        (
            lambda key: AstrocyteAttention(RandomFeatures(4, 4, key=key), leak=-1.0),
            "`leak` must be at least 0",
        ),
        (
            lambda key: AstrocyteAttention(RandomFeatures(4, 4, key=key), reading_time=0.0),
            "`reading_time` must be above 0",
        ),
        (
            lambda key: AstrocyteAttention(RandomFeatures(4, 4, key=key), keeps_calcium=True),
            "`keeps_calcium` must be False where the reading time is infinite",
        ),
    ],
)
def test_bad_arguments(make, message, getkey):
    with pytest.raises(ValueError, match=message):
        make(getkey())
