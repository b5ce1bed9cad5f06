import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nam_jax.data import correlated_patterns, random_patterns, sparse_patterns


def test_random_patterns_are_balanced_and_independent(getkey):
    K, N = 40, 5000
    patterns = random_patterns(K, N, key=getkey())
    assert patterns.shape == (K, N)
    assert set(np.unique(patterns)) == {-1.0, 1.0}
    # Means and overlaps have standard deviation 1/sqrt(N); 5 of them for 820 numbers.
    assert np.abs(patterns.mean(axis=1)).max() < 5 / N**0.5
    overlaps = np.asarray(patterns @ patterns.T / N)[np.triu_indices(K, 1)]
    assert np.abs(overlaps).max() < 5 / N**0.5
    assert overlaps.std() == pytest.approx(1 / N**0.5, rel=0.15)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16, None])
def test_random_patterns_dtype(getkey, dtype):
    expected = jnp.result_type(float) if dtype is None else dtype
    assert random_patterns(2, 3, key=getkey(), dtype=dtype).dtype == expected


def test_patterns_are_reproducible():
    key = jax.random.key(3)
    assert (random_patterns(3, 50, key=key) == random_patterns(3, 50, key=key)).all()


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5, 0.9])
def test_correlated_patterns_have_the_overlap_asked_for(getkey, correlation):
    K, N = 20, 20000
    patterns = correlated_patterns(K, N, correlation=correlation, key=getkey())
    assert set(np.unique(patterns)) == {-1.0, 1.0}
    overlaps = np.asarray(patterns @ patterns.T / N)[np.triu_indices(K, 1)]
    # An entry's product has variance 1 - c^2 <= 1: 5 standard deviations of one overlap.
    assert np.abs(overlaps - correlation).max() < 5 / N**0.5
    assert np.abs(patterns.mean(axis=1)).max() < 5 / N**0.5


def test_fully_correlated_patterns_are_equal(getkey):
    patterns = correlated_patterns(5, 100, correlation=1.0, key=getkey())
    assert (patterns == patterns[:1]).all()


@pytest.mark.parametrize("activity", [0.0, 0.05, 0.5, 1.0])
def test_sparse_patterns_have_the_activity_asked_for(getkey, activity):
    patterns = sparse_patterns(50, 2000, activity=activity, key=getkey())
    assert set(np.unique(patterns)) <= {0.0, 1.0}
    deviation = (activity * (1 - activity) / patterns.size) ** 0.5
    assert abs(float(patterns.mean()) - activity) <= 5 * deviation


KINDS = {
    "random": random_patterns,
    "correlated": functools.partial(correlated_patterns, correlation=0.5),
    "sparse": functools.partial(sparse_patterns, activity=0.5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("K", "N", "name"), [(0, 5, "num_patterns"), (5, 0, "num_neurons")])
def test_no_patterns_or_no_neurons(getkey, kind, K, N, name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1, but has 0"):
        KINDS[kind](K, N, key=getkey())


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_parameters_out_of_range(getkey, value):
    with pytest.raises(ValueError, match="`correlation` must lie in"):
        correlated_patterns(2, 3, correlation=value, key=getkey())
    with pytest.raises(ValueError, match="`activity` must lie in"):
        sparse_patterns(2, 3, activity=value, key=getkey())
