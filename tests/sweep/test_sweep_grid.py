"""Which units a sweep has, which chunks hold them, and what is refused before anything runs."""

import dataclasses
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import toys

from nam_jax import sweep
from nam_jax.experiment import STUDIES, basin, rate
from nam_jax.record import ConfigError
from nam_jax.sweep import SweepConfig
from nam_jax.sweep._grid import grid_of
from nam_jax.sweep._plan import key_of, planned


def grid(study=toys.ONE_BY_ONE, **parts):
    return grid_of(SweepConfig(study.name, **parts), study)


def test_units_are_all_combinations_the_last_axis_fastest():
    made = grid(
        grid={"size": [1, 2], "kind": ["one"]}, seeds=2, settings={"seed": 5, "most": "None"}
    )
    assert made.num_units == 4 and made.swept == ("size", "kind", "seed")
    assert [(unit.size, unit.seed, unit.most) for unit in made.units()] == [
        *((1, 5, None), (1, 6, None), (2, 5, None), (2, 6, None)),
    ]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("level", "0.05:0.15:3", [0.05, 0.1, 0.15]),
        ("level", "0.01:1:3:log", [0.01, 0.1, 1.0]),
        ("level", "0.3:0.1:3", [0.3, 0.2, 0.1]),
        ("level", [0, 1], [0.0, 1.0]),
        ("size", "10:20:3", [10, 15, 20]),
        ("size", range(1, 4), [1, 2, 3]),
        ("most", [3, "None", None][:2], [3, None]),
        ("marked", [True, False], [True, False]),
        ("parts", [1, [2], [3, 4], []], [(1,), (2,), (3, 4), ()]),
    ],
)
def test_values_and_ranges(name, values, expected):
    units = list(grid(grid={name: values}).units())
    assert [getattr(unit, name) for unit in units] == expected
    types = {type(getattr(unit, name)) for unit in units}
    assert types == {type(value) for value in expected}


def test_fields_that_go_together():
    made = grid(zip=[{"size": [1, 2], "level": "0.1:0.2:2"}], grid={"kind": ["one", "other"]})
    assert [(unit.kind, unit.size, unit.level) for unit in made.units()] == [
        *(("one", 1, 0.1), ("one", 2, 0.2), ("other", 1, 0.1), ("other", 2, 0.2)),
    ]


REFUSED = [
    ({"grid": {"zebra": [1]}}, r"`grid` must name fields of `toy`, but has 'zebra'; known: "),
    ({"grid": {"sizes": [1]}}, r"did you mean `size`\?"),
    ({"settings": {"zebra": 1}, "seeds": 2}, r"`settings` must name fields of `toy`"),
    ({"settings": {"size": 0}, "seeds": 2}, r"Key `size` of `settings` must be a whole number fro"),
    ({}, r"`grid` must have values of at least one field"),
    ({"grid": {"size": []}}, r"`grid` must have values of `size`, but has none"),
    ({"zip": [{}]}, r"`zip` must name fields in each group"),
    (
        {"zip": [{"size": [1, 2], "level": [0.1]}]},
        r"as many values of each of `size`, `level`, but",
    ),
    ({"grid": {"size": [1, 2, 1]}}, r"different values of `size`, but has 1 twice"),
    ({"grid": {"size": "1:2:3"}}, r"different values of `size`, but has 2 twice"),
    ({"grid": {"size": [1], "kind": ["two"]}}, r"value of `kind` must be one of one, other"),
    ({"grid": {"size": 3}}, r"value of `size` must be a list of values or a range, but has 3"),
    ({"grid": {"kind": "one"}}, r"for `kind` a list of values, or a range as in .*, but has 'one'"),
    ({"grid": {"level": "0:1:1"}}, r"but has '0:1:1'"),
    ({"grid": {"level": "0:1:3:log"}}, r"but has '0:1:3:log'"),
    ({"grid": {"level": "nan:1:3"}}, r"but has 'nan:1:3'"),
    ({"grid": {"level": "1e999:1:3"}}, r"but has '1e999:1:3'"),
    ({"grid": {"size": [1]}, "zip": [{"size": [2]}]}, r"field `size` once, but has it twice"),
    ({"grid": {"size": [1]}, "settings": {"size": 2}}, r"field `size` once, but has it twice"),
    ({"grid": {"seed": [1]}, "settings": {"seed": 2}}, r"field `seed` once, but has it twice"),
    ({"grid": {"seed": [1]}, "seeds": 2}, r"field `seed` once, but has it twice"),
    ({"seeds": 10**9}, r"`seeds` must be at most 1000000, but has 1000000000"),
    (
        {"grid": {"level": "0:1:2000"}, "seeds": 5 * 10**5},
        r"at most 1000000 units, but has 1000000000",
    ),
    ({"grid": {"level": "0:1:9999999"}}, r"or a range"),
    (
        {"grid": {"size": range(10**9)}},
        r"at most 1000000 units, but has 1000000000 values of `size`",
    ),
    ({"settings": {"seed": 2**63 - 1}, "seeds": 2}, r"the last seed must be a whole number from 0"),
]


