"""Similarities of numbers far from 0, very large, very small, blank, whole or not finite."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nam_jax as nam
from nam_jax.memory import Cosine, Dot, Euclidean, Manhattan, Max, Normalised, Pearson, TopQ
from nam_jax.network import (
    DenseAssociativeMemory,
    Hopfield,
    ModernHopfield,
    UniversalHopfield,
)
from nam_jax.network._drive import as_cue
from nam_jax.solve import RESULTS

K, N = 40, 48
KINDS = [Cosine, Pearson, Euclidean, Manhattan]
SCALES = (1e-12, 1e-4, 1.0, 1e5, 1e10)
PLACE = 7
"""The row of which queries are made."""


def exact(kind, rows, query):
    """The similarity by its definition, in 64 bits, over the entries that are not NaN."""
    seen = ~np.isnan(query)
    m, q = rows.astype(np.float64)[:, seen], query.astype(np.float64)[seen]
    if kind is Euclidean:
        return -((m - q) ** 2).sum(1)
    if kind is Manhattan:
        return -np.abs(m - q).sum(1)
    if kind is Pearson:
        m, q = m - m.mean(1, keepdims=True), q - q.mean()
    return m @ q / np.linalg.norm(m, axis=1) / np.linalg.norm(q)


def problems(visible):
    """Rows (C, K, N) and queries (C, N) in 32 bits, for each offset and scale."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(K, N))
    query = base[PLACE] + 0.2 * rng.normal(size=N)
    hidden = (rng.random(N) < 0.4) & visible
    pixels, rows_ = 1000 * rng.normal(size=N), 1000 * rng.normal(size=(K, 1))
    # Offsets of rows and of the query: none, one for all, one a pixel, one a row (brightness).
    offsets = [(0, 0), (1000, 1000), (pixels, pixels), (rows_, rows_[PLACE])]
    cases = [
        (scale * (base + of_rows), scale * np.where(hidden, np.nan, query + of_query))
        for of_rows, of_query in offsets
        for scale in SCALES
    ]
    return [np.stack(part).astype(np.float32) for part in zip(*cases, strict=True)]


@pytest.mark.parametrize("visible", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_similarities_are_those_of_64_bits_at_any_offset_and_scale(kind, visible):
    rows, queries = problems(visible)
    result = np.asarray(jax.jit(jax.vmap(kind(visible=visible)))(rows, queries))
    assert result.dtype == np.float32
    for case, (m, q) in enumerate(zip(rows, queries, strict=True)):
        right = exact(kind, m, q)
        size = np.abs(right).max() if kind in (Euclidean, Manhattan) else 1
        np.testing.assert_allclose(result[case] / size, right / size, atol=1e-5, err_msg=str(case))
        # Cosines at an offset of 1000 spreads differ by less than the rounding of 32 bits.
        assert kind is Cosine or result[case].argmax() == right.argmax()
    assert (result <= (0 if kind in (Euclidean, Manhattan) else 1 + 1e-5)).all()


COMPILED = {kind: jax.jit(kind(visible=True)) for kind in KINDS}


@hypothesis.given(
    kind=st.sampled_from(KINDS),
    exponent=st.floats(-12, 10),
    offset=st.floats(-1000, 1000),
    spreads=st.floats(1, 30),
    hidden=st.floats(0, 0.9),
    seed=st.integers(0, 2**31),
)
@hypothesis.settings(deadline=None, max_examples=60, derandomize=True)
def test_similarities_hold_for_any_unit_offset_and_brightness(
    kind, exponent, offset, spreads, hidden, seed
):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(6, 24)) + spreads * rng.normal(size=(6, 1))
    query = rows[rng.integers(6)] + 0.3 * rng.normal(size=24)
    query[1:] = np.where(rng.random(23) < hidden, np.nan, query[1:])
    rows, query = ((10**exponent * (x + offset)).astype(np.float32) for x in (rows, query))
    hypothesis.assume(np.isfinite(query).sum() > 2)
    right = exact(kind, rows, query)
    size = np.abs(right).max() if kind in (Euclidean, Manhattan) else 1
    result = np.asarray(COMPILED[kind](rows, query))
    np.testing.assert_allclose(result / size, right / size, atol=1e-5)


@hypothesis.given(
    entries=st.lists(st.integers(-128, 255), min_size=8, max_size=8),
    kind=st.sampled_from(["int8", "uint8", "int32", "int64", "bool", "float16", "float64"]),
    dtype=st.sampled_from(["float32", "float64"]),
)
@hypothesis.settings(deadline=None, max_examples=60, derandomize=True)
def test_cues_of_any_dtype_become_the_floats_of_the_network(entries, kind, dtype):
    with jax.enable_x64(True):
        cue = np.array(entries).astype(kind)
        result = as_cue(cue, 8, jnp.dtype(dtype))
        np.testing.assert_array_equal(result, cue.astype(dtype))
        assert result.dtype == dtype


