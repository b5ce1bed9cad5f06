import gzip
import itertools
import struct
import tracemalloc

import jax
import numpy as np
import pytest
import skimage.io
from refusals import REFUSED

from nam_jax.data import _idx, _photographs, load_images, random_crops
from nam_jax.experiment.train_codec._images import split_columns

RNG = np.random.default_rng(0)


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, *, zipped, num_labels=4):
    pixels = RNG.integers(0, 256, (4, 6, 5), dtype=np.uint8)
    labels = np.arange(num_labels, dtype=np.uint8)
    suffix, pack = (".gz", gzip.compress) if zipped else ("", bytes)
    images_path = folder / f"train-images-idx3-ubyte{suffix}"
    images_path.write_bytes(pack(idx_bytes(pixels)))
    (folder / f"train-labels-idx1-ubyte{suffix}").write_bytes(pack(idx_bytes(labels)))
    return images_path, pixels


def cifar_bytes(num, labels=None):
    records = RNG.integers(0, 256, (num, 3073), dtype=np.uint8)
    records[:, 0] = np.arange(num) % 10 if labels is None else labels
    return records


# Bundled sets


def test_photographs_are_bundled_colour_images():
    photographs = load_images("photos", num_images=25)
    assert photographs.images.shape == (25, 32, 32, 3)
    assert photographs.images.dtype == np.float32
    assert photographs.labels is None
    assert float(photographs.images.min()) >= 0
    assert float(photographs.images.max()) <= 1
    assert set(photographs.names[:10]) == set(_photographs.FILES), "one of each photograph first"
    assert float(photographs.images.std(axis=(1, 2)).mean(axis=1).min()) > 0.03, "none is blank"
    more = load_images("photos", num_images=30)
    np.testing.assert_array_equal(more.images[:25], photographs.images)


def test_all_windows_lie_inside_and_share_no_pixel():
    photographs = _photographs.photographs()
    windows = list(_photographs.windows(photographs))
    assert len(windows) >= 300
    for name, photograph in photographs.items():
        used = np.zeros(photograph.shape[:2], int)
        for _, row, column, side in (w for w in windows if w[0] == name):
            assert 0 <= row <= row + side <= used.shape[0]
            assert 0 <= column <= column + side <= used.shape[1]
            assert side >= 32
            used[row : row + side, column : column + side] += 1
        assert used.max() == 1


def test_digits():
    digits = load_images("digits")
    assert digits.images.shape == (1797, 8, 8, 1)
    assert float(digits.images.max()) == 1
    assert digits.names[:3] == ("0", "1", "2") == tuple(str(label) for label in digits.labels[:3])


def test_a_folder_with_the_name_of_a_set_asks_for_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    write_idx(tmp_path / "digits", zipped=False)
    with pytest.warns(UserWarning, match=r"bundled set, .* write \./digits$"):
        assert load_images("digits").images.shape[1:] == (8, 8, 1)
    assert load_images("./digits").images.shape == (4, 6, 5, 1)


def test_selection_size_and_key(getkey):
    key = getkey()
    first = load_images("digits", num_images=5, size=16)
    assert first.images.shape == (5, 16, 16, 1)
    drawn = load_images("digits", num_images=100, key=key)
    again = load_images("digits", num_images=100, key=key)
    np.testing.assert_array_equal(drawn.images, again.images)
    everything = np.asarray(load_images("digits").images)
    index = np.asarray(jax.random.permutation(key, 1797)[:100])
    np.testing.assert_array_equal(drawn.images, everything[index])
    assert len(set(drawn.names)) > 5


def test_too_many_images_or_a_size_of_zero():
    with pytest.raises(ValueError, match="`num_images` must be at most the 1797 there are"):
        load_images("digits", num_images=2000)
    with pytest.raises(ValueError, match="`num_images` must be at least 1"):
        load_images("digits", num_images=0)
    with pytest.raises(ValueError, match="`size` must be at least 1"):
        load_images("photos", size=0)


def test_missing_path_and_missing_package(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"nothing.*photos, digits, fashion-mnist"):
        load_images(tmp_path / "nothing")
    monkeypatch.setattr(_idx, "FASHION", tmp_path / "train-images-idx3-ubyte.gz")
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        load_images("fashion-mnist")
    files = {"gone": ("skimage", "data/gone.png")}
    monkeypatch.setattr(_photographs, "FILES", files)
    with pytest.raises(FileNotFoundError, match=r"skimage does not contain .*gone\.png"):
        load_images("photos")


