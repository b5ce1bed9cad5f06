"""The commands `capacity` and `basin`: what is predicted, drawn and refused."""

import math

import jax.random as jr
import numpy as np
import pytest
import xarray as xr
from figures import curves, drawn, labels
from tables.memories import NAMES

import nam_jax as nam
from nam_jax import theory
from nam_jax.experiment import basin, capacity
from nam_jax.experiment.capacity._run import _Cell, _dataset, _exponent
from nam_jax.experiment.common import MEMORIES
from nam_jax.measure import Capacity, FixedPoint, OneStep, Recall
from nam_jax.record import ConfigError

SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def one_step():
    return capacity.study.run(
        capacity.study.config(
            memories=("power-3", "distinct-3"), sizes=(24, 48), criterion="one-step", num_sets=60
        )
    )


def test_measured_one_step_capacities_are_those_of_the_exact_law(one_step):
    """Within four standard errors, each a quarter of the 95 % interval."""
    error = (np.log(one_step.high) - np.log(one_step.low)) / 3.92
    gap = np.log(one_step.capacity) - np.log(one_step.predicted)
    assert (abs(gap) < np.maximum(4 * error, 0.05)).all()
    assert (one_step.predicted.sel(memory="distinct-3") > 1.3 * one_step.predicted[0]).all()


def test_exponents_and_trials_are_reported(one_step):
    np.testing.assert_allclose(one_step.exponent.sel(bound="value"), 2.0, atol=0.25)
    # Five numbers of patterns, 60 sets, 8 queries, and what the bracket took.
    assert (one_step.trials >= 5 * 60 * 8).all()
    assert (one_step.patterns.isel(point=0) < one_step.capacity).all()


def test_figures_of_capacity(one_step):
    by_name = drawn(capacity.study, one_step)
    (axes,) = by_name["figure"].axes
    assert labels(axes) == ("neurons N (1)", "stored patterns K (1)")
    lines = {name.split(",")[0]: curve for name, curve in curves(axes).items()}
    assert list(lines) == ["power-3", "distinct-3", "theory (thin)"]
    for name in ("power-3", "distinct-3"):
        row, line = one_step.sel(memory=name), lines[name]
        np.testing.assert_allclose(line, [row.neurons, row.capacity, row.low, row.high], rtol=1e-5)
    axes = by_name["figure-per-unit"].axes[0]
    assert "compute unit" in axes.get_ylabel() and axes.get_xscale() == "log"


def test_a_capacity_that_is_not_reached_is_said_so():
    dataset = capacity.study.run(
        capacity.study.config(
            memories=("single-pass-4",), sizes=(16,), criterion="fixed-point", num_sets=4,
            largest=60,
        )
    )  # fmt: skip
    assert math.isinf(dataset.capacity.item()) and dataset.low.item() == 60
    assert "above 60" in next(capacity.study.table(dataset).columns[1].cells)


def test_what_a_capacity_was_measured_with_is_said():
    """Criterion, bits, margins and rests stand in the Dataset, the table and the figure."""
    names = ("power-2", "effective")
    config = capacity.study.config(memories=names, sizes=(20, 40))
    memories = [memory_named(name) for name in names]
    margins = [memory.margin(nam.data.random_patterns(5, 20, key=jr.key(0))) for memory in memories]
    held = Capacity(9.0, 8.0, 10.0, (8, 10), (0.6, 0.4), 2, 2, 8)
    cells = [_Cell(held, math.nan, margin) for margin in margins for _ in config.sizes]
    dataset = _dataset(config, memories, cells)
    assert dataset.wrong_bits.values.tolist() == [0, 1]
    assert dataset.flipped_bits.values.tolist() == [2, 4]
    expected = (
        "recall from 10 % flipped bits to an overlap of 0.95 or more, by 50 % of the patterns"
    )
    assert dataset.attrs["criterion"] == expected
    np.testing.assert_allclose(dataset.margin.sel(memory="effective"), 0.02, atol=1e-4)
    np.testing.assert_allclose(dataset.rest, [np.nan, nam.measure.COARSE.rest])
    shown = capacity.study.table(dataset)
    assert expected in shown.title and shown.caption.startswith("No exponents")
    assert shown.columns[2].header == "N = 40\n4 flipped, 1 wrong"
    assert list(shown.columns[0].cells)[1] == "effective\nmargin 0.02, rest 0.01"
    (axes,) = drawn(capacity.study, dataset)["figure"].axes
    assert axes.get_title().replace("\n", " ") == expected
    (legend,) = axes.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert "effective, margin 0.02, rest 0.01" in labels


