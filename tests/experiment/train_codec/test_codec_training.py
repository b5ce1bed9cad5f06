"""Training a codec: the experiment, its files, and what it wrote."""

import dataclasses
import json
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from figures import curves, drawn, labels
from rich.console import Console

from nam_jax import data
from nam_jax.experiment.train_codec import study
from nam_jax.experiment.train_codec._run import mean_squared_overlap
from nam_jax.record import Context

TINY = study.config(
    steps=60, batch_size=8, width=8, depth=1, num_bits=128, num_crops=60, num_validation=30
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codec") / "new"
    return study.run(TINY, Context(folder=folder)), folder


def test_overlap_penalty(getkey):
    orthogonal = jnp.asarray([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]])
    value, gradient = jax.value_and_grad(mean_squared_overlap)(orthogonal)
    assert float(value) == 0
    np.testing.assert_array_equal(gradient, 0)
    codes = data.random_patterns(200, 768, key=getkey())
    assert float(mean_squared_overlap(codes)) == pytest.approx(1 / 768, rel=0.05)


def test_training_lowers_the_loss(trained):
    dataset, _ = trained
    assert dataset.sizes["step"] == 60
    loss = dataset.loss.values
    assert np.isfinite(loss).all()
    assert loss[-10:].mean() < 0.7 * loss[:10].mean()


def test_dataset_is_labelled(trained):
    dataset, _ = trained
    assert dataset.attrs["seed"] == 0
    assert all("units" in variable.attrs for variable in dataset.data_vars.values())
    assert dataset.overlap.shape == (25, 25)
    assert dataset.original.shape == dataset.damaged.shape == (8, 32, 32, 3)
    np.testing.assert_allclose(
        dataset.validation_psnr, -10 * np.log10(dataset.validation_mse), rtol=1e-6
    )
    # A constant image keeps nothing, the real-valued components nearly all.
    errors = dataset.validation_mse
    assert float(errors.sel(codec="PCA, real")) < float(errors.sel(codec="mean image"))


def test_trained_weights_can_be_loaded(trained):
    dataset, folder = trained
    codec = data.load_codec(folder / "codec.safetensors")
    originals = jnp.asarray(dataset.original.values)
    restored = jax.vmap(lambda image: codec.decode(codec.encode(image)))(originals)
    np.testing.assert_allclose(restored, dataset.reconstruction, atol=1e-4)
    texts = data.codec_metadata(folder / "codec.safetensors")
    assert json.loads(texts["config"])["steps"] == 60


def test_table_and_figure(trained):
    dataset, _ = trained
    console = Console(width=100)
    with console.capture() as capture:
        console.print(study.table(dataset))
    assert "autoencoder" in capture.get()


def test_figure_shows_losses_overlaps_and_images(trained):
    dataset, _ = trained
    figure = drawn(study, dataset)["figure"]
    loss, overlaps, *images = figure.axes
    assert labels(loss) == ("training step (1)", "mean squared error (1)")
    shown = curves(loss)
    np.testing.assert_allclose(shown.pop("training batch").y, dataset.loss)
    assert len(shown) == 3
    for name, curve in shown.items():
        codec = name.removeprefix("held out: ")
        np.testing.assert_allclose(curve.y, dataset.validation_mse.sel(codec=codec), rtol=1e-6)
    assert sum(bar.get_height() for bar in overlaps.patches) == 25 * 24 / 2
    expected = [*dataset.original, *dataset.reconstruction, *dataset.damaged]
    for axes, image in zip(images, expected, strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), image.values.squeeze())


@pytest.mark.slow
def test_another_source_and_the_same_seed():
    config = dataclasses.replace(TINY, source="digits", steps=3, num_bits=8, num_validation=5)
    first, second = study.run(config), study.run(config)
    assert first.original.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(first.loss, second.loss)


def test_config_file_holds_the_defaults():
    text = (Path(__file__).parents[3] / "configs" / "train_codec.toml").read_text()
    assert tomllib.loads(text) == dataclasses.asdict(study.config())
