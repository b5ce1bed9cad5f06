"""The table and the figures of sweeps, from numbers whose means and capacities are known."""

import json
import math
import re

import figures
import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from nam_jax import measure
from nam_jax.experiment import SWEEP
from nam_jax.experiment.sweep._capacities import capacities, exponent
from nam_jax.experiment.sweep._means import main_variable, means


def drawn(dataset):
    return figures.drawn(SWEEP, dataset)


def swept(study, headline, coords, variables, settings=None, names=None):
    """The Dataset of a finished sweep over the coordinates, or over those of `names`."""
    names = names or list(coords)
    dataset = xr.Dataset(variables, coords=coords)
    shape = [dataset.sizes[name] for name in names]
    dataset["computed"] = (names, np.ones(shape, bool))
    config = {"study": study, "settings": settings or {}, "grid": {}, "zip": [], "seeds": None}
    return dataset.assign_attrs(
        study="sweep", swept_study=study, headline=headline,
        swept=json.dumps(names), config=json.dumps(config),
    )  # fmt: skip


def recalls(sizes=(64, 256), loads=(0.1, 0.12, 0.14, 0.16, 0.18, 0.2), seeds=8, half=0.15):
    """Recall falls from all to none between loads `half` -+ 0.05, a line with a slope of -10."""
    n, load, seed = np.meshgrid(sizes, loads, range(seeds), indexing="ij")
    share = np.clip((half + 0.05 - load) * 10, 0, 1)
    wobble = np.where(seed % 2 == 0, 1, -1) * 0.125 * ((share > 0.2) & (share < 0.8))
    dims = ["num_neurons", "load", "seed"]
    numbers = {
        "recalled": np.round(8 * (share + wobble)) / 8,
        "trials": np.full(n.shape, 8),
        "stored": load * n,
        "predicted": 0.138 * n,
        "neurons": n + load * n,
        "synapses": load * n**2,
        "compute_units": n + load * n + load * n**2,
    }
    variables = {name: (dims, value) for name, value in numbers.items()}
    coords = {"num_neurons": list(sizes), "load": list(loads), "seed": list(range(seeds))}
    dataset = swept("rate", "recalled", coords, variables, {"memory": "power-2", "flips": 0.0})
    dataset["recalled"].attrs = {"long_name": "share of recalled cues", "units": "1"}
    return dataset


def measured(sizes=(40, 80, 160), memories=("power-2", "power-3"), seeds=2):
    """Capacities 0.2 N^(n-1) of a sweep over memories, sizes and seeds, one in each unit."""
    dims = ["memories", "sizes", "seed", "memory", "neurons"]
    shape = (len(memories), len(sizes), seeds, len(memories), len(sizes))
    blank = {name: np.full(shape, np.nan) for name in ("capacity", "low", "high", "predicted")}
    for m, memory in enumerate(memories):
        for s, size in enumerate(sizes):
            value = 0.2 * size ** (int(memory[-1]) - 1)
            for name, factor in (("capacity", 1), ("low", 0.9), ("high", 1.1), ("predicted", 1.2)):
                blank[name][m, s, :, m, s] = factor * value
    n = np.array(sizes, float)
    variables = {name: (dims, value) for name, value in blank.items()} | {
        "synapses": ("neurons", n**2),
        "compute_units": ("neurons", n + 2 * n**2),
        "flipped_bits": ("neurons", 0.1 * n),
        "wrong_bits": ("neurons", n / 40),
    }
    coords = {"memories": list(memories), "sizes": list(sizes), "seed": list(range(seeds))}
    coords |= {"memory": list(memories), "neurons": list(sizes)}
    return swept("capacity", "capacity", coords, variables, names=dims[:3])


def unfinished(dataset):
    """The same sweep without the units at the last value of its second field."""
    names = json.loads(dataset.attrs["swept"])
    there = np.ones(dataset["computed"].shape, bool)
    there[:, -1] = False
    dataset = dataset.assign(computed=(names, there))
    blanked = {
        name: value.where(dataset["computed"])
        for name, value in dataset.data_vars.items()
        if name != "computed" and {*names} <= {*value.dims}
    }
    return dataset.assign(blanked)


