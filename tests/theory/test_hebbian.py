"""The expanded Hebbian rule and Oja's: what they compute, and how much of it is recalled."""

import functools
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import mostly_slow

from nam_jax import theory
from nam_jax.memory import ActivityProduct, ClampedOja, ExpandedHebbian, learn
from nam_jax.theory import Coefficients

N, SETS = 200, 250
X64 = jax.config.jax_enable_x64
VECTORS = {
    "activity product": Coefficients(),
    "presynaptic": Coefficients(c1pre=0.5),
    "weakly presynaptic": Coefficients(c1pre=-0.2),
    "postsynaptic": Coefficients(c1post=1.0),
    "negative postsynaptic": Coefficients(c1post=-0.6),
    "constant": Coefficients(c0=0.2),
    "squares": Coefficients(c2pre=0.1, c2post=0.05),
    "cancelling": Coefficients(c0=0.1, c2pre=-0.05, c2post=-0.05),
    "both linear": Coefficients(c1pre=0.3, c1post=0.3),
    "linear and constant": Coefficients(c0=-0.05, c1pre=0.25, c1post=0.5),
    "all six": Coefficients(-0.1, 0.5, -0.5, 0.05, 0.02, 1.3),
    "anti-Hebbian": Coefficients(c2corr=-1.0),
    "more": Coefficients(0.05, -0.4, 0.8, -0.1, 0.02, 0.9),
}


QUICK = ("activity product", "presynaptic", "postsynaptic", "constant", "all six")


def agrees(measured, expected, slack=0.0):
    """Within four standard errors over pattern sets, or `slack` of `expected` if that is more."""
    error = measured.std(ddof=1) / math.sqrt(measured.size)
    allowed = max(4 * error, slack * expected)
    assert abs(measured.mean() - expected) < allowed, (measured.mean(), expected, error)
    assert error < 0.2 * expected  # else the test could not fail


@pytest.mark.parametrize("num_patterns", mostly_slow([20, 40], 20))
@pytest.mark.parametrize("name", mostly_slow(VECTORS, *QUICK))
def test_the_law_is_that_of_simulated_networks(name, num_patterns, getkey):
    """Four standard errors over pattern sets, or 2 % of the rarer sign, whichever is more."""
    coefficients = VECTORS[name]
    rule = ExpandedHebbian(*coefficients)

    @jax.jit
    def wrong(key):
        patterns = jr.rademacher(key, (num_patterns, N), jnp.float32)
        weights = rule(patterns)
        weights = weights - jnp.diag(jnp.diag(weights))
        field = patterns @ weights.T * patterns
        return jnp.mean(jnp.where(jnp.abs(field) < 1e-3, 0.5, (field < 0).astype(float)))

    measured = np.asarray(jax.lax.map(wrong, jr.split(getkey(), SETS)), float)
    expected = float(theory.hebbian_one_step_error(N, num_patterns, coefficients))
    if expected > 0.5:  # anti-Hebbian
        measured, expected = 1 - measured, 1 - expected
    agrees(measured, expected, slack=0.02)


def test_capacities_are_where_the_law_has_the_error():
    """Closed forms at N = 1000, K real numbers apart by a few per cent of the exact law."""
    law = theory.hebbian_one_step_error
    for ratio in (0.25, 0.5):
        capacity = theory.presynaptic_capacity(1000, ratio, 0.005)
        np.testing.assert_allclose(
            law(1000, round(capacity), Coefficients(c1pre=ratio)), 0.005, rtol=0.1
        )
    for ratio in (0.5, 1.0):
        capacity = theory.postsynaptic_capacity(1000, ratio, 0.005)
        np.testing.assert_allclose(
            law(1000, round(capacity), Coefficients(c1post=ratio)), 0.005, rtol=0.1
        )
    capacity = theory.common_field_capacity(1000, 0.1, 0.005)
    np.testing.assert_allclose(law(1000, round(capacity), Coefficients(c0=0.1)), 0.005, rtol=0.1)
    for form in (theory.presynaptic_capacity, theory.common_field_capacity):
        np.testing.assert_allclose(form(1000, 0.0, 0.005), 1000 / 6.635, rtol=1e-3)


