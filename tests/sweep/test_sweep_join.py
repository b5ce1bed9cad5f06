"""Numbers of units are joined by their labels, and stand where the grid says."""

import numpy as np
import pytest
import xarray as xr
from tables import toys

from nam_jax.sweep._combine import UNIT, joined, on_grid
from nam_jax.sweep._config import SweepConfig
from nam_jax.sweep._grid import grid_of
from nam_jax.sweep._plan import planned


def part(**variables):
    """A part of one unit."""
    coords = {n: v for n, v in variables.items() if isinstance(v, tuple) and v[0] == n}
    return xr.Dataset(variables).set_coords(list(coords)).expand_dims(UNIT)


def test_equal_parts_keep_dtypes_labels_and_attributes():
    first = part(
        a=np.float32(1), b=True, c=3, d="x", e=("k", [1, 2]), k=("k", ["p", "q"], {"units": "1"})
    ).assign_attrs(same="s", other=1)
    second = part(
        a=np.float32(2), b=False, c=4, d="longer", e=("k", [3, 4]), k=("k", ["p", "q"])
    ).assign_attrs(same="s", other=2)
    whole = joined([first, second])
    assert whole.sizes == {UNIT: 2, "k": 2} and whole.attrs == {"same": "s"}
    kinds = {name: whole[name].dtype.kind for name in whole.variables}
    assert kinds == {"a": "f", "b": "b", "c": "i", "d": "U", "e": "i", "k": "U"}
    assert whole.a.dtype == np.float32 and whole.d.values.tolist() == ["x", "longer"]
    assert whole.e.values.tolist() == [[1, 2], [3, 4]] and list(whole.coords) == ["k"]
    xr.testing.assert_identical(joined([first]), first)


def test_labels_that_differ_are_joined_by_value_in_the_order_in_which_they_appear():
    first = part(a=("k", [1, 2]), b=("k", [True, False]), w=("k", ["x", "y"]), k=("k", ["p", "q"]))
    second = part(a=("k", [3, 4]), b=("k", [True, True]), w=("k", ["z", "u"]), k=("k", ["r", "p"]))
    whole = joined([first, second])
    assert whole.k.values.tolist() == ["p", "q", "r"]
    np.testing.assert_array_equal(whole.a, [[1, 2, np.nan], [4, np.nan, 3]])
    np.testing.assert_array_equal(whole.b, [[1, 0, np.nan], [1, np.nan, 1]])
    assert whole.w.values.tolist() == [["x", "y", ""], ["u", "", "z"]]


def test_lengths_that_differ_without_labels_leave_gaps_at_the_end():
    whole = joined([part(a=("k", [1, 2, 3]), c=7), part(a=("k", [4]), c=8)])
    np.testing.assert_array_equal(whole.a, [[1, 2, 3], [4, np.nan, np.nan]])
    assert whole.c.dtype.kind == "i" and "k" not in whole.coords


TIMES = [("t", [0.0, 1.0], {"units": "s"}), ("t", [0.0, 2.0, 4.0], {"units": "s"})]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_real_labels_that_differ_become_a_variable_at_every_level(order):
    """Also where a chunk has units with equal times, and another one units with different times."""
    parts = [part(a=("t", np.arange(len(times[1]))), t=times) for times in TIMES]
    chunks = [joined([parts[0], parts[0]]), joined([parts[0], parts[1]])]
    assert "t" in chunks[0].coords and "t_of_unit" in chunks[1]
    whole = joined([chunks[place] for place in order])
    expected = np.full((4, 3), np.nan)
    expected[:3, :2], expected[3] = [0, 1], [0, 2, 4]
    rows = np.argsort(np.repeat(np.array(order), 2), kind="stable")
    np.testing.assert_array_equal(whole.t_of_unit.values[rows], expected)
    assert whole.t_of_unit.attrs == {"units": "s"} and "t" not in whole.coords
    np.testing.assert_array_equal(whole.a.values[rows][3], [0, 1, 2])


def test_labels_that_a_part_has_twice_align_nothing():
    first, second = part(a=("k", [1, 2]), k=("k", [5, 5])), part(a=("k", [3]), k=("k", [6]))
    whole = joined([first, second])
    np.testing.assert_array_equal(whole.a, [[1, 2], [3, np.nan]])
    np.testing.assert_array_equal(whole.k_of_unit, [[5, 5], [6, np.nan]])


