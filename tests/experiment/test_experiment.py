"""The recall experiment at tiny size, the config layer and the output folder."""

import dataclasses
import io
import json

import numpy as np
import pytest
from marks import slow
from rich.console import Console

from nam_jax import data, experiment
from nam_jax.experiment import RetrieveConfig, TrainCodecConfig, retrieve

TINY = RetrieveConfig(
    source="digits", codec="threshold", num_patterns=3, num_times=5, end_time=6.0, max_steps=500
)


def tiny(**changes):
    return dataclasses.replace(TINY, **changes)


def numbers(dataset):
    return {name: np.asarray(dataset[name].values) for name in dataset.data_vars}


@pytest.fixture(scope="module")
def result():
    return retrieve.run(TINY)


def test_result_is_labelled(result):
    assert dict(result.sizes) == {
        **{"pattern": 3, "row": 8, "column": 8, "channel": 1, "neuron": 64},
        **{"layer": 3, "time": 5, "entry": retrieve.NUM_SHOWN},
    }
    for name in ("original", "damaged", "recalled", "time", "energy", "overlap", "activity"):
        assert result[name].attrs["units"], name
    for name in ("exact", "bit_error", "energy_rise", "steps", "stop_time", "outcome"):
        assert result[name].attrs["long_name"], name
    attrs = result.attrs
    assert attrs["seed"] == 0 and attrs["device"] and attrs["seconds"] > 0
    assert all(name in attrs["versions"] for name in ("nam-jax", "jax", "diffrax"))
    for name, value in dataclasses.asdict(TINY).items():
        assert json.loads(attrs["config"])[name] == value


def test_result_holds_what_was_stored_and_recalled(result):
    images = np.asarray(data.load_images("digits").images[:3])
    np.testing.assert_array_equal(result.original, images)
    assert np.all(np.abs(result.stored_pattern) == 1)
    flipped = np.sum(np.asarray(result.cue) != np.asarray(result.stored_pattern), axis=1)
    np.testing.assert_array_equal(flipped, [6, 6, 6])
    np.testing.assert_allclose(result.overlap[:, 0], 1 - 12 / 64, rtol=1e-3)
    np.testing.assert_allclose(result.time, np.linspace(0, TINY.end_time, 5))
    wrong = np.mean(np.sign(result.recalled_pattern) != result.stored_pattern, axis=1)
    np.testing.assert_allclose(result.bit_error, wrong, atol=1e-6)
    np.testing.assert_array_equal(result.exact, wrong == 0)
    assert np.mean(wrong) < 0.1 and np.max(result.energy_rise) < 1e-6
    assert set(result.attrs["results"]) <= {"converged", "time_reached"}
    assert not result.attrs["certified"]


def test_table_shows_the_run(result):
    text = io.StringIO()
    Console(file=text, width=100).print(retrieve.table(result))
    assert "3, 64" in text.getvalue() and "exact recalls" in text.getvalue()


def test_same_seed_same_numbers_and_another_seed_others(result):
    again = numbers(retrieve.run(TINY))
    for name, values in numbers(result).items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
    other = retrieve.run(tiny(seed=1))
    np.testing.assert_array_equal(other.stored_pattern, result.stored_pattern)
    assert np.any(np.asarray(other.cue) != np.asarray(result.cue))


def test_batches_change_nothing(result):
    # 2 does not divide 3: the second batch is filled up.
    batched = numbers(retrieve.run(tiny(batch_size=2)))
    for name, values in numbers(result).items():
        if name == "steps":  # rounding may move the last step over the line
            continue
        np.testing.assert_allclose(batched[name], values, rtol=1e-3, atol=1e-3, err_msg=name)


@pytest.mark.parametrize(
    "changes",
    [
        {"corruption": "mask", "dynamics": "certified", "solver": "dopri5"},
        slow({"corruption": "noise", "level": 0.3, "start": "cold", "solver": "bosh3"}),
        slow({"corruption": "occlude", "level": 0.3, "start": "algebraic", "solver": "heun"}),
        slow({"dynamics": "certified", "start": "conditional", "solver": "euler", "step": 0.02}),
        slow({"codec": "projection", "num_bits": 32, "num_patterns": 1, "dtype": "float64"}),
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values()),
)
def test_every_choice_runs(changes):
    config = tiny(**changes)
    dataset = retrieve.run(config)
    assert dataset.sizes["pattern"] == config.num_patterns
    assert dataset.sizes["neuron"] == (config.num_bits if config.codec == "projection" else 64)
    assert dataset.recalled_pattern.dtype == config.dtype == dataset.energy.dtype
    for name, values in numbers(dataset).items():
        assert np.isfinite(values).all(), name
    assert dataset.attrs["certified"] == (config.dynamics == "certified")
    assert np.any(np.asarray(dataset.cue) != np.asarray(dataset.stored_pattern))


