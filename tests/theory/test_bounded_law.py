"""The law of one step and its bound: whole numbers of any size, Chebyshev's bound, samples."""

import functools
import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from marks import mostly_slow

from nam_jax import theory
from nam_jax.theory import _series, _sums, _terms

ELEMENTARY = {
    "power": lambda n: lambda s: (s + 1) ** n - (s - 1) ** n,
    "rectified": lambda n: lambda s: max(s + 1, 0) ** n - max(s - 1, 0) ** n,
}
DIFFERENCES = {"power": theory.power_difference, "rectified": theory.rectified_difference}


@functools.cache
def noise(kind, n, size, count):
    """How many of the 2^(N (K - 1)) sets of other patterns give each value of the noise."""
    sums = Counter({0: 1})
    if count > 1:
        for before, ways in noise(kind, n, size, count - 1).items():
            for heads, sign in itertools.product(range(size), (-1, 1)):
                value = before + sign * ELEMENTARY[kind](n)(2 * heads - size + 1)
                sums[value] += ways * math.comb(size - 1, heads)
        sums[0] -= 1
    return sums


def counted(kind, n, size, count, flipped, of_flipped_bits):
    """The share of pattern sets in which the bit is wrong, in whole numbers; ties count half."""
    signal = ELEMENTARY[kind](n)(size - 1 - 2 * (flipped - of_flipped_bits))
    sums = noise(kind, n, size, count)
    twice = sum((1 + (signal + z < 0)) * ways for z, ways in sums.items() if signal + z <= 0)
    return Fraction(twice, 2 ** (size * (count - 1) + 1))


def places(size):
    """Every number of flipped bits, with the kinds of bits that there are."""
    for flipped in range(size + 1):
        if flipped < size:
            yield flipped, False
        if flipped:
            yield flipped, True


def test_counting_is_what_happens_in_all_pattern_sets():
    """N = 3, K = 3: every set of two other patterns, and every bit, by energies."""
    n, size, flipped = 3, 3, 1
    wrong = {True: [], False: []}
    for signs in itertools.product((-1, 1), repeat=2 * size):
        patterns = np.array([1] * size + list(signs)).reshape(3, size)
        state = np.array([-1] * flipped + [1] * (size - flipped))
        for bit in range(size):
            up, down = (np.where(np.arange(size) == bit, b, state) for b in (1, -1))
            field = int(np.sum((patterns @ up) ** n - (patterns @ down) ** n))
            wrong[bit < flipped].append(Fraction(1 - (field > 0) + (field < 0), 2))
    for kind, errors in wrong.items():
        assert sum(errors) / len(errors) == counted("power", n, size, 3, flipped, kind)


@pytest.mark.parametrize("kind", DIFFERENCES)
@pytest.mark.parametrize("n", [2, 3, 4, 7, 10, 20])
def test_the_law_is_that_of_enumeration(kind, n):
    """N up to 11, K up to 5, any number of flipped bits: to rounding, and within the bound."""
    for size, count in itertools.product((2, 3, 4, 5, 8, 11), range(1, 6)):
        if size * count > 44:
            continue
        for flipped, of_flipped_bits in places(size):
            expected = counted(kind, n, size, count, flipped, of_flipped_bits)
            law = theory.bounded_one_step_error(
                size, count, DIFFERENCES[kind](n),
                num_flipped=flipped, of_flipped_bits=of_flipped_bits,
            )  # fmt: skip
            assert abs(Fraction(law.value) - expected) <= Fraction(law.bound) + expected / 10**15
            assert law.bound <= 1e-13 * expected
            assert 0 <= law.value <= 1


def test_few_patterns_are_counted_at_sizes_of_use():
    """The rows that a fixed grid of frequencies missed."""
    law = functools.partial(theory.one_step_error, difference=theory.power_difference(10))
    np.testing.assert_allclose(law(16, 2, num_flipped=5), 0.10505676269531250, rtol=1e-13)
    assert float(counted("power", 10, 16, 2, 5, False)) == 0.10505676269531250
    cubic = counted("power", 6, 11, 3, 2, False)
    error = theory.one_step_error(11, 3, theory.power_difference(6), num_flipped=2)
    np.testing.assert_allclose(error, float(cubic), rtol=1e-13)


