"""Capacity: the estimator on memories whose capacity is known, and what it says of real ones."""

from typing import Any, ClassVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.scipy.stats import norm

import nam_jax as nam
from nam_jax import theory
from nam_jax._types import Patterns
from nam_jax.measure import FixedPoint, OneStep, Recall, all_at_once
from nam_jax.measure._sampling import Sampler
from nam_jax.memory import DistinctPower, Power, RectifiedPower
from nam_jax.network import (
    AbstractFeedforwardNetwork,
    DenseAssociativeMemory,
    Hopfield,
    NeuronAstrocyte,
)

SLOW = pytest.mark.slow


class Coin(AbstractFeedforwardNetwork):
    """Recalls a pattern with probability Phi(-2 log(K / 50)): its capacity is 50 by definition."""

    num_patterns: int
    passes: int = 1
    dtype: ClassVar[Any] = jnp.result_type(float)
    has_energy: ClassVar[bool] = False

    def energy(self, state, drive=None, t=0.0):
        raise NotImplementedError

    @property
    def nan_allowed(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return None

    def row_axes(self):
        return self, None

    def initial_state(self, cue):
        return cue

    def respond(self, state):
        # The bits of a random pattern are those of a uniform number.
        uniform = (state + 1) @ 0.5 ** jnp.arange(2.0, state.shape[0] + 2)
        kept = uniform < norm.cdf(-2 * jnp.log(self.num_patterns / 50))
        return jnp.where(kept, state, -state)


def widths_are_those_of_the_spread(runs):
    """Intervals that are far too wide would cover too: a normal one has 1.96 deviations a side."""
    half = np.mean([np.log(run.high / run.low) / 2 for run in runs]) / 1.96
    spread = np.std(np.log([run.value for run in runs]), ddof=1)
    assert 0.7 < half / spread < 1.4, (half, spread)


def coin(patterns):
    return Coin(patterns.shape[0])


def test_the_estimator_is_unbiased_and_its_intervals_cover_on_a_memory_of_known_capacity():
    runs = [
        nam.measure.capacity(
            coin, 20, Recall(flips=0.0), key=jr.key(seed), guess=40, num_sets=24, num_queries=4
        )
        for seed in range(100)
    ]
    logs = np.log([run.value for run in runs])
    error = logs.std(ddof=1) / np.sqrt(len(runs))
    assert abs(logs.mean() - np.log(50)) < max(3 * error, 0.01)
    covered = np.mean([run.low <= 50 <= run.high for run in runs])
    assert covered >= 0.88  # 0.95 less 3 standard errors
    widths_are_those_of_the_spread(runs)


@pytest.mark.parametrize(
    ("n", "num_neurons", "num_runs"),
    [pytest.param(2, 128, 40, marks=SLOW), (3, 32, 20), pytest.param(4, 32, 40, marks=SLOW)],
    ids=["n=2", "n=3", "n=4"],
)
def test_one_step_capacity_is_that_of_the_exact_law(n, num_neurons, num_runs):
    """The bias is at most 1 % plus noise (independent prototype: 0.2 to 1 %); intervals cover."""
    exact = theory.exact_capacity_at_error(num_neurons, theory.power_difference(n), 0.005)

    def make(patterns):
        return DenseAssociativeMemory(patterns, Power(n))

    runs = [
        nam.measure.capacity(
            make, num_neurons, OneStep(0.005), key=jr.key(seed), guess=exact, num_sets=100
        )
        for seed in range(num_runs)
    ]
    ratio = np.array([run.value for run in runs]) / exact
    assert abs(ratio.mean() - 1) < 0.01 + 3 * ratio.std(ddof=1) / np.sqrt(len(ratio))
    covered = np.mean([run.low <= exact <= run.high for run in runs])
    assert covered >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / num_runs)
    widths_are_those_of_the_spread(runs)


@pytest.mark.parametrize(
    "separation",
    [Power(2), Power(5), RectifiedPower(3), DistinctPower(3, 20)],
    ids=lambda s: type(s).__name__,
)
@pytest.mark.parametrize("kind", [{}, {"single_pass": True}, {"self_coupling": True}], ids=str)
def test_prefix_sums_are_the_fields_of_the_first_patterns(separation, kind, getkey):
    xi = nam.data.random_patterns(30, 20, key=getkey())
    counts = (1, 4, 17, 30)
    whole = DenseAssociativeMemory(xi, separation, **kind)
    partial = whole.partial_fields(xi[0], counts)
    for count, fields in zip(counts, partial, strict=True):
        alone = DenseAssociativeMemory(xi[:count], separation, **kind)
        np.testing.assert_array_equal(
            jnp.sign(fields), jnp.sign(alone.local_field(xi[0])), err_msg=f"K = {count}"
        )