def text_of(dataset):
    console = Console(width=200)
    with console.capture() as text:
        console.print(SWEEP.table(dataset))
    return text.get()


# Numbers


def test_shares_have_the_interval_of_their_trials_in_sets_of_one_seed():
    numbers = means(recalls())
    assert numbers.attrs == {"label": "share of recalled cues (1)", "share": True}
    row = recalls().recalled.sel(num_neurons=64, load=0.14).values
    expected = measure.rate(np.arange(8) < 8 * row[:, None], by_set=True)
    point = numbers.sel(num_neurons=64, load=0.14)
    np.testing.assert_allclose([point.value, point.low, point.high], expected[:3])
    assert int(point.seeds) == 8


def test_other_numbers_have_the_interval_of_student():
    values = [3.0, 4.0, 8.0]
    dataset = swept("rate", "mean_overlap", {"seed": [0, 1, 2]}, {"mean_overlap": ("seed", values)})
    numbers = means(dataset)
    half = 4.302653 * np.std(values, ddof=1) / math.sqrt(3)
    assert not numbers.attrs["share"]
    np.testing.assert_allclose([numbers.low, numbers.high], [5 - half, 5 + half], rtol=1e-6)


def test_intervals_of_units_are_joined_and_dimensions_that_fields_determine_go():
    numbers = means(measured(seeds=4))
    assert numbers["value"].dims == ("memories", "sizes")
    point = numbers.sel(memories="power-2", sizes=80)
    np.testing.assert_allclose([point.value, point.low, point.high], [16, 15.2, 16.8])
    alone = means(measured(seeds=1)).sel(memories="power-2", sizes=80)
    np.testing.assert_allclose([alone.value, alone.low, alone.high], [16, 14.4, 17.6])


def test_what_is_not_there_is_nan():
    numbers = means(unfinished(recalls()))
    assert numbers["value"].sel(load=0.2).isnull().all()
    assert (numbers["seeds"].sel(load=0.2) == 0).all()
    xr.testing.assert_equal(numbers.drop_sel(load=0.2), means(recalls()).drop_sel(load=0.2))


def test_samples_are_averaged_and_a_variable_is_chosen_where_a_study_has_no_headline():
    exact = np.array([[True, False], [True, True]])
    coords = {"num_patterns": [2, 3]}
    dataset = swept("retrieve", "exact", coords, {"exact": (("num_patterns", "sample"), exact)})
    np.testing.assert_allclose(means(dataset)["value"], [0.5, 1])
    rows = {"a": ("num_patterns", [1.0, 1.0]), "b": ("num_patterns", [1.0, 2.0])}
    assert main_variable(swept("retrieve", "", coords, rows)) == "b"


def test_half_is_recalled_at_the_load_where_the_line_crosses_it():
    points = capacities(recalls())
    for size, point in zip((64, 256), points, strict=True):
        assert point.model == "power-2" and point.size == size
        assert point.value == pytest.approx(0.15 * size)
        assert point.low < point.value < point.high
        assert point.predicted == pytest.approx(0.138 * size)
        neurons, synapses, units = point.costs
        assert neurons == pytest.approx(1.15 * size) and synapses == pytest.approx(0.15 * size**2)
        assert units == pytest.approx(neurons + synapses)
    # Without the last load the crossing is still there; with half of the seeds too.
    values = [point.value for point in capacities(unfinished(recalls()))]
    np.testing.assert_allclose(values, [0.15 * 64, 0.15 * 256])
    assert capacities(recalls(loads=(0.1, 0.12))) == []


