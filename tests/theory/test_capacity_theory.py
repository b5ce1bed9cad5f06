"""Capacities, basins and self-coupled passes against the exact law and simulation."""

import itertools
import math
from decimal import Decimal

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import mostly_slow
from scipy.special import erfinv
from scipy.stats import norm
from test_one_step import agrees, simulated

from nam_jax import retrieve, theory
from nam_jax.data import flip
from nam_jax.experiment import rate
from nam_jax.memory import Exponential, Power
from nam_jax.network import DenseAssociativeMemory
from nam_jax.solve import Asynchronous

CAPACITIES = {
    2: ["5.7", "10.5", "20.1", "39.4"],
    3: ["47.8", "199.4", "811.6", "3271"],
    4: ["306.9", "2568", "20834.6", "167651"],
    5: ["1453.7", "23864", "383709", "6.152e6"],
    6: ["5467", "174153", "5.524e6", "1.760e8"],
}


@pytest.mark.parametrize("n", mostly_slow(CAPACITIES, 2, 3, 4))
def test_exact_capacities_are_those_of_the_table(n):
    """An independent prototype, N = 32 to 256, to its last digit; the exponents tend to n - 1."""
    difference = theory.power_difference(n)
    capacities = [
        theory.exact_capacity_at_error(size, difference, 0.005) for size in (32, 64, 128, 256)
    ]
    for capacity, expected in zip(capacities, CAPACITIES[n], strict=True):
        unit = 10.0 ** Decimal(expected).as_tuple().exponent
        np.testing.assert_allclose(capacity, float(expected), rtol=0, atol=unit)
    np.testing.assert_allclose(math.log2(capacities[3] / capacities[2]), n - 1, atol=0.04)


@pytest.mark.parametrize(("n", "tolerance"), [(2, 0.05), (3, 2e-3), (4, 2e-4), (5, 2e-4)])
def test_rectified_powers_double_the_capacity(n, tolerance):
    """Of K at half a percent, N = 128: the noise has half the variance, and other tails."""
    rectified, plain = (
        theory.exact_capacity_at_error(128, difference, 0.005)
        for difference in (theory.rectified_difference(n), theory.power_difference(n))
    )
    np.testing.assert_allclose(rectified / plain, 2, rtol=tolerance)


def test_approximate_capacities_are_as_good_as_they_say():
    """Gaussian tails, and leading orders in N."""
    distinct = theory.distinct_difference(64, 3)
    error = theory.one_step_error(64, theory.distinct_capacity(64, 3, 0.005), distinct)
    np.testing.assert_allclose(error, 0.005, rtol=0.05)
    ratios = [
        float(theory.capacity_at_error(32, n, 0.005))
        / theory.exact_capacity_at_error(32, theory.power_difference(n), 0.005)
        for n in (2, 3, 4)
    ]
    np.testing.assert_allclose(ratios, [0.84, 1.08, 1.07], atol=0.02)


def test_the_self_coupled_pass_has_its_law(getkey):
    """sgn(Xi^T Xi s) at a stored pattern, N = 128: 3.8 times fewer errors than without."""

    @jax.jit
    def wrong(key):
        patterns = jr.rademacher(key, (30, 128), float)
        net = DenseAssociativeMemory(patterns, Power(2), self_coupling=True)
        return jnp.mean((1 - jnp.sign(net.local_field(patterns[0])) * patterns[0]) / 2)

    measured = jax.lax.map(wrong, jr.split(getkey(), 4000), batch_size=100)
    agrees(measured, theory.self_coupled_error(128, 30, 2))


