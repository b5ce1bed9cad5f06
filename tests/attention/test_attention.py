"""Attention as associative memory: identities, causality, gradients."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import mostly_slow

from nam_jax.attention import (
    DenseAttention,
    FeatureMap,
    HebbianAttention,
    Transformer,
    TransformerBlock,
)
from nam_jax.memory import Exponential, LogSumExp, Power, RectifiedPower
from nam_jax.network import CorrelationMatrix, ModernHopfield

X64 = jax.config.jax_enable_x64
CLOSE = {"rtol": 1e-9, "atol": 1e-9} if X64 else {"rtol": 1e-5, "atol": 1e-5}
T, H, D, M = 12, 3, 8, 6
KINDS = {
    "softmax": lambda key: DenseAttention.softmax(D),
    "rectified-3": lambda key: DenseAttention(RectifiedPower(3)),
    "rectified-20": lambda key: DenseAttention(RectifiedPower(20)),
    "power-4": lambda key: DenseAttention(Power(4)),
    "hebbian": lambda key: HebbianAttention(),
    "features": lambda key: HebbianAttention(FeatureMap(D, 10, key=key)),
}
every = pytest.mark.parametrize("name", KINDS)


def heads(getkey, places=T, scale=1.0):
    """Queries, keys and values of several heads."""
    return tuple(scale * jr.normal(getkey(), (H, places, size)) for size in (D, D, M))


def jax_attention(queries, keys, values):
    """JAX's own, which wants a batch, and heads after places."""
    q, k, v = (jnp.swapaxes(x, 0, 1)[None] for x in (queries, keys, values))
    # It relies on promotions that strict mode refuses where floats are of 64 bits.
    with jax.numpy_dtype_promotion("standard"):
        return jnp.swapaxes(jax.nn.dot_product_attention(q, k, v, is_causal=True)[0], 0, 1)


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_softmax_is_scaled_dot_product_attention(scale, getkey):
    """Several heads and a causal mask, to 1e-6; values are of the size of keys there."""
    queries, keys = (scale * jr.normal(getkey(), (H, T, D)) for _ in range(2))
    values = jr.normal(getkey(), (H, T, D))
    answers = jax.vmap(DenseAttention.softmax(D))(queries, keys, values)
    expected = jax_attention(queries, keys, values)
    np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "separation",
    mostly_slow([RectifiedPower(14), Power(3), RectifiedPower(40)], RectifiedPower(14)),
)
def test_the_length_of_queries_does_not_matter(separation, dtype, getkey):
    """Down to 1e-5 and 1e-30 and up to 1e5 times their length, in both dtypes."""
    with jax.enable_x64(dtype == "float64"):
        queries, keys, values = (
            jnp.asarray(np.asarray(jr.normal(getkey(), (T, size))), dtype) for size in (D, D, M)
        )
        attend = jax.jit(DenseAttention(separation))
        expected = attend(queries, keys, values)
        assert float(jnp.abs(expected).max()) > 0.1
        for scale in (1e-30, 1e-5, 1e5):
            answers = attend(jnp.asarray(scale, dtype) * queries, keys, values)
            rtol = (1e-11 if dtype == "float64" else 5e-5) * separation.n
            np.testing.assert_allclose(answers, expected, rtol=rtol, atol=rtol)


def test_a_pass_of_modern_hopfield_networks_is_scaled_dot_product_attention(getkey):
    """Each place has a network that stores the keys up to it, and values as its projection."""
    queries, keys, values = (jr.normal(getkey(), (H, T, D)) for _ in range(3))
    expected = jax_attention(queries, keys, values)
    for head in range(2):
        for t in (0, 1, 6, T - 1):
            stored = keys[head, : t + 1]
            net = ModernHopfield(stored, D**-0.5, projection=values[head, : t + 1])
            answer = net.respond(queries[head, t])
            np.testing.assert_allclose(answer, expected[head, t], rtol=0, atol=1e-6)


def test_hebbian_attention_is_a_correlation_matrix_and_fast_weights(getkey):
    """Two other routes: the network of the same name, and weights that change token by token."""
    queries, keys, values = (x[0] for x in heads(getkey))
    answers = HebbianAttention()(queries, keys, values)
    weights = np.zeros((M, D))
    for t in range(T):
        weights = weights + np.outer(values[t], keys[t])
        np.testing.assert_allclose(answers[t], weights @ np.asarray(queries[t]), **CLOSE)
    matrix = CorrelationMatrix(keys, values)
    np.testing.assert_allclose(answers[-1], D * matrix.respond(queries[-1]), **CLOSE)


def test_features_weigh_values_by_products_that_sum_to_one(getkey):
    attention = KINDS["features"](getkey())
    queries, keys, values = (x[0] for x in heads(getkey))
    phi = jax.vmap(attention.features)
    weights = np.tril(phi(queries) @ phi(keys).T)
    assert (weights[np.tril_indices(T)] > 0).all()
    expected = weights / weights.sum(axis=1, keepdims=True) @ values
    np.testing.assert_allclose(attention(queries, keys, values), expected, **CLOSE)


