"""`nam-jax gradients`: routes against finite differences on a small network."""

import jax
import numpy as np
import pytest

from nam_jax.experiment import GradientsConfig, gradients
from nam_jax.experiment._gradient_reference import Reference, judge, parts
from nam_jax.network import NeuronAstrocyte


@pytest.fixture(scope="module")
def judged():
    config = GradientsConfig(
        num_neurons=(12,), num_patterns=(2,), margins=(1.0,), distances=(0.1,),
        nudges=(0.1, 0.05), steps=(2, 40), num_directions=2, rounds=0,
    )  # fmt: skip
    return gradients.run(config).isel(neurons=0, stored=0, margin=0, distance=0)


def test_finite_differences_agree_with_themselves_at_twice_the_step(judged):
    assert float(judged.reference_error) < 1e-5
    assert 0 < float(judged.least_curvature) < 1 and 0.01 < float(judged.slope) < 0.5


def test_exact_routes_point_as_finite_differences_do(judged):
    exact = judged.miss.sel(route=["implicit", "general", "through_solver"])
    assert float(exact.max()) < 1e-4
    assert abs(float(judged.norm_ratio.sel(route="implicit")) - 1) < 0.1
    assert not judged.outcome.any()


def test_equilibrium_propagation_has_its_orders(judged):
    np.testing.assert_allclose(judged.order, [1, 2], atol=0.15)


def test_more_truncated_steps_miss_less(judged):
    assert float(judged.truncated_error[1]) < 0.5 * float(judged.truncated_error[0])


def test_implicit_needs_less_memory_than_the_steps_of_the_solver(judged):
    memory = judged.relative_memory
    assert float(memory.sel(route="implicit")) < 3 < float(memory.sel(route="through_solver"))


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
    found = judge(net, truth)
    np.testing.assert_allclose([found.miss, found.norm_ratio, found.error], [0, 2, 1], atol=1e-5)
