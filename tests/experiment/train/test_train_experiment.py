"""The training experiment: does training pay on correlated images, and is the comparison fair?"""

import dataclasses
import gzip
import typing

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from figures import curves, drawn, labels
from rich.console import Console

from nam_jax.experiment import train
from nam_jax.experiment.common import gradient_routes
from nam_jax.experiment.common._binary_images import binary_images
from nam_jax.experiment.train import _recall as _correlated_recall
from nam_jax.experiment.train._run import _checkpoint
from nam_jax.experiment.train._settings import HOW
from nam_jax.solve import Flow

SMALL = train.study.config(
    num_patterns=(24,),
    gains=(0.6, 0.9),
    memories=("pseudo-inverse", "storkey", "power-4"),
    steps=40,
    inpainting_steps=60,
    batch_size=16,
    num_cues=24,
    num_stored=40,
    num_training=300,
    num_held_out=100,
)


@pytest.fixture(scope="module")
def result():
    return train.study.run(SMALL)


@pytest.fixture(scope="module")
def images():
    return binary_images("digits", 0.5, 16, key=jr.key(0)).patterns


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["flipped", "occluded"])
def test_trained_recall_beats_hebbian_by_more_than_both_intervals(result, damage):
    trained, hebbian = (
        result.sel(memory=m, damage=damage, stored=24) for m in ("trained", "hebbian")
    )
    both = float(trained.exact_high - trained.exact_low + hebbian.exact_high - hebbian.exact_low)
    assert float(trained.exact - hebbian.exact) > both
    assert float(trained.exact_low) > 0.7 and float(hebbian.exact_high) < 0.2


@pytest.mark.slow
def test_trained_inpainting_beats_the_mean_image_and_untrained_tensors(result):
    trained = float(result.squared_error.sel(inpainter="trained", bound="high"))
    for other in ("mean image", "hebbian", "projection"):
        assert trained < float(result.squared_error.sel(inpainter=other, bound="low"))


@pytest.mark.slow
def test_trained_networks_stay_certified_with_the_margin_asked_for(result):
    assert (result.margin > 0.099).all()
    assert (result.ending == "All steps were done.").all()


@pytest.mark.slow
def test_no_memory_beats_the_nearest_pattern_and_pictures_are_those_of_the_images(result):
    nearest = result.exact.sel(memory="nearest stored")
    assert (result.exact <= nearest + 0.05).all()
    assert (np.abs(result.recalls.sel(picture=["cue", "original"])) == 1).all()
    upper = result.paintings.isel(row=slice(0, 4))
    assert (upper == upper.sel(painting="original")).all()


@pytest.mark.slow
def test_table_and_figure(result):
    console = Console(width=120, record=True, quiet=False)
    with console.capture() as text:
        console.print(train.study.table(result))
    assert "Exact recall from occluded cues" in text.get() and "linear regression" in text.get()
    by_name = drawn(train.study, result)
    flipped, occluded = by_name["figure"].axes
    (losses,), pictures = (by_name[f"figure-{name}"].axes for name in ("losses", "pictures"))
    for axes, damage in ((flipped, "flipped"), (occluded, "occluded")):
        assert list(curves(axes)) == list(result.memory.values)
        for name, curve in curves(axes).items():
            row = result.sel(damage=damage, memory=name)
            np.testing.assert_allclose(curve.y, row.exact)
            np.testing.assert_allclose(curve.low, row.exact_low, atol=1e-6)
            np.testing.assert_allclose(curve.high, row.exact_high, atol=1e-6)
    assert list(curves(losses)) == list(result.run.values)
    assert labels(losses) == ("step (1)", "loss, running mean (1)")
    titles = ["recall from flipped bits, K = 24", "held-out images completed"]
    assert [axes.get_title() for axes in pictures] == titles


def test_images_are_binary_and_distinct():
    images = binary_images("digits", 0.5, 1750, key=jr.key(0))
    assert images.shape == (8, 8) and len(np.unique(images.patterns, axis=0)) == 1750
    assert (jnp.abs(images.patterns) == 1).all()
    with pytest.raises(ValueError, match="must have at least 1751 distinct images"):
        binary_images("digits", 0.5, 1751, key=jr.key(0))


def test_an_idx_file_is_a_source(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 5, 4), np.uint8)
    header = bytes((0, 0, 8, 3)) + np.array(pixels.shape, ">u4").tobytes()
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(header + pixels.tobytes()))
    images = binary_images(str(path), 0.5, 12, key=jr.key(0))
    assert images.shape == (5, 4) and images.patterns.shape == (12, 20)


def test_occluded_cues_claim_nothing_and_flipped_ones_have_as_many_flips_as_said(images):
    occluded = jnp.arange(64) >= 32
    cues = _correlated_recall.make_cues(images, 0.1, occluded, 12, key=jr.key(1))
    flipped, hidden = cues.damaged
    assert ((flipped != cues.targets).sum(1) == 6).all()
    assert not hidden[:, 32:].any() and (hidden[:, :32] == cues.targets[:, :32]).all()


def test_every_route_that_a_config_can_name_is_an_object_with_the_settings_asked_for():
    names = typing.get_args(typing.get_type_hints(train.TrainConfig)["gradient"])
    routes = gradient_routes(HOW)
    assert set(names) == set(routes)
    own = {"equilibrium_propagation"}
    assert {name for name, route in routes.items() if route.how != HOW} == own
    assert {n for n, route in gradient_routes().items() if route.how != Flow()} == own


def test_the_route_can_be_chosen_by_name_and_training_goes_on_from_a_checkpoint(images, tmp_path):
    config = dataclasses.replace(
        SMALL,
        gradient="truncated",
        start="hebbian",
        steps=2,
        batch_size=4,
        checkpoints=str(tmp_path / "state"),
    )
    occluded = jnp.arange(64) >= 32

    def fit():
        checkpoint = _checkpoint(config, "recall-16")
        return _correlated_recall.trained(
            images, occluded, config, key=jr.key(3), checkpoint=checkpoint
        )

    first, again = fit(), fit()
    assert first.metrics.taken.all() and (first.metrics.gradient_norm > 0).all()
    np.testing.assert_array_equal(first.metrics.loss, again.metrics.loss)
    assert (tmp_path / "state" / "recall-16" / "2").is_dir()
    assert _checkpoint(SMALL, "recall-16") is None


def test_more_stored_than_trained_images_are_refused():
    with pytest.raises(ValueError, match="`num_stored` must be at most `num_training`, 8"):
        train.study.run(dataclasses.replace(SMALL, num_stored=9, num_training=8))