@pytest.mark.parametrize(
    ("size", "count", "n", "flipped"),
    [(512, 10, 4, 0), (2000, 2, 3, 0), (784, 10_000, 20, 0), (784, 100, 6, 100), (256, 300, 4, 20),
     (100, 40, 3, 10), (1000, 20, 2, 0)],
)  # fmt: skip
def test_the_law_is_below_the_bound_of_chebyshev(size, count, n, flipped):
    """P(noise <= -S) <= (K - 1) E D^2 / (2 S^2), in whole numbers of any size."""
    difference = ELEMENTARY["power"](n)
    square = sum(math.comb(size - 1, k) * difference(2 * k - size + 1) ** 2 for k in range(size))
    signal = difference(size - 1 - 2 * flipped)
    chebyshev = Fraction((count - 1) * square, 2**size * signal**2)
    law = theory.bounded_one_step_error(
        size, count, theory.power_difference(n), num_flipped=flipped
    )
    assert 0 <= law.value <= chebyshev
    assert law.value + law.bound <= max(float(chebyshev), 1e-25)


def exponential(beta):
    return lambda s: np.exp(beta * s)


SAMPLED = {
    "exponential": (exponential(1.0), 30, 300, 6),
    "flat exponential": (exponential(0.3), 30, 2000, 6),
    "many flips": (exponential(0.5), 40, 500, 11),
    "quintic": (theory.power_difference(5), 24, 60, 6),
    "power of 9": (theory.power_difference(9), 40, 300, 8),
    "rectified quartic": (theory.rectified_difference(4), 50, 400, 9),
}


@pytest.mark.parametrize("name", mostly_slow(SAMPLED, "exponential", "quintic"))
def test_the_law_is_that_of_samples(name):
    """20,000 samples of the noise, four standard errors, for each kind of bit."""
    difference, size, count, flipped = SAMPLED[name]
    rng = np.random.default_rng(0)
    one = difference(np.arange(-(size - 1), size, 2, dtype=float))
    total = np.zeros(20_000)
    for _ in range(count - 1):
        heads = rng.binomial(size - 1, 0.5, total.size)
        total += one[heads] * rng.choice([-1.0, 1.0], total.size)
    for of_flipped_bits in (False, True):
        law = theory.bounded_one_step_error(
            size, count, difference, num_flipped=flipped, of_flipped_bits=of_flipped_bits
        )
        signal = difference(np.array([size - 1.0 - 2 * (flipped - of_flipped_bits)]))[0]
        share = np.mean((1 - np.sign(signal + total)) / 2)
        spread = math.sqrt(law.value * (1 - law.value) / total.size)
        assert abs(share - law.value) < 4 * spread + law.bound
        assert law.bound < 2e-3 * law.value


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_the_bounds_of_both_transforms_hold(n):
    """Where neither is needed: against whole numbers, with few frequencies and thus wide bounds."""
    for size, count, flipped in ((6, 5, 1), (8, 5, 2), (9, 4, 0), (11, 4, 3)):
        expected = float(counted("power", n, size, count, flipped, False))
        sizes = np.abs(theory.power_difference(n)(np.arange(-(size - 1), size, 2.0)) * n)
        weights = np.array([math.comb(size - 1, k) for k in range(size)]) / 2.0**size
        values = np.concatenate([-sizes, sizes])
        terms = _terms.merged(values, np.concatenate([weights, weights]))
        signal = float(sizes[size - 1 - flipped])
        lattice = _sums._of_lattice(terms, count - 1, signal)
        if lattice is not None:
            assert abs(lattice.value - expected) <= lattice.bound <= 1e-8 * expected
        largest = terms.values[-1]
        for number in (16, 300, 5000):
            series = _series._series_tail(_terms.scaled(terms), count - 1, signal / largest, number)
            assert abs(series.value - expected) <= series.bound
            apart, _ = _series._held_apart(
                _terms.scaled(terms), count - 1, signal / largest, 0.5, number
            )
            assert abs(apart.value - expected) <= apart.bound