def test_a_fixed_threshold_leaves_only_the_noise_of_a_presynaptic_term():
    """N = 1000, c1pre = c2corr / 2: half a percent of the bits of all patterns, to 10 %."""
    rng, ratio, size = np.random.default_rng(0), 0.5, 1000
    count = round(theory.presynaptic_capacity(size, ratio, 0.005, fixed_threshold=True))
    assert count == 121
    wrong = []
    for _ in range(20):
        xi = rng.choice([-1.0, 1.0], (count, size)).astype(np.float32)
        fields = xi @ xi.T @ (xi + ratio) - (count + ratio * xi.sum(axis=0)) * xi
        wrong.append(np.mean((fields - ratio * size) * xi < 0))
    np.testing.assert_allclose(np.mean(wrong), 0.005, rtol=0.1)


@pytest.mark.parametrize("size", [1000, 100_000])
def test_no_errors_beside_a_postsynaptic_term(size):
    """0.05 to 0.25 wrong bits a pattern, by the law of given u and by that of the rule."""
    for ratio in (0.0, 0.25, 0.5, 1.0, -2.0):
        capacity = theory.postsynaptic_capacity_without_errors(size, ratio)
        assert 0.05 < size * theory.postsynaptic_error(size, capacity, ratio) < 0.25
        exact = theory.hebbian_one_step_error(size, round(capacity), Coefficients(c1post=ratio))
        assert 0.05 < size * float(exact) < 0.25
    plain = theory.postsynaptic_capacity_without_errors(size, 0.0)
    np.testing.assert_allclose(plain, theory.capacity_without_errors(size, 2), rtol=1e-6)
    # Where the regimes meet, at g = 1 / sqrt(2 ln N), so do the forms.
    meeting = 1 / math.sqrt(2 * math.log(size))
    ends = [theory.postsynaptic_capacity_without_errors(size, meeting * g) for g in (0.999, 1.001)]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5)


def test_the_sparse_capacity_is_where_an_active_neuron_stands_out_of_all_silent_ones():
    """d'^2 = 2 |ln a|, to the one pattern by which K - 1 differs from K."""
    covariance = Coefficients(c0=1e-4, c1pre=-0.01, c1post=-0.01)
    count = round(theory.sparse_capacity(20_000, 0.01))
    squared = theory.sparse_separation(20_000, count, 0.01, covariance) ** 2
    np.testing.assert_allclose(squared, 2 * math.log(100), rtol=1e-5)


@pytest.mark.slow
def test_sparse_patterns_are_lost_around_the_capacity_of_small_activities():
    """k winners miss 37 % at it, and the step from none to all is the steeper the smaller a is."""
    missed = []
    for size, a in ((1000, 0.05), (20_000, 0.01), (200_000, 0.002)):
        covariance = Coefficients(c0=a * a, c1pre=-a, c1post=-a)
        counts = [theory.sparse_capacity(size, a) * part for part in (0.25, 1.0, 4.0)]
        missed.append(
            [float(theory.sparse_winners_error(size, count, a, covariance)) for count in counts]
        )
    below, at, above = np.transpose(missed)
    np.testing.assert_allclose(at, 0.37, atol=0.01)
    assert (np.diff(below) < 0).all() and below[-1] < 0.005
    assert (np.diff(above) > 0).all() and above[-1] > 0.85