@pytest.mark.slow
def test_intervals_of_the_half_cover_it():
    """24 seeds of 8 cues, whose chance falls as a straight line; at least 90 % of 200 intervals."""
    random, loads = np.random.default_rng(0), np.arange(0.1, 0.21, 0.02)
    hits, errors = 0, []
    for _ in range(200):
        dataset = recalls(sizes=(100,), loads=loads, seeds=24)
        chance = np.clip((0.2 - dataset["load"]) * 10, 0, 1).broadcast_like(dataset["recalled"])
        drawn = random.binomial(8, chance.transpose(*dataset["recalled"].dims).values) / 8
        (point,) = capacities(dataset.assign(recalled=(dataset["recalled"].dims, drawn)))
        hits += point.low <= 15 <= point.high
        errors.append(point.value - 15)
    assert 0.9 <= hits / 200 <= 0.99
    assert abs(np.mean(errors)) < 3 * np.std(errors) / math.sqrt(200)


def test_exponents_of_capacity():
    points = capacities(measured())
    for model, expected in (("power-2", 1), ("power-3", 2)):
        slope = exponent([point for point in points if point.model == model])
        assert slope.value == pytest.approx(expected) and slope.low < expected < slope.high
    wider = exponent([point for point in capacities(measured(seeds=1)) if point.model == "power-2"])
    assert wider.high - wider.low == pytest.approx(
        math.sqrt(2) * (slope.high - slope.low), rel=0.02
    )


def test_there_is_no_exponent_where_the_criterion_does_not_scale():
    dataset = measured()
    points = capacities(dataset.assign(wrong_bits=("neurons", [1.0, 3.0, 4.0])))
    assert exponent(points[:3]) is None
    assert exponent(points[:1]) is None


def test_capacities_beyond_all_that_was_tried_have_no_cost():
    dataset = measured()
    dataset["capacity"] = dataset["capacity"].where(dataset["capacity"] != 5120, np.inf)
    point = capacities(dataset)[-1]
    assert math.isinf(point.value) and point.low == pytest.approx(4608)
    assert all(math.isnan(cost) for cost in point.costs)
    assert figures.curves(drawn(dataset)["figure"].axes[0])


# Figures and table


def test_lines_show_means_for_each_value_of_the_second_field():
    dataset = recalls().transpose("load", "num_neurons", "seed")
    dataset.attrs["swept"] = json.dumps(["load", "num_neurons", "seed"])
    dataset = dataset.assign(computed=dataset["computed"].transpose("load", "num_neurons", "seed"))
    figure = drawn(dataset)["figure"]
    (axes,) = figure.axes
    lines = figures.curves(axes)
    for size in (64, 256):
        np.testing.assert_allclose(lines[f"N = {size}"].x, dataset["load"])
        expected = dataset["recalled"].mean("seed").sel(num_neurons=size)
        np.testing.assert_allclose(lines[f"N = {size}"].y, expected)
    assert figures.labels(axes) == ("load K / N (1)", "share of recalled cues (1)")
    np.testing.assert_allclose(lines["theory"].x, 0.138)
    assert len(axes.collections) == 2  # the bands
    assert figure.get_suptitle() == "rate, memory = power-2, flips = 0"


def test_an_unfinished_sweep_says_so_and_shows_what_is_there():
    figure = drawn(unfinished(recalls()))["figure"]
    assert figure.get_suptitle() == "rate, memory = power-2, flips = 0 (80 of 96 units)"
    lines = figures.curves(figure.axes[0])
    assert len(lines["K / N = 0.18"].x) == 2 and len(lines["K / N = 0.2"].x) == 0


def test_a_map_has_its_contour_at_one_half_and_theory():
    dataset = recalls(sizes=(64, 128, 256, 512), loads=np.arange(0.1, 0.205, 0.01))
    by_name = drawn(dataset)
    assert list(by_name) == ["figure", "figure-lines", "figure-capacity"]
    axes = by_name["figure"].axes[0]
    assert figures.labels(axes) == ("neurons N (1)", "load K / N (1)")
    (path, *_) = [path for path in axes.collections[1].get_paths() if len(path)]
    np.testing.assert_allclose(path.vertices[:, 1], 0.15, atol=1e-6)
    np.testing.assert_allclose(figures.curves(axes)["theory"].y, 0.138)
    np.testing.assert_allclose(axes.collections[0].get_array(), means(dataset)["value"].T)
    assert drawn(unfinished(dataset))["figure"].axes


