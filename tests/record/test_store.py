"""A folder of chunks: equal Datasets are equal bytes, and what is damaged is told."""

import os

import numpy as np
import pytest
import xarray as xr

from nam_jax.record import ConfigError, Store, StoreError, from_bytes, to_bytes


def chunk():
    return xr.Dataset(
        {
            "real": ("unit", np.array([1.5, np.nan], np.float32), {"units": "1", "odd": np.inf}),
            "whole": ("unit", np.arange(2), {"list": [1, 2.5, None]}),
            "truth": (("unit", "set"), np.array([[True], [False]])),
            "text": ("unit", ["a", "größer"]),
            "object": ("unit", np.array(["x", "yy"], object)),
            "scalar": ((), 3.0),
            "word": ((), "word"),
            "none": (("unit", "empty"), np.zeros((2, 0))),
            "no_text": ("empty", np.array([], str)),
            "turned": (("set", "unit"), np.asfortranarray([[1.0, 2.0]])),
        },
        coords={"set": ["first"], "size": ("unit", [3, 4]), "level": 0.5},
        attrs={"a": 1, "nan": float("nan"), "text": "NaN is a word"},
    )


def test_a_dataset_comes_back_and_equal_ones_are_equal_bytes():
    data = to_bytes(chunk())
    back = from_bytes(data)
    expected = chunk()
    expected["object"] = expected["object"].astype(str)
    xr.testing.assert_identical(back, expected)
    for name, variable in expected.variables.items():
        assert back[name].dtype == variable.dtype or variable.dtype.kind == "U", name
        assert back[name].dims == variable.dims
    assert to_bytes(chunk()) == data == to_bytes(back)
    assert from_bytes(to_bytes(xr.Dataset())).equals(xr.Dataset())


def test_every_cut_and_every_flipped_bit_is_told():
    data = to_bytes(chunk())
    for length in range(0, len(data), 37):
        with pytest.raises(ValueError, match="is cut, or no file of a store"):
            from_bytes(data[:length])
    for place in range(0, len(data), 11):
        wrong = bytearray(data)
        wrong[place] ^= 1 << (place % 8)
        try:
            changed = from_bytes(bytes(wrong))
        except ValueError as error:
            assert "cut" in str(error) or "digest" in str(error)
        else:  # spaces after the header, which mean nothing
            xr.testing.assert_identical(changed, from_bytes(data))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.agree(lambda old: old or {"study": "toy"})
    return store


def test_a_store_keeps_chunks_by_name(store, tmp_path):
    assert store.is_there() and store.header() == {"study": "toy"} and store.names() == {}
    store.write("first", to_bytes(chunk()))
    assert store.has("first") and not store.has("second") and {*store.names()} == {"first"}
    assert store.read("first").sizes["unit"] == 2
    with pytest.raises(StoreError, match=r"second.safetensors: cannot be read \(No such file"):
        store.read("second")
    store.file("first").write_bytes(b"half")
    with pytest.raises(StoreError, match=r"first.safetensors: cannot be read \(it is cut, or no"):
        store.read("first")
    store.remove("first")
    store.remove("first")
    assert not store.has("first") and sorted(os.listdir(store.folder)) == ["claims", "store.json"]
    assert Store(tmp_path / "none").header() is None and Store(tmp_path / "none").names() == {}
    assert not Store(tmp_path / "none").is_there()


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "3", "\xff"])
def test_a_damaged_header_is_told(store, text):
    (store.folder / "store.json").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"store.json: cannot be read"):
        store.header()


def test_a_header_that_is_refused_stays(store):
    def refuse(old):
        raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        store.agree(refuse)
    assert store.header() == {"study": "toy"}
    before = (store.folder / "store.json").stat().st_mtime_ns
    store.agree(lambda old: dict(old))
    assert (store.folder / "store.json").stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot be written"):
            Store(place).agree(lambda old: {})


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_the_right_to_write_is_told(store):
    store.folder.chmod(0o500)
    (store.folder / "claims").chmod(0o500)
    try:
        with pytest.raises(ConfigError, match=r"cannot be written \(Permission denied\)"):
            store.agree(lambda old: {"study": "other"})
        with (
            pytest.raises(StoreError, match=r"cannot be written \(Permission denied\)"),
            store.claim("a"),
        ):
            pytest.fail("The block must not run.")
        with pytest.raises(StoreError, match=r"cannot be written \(Permission denied\)"):
            store.write("a", b"")
    finally:
        store.folder.chmod(0o700)
        (store.folder / "claims").chmod(0o700)


def test_a_claim_is_granted_to_one_at_a_time(store):
    with store.claim("a") as mine, store.claim("a") as also, store.claim("b") as other:
        assert mine and not also and other
    with store.claim("a") as mine:
        assert mine
    (store.folder / "claims" / "a").touch()  # left by a process that was killed
    with store.claim("a") as mine:
        assert mine
    assert os.listdir(store.folder / "claims") == []
    with pytest.raises(KeyError), store.claim("a"):
        raise KeyError
    assert os.listdir(store.folder / "claims") == []