def test_a_scan_has_the_known_shares_within_its_intervals_and_counts_ascend():
    options = {"key": jr.key(2), "num_sets": 200, "num_queries": 4, "confidence": 0.9999}
    measured = nam.measure.scan(coin, (25, 50, 100), 20, Recall(flips=0.0), **options)
    expected = norm.cdf(-2 * jnp.log(jnp.array([0.5, 1.0, 2.0])))
    assert (measured.low <= expected).all() and (expected <= measured.high).all()
    assert (measured.high - measured.low).max() < 0.2
    with pytest.raises(ValueError, match="`counts` must ascend from at least 1"):
        nam.measure.scan(coin, (5, 5), 20, Recall(), **options)


def test_sets_grow_by_appending(getkey):
    sampler = Sampler(coin, OneStep(), 12, 2, 2, key=getkey())
    few, many = (sampler.patterns(range(2), count) for count in (5, 9))
    np.testing.assert_array_equal(few, many[:, :5])
    assert (many[0] != many[1]).any()
    np.testing.assert_array_equal(sampler.patterns(range(1, 2), 9)[0], many[1])
    assert set(np.unique(many)) == {-1, 1}


def test_a_pairwise_memory_stores_as_much_by_either_estimator():
    """Hopfield networks, whose weights are made anew for each K, against prefix sums for n = 2."""
    options = {"key": jr.key(0), "guess": 11.0, "num_sets": 100}
    pairs = nam.measure.capacity(Hopfield.from_patterns, 64, OneStep(), **options)
    dense = nam.measure.capacity(
        lambda xi: DenseAssociativeMemory(xi, Power(2)), 64, OneStep(), **options
    )
    assert pairs.counts == dense.counts
    np.testing.assert_allclose(pairs.scores, dense.scores, atol=1e-6)


def test_a_single_pass_of_even_power_never_loses_a_fixed_point():
    """A negative control: the capacity by fixed points is infinite, by recall it is small."""

    def single_pass(xi):
        return DenseAssociativeMemory(xi, self_coupling=True)

    stays = nam.measure.capacity(
        single_pass, 32, FixedPoint(), key=jr.key(0), guess=100, num_sets=8, max_patterns=3000
    )
    assert (stays.value, stays.low) == (np.inf, 3000)
    corrects = nam.measure.capacity(
        single_pass, 32, Recall(recall=all_at_once), key=jr.key(0), guess=100, num_sets=16
    )
    # The independent prototype has 183, also without a wrong bit at N = 32, from other sets.
    assert 150 < corrects.value < 230


@SLOW
def test_a_single_pass_corrects_as_the_square_of_neurons():
    """The independent prototype has 183 and 832 patterns at N = 32 and 64: exponent 2.18, not 3."""

    def single_pass(xi):
        return DenseAssociativeMemory(xi, self_coupling=True)

    runs = [
        nam.measure.capacity(
            single_pass, size, Recall(recall=all_at_once), key=jr.key(0), guess=guess, num_sets=32
        )
        for size, guess in ((32, 183), (64, 832))
    ]
    slopes = [np.log2(runs[1].low / runs[0].high), np.log2(runs[1].high / runs[0].low)]
    assert 1.8 < slopes[0] < slopes[1] < 2.6


def test_all_patterns_ask_for_more_than_one():
    options = {"key": jr.key(1), "guess": 8.0, "num_sets": 60}
    single, whole = (
        nam.measure.capacity(
            Hopfield.from_patterns, 64, FixedPoint(all_patterns=everyone), **options
        )
        for everyone in (False, True)
    )
    assert whole.high < single.low


@SLOW
def test_astrocyte_networks_have_capacities_too():
    measured = nam.measure.capacity(
        lambda xi: NeuronAstrocyte.certified(xi, margin=0.1), 24, Recall(overlap=0.9),
        key=jr.key(0), guess=60, num_sets=6, num_queries=5, points=3,
    )  # fmt: skip
    assert 10 < measured.value < 300
    assert measured.trials >= 6 * 5 * len(measured.counts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_sets": 1}, "`num_sets` must be at least 2"),
        ({"confidence": 1.0}, r"`confidence` must lie in \(0, 1\)"),
        ({"points": 1}, "`points` must be at least 2"),
        ({"num_queries": 0}, "`num_queries` must be at least 1"),
    ],
)
def test_bad_arguments_of_capacity(changes, message):
    arguments = {"key": jr.key(0), **changes}
    with pytest.raises(ValueError, match=message):
        nam.measure.capacity(Hopfield.from_patterns, 16, OneStep(), **arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneStep(0.5), "`error` must lie in"),
        (lambda: FixedPoint(level=1.0), "`level` must lie in"),
        (lambda: Recall(flips=0.6), "`flips` must lie in"),
        (lambda: Recall(overlap=0.0), "`overlap` must lie in"),
    ],
)
def test_bad_criteria(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_one_step_has_no_meaning_for_what_flows():
    with pytest.raises(ValueError, match="be FixedPoint or Recall"):
        nam.measure.capacity(NeuronAstrocyte.released, 16, OneStep(), key=jr.key(0), num_sets=2)