def test_the_series_agrees_with_the_lattice():
    """At sizes of use: the quartic memory at N = 64, where both can be had."""
    difference = theory.power_difference(4)
    overlaps = np.arange(-63, 64, 2.0)
    sizes = np.abs(difference(overlaps))
    weights = np.array([math.comb(63, k) / 2**64 for k in range(64)])
    terms = _terms.merged(np.concatenate([-sizes, sizes]), np.concatenate([weights, weights]))
    exact = theory.bounded_one_step_error(64, 2568, difference)
    assert exact.bound < 1e-9 * exact.value
    series = _series.of_series(_terms.scaled(terms), 2567, float(sizes[-1] / terms.values[-1]))
    assert abs(series.value - exact.value) <= series.bound + exact.bound
    assert series.bound < 1e-3 * exact.value
    np.testing.assert_allclose(series.value, exact.value, rtol=1e-6)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_law_of_powers_rises_with_the_number_of_patterns(n):
    for size, flipped in ((5, 1), (8, 0), (8, 2), (16, 2)):
        errors = [
            theory.one_step_error(size, count, theory.power_difference(n), num_flipped=flipped)
            for count in range(1, 16)
        ]
        assert all(a <= b * (1 + 1e-12) for a, b in itertools.pairwise(errors))


def test_a_law_may_fall_and_its_capacity_is_the_first():
    """Noise of -2 and +2 beside a signal of 1: 1/2, 1/4, 1/2, ... for K = 2, 3, 4, ..."""
    falling = lambda s: np.where(s == 1, 1.0, 2.0)  # noqa: E731
    assert theory.one_step_error(2, 1, falling) == 0
    errors = [theory.one_step_error(2, count, falling) for count in range(1, 9)]
    assert min(b - a for a, b in itertools.pairwise(errors)) < 0
    level = max(errors[1:3]) - 1e-6
    capacity = theory.exact_capacity_at_error(2, falling, level)
    first = next(k for k, error in enumerate(errors, 1) if error > level)
    assert first - 1 <= capacity <= first


def test_between_whole_numbers_the_law_is_a_line():
    law = functools.partial(theory.one_step_error, 32, difference=theory.power_difference(3))
    np.testing.assert_allclose(law(48.25), 0.75 * law(48) + 0.25 * law(49), rtol=1e-12)
    capacity = theory.exact_capacity_at_error(32, theory.power_difference(3), 0.005)
    np.testing.assert_allclose(law(capacity), 0.005, rtol=1e-10)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"num_patterns": 0.5}, "`num_patterns`"),
        ({"num_patterns": math.inf}, "`num_patterns`"),
        ({"num_neurons": 0}, "`num_neurons`"),
        ({"num_flipped": -1}, "`num_flipped`"),
        ({"num_flipped": 9}, "`num_flipped`"),
        ({"num_flipped": 8}, "`num_flipped`"),
        ({"of_flipped_bits": True}, "`num_flipped`"),
        ({"difference": lambda s: np.exp(200 * s)}, "`difference`"),
    ],
)
def test_what_has_no_law_is_refused(given, name):
    usual = {"num_neurons": 8, "num_patterns": 3, "difference": theory.power_difference(3)}
    with pytest.raises(ValueError, match=f"Argument {name} must"):
        theory.one_step_error(**usual | given)


@pytest.mark.parametrize("factor", [1 / 61, 1 / 64, 3.7, 1e-200])
def test_a_factor_of_the_difference_does_not_matter(factor):
    """Ties decide here: with D = 2 s, N = 7 and K = 3, the law is 189 / 4096."""
    law = theory.bounded_one_step_error(7, 3, lambda s: factor * 2 * s)
    assert abs(law.value - 189 / 4096) <= law.bound + 1e-15 and law.bound < 1e-9
