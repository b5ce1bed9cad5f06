"""Predictive coding networks: their flows, what they learn, and what they recall."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from figures import curves, drawn, labels

from nam_jax import theory
from nam_jax.experiment import predictive
from nam_jax.experiment.predictive import _recall as recall
from nam_jax.experiment.predictive._networks import (
    Recurrent,
    hierarchical,
    inferred,
    learned_hierarchical,
    learned_recurrent,
)


def images_of(num, size, *, key):
    """More images than pixels, so that their covariance can be inverted."""
    mixed = jr.normal(key, (num, size)) @ (jnp.eye(size) + jnp.eye(size, k=1))
    return mixed / mixed.std(axis=0, keepdims=True)


def test_the_hierarchy_follows_its_errors(getkey):
    """x0' = -e0, x1' = W0^T f'(a0) e0 - e1, x2' = W1^T f'(a1) e1 - 0.01 x2."""
    network = hierarchical((4, 3, 2), key=getkey())
    states = [jr.normal(getkey(), (size,)) for size in (4, 3, 2)]
    first, second = (term.weights for term in network.interactions)
    inputs = first @ states[1], second @ states[2]
    e0, e1 = states[0] - jnp.tanh(inputs[0]), states[1] - jnp.tanh(inputs[1])
    back = [
        weights.T @ (error * (1 - jnp.tanh(a) ** 2))
        for weights, error, a in zip((first, second), (e0, e1), inputs, strict=True)
    ]
    state = network.states(x0=states[0], x1=states[1], x2=states[2])
    for flow, expected in zip(
        network.vector_field(0.0, state),
        (-e0, back[0] - e1, back[1] - 0.01 * states[2]),
        strict=True,
    ):
        np.testing.assert_allclose(flow, expected, rtol=1e-4, atol=1e-5)
    energy = (e0 @ e0 + e1 @ e1) / 2 + 0.005 * states[2] @ states[2]
    np.testing.assert_allclose(network.energy(state), energy, rtol=1e-5)


def test_the_implicit_network_descends_its_squared_errors(getkey):
    weights = jr.normal(getkey(), (4, 4)) * (1 - jnp.eye(4)) / 4
    network = Recurrent(weights, jr.normal(getkey(), (4,)))
    x, other = jr.normal(getkey(), (4,)), jr.normal(getkey(), (4,))
    composed = network.implicit()

    def energy(x):
        return jnp.sum((network.errors @ (x - network.mean)) ** 2) / 2

    np.testing.assert_allclose(
        composed.vector_field(0.0, composed.states(x=x))["x"], -jax.grad(energy)(x),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    at = [composed.energy(composed.states(x=value)) for value in (x, other)]
    np.testing.assert_allclose(at[0] - at[1], energy(x) - energy(other), rtol=1e-4, atol=1e-5)


def test_learning_ends_at_the_inverse_covariance(getkey):
    """I - W = D^-1 S^-1, so that the dendritic rest is the conditional mean."""
    images = images_of(12, 4, key=getkey())
    network = learned_recurrent(images, 4000, 0.02)
    inverse = np.linalg.inv(np.cov(np.asarray(images, float), rowvar=False, bias=True))
    np.testing.assert_allclose(network.errors, inverse / np.diag(inverse)[:, None], atol=1e-3)


def test_two_variables_tell_the_dynamics_apart():
    for correlation in (0.3, -0.8):
        implicit, dendritic = recall.two_variables(correlation, 400, 0.2)
        assert implicit == pytest.approx(float(theory.implicit_recall(correlation)), abs=1e-5)
        assert implicit == pytest.approx(2 * correlation / (1 + correlation**2), abs=1e-5)
        assert dendritic == pytest.approx(correlation, abs=1e-5)


def test_exact_rests_are_those_of_the_steps(getkey):
    images = images_of(12, 6, key=getkey())
    cues = recall.make_cues(images, 3, 1, key=getkey())
    network = learned_recurrent(images, 20, 0.02)
    errors, step = np.asarray(network.errors), 1.5 / recall.largest_eigenvalue(network)
    for stepped, matrix in (
        (recall.by_network(network.implicit(), cues, 2000, step), errors.T @ errors),
        (recall.dendritic(network, cues, 2000, 0.2), errors),
    ):
        np.testing.assert_allclose(
            stepped, recall.at_rest(matrix, network.mean, cues), rtol=1e-3, atol=1e-3
        )


def test_the_pseudo_inverse_completes_few_images(getkey):
    images = images_of(3, 12, key=getkey())
    cues = recall.make_cues(images, 4, 2, key=getkey())
    completed = recall.pseudo_inverse(cues, 2000)
    np.testing.assert_allclose(completed, images[cues.right], atol=1e-3)
    np.testing.assert_array_equal(recall.judged(completed, cues)[1:], [1, 1])
    np.testing.assert_array_equal(recall.nearest(cues), images[cues.right])


def test_hierarchical_learning_lowers_the_energy_at_rest(getkey):
    images = jr.uniform(getkey(), (6, 8))
    network = hierarchical((8, 6), key=getkey())

    def energy(network):
        states = jax.vmap(network.initial_state)(images)
        states = inferred(network, states, jnp.ones(images.shape, bool), 200, 0.2)
        return float(jnp.mean(jax.vmap(network.energy)(states)))

    learned = learned_hierarchical(network, images, 60, 0.01, 0.2)
    assert energy(learned) < 0.3 * energy(network)
    assert learned.by_name["x1"].leak == network.by_name["x1"].leak


def test_steps_that_diverge_have_no_score(getkey):
    cues = recall.make_cues(images_of(3, 6, key=getkey()), 2, 1, key=getkey())
    assert np.isnan(recall.judged(np.full((3, 6), 1e9), cues)).all()


@pytest.mark.slow
def test_numbers_of_the_table():
    """As on the page docs/results/predictive.md, within 20 % for other digits and seeds."""
    dataset = predictive.study.run(predictive.study.config(num_seeds=3))
    error = dataset.score.sel(bound="value", measure="error")
    few, many = error.sel(stored=16), error.sel(stored=64)
    for name in ("implicit", "dendritic", "pseudo-inverse Hopfield", "nearest by known pixels"):
        assert float(few.sel(memory=name)) < 1e-3
    assert np.isnan(many.sel(memory="implicit"))
    for name, value in {
        "implicit, stable steps": 0.0272,
        "implicit, exact": 0.0296,
        "dendritic": 0.0177,
        "Gaussian, ridge 0.001": 0.0183,
        "hierarchical 64-64": 0.0346,
        "hierarchical 64-64-32": 0.0279,
    }.items():
        assert float(many.sel(memory=name)) == pytest.approx(value, rel=0.2)
    errors, pair = drawn(predictive.study, dataset)["figure"].axes
    for count in (16, 64):
        scored = error.sel(stored=count).dropna("memory")
        np.testing.assert_allclose(curves(errors)[f"K = {count}"].x, scored)
    np.testing.assert_allclose(
        curves(pair)["implicit"].y, dataset.recalled.sel(dynamics="implicit")
    )
    assert labels(pair)[0] == r"correlation $\rho$ of the two variables (1)"
    assert predictive.study.table(dataset).row_count == dataset.sizes["memory"] + 4
