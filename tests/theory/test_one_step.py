"""The exact law of one step against enumeration, an independent prototype and simulation."""

import functools
import itertools
import math
from decimal import Decimal

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import mostly_slow

from nam_jax import theory
from nam_jax.memory import (
    DistinctPower,
    Exponential,
    Power,
    RectifiedPower,
)
from nam_jax.network import DenseAssociativeMemory


def enumerated(num_neurons, num_patterns, difference):
    """Wrong with ties counted half, over all other patterns: every (a, S) with its weight."""
    rest = num_neurons - 1
    sums = np.arange(-rest, num_neurons, 2, dtype=float)
    weights = np.array([math.comb(rest, k) for k in range(num_neurons)]) / 2.0**rest
    one = [(sign * d, w / 2) for d, w in zip(difference(sums), weights, strict=True)
           for sign in (-1, 1)]  # fmt: skip
    signal = difference(np.array([float(rest)]))[0]
    wrong = 0.0
    for others in itertools.product(one, repeat=num_patterns - 1):
        field = signal + sum(d for d, _ in others)
        weight = math.prod(w for _, w in others)
        wrong += weight * (0.5 if abs(field) < 1e-9 else float(field < 0))
    return wrong


@pytest.mark.parametrize(("size", "count"), [(8, 4), (9, 4), (10, 3), (10, 4)])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_law_is_that_of_all_pattern_sets(size, count, n):
    for difference in (
        theory.power_difference(n),
        theory.rectified_difference(n),
        theory.distinct_difference(size, n),
    ):
        error = theory.one_step_error(size, count, difference)
        np.testing.assert_allclose(error, enumerated(size, count, difference), rtol=1e-9)


@pytest.mark.parametrize(("size", "count"), [(8, 4), (9, 4), (10, 3)])
def test_the_quadratic_law_is_that_of_all_pattern_sets(size, count):
    law = theory.quadratic_one_step_error(size, count)
    expected = enumerated(size, count, theory.power_difference(2))
    np.testing.assert_allclose(law.strict + law.tie / 2, expected, rtol=1e-10)


@functools.partial(jax.jit, static_argnames=("size", "count", "flipped", "num_sets"))
def simulated(separation, key, *, size, count, flipped, num_sets):
    """Share of wrong bits of each pattern set, of right and of flipped bits; ties count half."""

    def one(key):
        patterns = jr.rademacher(key, (count, size), float)
        sign = jnp.where(jnp.arange(size) < flipped, -1.0, 1.0)
        net = DenseAssociativeMemory(patterns, separation)
        field = jnp.sign(net.local_field(sign * patterns[0])) * patterns[0]
        wrong = (1 - field) / 2
        right = jnp.sum(jnp.where(sign > 0, wrong, 0)) / (size - flipped)
        return right, jnp.sum(jnp.where(sign < 0, wrong, 0)) / max(flipped, 1)

    return jax.lax.map(one, jr.split(key, num_sets), batch_size=50)


def agrees(measured, expected):
    """Within four standard errors over pattern sets: bits of one set are not independent."""
    measured = np.asarray(measured, float)
    error = measured.std(ddof=1) / math.sqrt(measured.size)
    assert abs(measured.mean() - expected) < 4 * error, (measured.mean(), expected, error)
    assert error < 0.2 * expected  # else the test could not fail


# By the independent prototype, to its last digit. Keys: n, N, K and the number of flipped bits.
# Values: the error of the bits that are right at the start, and of the flipped bits.
TABLE = {
    (2, 32, 4, 0): ["6.307e-4"],
    (2, 64, 11, 0): ["6.007e-3"],
    (2, 128, 20, 0): ["4.864e-3"],
    (2, 256, 39, 0): ["4.791e-3"],
    (2, 512, 78, 0): ["4.996e-3"],
    (3, 32, 31, 0): ["9.64e-4"],
    (3, 32, 48, 0): ["5.079e-3"],
    (3, 64, 136, 0): ["9.93e-4"],
    (3, 64, 199, 0): ["4.964e-3"],
    (3, 128, 812, 0): ["5.008e-3"],
    (3, 256, 3271, 0): ["5.000e-3"],
    (4, 32, 203, 0): ["1.004e-3"],
    (4, 32, 307, 0): ["5.007e-3"],
    (4, 64, 1772, 0): ["1.001e-3"],
    (4, 64, 2568, 0): ["5.000e-3"],
    (4, 64, 4053, 0): ["2.000e-2"],
    (4, 128, 20835, 0): ["5.000e-3"],
    (2, 64, 9, 13): ["0.0497", "0.0412"],
    (3, 64, 100, 6): ["0.00859", "0.00515"],
    (3, 64, 100, 13): ["0.1018", "0.0791"],
    (4, 64, 700, 6): ["0.00462", "0.00181"],
    (4, 64, 700, 13): ["0.1569", "0.1193"],
    (4, 128, 5000, 26): ["0.1392", "0.1204"],
}


