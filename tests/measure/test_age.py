"""Recall by age: what measured sequences say against the law of a leaky average."""

import math

import jax.random as jr
import numpy as np
import pytest

import nam_jax as nam
from nam_jax import theory
from nam_jax.measure import FixedPoint, OneStep
from nam_jax.memory import ClampedOja, ExpandedHebbian
from nam_jax.network import Hopfield


def leaky(patterns):
    return Hopfield.from_patterns(patterns, ClampedOja(0.0332))


def test_old_patterns_fade_by_the_law_and_the_newest_does_not_matter():
    """N = 200 (the independent prototype has .0047, .0338, .0919 at ages 10, 20, 30)."""
    ages = (0, 10, 20, 30)
    memory = nam.measure.by_age(
        leaky, 160, 200, OneStep(), key=jr.key(0), ages=ages, num_sets=150, confidence=0.9999
    )
    for place, age in enumerate(ages):
        z = math.sqrt(theory.oja_signal_to_noise(200, 0.0332, age))
        expected = 1 - 0.5 * math.erfc(z / math.sqrt(2))
        # The bootstrap has no width where not one of the 30,000 bits is wrong, as 4.5 should be.
        slack = 0.05 * (1 - expected) + 5 / 30_000
        assert memory.low[place] - slack <= expected <= memory.high[place] + slack


def test_ages_do_not_matter_to_a_rule_without_order():
    def flat(patterns):
        return Hopfield.from_patterns(patterns, ExpandedHebbian())

    memory = nam.measure.by_age(flat, 8, 64, OneStep(), key=jr.key(1), num_sets=60)
    assert memory.ages == tuple(range(8))
    assert np.ptp(memory.scores) < 0.01
    assert (memory.low <= memory.scores).all() and (memory.scores <= memory.high).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ages": (5, 3)}, "`ages` must ascend from at least 0 to at most 9"),
        ({"ages": (10,)}, "`ages` must ascend"),
        ({"criterion": FixedPoint(all_patterns=True)}, "`criterion` must ask for patterns one"),
    ],
)
def test_bad_arguments_of_by_age(changes, message):
    arguments = {"criterion": OneStep(), "key": jr.key(0), **changes}
    with pytest.raises(ValueError, match=message):
        nam.measure.by_age(leaky, 10, 16, **arguments)