@pytest.mark.parametrize("n", mostly_slow([2, 3, 7], 3))
def test_powers_weigh_values_by_powers_of_overlaps(n, getkey):
    queries, keys, values = (np.asarray(x[0], float) for x in heads(getkey))
    weights = np.tril(np.maximum(queries @ keys.T, 0) ** (n - 1))
    total = weights.sum(axis=1, keepdims=True)
    expected = weights / np.where(total > 0, total, 1) @ values
    attention = DenseAttention(RectifiedPower(n))
    arrays = [jnp.asarray(x, jnp.result_type(float)) for x in (queries, keys, values)]
    np.testing.assert_allclose(attention(*arrays), expected, **CLOSE)
    # How large queries are does not matter.
    scaled = attention(64 * arrays[0], arrays[1], arrays[2])
    np.testing.assert_allclose(scaled, attention(*arrays), **CLOSE)


def test_an_exponential_separates_as_a_log_sum_exp_does(getkey):
    arrays = [x[0] for x in heads(getkey)]
    exponential, expected = (
        DenseAttention(kind(0.7))(*arrays) for kind in (Exponential, LogSumExp)
    )
    np.testing.assert_allclose(exponential, expected, **CLOSE)


@every
def test_no_place_looks_ahead(name, getkey):
    attention = KINDS[name](getkey())
    queries, keys, values = (x[0] for x in heads(getkey))
    before = attention(queries, keys, values)
    later = [x.at[7:].add(5.0) for x in (queries, keys, values)]
    after = attention(*later)
    np.testing.assert_allclose(after[:7], before[:7], **CLOSE)
    assert not np.allclose(after[7:], before[7:])


@every
@pytest.mark.parametrize("scale", mostly_slow([1e-3, 1.0, 30.0], 30.0))
def test_answers_and_gradients_are_finite_in_float32(name, scale, getkey):
    """Also where no overlap is above 0, and for overlaps of thousands."""
    attention = jax.tree.map(lambda x: x.astype(jnp.float32), KINDS[name](getkey()))
    queries, keys, values = (x[0].astype(jnp.float32) for x in heads(getkey, scale=scale))
    queries = queries.at[0].set(-keys[0])

    def loss(arrays):
        return jnp.sum(jnp.sin(attention(*arrays)))

    value, slope = jax.value_and_grad(loss)((queries, keys, values))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((value, slope)))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves((value, slope)))


def test_where_no_overlap_is_above_zero_a_rectified_power_answers_nothing(getkey):
    _, keys, values = (x[0] for x in heads(getkey))
    answers = DenseAttention(RectifiedPower(3))(-keys, keys, values)
    np.testing.assert_array_equal(answers[0], 0)


def transformer(key, name="softmax", num_blocks=2):
    return Transformer(
        jr.normal(key, (20, 16)), 5, KINDS[name],
        num_blocks=num_blocks, num_heads=H, head_size=D, key=key,
    )  # fmt: skip


def test_a_transformer_is_causal_and_sees_one_token_back(getkey):
    net = transformer(getkey())
    tokens = jr.randint(getkey(), (T,), 0, 20)
    logits = net(tokens)
    assert logits.shape == (T, 5)
    changed = net(tokens.at[6].set((tokens[6] + 1) % 20))
    np.testing.assert_allclose(changed[:6], logits[:6], **CLOSE)
    assert not np.allclose(changed[6], logits[6]) and not np.allclose(changed[7], logits[7])


def test_a_block_is_attention_and_mlp_with_residuals(getkey):
    """Written out with JAX's attention, from the block's own weights."""
    block = TransformerBlock(DenseAttention.softmax(D), 16, num_heads=H, head_size=D, key=getkey())
    x = jr.normal(getkey(), (T, 16))
    output = block(x)

    def normed(x):
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / jnp.sqrt(centred.var(axis=1, keepdims=True) + 1e-5)

    y = normed(x)
    pair = jnp.concatenate([y, jnp.pad(y, ((1, 0), (0, 0)))[:-1]], axis=1)
    parts = jnp.split(pair @ block.project.weight.T, 3, axis=1)
    q, k, v = (part.reshape(T, H, D).swapaxes(0, 1) for part in parts)
    answers = jax_attention(q, k, v).swapaxes(0, 1).reshape(T, H * D)
    x = x + answers @ block.output.weight.T
    expected = x + jax.vmap(block.mlp)(normed(x))
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", mostly_slow(list(KINDS), "softmax", "features"))
def test_jit_and_vmap_change_nothing(name, getkey):
    net = transformer(getkey(), name, num_blocks=1)
    tokens = jr.randint(getkey(), (3, T), 0, 20)
    eager = jnp.stack([net(row) for row in tokens])
    batched = jax.jit(jax.vmap(net))(tokens)
    np.testing.assert_allclose(batched, eager, rtol=1e-4, atol=1e-5)


def test_what_is_trained_leaves_out_codes_and_steepness(getkey):
    net = transformer(getkey())
    trained = jax.tree.leaves(net.trained())
    fixed = [net.codes, *(block.attention.separation.beta for block in net.blocks)]
    assert not any(leaf is parameter for leaf in trained for parameter in fixed)
    assert any(leaf is net.blocks[1].mlp.layers[0].weight for leaf in trained)
    features = transformer(getkey(), "features").blocks[0]
    assert any(part is features.attention.features for part in features.trained())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda key: FeatureMap(0, 4, key=key), "`size` must be at least 1"),
        (lambda key: FeatureMap(4, 0, key=key), "`num_features` must be at least 1"),
        (lambda key: transformer(key, num_blocks=0), "`num_blocks` must be at least 1"),
    ],
)
def test_bad_arguments(make, message, getkey):
    with pytest.raises(ValueError, match=message):
        make(getkey())