def test_loads_at_half_against_the_number_of_neurons():
    by_name = drawn(recalls(sizes=(64, 128, 256)))
    assert list(by_name) == ["figure", "figure-map", "figure-capacity"]
    lines = figures.curves(by_name["figure-capacity"].axes[0])
    np.testing.assert_allclose(lines["power-2"].y, 0.15)
    assert (lines["power-2"].low < 0.15).all() and (lines["power-2"].high > 0.15).all()


@pytest.mark.parametrize("change", [lambda dataset: dataset, unfinished])
def test_capacities_against_neurons_with_exponents_and_models_side_by_side(change):
    by_name = drawn(change(measured()))
    assert list(by_name) == ["figure", "figure-cost"]
    axes = by_name["figure"].axes[0]
    lines = figures.curves(axes)
    (name,) = (name for name in lines if name.startswith("power-3 N^2.00 ["))
    np.testing.assert_allclose(lines[name].y, 0.2 * lines[name].x ** 2)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    panels = by_name["figure-cost"].axes
    assert [axes.get_xlabel() for axes in panels] == [
        f"stored patterns per {cost} (1)" for cost in ("neuron", "synapse", "compute unit")
    ]
    first = figures.curves(panels[0])["N = 40"]
    np.testing.assert_allclose(first.x, [8 / (40 + 8), 320 / (40 + 320)])


def test_a_sweep_over_names_or_seeds_alone_is_drawn_too():
    names = swept("rate", "recalled", {"memory": ["a", "b"]}, {"recalled": ("memory", [0.5, 1.0])})
    labels = [label.get_text() for label in drawn(names)["figure"].axes[0].get_xticklabels()]
    assert labels == ["a", "b"] and "- " not in text_of(names)
    alone = swept("rate", "recalled", {"seed": [0, 1, 2]}, {"recalled": ("seed", [0.5, 1.0, 0.5])})
    assert drawn(alone)["figure"].axes and "0.6667 [" in text_of(alone)


def test_a_sweep_of_one_unit_is_drawn_too():
    coords = {"load": [0.1], "num_neurons": [64], "seed": [0]}
    dataset = swept("rate", "recalled", coords, {"recalled": (list(coords), [[[0.5]]])})
    (axes,) = drawn(dataset)["figure"].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1"]
    assert "0.5 │     1 " in text_of(dataset)


def test_a_third_field_makes_panels():
    dataset = xr.concat([recalls(), recalls()], "overlap").assign_coords(overlap=[0.9, 1.0])
    dataset.attrs["swept"] = json.dumps(["num_neurons", "load", "overlap", "seed"])
    axes = drawn(dataset)["figure"].axes
    assert [panel.get_title() for panel in axes[:2]] == ["overlap = 0.9", "overlap = 1"]


def test_the_table_has_all_fields_that_go_together():
    coords = {"memory": ["a", "a"], "num_neurons": ("memory", [8, 16])}
    rows = {"recalled": ("memory", [0.5, 1.0])}
    text = text_of(swept("rate", "recalled", coords, rows, names=["memory"]))
    assert re.search("memory ┃ num neurons", text) and re.search("a │ +16 │ +1 ", text)


def test_the_table_has_means_with_intervals_and_says_what_it_leaves_out():
    text = text_of(recalls())
    assert "Sweep of rate, 96 of 96 units" in text
    assert re.search(r"64 │ 0.14 │ 0.625 \[0.4\d+, 0.7\d+\] │ +8 ", text)
    long = text_of(recalls(loads=np.arange(0.01, 0.3, 0.01)))
    assert "28 more rows are in result.zarr." in long and long.count("\n") < 45
    assert "80 of 96 units" in text_of(unfinished(recalls()))
    assert "power-3 grows as N^2.00 [1.93, 2.07]." in text_of(measured())