@pytest.mark.parametrize(
    "name",
    mostly_slow(["product", "presynaptic", "postsynaptic", "covariance"], "postsynaptic"),
)
@pytest.mark.parametrize("fixed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_sparse_patterns_are_separated_as_predicted(name, fixed, getkey):
    """N = 1000, a = 0.1, K = 200: to 4 % within a pattern, up to 12 % too high between them."""
    a, size, count = 0.1, 1000, 200
    given = {"product": {}, "presynaptic": {"c1pre": -a}, "postsynaptic": {"c1post": -a},
             "covariance": {"c0": a * a, "c1pre": -a, "c1post": -a}}[name]  # fmt: skip
    coefficients = Coefficients(**given)
    rule = ExpandedHebbian(*coefficients)

    @jax.jit
    def fields(key):
        patterns = jr.bernoulli(key, a, (count, size)).astype(jnp.float32)
        weights = rule(patterns)
        return (weights - jnp.diag(jnp.diag(weights))) @ patterns[:20].T, patterns[:20].T

    separations, pooled = [], [[], []]
    for key in jr.split(getkey(), 4):
        field, active = (np.asarray(values) for values in fields(key))
        for h, on in zip(field.T, active.T > 0, strict=True):
            spread = math.sqrt((h[on].var() + h[~on].var()) / 2)
            separations.append((h[on].mean() - h[~on].mean()) / spread)
        pooled[0].append(field[active > 0])
        pooled[1].append(field[active == 0])
    measured = np.mean(separations)
    if fixed:
        on, off = (np.concatenate(fields_of_sets) for fields_of_sets in pooled)
        measured = (on.mean() - off.mean()) / math.sqrt((on.var() + off.var()) / 2)
    predicted = theory.sparse_separation(size, count, a, coefficients, fixed_threshold=fixed)
    low, high = (0.88, 1.02) if fixed else (0.96, 1.04)
    assert low < float(measured / predicted) < high


def test_by_default_the_expanded_rule_is_the_activity_product(getkey):
    patterns = jr.rademacher(getkey(), (5, 12), float)
    np.testing.assert_array_equal(
        learn(ExpandedHebbian(), patterns), 12 * learn(ActivityProduct(), patterns)
    )
    order = jr.permutation(getkey(), 5)
    np.testing.assert_array_equal(
        learn(ExpandedHebbian(), patterns), learn(ExpandedHebbian(), patterns[order])
    )


def test_a_coefficient_may_be_a_function_of_the_weight(getkey):
    """c0 = -lambda w: the leaky sum of outer products."""
    patterns = jr.rademacher(getkey(), (6, 8), float)
    weights = learn(ExpandedHebbian(lambda w: -0.2 * w), patterns)
    expected = sum(0.8 ** (5 - k) * jnp.outer(patterns[k], patterns[k]) for k in range(6))
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-6)


