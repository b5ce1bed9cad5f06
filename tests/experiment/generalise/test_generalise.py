"""From memorising to generalising: the mean shift, its phases, and the number of attractors."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from figures import assert_shows, curves, drawn, labels

from nam_jax import theory
from nam_jax.experiment import generalise
from nam_jax.experiment.generalise._samples import (
    Outputs,
    _clusters,
    attractors,
    on_sphere,
    outputs,
    phases,
    recall_steps,
)
from nam_jax.network import ModernHopfield


def test_on_the_sphere_attention_is_the_mean_shift(getkey):
    """softmax(beta y . x) Y = softmax(-beta |x - y|^2 / 2) Y, and it lowers the energy of both."""
    samples = jnp.asarray(on_sphere(1, 30, 2, np.random.default_rng(0))[0], float)
    beta, x = 20.0, 0.8 * jr.normal(getkey(), (3,))
    network = ModernHopfield(samples, beta)

    def energy(x):
        squares = jnp.sum((x[None, :] - samples) ** 2, axis=1)
        return -jax.nn.logsumexp(-beta * squares / 2) / beta

    squares = jnp.sum((x[None, :] - samples) ** 2, axis=1)
    shift = jax.nn.softmax(-beta * squares / 2) @ samples
    np.testing.assert_allclose(network.respond(x), shift, atol=1e-5)
    # The energies differ by a constant, and a pass is a step of length 1 down either.
    np.testing.assert_allclose(x - jax.grad(energy)(x), shift, atol=1e-5)
    np.testing.assert_allclose(
        network.energy(x) - energy(x), network.energy(0 * x) - energy(0 * x), atol=1e-5
    )
    assert energy(recall_steps(network, x[None, :], 3)[0]) < energy(x)


def test_each_phase_gets_its_name():
    states = np.zeros((1, 4, 2))
    states[0, :, 0] = [0.0, 1.0, 1.001, 2.0]
    returned = Outputs(states, np.array([[0.95, 0.5, 0.5, 0.5]]), np.zeros((1, 4)))
    shares = phases(returned, 1.0, weight=0.9, distance=0.05)
    np.testing.assert_allclose(np.stack(shares)[:, 0], [0.25, 0.5, 0.25])


def test_near_states_are_one_attractor():
    assert _clusters(np.array([[0.0, 0.0], [0.1, 0.0], [0.2, 0.0], [1.0, 0.0]]), 0.15) == 2


def test_two_memories_agree_ever_more():
    """Far apart where samples are memorised; ever nearer, by more than half at K = 50 beta."""
    few, some, many = (outputs(k, 2, 10.0, 10, 8, 20, key=jr.key(k)) for k in (4, 100, 500))
    assert (few.weight > 0.9).mean() > 0.4 and (many.weight > 0.9).mean() == 0
    assert many.gap.mean() < some.gap.mean() < few.gap.mean()
    assert many.gap.mean() < 0.5 * few.gap.mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dimension", "beta", "counts"),
    [
        (1, 200.0, (256, 1024)),
        (1, 800.0, (512, 1024)),
        (2, 30.0, (128, 512)),
        (2, 90.0, (512, 1024)),
    ],
)
def test_attractors_are_as_many_as_a_gaussian_field_has_peaks(dimension, beta, counts):
    """Within 10 %, at two numbers of samples."""
    expected = (theory.circle_attractors, theory.sphere_attractors)[dimension - 1](beta)
    for count in counts:
        counted = attractors(count, dimension, beta, 500, 24, key=jr.key(count))
        np.testing.assert_allclose(counted.mean(), expected, rtol=0.1)


@pytest.mark.slow
def test_exponents_of_the_threshold_and_the_order_of_phases():
    """0.5 +- 0.1 on the circle, 1.0 +- 0.2 on the sphere; spurious cues peak in between."""
    config = generalise.study.config(loads=(2.0,), num_starts=10, phase_samples=(9, 90, 225, 3000))
    dataset = generalise.study.run(config)
    value = dataset.exponent.sel(bound="value")
    assert abs(float(value[0]) - 0.5) < 0.1 and abs(float(value[1]) - 1.0) < 0.2
    share = dataset.share.sel(bound="value")
    assert float(share.sel(stored=9, phase="memorised")) > 0.8
    assert share.sel(phase="spurious").argmax().item() in {1, 2}
    assert float(share.sel(stored=3000, phase="generalised")) > 0.9
    assert (dataset.gap.sel(bound="value").diff("stored") < 0).all()


@pytest.mark.slow
def test_figure_and_table():
    dataset = generalise.study.run(
        generalise.study.config(
            circle_betas=(20.0,), sphere_betas=(10.0,), phase_samples=(4,), num_sets=4,
            num_queries=4, num_starts=20,
        )
    )  # fmt: skip
    figure = drawn(generalise.study, dataset)["figure"]
    phases, gap, threshold, attractors = figure.axes
    assert list(curves(phases)) == list(dataset.phase.values)
    for name, curve in curves(phases).items():
        assert_shows(curve, dataset.share.sel(phase=name))
    np.testing.assert_allclose(curves(gap)["gap"].y, dataset.gap.sel(bound="value"))
    for on, name in (("circle", "circle, exponent nan"), ("sphere", "sphere, exponent nan")):
        assert_shows(curves(threshold)[name], dataset.threshold[dataset.on == on])
    assert len(curves(attractors)) == 2 * dataset.sizes["multiple"] + 1  # and theory
    assert labels(phases) == ("stored samples K (1)", "share of cues (1)")
    assert generalise.study.table(dataset).row_count == 5
    assert np.isnan(dataset.exponent).all()


def test_empty_lists_are_refused():
    with pytest.raises(ValueError, match="`loads` must be a list of one or more entries"):
        generalise.study.run(generalise.study.config(loads=()))
