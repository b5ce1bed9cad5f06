"""Thresholds of the dendritic memory by theory alone, beside those found by other means."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nam_jax import theory
from nam_jax.theory.dendritic import Circuit, Thresholds, _drives, _law, _recall

REFERENCE = Circuit()


@pytest.mark.slow
def test_designs_obey_their_rules():
    """And have the published outcome."""
    levels = theory.dendritic.design(REFERENCE)
    np.testing.assert_allclose(levels, (5.30, -14.8, 571.0), rtol=0.01, atol=0.7)
    np.testing.assert_allclose(
        theory.dendritic.recalled_rate(REFERENCE, levels, 1), 60.0, atol=1e-2
    )
    rate = theory.dendritic.recalled_rate(REFERENCE, levels, 4)
    others = _drives.drives(REFERENCE, levels, 4, rate).others
    np.testing.assert_allclose(levels.memory, others.mean + 4.8 * others.sd, atol=1e-2)
    law = _law.branch_drive(REFERENCE, 0, 1.0)
    np.testing.assert_allclose(500 * law.survival(levels.branch + 0.25), 0.15, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["connectivity", "num_feature", "num_branches", "rmin"])
def test_designs_are_differentiable(name, x64):
    """Implicit derivatives against central differences, in sizes as well."""

    def of(scale):
        value = scale * getattr(REFERENCE, name)
        return jnp.stack(theory.dendritic.design(REFERENCE._replace(**{name: value})))

    centre, step = jnp.asarray(0.9), 1e-4
    difference = (of(centre + step) - of(centre - step)) / (2 * step)
    np.testing.assert_allclose(jax.jacfwd(of)(centre), difference, rtol=2e-3, atol=1e-3)


PUBLISHED = {
    (1.0, 500): (5.79, -16.3, 556.0),
    (0.5, 250): (5.774, -4.89, 418.1),
    (0.2, 100): (5.103, 1.72, 322.7),
    (0.1, 50): (5.058, 5.8, 288.3),
    (0.5, 500): (6.352, -3.97, 579.6),
    (0.2, 500): (6.684, 3.0, 685.1),
    (0.1, 500): (8.29, 6.24, 837.8),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", PUBLISHED)
def test_refined_thresholds_are_as_good_as_the_published_ones(case):
    """The optimum is flat, so what is compared is what it gives: the sum of log P for k <= 4."""
    circuit = REFERENCE._replace(connectivity=case[0], num_branches=case[1])
    start = theory.dendritic.design(circuit)
    refined = theory.dendritic.refined(circuit, start)

    def gain(levels):
        logs = [_recall.log_recall(circuit, levels, k).total() for k in range(1, 5)]
        return float(sum(logs))

    assert gain(refined) > gain(start) - 1e-3
    assert gain(refined) > gain(Thresholds(*PUBLISHED[case])) - 0.01
    np.testing.assert_allclose(refined.branch, PUBLISHED[case][0], rtol=0.12)
    np.testing.assert_allclose(refined.saturation, PUBLISHED[case][2], rtol=0.12)
    np.testing.assert_allclose(refined.memory, PUBLISHED[case][1], atol=4)


LARGEST = {
    (1000, 2000): {100: 2, 200: 3, 500: 4, 1000: 4},
    (1000, 4000): {100: 4, 200: 5, 500: 6, 1000: 7},
    (1000, 8000): {100: 6, 200: 7, 500: 8, 1000: 9},
    (2000, 4000): {100: 2, 200: 4, 500: 5, 1000: 6},
}


@pytest.mark.slow
@pytest.mark.parametrize("sizes", LARGEST)
def test_largest_memories_are_as_published_within_one_neuron(sizes):
    for branches, published in LARGEST[sizes].items():
        circuit = REFERENCE._replace(
            num_memory=sizes[0], num_feature=sizes[1], num_branches=branches
        )
        assert abs(theory.dendritic.largest_k(circuit).k - published) <= 1