@pytest.mark.parametrize(("parts", "message"), REFUSED)
def test_a_wrong_grid_is_refused_in_one_sentence_and_leaves_nothing(parts, message, tmp_path):
    config = SweepConfig("toy", **parts)
    with pytest.raises(ConfigError, match=message) as caught:
        sweep.run_config(config, toys.ONE_BY_ONE, tmp_path / "out")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 900
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SweepConfig("toy", seeds=0), "`seeds` must be a whole number from 1"),
        (SweepConfig("toy", seeds=1, chunk=0), "`chunk` must be a whole number from 1"),
        (SweepConfig("other", seeds=1), "`study` must name a study, but has 'other'"),
    ],
)
def test_wrong_settings_of_a_sweep_are_refused(config, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        sweep.run_config(config, toys.ONE_BY_ONE, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_a_seed_takes_no_seeds():
    (study,) = (study for study in STUDIES if study.name == "claims")
    bare = dataclasses.replace(study, config=toys.here(Bare, __name__))
    with pytest.raises(ConfigError, match="`seeds` must be left out for `claims`"):
        grid_of(SweepConfig("claims", seeds=2), bare)


@dataclasses.dataclass(frozen=True)
class Bare:
    size: int = 1


def test_a_value_out_of_range_in_the_900th_unit_is_told_before_anything_runs(tmp_path):
    levels = (
        [place / 1000 for place in range(899)]
        + [1.5]
        + [0.95 + place / 1e4 for place in range(100)]
    )
    marks = tmp_path / "marks"
    marks.mkdir()
    with pytest.raises(
        ConfigError, match=r"value of `level` must be a number from 0 to 1, but has 1.5"
    ):
        sweep.run(
            toys.ONE_BY_ONE, {"level": levels}, settings={"where": str(marks)}, store=tmp_path / "o"
        )
    with pytest.raises(ConfigError, match="Unit 2 of 3: Argument `fault` must be none"):
        sweep.run(
            toys.ONE_BY_ONE, {"fault": ["", "refused", "raise"]}, settings={"where": str(marks)},
            store=tmp_path / "o",
        )  # fmt: skip
    assert list(marks.iterdir()) == [] and not (tmp_path / "o").exists()


def test_a_wrong_memory_and_a_huge_unit_are_told_before_anything_runs(tmp_path):
    for values, message in (
        ({"memory": ["power-2", "zebra"]}, "Unit 2 of 2: Argument `memory` must name memories"),
        ({"num_neurons": [16, 2**31 - 1]}, r"Unit 2 of 2: Arguments .*`num_neurons`.* be smaller"),
        ({"num_patterns": [2], "load": [0.1]}, "Unit 1 of 1: Argument `load` must be left out"),
    ):
        with pytest.raises(ConfigError, match=message):
            sweep.run(rate.study, values, store=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_rows_of_fields_that_go_together_are_tuples(tmp_path):
    for rows in ([(1,), (2,)], [1, 2], 3):
        with pytest.raises(ConfigError, match="must have fields that go together as a tuple"):
            sweep.run(toys.ONE_BY_ONE, {("size", "level"): rows}, store=tmp_path / "out")


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_no_field_of_a_study_has_the_flag_of_a_sweep(study):
    """Argparse would refuse the second flag of one name."""
    words = [study.name, "--seeds", "2", "--out", "x", "--chunk", "3", "--workers", "2", "--repair"]
    read = sweep.read_words(words, STUDIES)
    assert read.config == SweepConfig(study.name, seeds=2, chunk=3)
    assert (read.out, read.workers, read.repair, read.quiet) == ("x", 2, True, False)


WORDS = [
    ([], "The name of a study must follow"),
    (["zebra"], "`study` must name a study, but has 'zebra'"),
    (["rate", "--zebra"], "`--zebra` is no flag"),
    (["rate", "--grid", "load"], "must be given as FIELD=VALUES, but has 'load'"),
    (["rate", "--grid", "load="], "must be given as FIELD=VALUES"),
    (["rate", "--grid", "lod=1"], r"did you mean `load`\?"),
    (["rate", "--grid", "load=0.1,x"], "argument `load` must be a number"),
    (["rate", "--grid", "load=1", "--grid", "load=2"], "field `load` once"),
    (["rate", "--zip", "load=1", "load=2"], "field `load` once"),
    (["rate", "--workers", "0"], "--workers must be a whole number from 1"),
    (["rate", "--workers", "many"], "--workers must be a whole number from 1"),
    (["rate", "--seeds", "x"], "argument `seeds` must be a whole number"),
    (["rate", "--out", ""], "--out must be text that is not empty"),
    (["--status"], "expected one argument"),
    (["--config", "missing.toml"], "missing.toml: cannot be read"),
]


@pytest.mark.parametrize(("words", "message"), WORDS)
def test_wrong_words_are_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        sweep.read_words(words, STUDIES)


def test_words_overrule_a_file(tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text(
        'study = "basin"\nseeds = 2\n[settings]\nnum_sets = 3\n[grid]\nnum_neurons = [8, 9]\n'
        'memory = "power-2"\n'
    )
    with pytest.raises(ConfigError, match="for `memory` a list of values"):
        grid_of(sweep.read_words(["--config", str(file)], STUDIES).config, basin.study)
    words = ["--config", str(file), "--grid", "memory=power-2,power-3", "--zip", "num_queries=1,2",
             "num_patterns=3+4,5", "--no-fast", "--seeds", "4"]  # fmt: skip
    config = sweep.read_words(words, STUDIES).config
    assert config == SweepConfig(
        "basin", seeds=4, settings={"num_sets": 3, "fast": False},
        grid={"num_neurons": [8, 9], "memory": ["power-2", "power-3"]},
        zip=[{"num_queries": [1, 2], "num_patterns": [[3, 4], [5]]}],
    )  # fmt: skip
    assert grid_of(config, basin.study).num_units == 32
    file.write_text("grid = 3")
    with pytest.raises(
        ConfigError, match="key `grid` must be a table of values by name, but has 3"
    ):
        sweep.read_words(["--config", str(file)], STUDIES)
    file.write_text("zip = [3]")
    with pytest.raises(ConfigError, match=r"key `zip` must be a list of entries, each a table"):
        sweep.read_words(["--config", str(file)], STUDIES)


# Plans

AXES = st.fixed_dictionaries(
    {},
    optional={
        "size": st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True),
        "level": st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=3, unique=True),
        "kind": st.permutations(["one", "other"]),
    },
).filter(bool)
GRIDS = st.lists(
    st.tuples(AXES, st.sampled_from([None, 1, 3]), st.sampled_from([None, 1, 2, 5])),
    min_size=1, max_size=4,
)  # fmt: skip


def plan(study, grids, wanted, environment=None):
    made = [grid(study, grid=axes, seeds=seeds) for axes, seeds, _ in grids]
    sizes = [size for *_, size in grids]
    return planned(study, made, wanted, sizes, environment or {"x": "1"}), made


@settings(max_examples=60, deadline=None)
@given(GRIDS, st.sampled_from([toys.ONE_BY_ONE, toys.AT_ONCE]))
def test_every_unit_is_in_one_chunk_and_later_grids_change_none(grids, study):
    known = {}
    for wanted in range(len(grids)):
        made, (*_, last) = plan(study, grids[: wanted + 1], wanted)
        assert list(made.keys) == [key_of(unit) for unit in last.units()]
        members = [key for chunk in made.chunks for key in chunk.keys]
        assert len(members) == len(set(members)) and set(made.keys) <= set(members)
        for chunk in made.chunks:
            assert known.setdefault(chunk.name, chunk) == chunk  # an old one is as it was
            assert chunk.keys == tuple(map(key_of, chunk.units)) and len(chunk.keys) <= chunk.size
            assert grids[wanted][2] is None or chunk.size <= max(size or 1 for *_, size in grids)
            shapes = {
                json.dumps({n: v for n, v in json.loads(key).items() if n not in study.stacked})
                for key in chunk.keys
            }
            assert len(shapes) == 1
        in_all = [key for chunk in known.values() for key in chunk.keys]
        assert len(in_all) == len(set(in_all))
    for wanted in range(len(grids)):  # what a grid has does not change when others follow
        assert plan(study, grids, wanted)[0] == plan(study, grids[: wanted + 1], wanted)[0]


def test_names_of_chunks_tell_all_that_determines_them():
    cases = itertools.product(
        [toys.ONE_BY_ONE, toys.AT_ONCE], [2, 3], [{"jax": "1"}, {"jax": "2"}], [[1, 2], [1, 3]]
    )
    names = [
        chunk.name
        for study, size, environment, sizes in cases
        for chunk in plan(study, [({"size": sizes}, 5, size)], 0, environment)[0].chunks
    ]
    assert len(names) > 40
    kept = plan(toys.AT_ONCE, [({"size": [1, 2]}, 5, 2)], 0, {"jax": "1"})[0].chunks
    assert {chunk.name for chunk in kept} <= set(names)
    one = [chunk.name for chunk in kept if chunk.units[0].size == 1]
    assert all(names.count(name) == 2 for name in one)  # also where 3 takes the place of 2


def test_chunks_of_a_group_have_one_size():
    made, _ = plan(toys.AT_ONCE, [({"size": [1]}, 7, 3)], 0)
    assert [(len(chunk.units), chunk.size) for chunk in made.chunks] == [(3, 3), (3, 3), (1, 3)]
    seconds = rate.study.config().seconds_needed()
    assert 1e-3 < seconds < 60
    big = grid_of(
        SweepConfig("rate", seeds=3, settings={"num_neurons": 4096, "load": 10.0}), rate.study
    )
    assert len(planned(rate.study, [big], 0, [None], {}).chunks) == 3


def test_flags_overrule_zips_of_the_file_and_the_folder_is_named_after_it(tmp_path):
    file = tmp_path / "levels.toml"
    file.write_text(
        'study = "rate"\n[grid]\nflips = [0.1]\n'
        "[[zip]]\nnum_neurons = [8, 9]\nnum_patterns = [1, 2]\n[[zip]]\nseed = [3]\n"
    )
    words = ["--config", str(file), "--zip", "num_patterns=5,6", "flips=0.2,0.3"]
    given = sweep.read_words(words, STUDIES)
    assert given.config.grid == {}
    assert given.config.zip == [
        {"seed": [3]},
        {"num_patterns": [5, 6], "flips": [0.2, 0.3]},
    ]
    assert (
        given.out == "runs/levels" and sweep.read_words(["rate"], STUDIES).out == "runs/sweep-rate"
    )


@pytest.mark.parametrize("more", [["--seeds", "3"], ["--quiet"], ["--memory", "power-2"]])
def test_the_status_takes_nothing_that_it_would_ignore(more):
    with pytest.raises(ConfigError, match="--status must be given with its folder alone"):
        sweep.read_words(["--status", "somewhere", *more], STUDIES)
    with pytest.raises(ConfigError, match="but has 'rate' too"):
        sweep.read_words(["rate", "--status", "somewhere"], STUDIES)