@pytest.mark.parametrize("kind", [Pearson, Euclidean])
def test_the_nearest_of_many_rows_is_found_far_from_0(kind):
    rng = np.random.default_rng(1)
    rows = (3000 + 0.3 * rng.normal(size=(200, 64))).astype(np.float32)
    queries = (rows + 0.1 * rng.normal(size=rows.shape)).astype(np.float32)
    result = jax.jit(jax.vmap(kind(), (None, 0)))(rows, queries)
    right = [exact(kind, rows, query).argmax() for query in queries]
    np.testing.assert_array_equal(np.argmax(result, axis=1), right)


def test_a_uniform_image_has_no_correlation():
    rows = jnp.asarray([[0.1] * 7, [3000.3] * 7, [1, 2, 3, 4, 5, 6, 7]], jnp.float32)
    for similarity in (Pearson(), Pearson(visible=True)):
        np.testing.assert_allclose(similarity(rows, rows[2]), [0, 0, 1], atol=1e-6)
        np.testing.assert_array_equal(similarity(rows, rows[1]), [0, 0, 0])


@pytest.mark.parametrize("visible", [False, True])
@pytest.mark.parametrize("kind", [Cosine, Pearson])
def test_derivatives_at_blank_rows_and_cues_are_0_and_change_no_others(kind, visible):
    similarity, rows = kind(visible=visible), jr.normal(jr.key(0), (4, 6)).at[2].set(0.0)
    query, others = jr.normal(jr.key(1), (6,)), np.array([0, 1, 3])
    derivatives = jax.jit(jax.jacobian(similarity, (0, 1)))
    by_rows, by_query = derivatives(rows, query)
    expected_rows, expected_query = derivatives(rows[others], query)
    np.testing.assert_array_equal(by_rows[2], 0)
    np.testing.assert_array_equal(by_query[2], 0)
    np.testing.assert_allclose(by_query[others], expected_query, atol=1e-5)
    np.testing.assert_allclose(by_rows[others][:, others], expected_rows, atol=1e-5)
    for blank in derivatives(rows, jnp.zeros(6)):
        np.testing.assert_array_equal(blank, 0)


def test_derivatives_of_distances_survive_an_offset():
    rows = (1000 + np.random.default_rng(0).normal(size=(5, 8))).astype(np.float32)
    query = rows[1] + np.float32(0.5)
    slope = jax.jacobian(Euclidean())(jnp.asarray(rows), jnp.asarray(query))
    gaps = 2 * (query - rows)
    np.testing.assert_allclose(slope[np.arange(5), np.arange(5)], gaps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [Dot, *KINDS])
def test_whole_numbers_pixels_and_booleans_are_converted_to_the_dtype_of_rows(kind):
    rows = jr.normal(jr.key(0), (3, 6), jnp.float32)
    for query in (jnp.array([3, 0, 1, 1, 7, 200], jnp.uint8), jnp.arange(6) < 2, np.arange(6)):
        result = kind()(rows, query)
        np.testing.assert_array_equal(result, kind()(rows, jnp.asarray(query, jnp.float32)))
        assert result.dtype == np.float32
    with pytest.raises(ValueError, match="`query` must hold real numbers"):
        kind()(rows, jnp.ones(6, complex))


def test_no_row_is_chosen_where_similarities_are_nan():
    for weighting in (Max(), TopQ(2), Normalised(Max())):
        weights = jax.jit(weighting)(jnp.array([0.3, jnp.nan, 0.9]))
        assert np.isnan(weights).all()


NETWORKS = {
    "most similar": lambda xi: UniversalHopfield(xi, Cosine(), Max()),
    "two most similar": lambda xi: UniversalHopfield(xi, Euclidean(), TopQ(2), passes=2),
    "visible": lambda xi: UniversalHopfield(xi, Manhattan(visible=True), Max()),
    "attention": ModernHopfield,
    "pairs": Hopfield.from_patterns,
    "dense": DenseAssociativeMemory,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_entries_that_are_not_finite_count_as_no_bits_and_spare_the_batch(name):
    xi = nam.data.random_patterns(3, 24, key=jr.key(0))
    net = NETWORKS[name](xi)
    bad = [jnp.inf, -jnp.inf] + [jnp.nan] * (not net.nan_allowed)
    cues = jnp.stack([xi[0], *(xi[1].at[3].set(value) for value in bad), xi[2]])
    recall = nam.retrieve_all(net, cues)
    failed = np.asarray(jax.vmap(lambda r: r == RESULTS.non_finite)(recall.result))
    np.testing.assert_array_equal(failed, [False, *[True] * len(bad), False])
    assert np.isfinite(recall.pattern[np.array([0, -1])]).all()
    assert not np.isfinite(recall.pattern[1:-1]).all(axis=1).any()
