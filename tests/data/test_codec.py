import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
from refusals import REFUSED
from safetensors.numpy import load_file, save_file

from nam_jax import data
from nam_jax.data._autoencoder import straight_through_sign
from nam_jax.experiment import train_codec
from nam_jax.experiment.train_codec._images import split_columns

SHAPE = (8, 8, 3)


@pytest.fixture(scope="module")
def images():
    """Smooth random images, so that there is something for a code to keep."""
    noise = jax.random.normal(jax.random.key(0), (600, 4, 4, 3), jnp.float32)
    smooth = jax.image.resize(noise, (600, *SHAPE), "linear")
    return jax.nn.sigmoid(2 * smooth)


CODECS = {
    "threshold": lambda images: data.PixelThreshold.fit(images),
    "projection": lambda images: data.RandomProjection.fit(images, 96, key=jax.random.key(1)),
    "autoencoder": lambda images: data.BinaryAutoencoder(
        SHAPE, 12, width=5, depth=1, key=jax.random.key(2)
    ),
}


@pytest.fixture(scope="module", params=CODECS)
def codec(request, images):
    return CODECS[request.param](images)


# What every codec owes its users


def test_codes_are_binary_and_images_are_intensities(codec, images):
    assert codec.image_shape == SHAPE
    codes = jax.jit(jax.vmap(codec.encode))(images)
    assert codes.shape == (600, codec.num_bits)
    assert set(np.unique(codes)) == {-1.0, 1.0}
    restored = jax.jit(jax.vmap(codec.decode))(codes)
    assert restored.shape == images.shape
    assert float(restored.min()) >= 0
    assert float(restored.max()) <= 1