def test_clamped_oja_is_a_leaky_average_and_a_conditional_probability(getkey):
    patterns = jr.rademacher(getkey(), (6, 8), float)
    weights = learn(ClampedOja(0.3), patterns)
    exact = np.asarray(patterns, np.float64)
    expected = sum(0.3 * 0.7 ** (5 - k) * np.outer(exact[k], exact[k]) for k in range(6))
    rounding = {"rtol": 1e-12, "atol": 1e-14} if X64 else {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(weights, expected, **rounding)
    active = jr.bernoulli(getkey(), 0.4, (60, 12)).astype(float)
    weights = learn(ClampedOja(0.002, passes=400), active)
    together = active.T @ active
    np.testing.assert_allclose(weights, together / jnp.diag(together)[:, None], atol=0.03)


def test_a_law_of_everything_forgotten_is_refused():
    for decay in (1.0, -0.1):
        with pytest.raises(ValueError, match=r"`decay` must lie in \[0, 1\)"):
            theory.hebbian_one_step_error(20, 5, theory.Coefficients(), decay=decay)


def test_decay_weights_every_term_of_the_law():
    """N = 200, 60 patterns, 5 % lost at each, by age: four standard errors over pattern sets."""
    rng, decay, count, ages = np.random.default_rng(0), 0.05, 60, (0, 5, 20)
    coefficients = Coefficients(c1pre=0.3, c1post=-0.4, c2pre=0.05)
    weight = (1 - decay) ** np.arange(count)

    def wrong(age):
        """Of pattern `age`, the latest being the first: fields without the diagonal."""
        xi = rng.choice([-1.0, 1.0], (count, N))
        post = weight @ (coefficients.common + coefficients.c1post * xi)
        pre = weight[:, None] * (coefficients.c1pre + coefficients.c2corr * xi)
        fields = post * (xi[age].sum() - xi[age])
        fields += np.sum(pre * ((xi @ xi[age])[:, None] - xi * xi[age]), axis=0)
        return np.mean(fields * xi[age] < 0)

    measured = np.array([[wrong(age) for age in ages] for _ in range(1000)])
    error = measured.std(axis=0, ddof=1) / math.sqrt(len(measured))
    law = functools.partial(theory.hebbian_one_step_error, N, count, decay=decay)
    expected = np.array([law(coefficients, age=age) for age in ages])
    assert (abs(measured.mean(axis=0) - expected) < 4 * error).all(), (measured.mean(0), expected)
    assert (error < 0.08 * expected).all()
    # The activity product that decays is Oja's rule, clamped, whose form counts a pattern among the
    # noise of its own.
    squared = [theory.oja_signal_to_noise(N, decay, age) for age in ages]
    z = [math.sqrt(ratio / (1 - ratio / N)) for ratio in squared]
    fading = np.array([0.5 * math.erfc(ratio / math.sqrt(2)) for ratio in z])
    np.testing.assert_allclose([law(Coefficients(), age=age) for age in ages], fading, rtol=0.1)


def test_old_patterns_fade_as_the_law_says(getkey):
    """N = 200, eta = 0.0332 as in an independent prototype; after each of the last 200 patterns."""
    size, ages = 200, (0, 10, 20, 30)
    rule = ClampedOja(rate := 0.0332)

    @jax.jit
    def wrong(key):
        patterns = jr.rademacher(key, (300, size), jnp.float32)

        def step(weights, t):
            weights = rule.show(weights, patterns[t])
            shown = patterns[t - jnp.array(ages)].T
            fields = weights @ shown - jnp.diag(weights)[:, None] * shown
            return weights, jnp.mean(fields * shown < 0, axis=0)

        start = jnp.zeros((size, size), jnp.float32)
        return jnp.mean(jax.lax.scan(step, start, jnp.arange(300))[1][100:], axis=0)

    measured = np.asarray(jax.lax.map(wrong, jr.split(getkey(), 40)), float)
    law = functools.partial(theory.hebbian_one_step_error, size, 200, Coefficients(), decay=rate)
    for errors, age in zip(measured.T, ages, strict=True):
        agrees(errors, expected := float(law(age=age)))
        # The form counts a pattern among its own noise.
        squared = theory.oja_signal_to_noise(size, rate, age)
        z = math.sqrt(squared / (1 - squared / size))
        np.testing.assert_allclose(0.5 * math.erfc(z / math.sqrt(2)), expected, rtol=0.05)
    np.testing.assert_allclose(theory.oja_capacity(1000, 0.005), 55.4, rtol=2e-3)
    best = math.e * 6.635 / (2 * size)
    np.testing.assert_allclose(
        theory.oja_lifetime(size, best, 0.005), theory.oja_capacity(size, 0.005), rtol=2e-3
    )


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: ExpandedHebbian(c1pre=float("nan")), "`c1pre` must be finite"),
        (lambda: ClampedOja(0.0), "`learning_rate` must be above 0"),
        (lambda: ClampedOja(1.5), "`learning_rate` must be at most 1"),
        (lambda: ClampedOja(0.1, passes=0), "`passes` must be at least 1"),
    ],
)
def test_bad_input_is_named(act, message):
    with pytest.raises(ValueError, match=message):
        act()
