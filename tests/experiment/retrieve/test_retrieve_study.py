"""The recall study at tiny size."""

import dataclasses
import io
import json

import numpy as np
import pytest
from marks import slow
from rich.console import Console

from nam_jax import data
from nam_jax.experiment import retrieve
from nam_jax.experiment.retrieve._run import NUM_SHOWN
from nam_jax.record import ConfigError, Context

TINY = retrieve.study.config(
    source="digits", codec="threshold", num_patterns=3, num_times=5, end_time=6.0, max_steps=500
)


def tiny(**changes):
    return dataclasses.replace(TINY, **changes)


def numbers(dataset):
    return {name: np.asarray(dataset[name].values) for name in dataset.data_vars}


def ends(dataset):
    """How recalls ended, by the names that the Dataset itself gives."""
    attrs = dataset.result.attrs
    names = dict(zip(attrs["flag_values"], attrs["flag_meanings"].split(), strict=True))
    return [names[int(place)] for place in dataset.result]


@pytest.fixture(scope="module")
def result():
    return retrieve.study.run(TINY)


def test_result_is_labelled(result):
    assert dict(result.sizes) == {
        **{"sample": 3, "row": 8, "column": 8, "channel": 1, "neuron": 64},
        **{"layer": 3, "time": 5, "entry": NUM_SHOWN},
    }
    for name in ("original", "damaged", "recalled", "time", "energy", "overlap", "activity"):
        assert result[name].attrs["units"], name
    for name in ("exact", "bit_error", "energy_rise", "steps", "stop_time", "result"):
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
    assert set(ends(result)) <= {"converged", "time_reached"}
    assert not result.attrs["certified"]


def test_table_shows_the_run(result):
    text = io.StringIO()
    Console(file=text, width=100).print(retrieve.study.table(result))
    assert "3, 64" in text.getvalue() and "exact recalls" in text.getvalue()


def test_same_seed_same_numbers_and_another_seed_others(result):
    again = numbers(retrieve.study.run(TINY))
    for name, values in numbers(result).items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
    other = retrieve.study.run(tiny(seed=1))
    np.testing.assert_array_equal(other.stored_pattern, result.stored_pattern)
    assert np.any(np.asarray(other.cue) != np.asarray(result.cue))


def test_batches_change_nothing(result):
    # 2 does not divide 3: the second batch is filled up.
    batched = numbers(retrieve.study.run(TINY, Context(batch=2)))
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
    dataset = retrieve.study.run(config)
    assert dataset.sizes["sample"] == config.num_patterns
    assert dataset.sizes["neuron"] == (config.num_bits if config.codec == "projection" else 64)
    assert dataset.recalled_pattern.dtype == config.dtype == dataset.energy.dtype
    for name, values in numbers(dataset).items():
        assert np.isfinite(values).all(), name
    assert dataset.attrs["certified"] == (config.dynamics == "certified")
    assert np.any(np.asarray(dataset.cue) != np.asarray(dataset.stored_pattern))


def test_a_recall_that_is_given_up_says_so():
    dataset = retrieve.study.run(tiny(max_steps=2))
    assert ends(dataset) == ["step_limit"] * 3
    assert all(np.isfinite(values).all() for values in numbers(dataset).values())


def test_problems_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"num_patterns.*at most the 1797.*1798"):
        retrieve.study.run(tiny(num_patterns=1798))
    with pytest.raises(ValueError, match=r"\(32, 32, 3\).*digits has \(8, 8, 1\).*threshold"):
        retrieve.study.run(tiny(codec="autoencoder"))
    with pytest.raises(ValueError, match="`level` must lie in"):
        retrieve.study.run(tiny(level=1.5))
    with pytest.raises(ConfigError, match=r"no-such-set"):
        retrieve.study.run(tiny(source="no-such-set"))
