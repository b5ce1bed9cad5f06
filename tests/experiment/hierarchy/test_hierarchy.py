"""Hierarchical memories: the networks, what holds their pixels, their scores and their numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from figures import curves, drawn

from nam_jax import solve, train
from nam_jax.experiment import hierarchy
from nam_jax.experiment.common import cosine_adam, over_seeds
from nam_jax.experiment.hierarchy._networks import (
    AnchoredRoute,
    anchored,
    chain,
    convolutional,
    num_weights,
    softmax,
)
from nam_jax.experiment.hierarchy._training import (
    completed,
    conditional_mean,
    damaged,
    how,
    score,
    trained,
)

HOW = how(1e-4)


def networks(key):
    keys = jr.split(key, 3)
    yield chain((128,), 4.0, key=keys[0])
    yield chain((80, 38), 4.0, key=keys[1])
    yield convolutional(16, 55, 4.0, key=keys[2])


def test_networks_have_nearly_equal_numbers_of_weights(getkey):
    assert [num_weights(network) for network in networks(getkey())] == [8192, 8160, 8176]


def test_a_chain_follows_its_equations(getkey):
    """v' = -v + W^T tanh(h) + b - kappa mask (v - cue), 0.3 h' = -h + W v + c."""
    network = chain((5,), 4.0, key=getkey())
    biases = [jr.normal(getkey(), (size,)) for size in (64, 5)]
    network = eqx.tree_at(lambda n: [n.interactions[i].values for i in (1, 2)], network, biases)
    cue, known = jr.normal(getkey(), (64,)), jr.bernoulli(getkey(), 0.5, (64,))
    network = anchored(network, train.Sample(cue, cue, asked=~known))
    v, h = jr.normal(getkey(), (64,)), jr.normal(getkey(), (5,))
    weights = network.interactions[3].weights
    flow = network.vector_field(0.0, network.states(v=v, h1=h))
    held = 4 * jnp.where(known, v - cue, 0)
    np.testing.assert_allclose(
        flow["v"], -v + jnp.tanh(h) @ weights + biases[0] - held, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(flow["h1"], (-h + weights @ v + biases[1]) / 0.3, rtol=1e-5)


def test_softmax_units_complete_stored_images_without_training(getkey):
    images = jr.rademacher(getkey(), (5, 64), float)
    samples = damaged(images, images.mean(axis=0), 32, key=getkey())
    completions, rested = completed(softmax(images, 4.0), samples, HOW)
    assert rested.all()
    np.testing.assert_allclose(completions, images, atol=0.01)


@pytest.mark.slow
def test_the_route_differentiates_the_anchored_network(getkey):
    """The gradient by a bias is that of the rest of the network whose pixels are held."""
    network = chain((6,), 4.0, key=getkey())
    images = jr.rademacher(getkey(), (1, 64), float)
    batch = damaged(images, images.mean(axis=0), 32, key=getkey())
    sample = jax.tree.map(lambda leaf: leaf[0], batch)
    loss = train.SquaredError()
    _, gradient = AnchoredRoute(train.ImplicitRoute(how=HOW)).value_and_grad(loss, network, sample)

    def loss_at(bias):
        moved = eqx.tree_at(lambda n: n.interactions[2].values, network, bias)
        held = anchored(moved, sample)
        return loss(
            held.readout(solve.settle(held, held.initial_state(sample.cue), how=HOW).state), sample
        )

    expected = jax.grad(loss_at)(network.interactions[2].values)
    np.testing.assert_allclose(gradient.interactions[2].values, expected, rtol=1e-3, atol=1e-5)
    assert jnp.any(expected != 0)


def test_training_lowers_the_loss_and_leaves_the_anchor(getkey):
    config = hierarchy.study.config(steps=20, batch_size=8)
    images = jr.rademacher(getkey(), (8, 64), float)
    network = chain((16,), 4.0, key=getkey())
    fit = trained(network, images, config, cosine_adam(0.01, 20), key=getkey())
    assert fit.metrics.loss[-3:].mean() < 0.7 * fit.metrics.loss[:3].mean()
    anchor = fit.network.interactions[0]
    assert not anchor.target.any() and float(anchor.strength) == 4


def test_scores_count_unknown_pixels():
    images = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    unknown = np.array([[False, False, True, True]])
    result = score(np.array([[0.0, 0.0, 0.8, 0.0]]), images, np.array([0]), unknown)
    assert result == pytest.approx((0.32, 0.0, 1.0))


def test_the_conditional_mean_is_the_regression_on_known_pixels():
    random = np.random.default_rng(0)
    images = random.normal(size=(500, 3)) @ random.normal(size=(3, 3))
    unknown = np.array([[False, False, True]])
    centred = images - images.mean(axis=0)
    slopes = np.linalg.lstsq(centred[:, :2], centred[:, 2], rcond=None)[0]
    completion = conditional_mean(images, images[:1], unknown, 0.0)
    np.testing.assert_allclose(completion[0, :2], images[0, :2])
    np.testing.assert_allclose(completion[0, 2], images[:, 2].mean() + centred[0, :2] @ slopes)


def test_intervals_over_seeds_are_those_of_student():
    mean, low, high = over_seeds(np.array([1.0, 2.0, 3.0]))
    assert mean == 2 and high - mean == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert low == pytest.approx(4 - high)


@pytest.mark.slow
def test_numbers_of_the_table():
    """As on the page docs/results/hierarchy.md: tolerances are for other digits and seeds."""
    dataset = hierarchy.study.run(hierarchy.study.config(num_seeds=2, fast=False, num_masks=2))
    scores = dataset.score.sel(bound="value", damage="random")
    error, recall = scores.sel(measure="error"), scores.sel(measure="recall")
    for name, value in {"128": 0.080, "64-64": 0.088, "80-38": 0.077}.items():
        assert abs(float(error.sel(memory=name)) - value) < 0.02
        assert abs(float(scores.sel(memory=name, measure="rested")) - 1) < 0.05
        assert float(recall.sel(memory=name)) < float(recall.sel(memory="Gaussian, ridge 0.004"))
    assert float(error.sel(memory="convolutional")) > 1.5 * float(error.sel(memory="128"))
    assert float(recall.sel(memory="softmax, untrained")) > 0.95
    figure = drawn(hierarchy.study, dataset)["figure"]
    for damage in dataset.damage.values:
        shown = curves(figure.axes[1])[f"{damage} pixels"]
        np.testing.assert_allclose(
            shown.x, dataset.score.sel(measure="error", damage=damage, bound="value")
        )
    assert hierarchy.study.table(dataset).row_count == dataset.sizes["memory"]