def laws(difference, size, count, flipped):
    """The exact errors of right bits and, if there are any, of flipped ones."""
    law = functools.partial(theory.one_step_error, size, count, difference, num_flipped=flipped)
    return [law(of_flipped_bits=kind) for kind in (False, True)[: 1 + (flipped > 0)]]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_the_law_is_that_of_the_table(row):
    errors = laws(theory.power_difference(row[0]), *row[1:])
    for error, expected in zip(errors, TABLE[row], strict=True):
        unit = 10.0 ** Decimal(expected).as_tuple().exponent
        np.testing.assert_allclose(error, float(expected), rtol=0, atol=unit)


@pytest.mark.parametrize(
    ("size", "count", "strict", "tie"),
    [(32, 4, 4.050e-4, 4.514e-4), (64, 11, 6.007e-3, 0.0), (128, 20, 4.577e-3, 5.74e-4),
     (100, 14, 2.646e-3, 4.93e-4)],
)  # fmt: skip
def test_the_quadratic_law_tells_ties_from_errors(size, count, strict, tie):
    """The independent prototype, to its digits; ties count half in the law for every F."""
    quadratic = theory.quadratic_one_step_error(size, count)
    np.testing.assert_allclose(quadratic, (strict, tie), rtol=6e-4)
    law = theory.one_step_error(size, count, theory.power_difference(2))
    np.testing.assert_allclose(quadratic.strict + quadratic.tie / 2, law, rtol=1e-9)


QUICK_ROWS = (3, 32, 48, 0), (4, 32, 307, 0), (3, 64, 100, 13)


@pytest.mark.parametrize(
    ("n", "size", "count", "flipped"),
    mostly_slow([row for row in TABLE if row[1] * row[2] < 3e5], *QUICK_ROWS),
)
def test_the_law_is_that_of_simulated_powers(n, size, count, flipped, getkey):
    """As many sets as have 60 errors of right and of flipped bits."""
    expected = laws(theory.power_difference(n), size, count, flipped)
    errors = [e * bits for e, bits in zip(expected, (size - flipped, flipped), strict=False)]
    sets = max(300, math.ceil(60 / min(errors)))
    shares = simulated(Power(n), getkey(), size=size, count=count, flipped=flipped, num_sets=sets)
    for measured, law in zip(shares, expected, strict=False):
        agrees(measured, law)


CASES = {
    "quintic": (Power(5), theory.power_difference(5), 16, 100, 0),
    "rectified quadratic": (RectifiedPower(2), theory.rectified_difference(2), 128, 38, 0),
    "rectified cubic": (RectifiedPower(3), theory.rectified_difference(3), 64, 400, 0),
    "distinct cubic": (DistinctPower(3, 64), theory.distinct_difference(64, 3), 64, 294, 0),
    "distinct quartic": (DistinctPower(4, 32), theory.distinct_difference(32, 4), 32, 600, 0),
    "exponential": (
        Exponential(0.3),
        lambda s: 2 * math.sinh(0.3) * np.exp(0.3 * s),
        30,
        2000,
        6,
    ),
}


@pytest.mark.parametrize("name", mostly_slow(CASES, "rectified quadratic", "distinct cubic"))
def test_the_law_is_that_of_simulated_memories(name, getkey):
    separation, difference, size, count, flipped = CASES[name]
    shares = simulated(
        separation,
        getkey(),
        size=size,
        count=count,
        flipped=flipped,
        num_sets=3000 if flipped == 0 else 1500,
    )
    for measured, law in zip(shares, laws(difference, size, count, flipped), strict=False):
        agrees(measured, law)