@pytest.mark.parametrize(("wrong", "exponent"), [([0, 1], math.nan), ([1, 2], 2), ([0, 0], 2)])
def test_exponents_need_one_share_of_wrong_bits(wrong, exponent):
    """An overlap of 0.95 allows 0 wrong bits of 20, but 1 of 40: the larger N is judged milder."""
    capacities = np.array([10.0, 40.0])
    row = xr.Dataset(
        {
            "capacity": ("neurons", capacities),
            "low": ("neurons", 0.9 * capacities),
            "high": ("neurons", 1.1 * capacities),
            "wrong_bits": ("neurons", wrong),
        },
        coords={"neurons": [20, 40]},
    )
    np.testing.assert_allclose(_exponent(row)[0], exponent)


def memory_named(name):
    return MEMORIES.make(name, "memory")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, 32) for name in NAMES),
        # N^n beyond the largest float, and n larger than N.
        *(("power-99", 512), ("rectified-99", 512), ("single-pass-60", 512)),
        *(("power-40", 8), ("distinct-40", 32)),
    ],
)
def test_every_memory_can_be_made_and_predicted(name, size):
    memory = memory_named(name)
    assert memory.guess(size) >= 1
    for criterion in (OneStep(), FixedPoint(), Recall()):
        predicted = memory.predicted(size, criterion)
        assert math.isnan(predicted) or 1 < predicted < math.inf


def test_predictions_are_those_of_the_theory():
    assert memory_named("power-3").predicted(64, OneStep()) == pytest.approx(199.4, rel=1e-3)
    expected = 2 * theory.basin_load(3, 0.1) * 64**2 / 3
    assert memory_named("rectified-3").predicted(64, Recall()) == pytest.approx(expected)
    assert memory_named("single-pass-4").predicted(64, Recall()) == pytest.approx(699, rel=2e-3)
    kept = Recall(flips=0.0, overlap=0.95)
    assert memory_named("power-2").predicted(512, kept) == pytest.approx(70.6, abs=0.05)


QUICKLY = ("correlation", "minerva", "modern", "nearest")


@pytest.mark.parametrize(
    "name", [name if name in QUICKLY else pytest.param(name, marks=SLOW) for name in NAMES]
)
def test_every_memory_has_a_basin_and_a_capacity(name):
    """Two patterns of 24 bits are recalled without damage; random cues reach half at most."""
    memory = memory_named(name)
    make = memory.maker(jr.key(2))
    basins = nam.measure.basin(
        make, 2, 24, key=jr.key(0), flips=(0.0, 0.5), num_sets=8, num_queries=2
    )
    np.testing.assert_allclose(basins.reached.sum(axis=1), 1, atol=1e-12)
    assert basins.reached[0, 0] > 0.9 and basins.reached[1, 0] < 0.7
    held = nam.measure.capacity(
        make, 24, Recall(flips=0.1), key=jr.key(1), guess=min(memory.guess(24), 100),
        num_sets=6, num_queries=4, points=2, max_patterns=200,
    )  # fmt: skip
    assert held.value > 2 and held.low <= held.value <= held.high
    assert held.trials >= 6 * 4 * max(1, len(held.counts)) and len(held.counts) == len(held.scores)
    assert math.isinf(held.value) == (held.counts == ()) and max(held.counts, default=0) <= 200


@pytest.mark.parametrize(
    ("run", "config", "message"),
    [
        (
            capacity.study.run,
            capacity.study.config(memories=("zebra",)),
            "`memories` must name memories among",
        ),
        (
            capacity.study.run,
            capacity.study.config(sizes=()),
            "`sizes` must be a list of one or more entries",
        ),
        (
            capacity.study.run,
            capacity.study.config(memories=("power-2", "distinct-4"), sizes=(8, 3)),
            "`num_neurons` must be at least n = 4, but has 3",
        ),
        (
            capacity.study.run,
            capacity.study.config(criterion="one-step", all_patterns=True),
            "`all_patterns` must be false with the criterion one-step",
        ),
        (basin.study.run, basin.study.config(memory="zebra"), "`memory` must name memories among"),
        (basin.study.run, basin.study.config(flips=(0.3, 0.1)), "must hold ascending fractions"),
        (
            basin.study.run,
            basin.study.config(num_patterns=()),
            "`num_patterns` must be a list of one or more entries",
        ),
    ],
)
def test_bad_configs(run, config, message):
    with pytest.raises(ConfigError, match=message):
        run(config)