@pytest.mark.skipif(not _idx.FASHION.is_file(), reason="dataset-fashion-mnist is not installed")
def test_fashion_mnist():
    fashion = load_images("fashion-mnist", num_images=10)
    assert fashion.images.shape == (10, 28, 28, 1)
    assert fashion.names[0] == "ankle boot"
    assert int(fashion.labels[0]) == 9


# MNIST format


@pytest.mark.parametrize("zipped", [False, True])
def test_idx(tmp_path, zipped):
    path, pixels = write_idx(tmp_path, zipped=zipped)
    for where in (path, tmp_path, str(path)):
        loaded = load_images(where)
        np.testing.assert_allclose(loaded.images[..., 0], pixels / 255, rtol=1e-6)
        assert loaded.labels.tolist() == [0, 1, 2, 3]


def test_idx_without_labels(tmp_path):
    path, _ = write_idx(tmp_path, zipped=False)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert load_images(path).labels is None


def test_idx_with_too_few_labels(tmp_path):
    path, _ = write_idx(tmp_path, zipped=True, num_labels=3)
    with pytest.raises(ValueError, match=r"train-labels.*expected 4 labels, found 3"):
        load_images(path)


GOOD = idx_bytes(np.zeros((4, 6, 5), np.uint8))

BAD_IDX = {
    "wrong magic": (b"\x00\x00\x0d\x03" + GOOD[4:], "starts with 00 00 08 03, found 00 00 0d 03"),
    "labels": (idx_bytes(np.zeros(9, np.uint8)), "starts with 00 00 08 03, found 00 00 08 01"),
    "short header": (GOOD[:9], "expected a header of 16 bytes, found 9"),
    "truncated": (GOOD[:-7], r"shape \(4, 6, 5\)"),
    "too long": (GOOD + b"x", "expected 120 bytes, found more"),
    "nothing": (idx_bytes(np.zeros((0, 6, 5), np.uint8)), "holds nothing"),
    "hostile": (b"\x00\x00\x08\x03" + b"\xff" * 12 + b"x" * 50, r"can hold at most \d+"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("fault", BAD_IDX)
def test_bad_idx(tmp_path, fault, zipped):
    content, message = BAD_IDX[fault]
    path = tmp_path / "some-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(ValueError, match=message) as error:
        load_images(path)
    assert str(path) in str(error.value)


def test_a_lying_header_takes_no_memory(tmp_path):
    # 60 kB of gzip may hold 62 MB, so 60 MB are plausible until the data end.
    path = tmp_path / "images-idx3-ubyte.gz"
    header = struct.pack(">BBBBIII", 0, 0, 8, 3, 60, 1000, 1000)
    path.write_bytes(gzip.compress(header + RNG.bytes(60_000)))
    tracemalloc.start()
    with pytest.raises(ValueError, match="expected 60000000 bytes, found 60000"):
        load_images(path)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: content[:-20],
        lambda content: content[:60] + bytes([content[60] ^ 0xFF]) + content[61:],
    ],
    ids=["cut", "bits"],
)
def test_damaged_gzip(tmp_path, damaged):
    content = gzip.compress(idx_bytes(RNG.integers(0, 256, (9, 8, 8), dtype=np.uint8)))
    path = tmp_path / "images-idx3-ubyte.gz"
    path.write_bytes(damaged(content))
    with pytest.raises(ValueError, match=r"images-idx3-ubyte.gz: .*(damaged|expected)"):
        load_images(path)


# CIFAR-10


def test_cifar_folder_and_file(tmp_path):
    records = cifar_bytes(12)
    (tmp_path / "data_batch_1.bin").write_bytes(records[:7].tobytes())
    (tmp_path / "data_batch_2.bin").write_bytes(records[7:10].tobytes())
    (tmp_path / "test_batch.bin").write_bytes(records[10:].tobytes())
    loaded = load_images(tmp_path)
    assert loaded.images.shape == (12, 32, 32, 3)
    assert loaded.labels.tolist() == [*range(10), 0, 1]
    assert loaded.names[3] == "cat"
    red_first_row = records[5, 1:33] / 255
    np.testing.assert_allclose(loaded.images[5, 0, :, 0], red_first_row, rtol=1e-6)
    blue_last = records[5, -1] / 255
    assert float(loaded.images[5, -1, -1, 2]) == pytest.approx(blue_last)
    assert load_images(tmp_path, num_images=8).labels.tolist() == list(range(8))
    assert len(load_images(tmp_path / "data_batch_2.bin").images) == 3