def test_a_recall_that_is_given_up_says_so():
    dataset = retrieve.run(tiny(max_steps=2))
    assert dataset.attrs["results"] == ["step_limit"] * 3
    assert all(np.isfinite(values).all() for values in numbers(dataset).values())


def test_problems_that_do_not_fit():
    with pytest.raises(ValueError, match=r"num_patterns.*at most 1797.*digits.*1798"):
        retrieve.run(tiny(num_patterns=1798))
    with pytest.raises(ValueError, match=r"\(32, 32, 3\).*digits has \(8, 8, 1\).*threshold"):
        retrieve.run(tiny(codec="autoencoder"))
    with pytest.raises(ValueError, match="fraction"):
        retrieve.run(tiny(level=1.5))
    with pytest.raises(FileNotFoundError, match=r"no-such-set"):
        retrieve.run(tiny(source="no-such-set"))


@pytest.mark.parametrize("config", [RetrieveConfig(), tiny(step=0.1), TrainCodecConfig(seed=3)])
def test_config_round_trip(tmp_path, config):
    path = tmp_path / "config.toml"
    experiment.write_config(config, path)
    assert experiment.read_config(type(config), path) == config
    assert experiment.validate(config) == config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("num_pattern = 3", ["unknown key `num_pattern`", "`num_patterns`"]),
        ("zebra = 3", ["unknown key `zebra`", "known keys"]),
        ("seed = 1\n[retrieve]\nlevel = 0.1", ["unknown key `retrieve`"]),
        ("num_patterns = 'three'", ["`num_patterns`", "int", "str"]),
        ("num_patterns = 3.5", ["`num_patterns`", "int", "float"]),
        ("num_patterns = true", ["`num_patterns`", "int", "bool"]),
        ("num_patterns = 0", ["`num_patterns`", ">= 1"]),
        ("level = -0.1", ["`level`", ">= 0"]),
        ("end_time = inf", ["`end_time`", "finite"]),
        ("level = nan", ["`level`", "finite"]),
        ("dynamics = 'quantum'", ["`dynamics`", "quantum"]),
        ("num_patterns 3", ["is not TOML", "line 1"]),
        ("seed = 1\nseed = 2", ["is not TOML"]),
    ],
)
def test_bad_config_gives_one_line_with_file_and_key(tmp_path, text, expected):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(experiment.ConfigError) as caught:
        experiment.read_config(RetrieveConfig, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert all(part in message for part in expected), message


def test_config_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(experiment.ConfigError, match="cannot be read") as caught:
            experiment.read_config(RetrieveConfig, path)
        assert str(path) in str(caught.value)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(experiment.ConfigError, match="is not TOML"):
        experiment.read_config(RetrieveConfig, binary)


def test_validate_names_the_key():
    with pytest.raises(experiment.ConfigError, match=r"key `num_times`: Expected `int` >= 2"):
        experiment.validate(tiny(num_times=1))
    with pytest.raises(experiment.ConfigError, match=r"key `level`.*finite"):
        experiment.validate(tiny(level=float("inf")))


def write_run(folder, text):
    (folder / "config.toml").write_text(text)
    (folder / "result.zarr").mkdir()
    (folder / "result.zarr" / text).write_text(text)


def test_staged_folder_replaces_an_earlier_run_and_keeps_the_rest(tmp_path):
    out = tmp_path / "new" / "run"
    for text in ("first", "second"):
        with experiment.staged_folder(out) as staging:
            write_run(staging, text)
            assert staging.parent == out
        (out / "notes.txt").write_text("mine")
    assert sorted(path.name for path in out.iterdir()) == [
        "config.toml",
        "notes.txt",
        "result.zarr",
    ]
    assert (out / "config.toml").read_text() == "second"
    assert [path.name for path in (out / "result.zarr").iterdir()] == ["second"]


def test_staged_folder_leaves_nothing_of_a_failed_run(tmp_path):
    out = tmp_path / "new" / "run"
    with pytest.raises(RuntimeError), experiment.staged_folder(out) as staging:
        write_run(staging, "failed")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []

    with experiment.staged_folder(out) as staging:
        write_run(staging, "good")
    with pytest.raises(KeyboardInterrupt), experiment.staged_folder(out) as staging:
        write_run(staging, "failed")
        raise KeyboardInterrupt
    assert sorted(path.name for path in out.iterdir()) == ["config.toml", "result.zarr"]
    assert (out / "config.toml").read_text() == "good"


def test_staged_folder_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below"):
        with pytest.raises(OSError, match=r"file"), experiment.staged_folder(out):
            pytest.fail("The block must not run.")
    assert file.read_text() == "mine"
