"""`nam-jax gradients`: routes against finite differences on a small network."""

import jax
import numpy as np
import pytest

from nam_jax.experiment.gradients import _run as gradients
from nam_jax.experiment.gradients._config import GradientsConfig
from nam_jax.experiment.gradients._reference import Reference, judge, parts
from nam_jax.experiment.gradients._routes import FINE, judged_route, nudged
from nam_jax.network import NeuronAstrocyte
from nam_jax.train import ImplicitRoute

CONFIG = GradientsConfig(num_directions=2)


@pytest.fixture(scope="module")
def problem():
    """Small, at a tenth of the way from the critical leak; in float64, as the tests are."""
    return gradients.problem(CONFIG, (12, 2, 1.0), 0.1)


def test_finite_differences_agree_with_themselves_at_twice_the_step(problem):
    truth = problem[2]
    assert truth.error < 1e-5
    assert 0 < truth.least_curvature < 1 and 0.01 < truth.slope < 0.5


def test_implicit_gradient_is_that_of_finite_differences(problem):
    with jax.enable_x64(True):
        judgement = judged_route(ImplicitRoute(how=FINE), *problem)
    assert judgement.miss < 1e-10 and judgement.error < 1e-5
    np.testing.assert_allclose(judgement.norm_ratio, 1, rtol=1e-5)


@pytest.mark.slow
def test_equilibrium_propagation_has_its_orders(problem):
    with jax.enable_x64(True):
        judged, orders = nudged(*problem, (0.004, 0.002))
    np.testing.assert_allclose(orders, [1, 2], atol=0.15)
    assert np.all(judged[:, 1, 2] < judged[:, 0, 2])


def test_fast_is_a_part_of_the_whole():
    config = GradientsConfig(fast=True)
    quick = gradients.quick(config)
    for name in ("num_neurons", "num_patterns", "margins", "distances", "nudges", "steps"):
        assert set(getattr(quick, name)) < set(getattr(config, name))


def test_judge_tells_direction_from_size():
    net = NeuronAstrocyte.certified(np.array([[1.0, -1, 1, 1], [1, 1, -1, 1]], np.float32))
    changes = jax.tree.map(lambda leaf: np.stack([np.ones_like(leaf), 0 * leaf]), parts(net))
    slope = sum(float(np.sum(leaf)) for leaf in parts(net))
    truth = Reference(changes, np.array([slope / 2, 0.0]), 0.0, 1.0, 0.1)
    judgement = judge(net, truth)
    np.testing.assert_allclose(
        [judgement.miss, judgement.norm_ratio, judgement.error], [0, 2, 1], atol=1e-5
    )
