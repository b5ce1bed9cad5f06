"""Folders as downloads and cameras leave them, and small parts of huge files."""

import gzip
import struct
import tracemalloc
import warnings

import jax
import numpy as np
import pytest
from fuzz_files import idx, pixels
from PIL import Image

from nam_jax.data import _idx, load_images

TRAIN, TEST = pixels(5, 6, 6), pixels(3, 6, 6)[::-1]
FILES = {
    "train-images-idx3-ubyte": TRAIN,
    "train-labels-idx1-ubyte": np.arange(5, dtype=np.uint8),
    "t10k-images-idx3-ubyte": TEST,
    "t10k-labels-idx1-ubyte": np.arange(3, dtype=np.uint8),
}


def assert_is_the_training_set(folder):
    loaded = load_images(folder)
    np.testing.assert_allclose(loaded.images[..., 0], TRAIN / 255, rtol=1e-6)
    assert loaded.labels.tolist() == [0, 1, 2, 3, 4]


def test_each_file_in_a_folder_of_its_own_name(tmp_path):
    for name, array in FILES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(idx(array))
    assert_is_the_training_set(tmp_path)
    assert_is_the_training_set(tmp_path / "train-images-idx3-ubyte")
    assert_is_the_training_set(tmp_path / "train-images-idx3-ubyte" / "train-images-idx3-ubyte")
    for name, array in FILES.items():  # as Kaggle has them a second time
        (tmp_path / name.replace("-idx", ".idx")).write_bytes(idx(array))
    assert_is_the_training_set(tmp_path)


@pytest.mark.parametrize("suffix", [".part", ".crdownload", ".tmp", "~", ".aria2"])
def test_an_unfinished_download_is_never_chosen(suffix, tmp_path):
    for name, array in FILES.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        (tmp_path / f"{name}.gz{suffix}").write_bytes(gzip.compress(idx(array))[:40])
    assert_is_the_training_set(tmp_path)
    for name in FILES:
        (tmp_path / f"{name}.gz").unlink()
    with pytest.raises(ValueError, match=r"expected pictures .*, found none of them among 4"):
        load_images(tmp_path)


@pytest.mark.parametrize("name", ["EMNIST-Train-Images-IDX3-ubyte", "my images.idx3-ubyte"])
def test_other_spellings_of_names(name, tmp_path):
    (tmp_path / name).write_bytes(idx(TRAIN))
    assert load_images(tmp_path).images.shape == (5, 6, 6, 1)


def picture(path):
    Image.fromarray(pixels(40, 40, 3)).save(path)


def test_hidden_files_are_skipped_without_a_word(tmp_path):
    picture(tmp_path / "IMG 1 é.jpg")
    (tmp_path / "._IMG 1 é.jpg").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_images(tmp_path).names == ("IMG 1 é",)


def test_skipped_entries_are_counted_and_named(tmp_path):
    picture(tmp_path / "a.webp")
    for name in ("b.heic", "c.txt", "d.mov", "e.pdf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "f.png").mkdir()
    message = r"skipped 5 of 6 entries, which are no pictures: b\.heic, c\.txt, d\.mov, \.\.\.$"
    with pytest.warns(UserWarning, match=message):
        assert load_images(tmp_path).names == ("a",)


# A part of a file


def write_cifar(folder):
    records = pixels(9, 3073)
    records[:, 0] = np.arange(9)
    (folder / "data_batch_1.bin").write_bytes(records[:5].tobytes())
    (folder / "data_batch_2.bin").write_bytes(records[5:].tobytes())
    (folder / "data_batch_2 (1).bin").write_bytes(records[5:].tobytes())  # a second download


def write_idx(folder, pack=bytes):
    (folder / "images-idx3-ubyte").write_bytes(pack(idx(pixels(9, 4, 4))))
    (folder / "labels-idx1-ubyte").write_bytes(pack(idx(np.arange(9, dtype=np.uint8))))


def write_pictures(folder):
    for i in range(9):
        Image.fromarray(pixels(9, 40, 40, 3)[i]).save(folder / f"{i}.png")


@pytest.mark.parametrize(
    "write",
    [write_cifar, write_idx, lambda f: write_idx(f, gzip.compress), write_pictures],
    ids=["cifar", "idx", "gz", "pictures"],
)
def test_some_images_are_the_same_as_among_all(write, tmp_path):
    write(tmp_path)
    every, key = load_images(tmp_path), jax.random.key(3)
    index = np.asarray(jax.random.permutation(key, 9))
    for num, chosen, loaded in [
        (6, index[:6], load_images(tmp_path, num_images=6, key=key)),
        (9, index, load_images(tmp_path, key=key)),
        (7, np.arange(7), load_images(tmp_path, num_images=7)),
    ]:
        np.testing.assert_array_equal(loaded.images, every.images[chosen])
        assert loaded.names == tuple(every.names[i] for i in chosen) and len(loaded.names) == num
        if every.labels is not None:
            np.testing.assert_array_equal(loaded.labels, every.labels[chosen])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_few_images_of_a_large_file_take_little_memory(pack, tmp_path):
    path = tmp_path / "images-idx3-ubyte"
    header = struct.pack(">BBBBIII", 0, 0, 8, 3, 50_000, 28, 28)  # 39 MB
    path.write_bytes(pack(header + bytes(50_000 * 784)))
    key = jax.random.key(0)
    load_images(path, num_images=1, key=key)
    tracemalloc.start()
    assert load_images(path, num_images=25).images.shape == (25, 28, 28, 1)
    assert load_images(path, num_images=25, key=key).images.shape == (25, 28, 28, 1)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_more_than_the_largest_part_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(_idx, "MAX_BYTES", 100)
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx(TRAIN))
    with pytest.raises(ValueError, match=r"5 entries have 180 bytes.*ask for at most 2 images\.$"):
        load_images(path)
    assert load_images(path, num_images=2).images.shape == (2, 6, 6, 1)
    with pytest.raises(ValueError, match="`size` must be so small that the images have at most"):
        load_images(path, num_images=2, size=10**5)