def test_truncated_empty_and_damaged_cifar(tmp_path):
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(cifar_bytes(3).tobytes()[:-100])
    with pytest.raises(ValueError, match=r"data_batch_1.bin: .*multiple of 3073 .*found 9119"):
        load_images(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"data_batch_1\.bin: .*found 0"):
        load_images(tmp_path)
    path.write_bytes(cifar_bytes(3, labels=[0, 9, 10]).tobytes())
    with pytest.raises(ValueError, match="expected labels 0 to 9, found 10 in record 2"):
        load_images(tmp_path)


def test_pickled_cifar_is_refused(tmp_path):
    path = tmp_path / "data_batch_1"
    path.write_bytes(b"\x80\x02}q\x01.")
    for where in (path, tmp_path):
        with pytest.raises(ValueError, match=r"data_batch_1: .*binary version"):
            load_images(where)


# A folder of pictures


def test_folder_of_pictures(tmp_path):
    colour = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    skimage.io.imsave(tmp_path / "b.png", colour, check_contrast=False)
    skimage.io.imsave(tmp_path / "a.jpeg", colour, check_contrast=False)
    skimage.io.imsave(tmp_path / "c.PNG", colour[..., 0], check_contrast=False)
    see_through = np.concatenate([colour, np.zeros((40, 60, 1), np.uint8)], axis=-1)
    skimage.io.imsave(tmp_path / "d.png", see_through, check_contrast=False)
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.warns(UserWarning, match="skipped 1 of 5 entries, .*: notes.txt$"):
        pictures = load_images(tmp_path)
    assert pictures.images.shape == (4, 32, 32, 3)
    assert pictures.names == ("a", "b", "c", "d")
    assert (pictures.images[2, ..., 0] == pictures.images[2, ..., 1]).all()
    np.testing.assert_allclose(pictures.images[3], 1, atol=1e-6)
    exact = load_images(tmp_path / "b.png", size=40)
    np.testing.assert_allclose(exact.images[0], colour[:, 10:50] / 255, atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n broken", b"plain text"])
def test_damaged_picture(tmp_path, content):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.png: "):
        load_images(tmp_path)


def test_truncated_picture(tmp_path):
    path = tmp_path / "cut.png"
    noise = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    skimage.io.imsave(path, noise, check_contrast=False)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"cut\.png: damaged"):
        load_images(tmp_path)


def test_empty_folder_and_unknown_file(tmp_path):
    with pytest.raises(ValueError, match=r"expected pictures.* among 0 entries"):
        load_images(tmp_path)
    (tmp_path / "table.csv").write_text("1,2,3")
    with pytest.raises(ValueError, match=r"table\.csv: expected an idx file"):
        load_images(tmp_path / "table.csv")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ValueError, match="empty file"):
        load_images(tmp_path / "empty")


# Crops to train on


def test_training_and_held_out_crops():
    whole = _photographs.photographs()
    left, right = split_columns(whole, 0.25)
    for name, image in whole.items():
        np.testing.assert_array_equal(np.concatenate([left[name], right[name]], axis=1), image)
    few = dict(itertools.islice(right.items(), 3))
    crops = random_crops(few, 50, seed=1)
    assert crops.shape == (50, 32, 32, 3)
    assert crops.dtype == np.float32
    assert crops.min() >= 0
    assert crops.max() <= 1
    np.testing.assert_array_equal(crops, random_crops(few, 50, seed=1))
    assert not np.array_equal(crops, random_crops(few, 50, seed=2))


@pytest.mark.parametrize(
    ("images", "num_crops", "size", "message"),
    [
        ({}, 3, 8, "`images` must hold at least one photograph, but has none"),
        (
            {"a": np.zeros((8, 7, 3), np.float32)},
            3,
            8,
            r"`images` must hold photographs of at least 8 x 8",
        ),
        ({"a": np.zeros((8, 8))}, 3, 8, "images"),
        (
            {"a": np.zeros((8, 8, 3), np.float32)},
            0,
            8,
            "`num_crops` must be a whole number of at least 1",
        ),
        (
            {"a": np.zeros((8, 8, 3), np.float32)},
            3,
            0,
            "`size` must be a whole number of at least 1",
        ),
    ],
)
def test_crops_that_cannot_be_drawn(images, num_crops, size, message):
    with pytest.raises(REFUSED, match=message):
        random_crops(images, num_crops, size=size, seed=0)