def test_a_batch_equals_a_loop(codec, images):
    codes = jax.jit(jax.vmap(codec.encode))(images[:5])
    np.testing.assert_array_equal(codes, jnp.stack([codec.encode(image) for image in images[:5]]))
    restored = jax.jit(jax.vmap(codec.decode))(codes)
    single = jnp.stack([codec.decode(code) for code in codes])
    np.testing.assert_allclose(restored, single, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtype_follows_the_input(codec, images, dtype):
    with jax.enable_x64(True):
        code = codec.encode(images[0].astype(dtype))
        assert code.dtype == dtype
        assert codec.decode(code).dtype == dtype


def test_bytes_and_pillow_images_are_the_same_as_intensities(codec, images):
    stored = np.asarray(jnp.round(images[:4] * 255), np.uint8)
    expected = jax.vmap(codec.encode)(jnp.asarray(stored) / 255)
    np.testing.assert_array_equal(jax.jit(jax.vmap(codec.encode))(stored), expected)
    for image, code in zip(stored, expected, strict=True):
        np.testing.assert_array_equal(codec.encode(image), code)
        np.testing.assert_array_equal(codec.encode(PIL.Image.fromarray(image)), code)


def test_a_pillow_image_of_another_size_is_read_as_a_file_is(codec, tmp_path):
    image = PIL.Image.linear_gradient("L").convert("RGB").resize((40, 30))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    loaded = data.load_images(tmp_path / "a.png", size=8).images[0]
    with PIL.Image.open(tmp_path / "a.png") as opened:
        np.testing.assert_array_equal(codec.encode(opened), codec.encode(loaded))


def test_numbers_that_are_no_intensities_are_refused(codec, images):
    grey = np.asarray(images[0])
    for wrong in (grey * 255, grey - 0.5, grey * np.nan, np.ones(SHAPE, np.int32)):
        with pytest.raises(ValueError, match=r"`image` must hold intensities in \[0, 1\], or be"):
            codec.encode(wrong)
    with pytest.raises(ValueError, match="`image` must hold intensities"):
        codec.encode("a picture")
    codec.encode(jnp.asarray(grey) * (1 + 1e-6))


@pytest.mark.parametrize("name", ["threshold", "projection"])
def test_fitting_to_bytes_is_fitting_to_intensities(images, name):
    stored = np.asarray(jnp.round(images * 255), np.uint8)
    fits = [CODECS[name](stored), CODECS[name](jnp.asarray(stored) / 255)]
    for a, b in zip(*map(jax.tree.leaves, fits), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="`images` must hold intensities"):
        CODECS[name](images * 255)


def test_wrong_shapes(codec):
    with pytest.raises(ValueError, match=r"`image` must have shape \(8, 8, 3\)"):
        codec.encode(jnp.ones((8, 8, 1)))
    with pytest.raises(ValueError, match=rf"`code` must have shape \({codec.num_bits},\)"):
        codec.decode(jnp.ones(codec.num_bits + 1))


@pytest.mark.parametrize("name", ["threshold", "projection"])
def test_fitted_codecs_restore_better_than_the_mean_image(images, name):
    codec = CODECS[name](images[:500])
    held_out = images[500:]
    restored = jax.vmap(lambda image: codec.decode(codec.encode(image)))(held_out)
    variance = jnp.mean((held_out - images[:500].mean(axis=0)[None]) ** 2)
    assert float(jnp.mean((restored - held_out) ** 2)) < 0.6 * float(variance)


def test_pixel_threshold_is_balanced_and_decodes_to_conditional_means():
    images = jnp.asarray([0.1, 0.2, 0.6, 0.9], jnp.float32).reshape(4, 1, 1, 1)
    codec = data.PixelThreshold.fit(images)
    codes = jax.vmap(codec.encode)(images)
    assert codes.ravel().tolist() == [-1, -1, 1, 1]
    restored = jax.vmap(codec.decode)(codes)
    np.testing.assert_allclose(restored.ravel(), [0.15, 0.15, 0.75, 0.75], rtol=1e-6)


def test_fitting_to_nothing(images):
    with pytest.raises(ValueError, match="`images` must have shape"):
        data.PixelThreshold.fit(images[:0])
    with pytest.raises(ValueError, match="`num_bits` must be a whole number of at least 1"):
        data.RandomProjection.fit(images, 0, key=jax.random.key(0))
    with pytest.raises(REFUSED, match="num_bits"):
        data.RandomProjection.fit(images, 2.5, key=jax.random.key(0))
    for ridge in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`ridge` must be above 0"):
            data.RandomProjection.fit(images, 4, key=jax.random.key(0), ridge=ridge)


def test_straight_through_sign():
    logits = jnp.asarray([-2.0, -0.1, 0.0, 3.0])
    np.testing.assert_allclose(straight_through_sign(logits), [-1, -1, 1, 1])
    slope = jax.vmap(jax.grad(straight_through_sign))(logits)
    np.testing.assert_allclose(slope, 1 - jnp.tanh(logits) ** 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "num_bits", "name"),
    [((9, 8, 3), 16, "image_shape"), ((8, 8, 0), 16, "image_shape"), ((8, 8, 3), 5, "num_bits")],
)
def test_sizes_that_do_not_fit(shape, num_bits, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        data.BinaryAutoencoder(shape, num_bits, key=jax.random.key(0))


# Files


def test_a_saved_codec_is_the_same(tmp_path, images):
    codec = CODECS["autoencoder"](images)
    path = tmp_path / "codec.safetensors"
    data.save_codec(codec, path, metadata={"seed": "2"})
    again = data.load_codec(path)
    assert jax.tree.structure(again) == jax.tree.structure(codec)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(codec), strict=True):
        np.testing.assert_array_equal(a, b)
    assert data.codec_metadata(path)["seed"] == "2"


def with_first(replace):
    """Arrays and texts of a file, the first array replaced, or left out for None."""

    def spoil(arrays, texts):
        name = next(iter(arrays))
        rest = {key: array for key, array in arrays.items() if key != name}
        replaced = replace(arrays[name])
        return (rest if replaced is None else {name: replaced, **rest}), texts

    return spoil


def with_texts(**changed):
    return lambda arrays, texts: (arrays, {**texts, **changed})


FAULTS = {
    "missing array": (with_first(lambda array: None), "missing or unknown"),
    "wrong shape": (
        with_first(lambda array: np.zeros((3, 3), np.float32)),
        "found float32 with shape",
    ),
    "not a number": (with_first(lambda array: np.full_like(array, np.nan)), "NaN"),
    "no sizes": (lambda arrays, texts: (arrays, {}), "sizes in the metadata are missing"),
    "huge": (with_texts(width="9" * 30), "sizes in the metadata are missing or wrong"),
    "deep": (with_texts(depth="60000"), "at most 64"),
    "unfitting": (with_texts(num_bits="13"), "do not fit"),
}


