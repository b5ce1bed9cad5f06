"""Basins: recall against damage, and what is reached instead."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nam_jax as nam
from nam_jax.measure import REACHED
from nam_jax.measure._basin import _place
from nam_jax.network import DenseAssociativeMemory, Hopfield
from nam_jax.solve import RESULTS, Retrieval


def place(state, patterns, *, known=True, result=RESULTS.converged, overlap=1.0):
    number = jnp.asarray(0.0)
    retrieval = Retrieval(
        state, state, number.astype(int), number, number, number, jnp.asarray(known), None, number,
        result, None, {},
    )  # fmt: skip
    return REACHED[int(_place(retrieval, patterns[0], patterns, overlap))]


def test_every_ending_gets_its_name(getkey):
    xi = nam.data.random_patterns(6, 63, key=getkey())
    stranger = nam.data.random_patterns(1, 63, key=getkey())[0]
    assert place(xi[0], xi) == "target"
    assert place(xi[3], xi) == "another"
    assert place(-xi[2], xi) == "negative"
    assert place(jnp.sign(xi[1] - xi[2] + xi[4]), xi) == "mixture"
    assert place(xi[0] * 0.01, xi, known=False) == "rest"
    assert place(stranger, xi, result=RESULTS.cycled) == "unsettled"
    assert place(stranger, xi) == "spurious"
    one_off = xi[0].at[0].multiply(-1)
    assert place(one_off, xi) == "spurious"
    assert place(one_off, xi, overlap=0.95) == "target"


def test_a_lone_pattern_attracts_half_of_all_states():
    """With one pattern, cues go to it or its negative: the radius is one half."""
    lone = nam.measure.basin(
        Hopfield.from_patterns, 1, 41, key=jr.key(0), flips=(0.0, 0.2, 0.4, 0.45), num_sets=10
    )
    np.testing.assert_array_equal(lone.reached[:, 0], 1.0)
    assert lone.radius.value == np.inf


def test_the_basin_shrinks_with_the_load_and_shares_sum_to_one():
    """Hopfield, N = 100: at K = 10 and r = .1 nearly all are recalled, at K = 25 few."""
    low, high = (
        nam.measure.basin(
            Hopfield.from_patterns, count, 100, key=jr.key(1), flips=(0.05, 0.1, 0.3, 0.5),
            num_sets=20,
        )
        for count in (10, 25)
    )  # fmt: skip
    for basin in (low, high):
        np.testing.assert_allclose(basin.reached.sum(axis=1), 1, atol=1e-12)
        assert (basin.low <= basin.reached).all() and (basin.reached <= basin.high).all()
    assert low.reached[1, 0] > 0.9 and high.reached[1, 0] < 0.4
    assert low.radius.low > 0.1 and high.radius.high < low.radius.low


def test_quartic_memories_reach_the_negative_from_beyond_one_half_only():
    quartic = nam.measure.basin(
        DenseAssociativeMemory, 20, 32, key=jr.key(2), flips=(0.1, 0.5), num_sets=20
    )
    negative = REACHED.index("negative")
    assert quartic.reached[0, negative] == 0 and quartic.reached[1, negative] > 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flips": (0.2, 0.1)}, "`flips` must hold ascending fractions"),
        ({"flips": ()}, "`flips` must hold ascending fractions"),
        ({"overlap": 0.0}, r"`overlap` must lie in \(0, 1\]"),
        ({"num_sets": 1}, "`num_sets` must be at least 2"),
        ({"confidence": 0.0}, r"`confidence` must lie in \(0, 1\)"),
    ],
)
def test_bad_arguments_of_basin(changes, message):
    arguments = {"key": jr.key(0), **changes}
    with pytest.raises(ValueError, match=message):
        nam.measure.basin(Hopfield.from_patterns, 2, 16, **arguments)