def convolved_self_coupled_error(size, count, n):
    """Exactly: the signal N^(n-1) and K - 1 independent terms (1 + S)^(n-1), by their powers."""
    sums = np.arange(-(size - 1), size, 2)
    weights = np.array([math.comb(size - 1, k) for k in range(size)], float) / 2.0 ** (size - 1)
    terms = (1 + sums) ** (n - 1)
    if n % 2:
        terms, weights = np.concatenate([terms, -terms]), np.tile(weights / 2, 2)
    unit = np.gcd.reduce(terms)
    least = terms.min() // unit
    one = np.bincount(terms // unit - least, weights)
    length = (one.size - 1) * (count - 1) + 1
    noise = np.fft.irfft(np.fft.rfft(one, length) ** (count - 1), length)
    field = np.arange(length) + least * (count - 1) + size ** (n - 1) // unit
    return noise[field < 0].sum() + noise[field == 0].sum() / 2


@pytest.mark.parametrize(
    ("n", "size", "count", "high", "tolerance"),
    [(2, 64, 11, 1.0, 3e-3), (2, 512, 122, 1.0, 3e-3), (3, 32, 48, 0.81, 0.02),
     (3, 64, 199, 0.95, 0.01), (4, 32, 307, 1.02, 0.02), (4, 16, 85, 2.2, 0.1)],
)  # fmt: skip
def test_the_law_of_the_self_coupled_pass_is_as_good_as_it_says(n, size, count, high, tolerance):
    law = theory.self_coupled_error(size, count, n)
    exact = convolved_self_coupled_error(size, count, n)
    np.testing.assert_allclose(law / exact, high, rtol=tolerance)


def test_the_self_coupled_quartic_field_has_the_mean_and_variance_of_the_law():
    """N^3 + (K - 1) (3 N - 2) and (K - 1) Var[(1 + S)^3]; no stored bit errs for N = 32."""
    rng, size, count, sets = np.random.default_rng(0), 32, 203, 4000
    others = rng.choice([-1.0, 1.0], (sets, count - 1, size)).astype(np.float32)
    overlaps = others.sum(axis=2)  # with the pattern of ones
    fields = size**3 + np.sum(others[:, :, 0] * overlaps**3, axis=1, dtype=float)
    mean, z = size**3 + (count - 1) * (3 * size - 2), fields.std(ddof=1)
    assert abs(fields.mean() - mean) < 4 * z / math.sqrt(sets)
    expected = norm.isf(theory.self_coupled_error(size, count, 4))
    np.testing.assert_allclose(mean / z, expected, rtol=0.05)
    least = min(norm.isf(theory.self_coupled_error(size, k, 4)) for k in range(100, 900, 20))
    assert 2 * math.sqrt(size / 5) < least < 1.1 * 2 * math.sqrt(size / 5)


@pytest.mark.slow
def test_no_separation_beats_bayes_beta(getkey):
    """N = 30, K = 2000, 20 % flips: wrong bits of the posterior at beta*, and of others.

    The posterior counts a bit's own state too: it is the single pass.
    """
    best = theory.bayes_beta(0.2)
    np.testing.assert_allclose(best, math.atanh(0.6))
    separations = [Exponential(best), Exponential(0.3), Exponential(3.0), Power(6)]

    @jax.jit
    def wrong(key):
        of_patterns, of_flips = jr.split(key)
        patterns = jr.rademacher(of_patterns, (2000, 30), float)
        sign = jnp.where(jr.bernoulli(of_flips, 0.2, (30,)), -1.0, 1.0)
        cue = sign * patterns[0]
        nets = [DenseAssociativeMemory(patterns, f, self_coupling=True) for f in separations]
        return jnp.stack([jnp.mean(net.local_field(cue) * patterns[0] < 0) for net in nets])

    measured = np.asarray(jax.lax.map(wrong, jr.split(getkey(), 3000), batch_size=50), float)
    gaps = measured[:, 1:] - measured[:, :1]
    assert (gaps.mean(axis=0) > 2 * gaps.std(axis=0, ddof=1) / 3000**0.5).all()
    assert measured[:, 0].mean() < 0.18


@pytest.mark.parametrize(
    ("n", "flips"), mostly_slow([(3, 0.1), (3, 0.2), (3, 0.3), (4, 0.3)], (3, 0.2))
)
def test_basins_end_near_where_the_mean_field_says(n, flips, getkey):
    """N = 128, one by one: half the cues come within 5 % at between 0.6 and 1.6 of the load."""
    double_factorial = math.prod(range(2 * n - 3, 0, -2))
    whole = theory.basin_load(n, flips) * 128 ** (n - 1) / double_factorial
    cues = 40

    def rate(count, key):
        of_patterns, of_flips, of_order = jr.split(key, 3)
        patterns = jr.rademacher(of_patterns, (count, 128), float)
        net = DenseAssociativeMemory(patterns, Power(n))

        def close(pattern, of_flips, of_order):
            cue = flip(pattern, flips, key=of_flips)
            retrieval = retrieve(net, cue, how=Asynchronous(of_order))
            return jnp.vdot(retrieval.pattern, pattern) / 128 >= 0.95

        keys = jr.split(of_flips, cues), jr.split(of_order, cues)
        return jnp.mean(jax.jit(jax.vmap(close))(patterns[:cues], *keys))

    assert float(rate(round(0.6 * whole), getkey())) > 0.5
    assert float(rate(round(1.6 * whole), getkey())) < 0.5


@pytest.mark.slow
def test_exponential_memories_grow_at_the_predicted_rate(getkey):
    """One step recovers all of 20 % flips, N = 20 and 40: K50 by its slope in N, to 10 %."""
    flips, halves = 0.2, []
    for size, guess in ((20, 47), (40, 2200)):
        counts = [round(guess * factor) for factor in (0.4, 1, 2.5)]
        rates = []
        for count in counts:
            right, wrong = simulated(
                Exponential(1.0), getkey(), size=size, count=count, flipped=round(flips * size),
                num_sets=400,
            )  # fmt: skip
            rates.append(float(jnp.mean((right == 0) & (wrong == 0))))
        assert rates[0] > 0.5 > rates[-1]
        halves.append(np.interp(0.5, rates[::-1], np.log(counts)[::-1]))
    growth = (halves[1] - halves[0]) / 20
    np.testing.assert_allclose(growth, theory.exponential_growth(flips), rtol=0.1)


def test_exponential_memories_keep_all_patterns_up_to_half_the_rate():
    """exp(N growth) / sqrt N patterns are all stable in most sets, four times as many in few."""
    rng = np.random.default_rng(0)

    def share(count, size):
        stable = []
        for _ in range(100):
            xi = rng.choice([-1.0, 1.0], (count, size))
            weight = np.exp(xi @ xi.T - size)
            own = (math.cosh(2) - 1) * weight.sum(axis=1, keepdims=True)
            stable.append(np.all((math.sinh(2) * weight @ xi - own * xi) * xi > 0))
        return np.mean(stable)

    for size in (8, 11, 14):
        bound = math.exp(size * theory.exponential_growth(0.0, all_patterns=True))
        np.testing.assert_allclose(bound, 2 ** (size / 2), rtol=1e-12)
        count = bound / math.sqrt(size)
        assert share(round(count), size) > 0.5 and share(round(4 * count), size) < 0.1
    radius = theory.exponential_growth(0.2, all_patterns=True)
    np.testing.assert_allclose(radius, (0.8 * math.log(1.6) + 0.2 * math.log(0.4)) / 2)


def test_limits_and_refusals():
    np.testing.assert_allclose([theory.basin_load(n, 0.0) for n in (3, 4, 5, 6)],
                               [0.252, 0.198, 0.173, 0.158], atol=6e-4)  # fmt: skip
    loads = [theory.basin_load(4, r) for r in (0.0, 0.1, 0.2, 0.3, 0.4)]
    assert all(a > b > 0 for a, b in itertools.pairwise(loads))
    np.testing.assert_allclose(
        [theory.exponential_growth(r) / math.log(2) for r in (0.0, 0.1, 0.2, 0.3)],
        [0.974, 0.531, 0.278, 0.119], atol=6e-4,
    )  # fmt: skip
    assert theory.one_step_error(20, 1, theory.power_difference(3)) == 0
    for call, name in (
        (lambda: theory.basin_load(2, 0.1), "`n`"),
        (lambda: theory.basin_load(3, 0.5), "`flips`"),
        (lambda: theory.exact_capacity_at_error(32, theory.power_difference(3), 0.5), "`error`"),
    ):
        with pytest.raises(ValueError, match=name):
            call()


@pytest.mark.parametrize("n", [11, 12, 20, 40])
def test_capacities_of_large_powers_do_not_overflow(n):
    """Against whole numbers of any size; m!! is beyond 32 bits from n = 12 on."""
    odd = math.prod(range(2 * n - 3, 0, -2))
    expected = 100 ** (n - 1) / odd
    z = float(norm.isf(0.005))
    actual = float(theory.capacity_at_error(100, n, 0.005))
    if expected < 1e38:
        assert actual == pytest.approx(expected / z**2, rel=1e-4)
        without = float(theory.capacity_without_errors(100, n))
        assert without == pytest.approx(expected / (2 * math.log(100)), rel=1e-4)
    else:
        assert actual > 1e38
    if n % 2 == 0:
        literal = 100 ** (n // 2) * 0.8 ** (n - 1) / math.prod(range(n - 1, 0, -2))
        actual = float(theory.self_coupled_capacity(100, n, 0.1))
        assert actual == pytest.approx(literal, rel=1e-4)


# Hopfield's network at large N


def test_the_largest_load_of_pairs_is_that_of_the_mean_field_equations():
    assert theory.pairwise_load() == pytest.approx(0.1379, abs=5e-5)
    assert theory.pairwise_load(0.96) == theory.pairwise_load()
    for overlap in (0.975, 0.99, 0.999):  # and r by the load
        y = float(erfinv(overlap))
        load = theory.pairwise_load(overlap)
        chi = math.sqrt(2 / math.pi) * math.exp(-(y**2)) * y * math.sqrt(2) / overlap
        noise = 1 / (1 - chi) ** 2  # r, by Amit, Gutfreund & Sompolinsky
        assert overlap / math.sqrt(2 * load * noise) == pytest.approx(y, rel=1e-6)
    with pytest.raises(ValueError, match="`overlap`"):
        theory.pairwise_load(1.0)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [0.9995, 0.998])
def test_stored_patterns_of_pairs_have_the_overlap_of_their_load(overlap):
    """0.08 N and 0.10 N patterns of 1000 neurons: to 0.001 of the theory of infinitely many."""
    load = theory.pairwise_load(overlap)
    settings = {"memory": "hebb", "num_neurons": 1000, "load": load, "flips": 0.0}
    result = rate.study.run(rate.study.config(**settings, num_sets=16, overlap=0.9))
    error = float(result.overlap_deviation) / 4
    assert abs(float(result.mean_overlap) - overlap) < 0.001 + 3 * error