@pytest.mark.parametrize(("spoil", "message"), FAULTS.values(), ids=FAULTS)
def test_bad_codec_files(tmp_path, images, spoil, message):
    path = tmp_path / "codec.safetensors"
    data.save_codec(CODECS["autoencoder"](images), path)
    arrays, texts = spoil(load_file(path), data.codec_metadata(path))
    save_file(arrays, path, metadata=texts)
    with pytest.raises(ValueError, match=message) as error:
        data.load_codec(path)
    assert str(path) in str(error.value)


def test_a_codec_that_cannot_be_written_leaves_the_file_before_it(tmp_path, images):
    path = tmp_path / "codec.safetensors"
    codec = CODECS["autoencoder"](images)
    data.save_codec(codec, path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        data.save_codec(codec, path, metadata={"seed": 2})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 64])
def test_files_that_are_no_safetensors(tmp_path, content):
    path = tmp_path / "codec.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or not a safetensors file"):
        data.load_codec(path)
    with pytest.raises(FileNotFoundError, match=r"nothing: there is no such file\.$"):
        data.load_codec(tmp_path / "nothing")


# The shipped weights


@pytest.fixture(scope="module")
def shipped():
    return data.load_codec()


def test_shipped_weights_are_small_and_say_where_they_come_from(shipped):
    assert shipped.image_shape == (32, 32, 3)
    assert shipped.num_bits == 768
    path = Path(data.__file__).parent / "weights" / "codec.safetensors"
    assert path.stat().st_size < 5e6
    texts = data.codec_metadata()
    assert texts["command"].startswith("nam-jax train-codec")
    config = train_codec.study.config(**json.loads(texts["config"]))
    assert config == train_codec.study.config()
    assert "jax" in json.loads(texts["versions"])


def test_shipped_weights_restore_held_out_crops(shipped):
    fraction = train_codec.study.config().validation_fraction
    left, right = split_columns(data.photographs(), fraction)
    held_out = jnp.asarray(data.random_crops(right, 60, seed=7))
    train = jnp.asarray(data.random_crops(left, 400, seed=8))

    def error(codec):
        restored = jax.jit(jax.vmap(lambda image: codec.decode(codec.encode(image))))(held_out)
        return float(jnp.mean((restored - held_out) ** 2))

    ours = error(shipped)
    assert ours < 0.008
    assert ours < 0.1 * float(jnp.mean((held_out - train.mean(axis=0)[None]) ** 2))
    assert ours < 0.4 * error(data.PixelThreshold.fit(train))
    assert ours < 0.6 * error(data.RandomProjection.fit(train, 768, key=jax.random.key(0)))


def test_shipped_codes_of_different_photographs_look_independent(shipped):
    photos = data.load_images("photos", num_images=25).images
    codes = jax.jit(jax.vmap(shipped.encode))(photos)
    overlaps = np.abs(np.asarray(codes @ codes.T / 768))[np.triu_indices(25, 1)]
    # Independent bits would have a mean of sqrt(2 / (768 pi)) = 0.029 and a largest near 0.11.
    assert overlaps.mean() < 0.05
    assert overlaps.max() < 0.2


def test_a_damaged_code_gives_a_damaged_image(shipped, getkey):
    photos = data.load_images("photos", num_images=25).images
    codes = jax.jit(jax.vmap(shipped.encode))(photos)
    keys = jax.random.split(getkey(), 25)
    damaged = jax.vmap(lambda code, key: data.flip(code, 0.1, key=key))(codes, keys)
    decode = jax.jit(jax.vmap(shipped.decode))
    exact, worse = (jnp.mean((decode(x) - photos) ** 2, axis=(1, 2, 3)) for x in (codes, damaged))
    blank = jnp.mean((photos - photos.mean(axis=(1, 2), keepdims=True)) ** 2)
    assert float(worse.mean()) > 1.2 * float(exact.mean())
    assert float(worse.mean()) < 0.6 * float(blank)


# Training