def test_variables_and_coordinates_that_some_parts_lack():
    first = part(a=1, b=True, w="x").assign_coords(c=3, d=("k", [1, 2]))
    second = part(a=2).assign_coords(c=4)
    for parts in ([first, second], [second, first]):
        whole = joined(parts)
        rows = whole.isel({UNIT: [0, 1] if parts[0] is first else [1, 0]})
        assert rows.a.values.tolist() == [1, 2] and rows.c.values.tolist() == [3, 4]
        np.testing.assert_array_equal(rows.b, [1, np.nan])
        assert rows.w.values.tolist() == ["x", ""] and {*whole.coords} == {"c", "d"}
        np.testing.assert_array_equal(rows.d, [[1, 2], [np.nan, np.nan]])
    same = joined([first, first])
    assert same.c.dims == () and same.d.dims == ("k",)


def test_text_beside_numbers_becomes_text_and_dimensions_may_be_lacking():
    whole = joined([part(a=1, b=5), part(a="x", b=("k", [6, 7]))])
    assert whole.a.values.tolist() == ["1", "x"] and whole.b.values.tolist() == [[5, 5], [6, 7]]


def test_joining_in_parts_is_joining_at_once():
    units = [toys.run(toys.Config(size=size, seed=size)).expand_dims(UNIT) for size in (2, 2, 3, 1)]
    whole = joined(units)
    for cut in (1, 2, 3):
        parts = joined([joined(units[:cut]), joined(units[cut:])])
        xr.testing.assert_identical(parts, whole)


def on_toys(config, left_out=()):
    """The numbers of the toy on a grid, without some chunks."""
    grid = grid_of(config, toys.ONE_BY_ONE)
    plan = planned(toys.ONE_BY_ONE, [grid], 0, [config.chunk], {})
    chunks = [
        (chunk, joined([toys.run(unit).expand_dims(UNIT) for unit in chunk.units]))
        for place, chunk in enumerate(plan.chunks)
        if place not in left_out
    ]
    return on_grid(grid, plan, chunks)


CONFIG = SweepConfig(
    "toy",
    seeds=2,
    chunk=3,
    grid={"kind": ["one", "other"], "most": ["None", 3], "parts": [[1], [2, 3]]},
    zip=[{"size": [2, 4], "level": [0.2, 0.8]}],
)


def test_every_unit_stands_at_its_labels():
    whole = on_toys(CONFIG)
    assert whole.recalled.dims == ("kind", "most", "parts", "size", "seed")
    assert whole.most.values.tolist() == ["None", "3"] and whole.parts.values.tolist() == [
        "1",
        "2+3",
    ]
    assert whole.level.dims == ("size",) and bool(whole.computed.all())
    for kind, size, level in (("one", 2, 0.2), ("other", 4, 0.8)):
        for seed in (0, 1):
            unit = toys.run(toys.Config(size=size, level=level, kind=kind, seed=seed))
            there = whole.sel(kind=kind, size=size, seed=seed, most="3", parts="2+3")
            assert float(there.recalled) == float(unit.recalled)
            assert str(there.name.values) == str(unit.name.values) and int(there.trials) == 32
            np.testing.assert_array_equal(there.set_mean, unit.set_mean)
            assert float(there.level) == level and there.worked.dtype == bool


def test_what_is_not_there_is_nan():
    whole = on_toys(CONFIG, left_out=(0, 3))
    there = whole.computed.values
    assert 0 < there.sum() < there.size
    assert np.isnan(whole.recalled.values[~there]).all()
    assert not np.isnan(whole.recalled.values[there]).any()
    assert (whole.name.values[~there] == "").all() and whole.trials.dtype == float
    full = on_toys(CONFIG)
    np.testing.assert_array_equal(full.recalled.values[there], whole.recalled.values[there])


def test_a_study_may_have_variables_and_dimensions_with_the_names_of_fields():
    grid = grid_of(
        SweepConfig("toy", zip=[{"size": [2, 3], "kind": ["one", "other"]}]), toys.AT_ONCE
    )
    plan = planned(toys.AT_ONCE, [grid], 0, [1], {})
    units = [part(a=("size", [1.0, 2.0]), kind=7), part(a=("size", [3.0, 4.0]), kind=8)]
    whole = on_grid(grid, plan, list(zip(plan.chunks, units, strict=True)))
    assert whole.a.dims == ("swept_size", "size") and whole.kind.values.tolist() == [7, 8]
    assert whole.swept_kind.values.tolist() == ["one", "other"]
    assert whole.swept_size.values.tolist() == [2, 3]
