"""The command `tokens`: cues, baselines, what is compared and drawn, and the documented errors."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from figures import curves, drawn, labels

from nam_jax.attention import EnergyBlock
from nam_jax.experiment import tokens
from nam_jax.experiment.tokens import _baselines as baselines
from nam_jax.experiment.tokens._completer import (
    Completer,
    completions,
    in_patches,
    in_pixels,
    parts_of,
)
from nam_jax.experiment.tokens._run import fitted, made, make_problem

TINY = {
    "size": 4, "num_heads": 1, "head_size": 2, "num_memories": 3, "tested_steps": 4,
    "step_sizes": (0.5, 1.0), "steps": 2, "batch_size": 4, "num_test": 8, "num_masks": 2,
}  # fmt: skip


def test_cues_hide_whole_patches_and_ask_for_them(getkey):
    images = jr.uniform(getkey(), (5, 64))
    sample = completions(images, 8, key=getkey())
    np.testing.assert_array_equal(jnp.isnan(sample.cue), sample.asked)
    np.testing.assert_array_equal(sample.target, images)
    patches = jax.vmap(in_patches)(sample.asked)
    assert (patches.all(axis=2) == patches.any(axis=2)).all()
    assert (patches.all(axis=2).sum(axis=1) == 8).all()
    np.testing.assert_array_equal(in_pixels(in_patches(images[0])), images[0])
    np.testing.assert_array_equal(
        in_patches(images[0])[1].reshape(2, 2), images[0].reshape(8, 8)[:2, 2:4]
    )


def test_hidden_pixels_do_not_reach_the_answer(getkey):
    """Nor do they with another number there; known pixels do."""
    block = EnergyBlock.random(6, num_heads=1, head_size=3, num_memories=4, key=getkey())
    net = Completer(block, 6, jr.uniform(getkey(), (64,)), key=getkey())
    sample = completions(jr.uniform(getkey(), (1, 64)), 8, key=getkey())
    cue = sample.cue[0]
    answer = net(cue)
    assert answer.shape == (64,) and jnp.isfinite(answer).all()
    known = int(jnp.argmin(jnp.isnan(cue)))
    assert not np.allclose(net(cue.at[known].add(0.5)), answer)
    alone = Completer(parts_of(block)["without attention"], 6, jnp.zeros(64), key=getkey())
    hidden = np.asarray(jnp.isnan(cue))
    np.testing.assert_allclose(
        np.asarray(alone(cue.at[known].add(0.5)))[hidden], np.asarray(alone(cue))[hidden]
    )


def test_baselines_on_a_gaussian_whose_answer_is_known():
    """Pixels of a rank-1 Gaussian: both linear answers are exact, and the mean is not."""
    random = np.random.default_rng(0)
    direction = random.normal(size=64)
    training, images = (random.normal(size=(n, 1)) * direction for n in (400, 6))
    masks = baselines.hidden_pixels(6, 8, random)
    assert (masks.sum(axis=1) == 32).all()

    def error(answer):
        return np.mean((answer - images)[masks] ** 2)

    least = error(baselines.mean_image(training, images, masks))
    assert error(baselines.conditional_gaussian(training, images, masks)) < 1e-6 * least
    regression = baselines.ridge_regression(training, images, masks, random=random)
    # As many pixels are known in each image, so that one map fits all masks: w_i d_i = 1 / 32.
    assert error(regression) < 1e-6 * least
    nearest = baselines.nearest_image(training, images, masks)
    gaps = [
        ((training - image)[:, ~mask] ** 2).sum(1)
        for image, mask in zip(images, masks, strict=True)
    ]
    np.testing.assert_array_equal(nearest, training[np.argmin(gaps, axis=1)])


def test_the_baselines_of_the_page():
    """Squared errors of hidden pixels of 360 digits: .074, .040, .040 within 3 standard errors."""
    problem = make_problem(tokens.study.config(num_masks=1))
    for method, expected, error in (
        (baselines.mean_image, 0.0735, 0.0014),
        (baselines.conditional_gaussian, 0.0399, 0.0012),
        (baselines.nearest_image, 0.0395, 0.002),
    ):
        answer = method(*problem)
        squared = np.mean((answer - problem.images)[problem.masks] ** 2)
        assert squared == pytest.approx(expected, abs=3 * error)


@pytest.fixture(scope="module")
def tiny():
    return tokens.study.run(tokens.study.config(**TINY))


@pytest.mark.slow
def test_dataset_figures_and_table(tiny):
    trained = ["energy block", "without memory", "without attention"]
    assert list(tiny.trained.values) == trained and list(tiny.model.values[:3]) == trained
    first = tiny.squared_error.sel(model="energy block", bound="value")
    by_step = tiny.by_step.sel(trained="energy block", step=3, bound="value")
    np.testing.assert_allclose(first, by_step)
    np.testing.assert_allclose(first, tiny.by_seed[0].sel(bound="value").mean())
    block = tiny.over_seeds.sel(trained="energy block")
    np.testing.assert_allclose(block.sel(end="value"), first)
    seeds = tiny.by_seed.sel(trained="energy block", bound="value")
    half = 12.706 * abs(float(seeds[1] - seeds[0])) / 2  # Student's t for one degree of freedom
    np.testing.assert_allclose(block.sel(end="high") - first, half, rtol=1e-3, atol=1e-9)
    assert (tiny.more_over_seeds.sel(trained="energy block") == 0).all()
    assert tiny.rises.shape == (3, 2, 2) and np.isfinite(tiny.loss).all()
    figure, pictures = drawn(tokens.study, tiny).values()
    errors, energies = figure.axes
    shown = curves(errors)["energy block"]
    np.testing.assert_allclose(shown.y, tiny.by_step.sel(trained="energy block", bound="value"))
    assert labels(energies) == ("steps of the block (1)", "energy E (1)")
    assert len(pictures.axes) == 8 * (2 + 4)
    cells = list(tokens.study.table(tiny).columns[0].cells)
    assert "energy block, after 3 steps" in cells and "nearest image" in cells


def test_training_changes_every_part_of_the_block(getkey):
    """Keys, queries and patterns too, which a block chooses by their number of axes."""
    config = tokens.study.config(**TINY)
    problem = make_problem(config)
    _, net, key = made(config, problem, key=getkey())[0]
    trained, _ = fitted(config, problem, net, key=key)
    before, after = (jax.tree.leaves(network.trained()) for network in (net, trained))
    assert len(before) == len(after) == 10
    assert not any(bool((a == b).all()) for a, b in zip(before, after, strict=True))
    assert (trained.mean == net.mean).all()


@pytest.mark.slow
def test_attention_completes_and_the_answer_is_a_transient():
    """800 steps of training: attention and memory help as on the page; more steps lose it."""
    config = tokens.study.config(
        steps=800, num_masks=1, num_test=180, tested_steps=16, step_sizes=(0.3, 1.0, 3.0)
    )
    dataset = tokens.study.run(config)
    error = dataset.squared_error.sel(bound="value")
    mean = float(error.sel(model="mean image"))
    assert float(error.sel(model="energy block")) < 0.7 * mean
    assert float(dataset.more_than_block.sel(model="without memory", bound="value")) > 0
    assert abs(float(error.sel(model="without attention")) - mean) < 0.003
    by_step = dataset.by_step.sel(trained="energy block", bound="value")
    assert float(by_step.sel(step=16)) > float(by_step.sel(step=3)) + 0.003
    assert float(dataset.rises.max()) < 0.001
