"""Names of memories and of their parts: what they make, what is refused, what help lists."""

import inspect
import math
import subprocess
import sys

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nam_jax as nam
from nam_jax import memory, network
from nam_jax.experiment import basin, capacity, compare
from nam_jax.experiment.common import (
    MEMORIES,
    SEPARATIONS,
    SIMILARITIES,
    WEIGHTINGS,
    _registry,
)
from nam_jax.experiment.common._names import Names, Real, Row, Whole
from nam_jax.experiment.items._config import METHODS
from nam_jax.experiment.transformer._config import ATTENTIONS
from nam_jax.record import ImportPath, Named

TABLES = (MEMORIES, SEPARATIONS, SIMILARITIES, WEIGHTINGS)


def concrete(base):
    """The classes of `nam_jax.memory` that can be made and are of a kind."""
    public = [getattr(memory, name) for name in memory.__all__]
    kinds = [kind for kind in public if inspect.isclass(kind) and issubclass(kind, base)]
    return {kind for kind in kinds if not kind.__name__.startswith("Abstract")}


def test_every_part_of_a_memory_has_a_name():
    made = {table: {row.makes.resolve() for row in table.rows} for table in TABLES}
    # Those for which a function of the registry chooses arguments.
    assert made[SEPARATIONS] | {memory.DistinctPower} == concrete(memory.AbstractSeparation)
    rules = {memory.Covariance, memory.ExpandedHebbian}
    assert rules | made[MEMORIES] >= concrete(memory.AbstractLearningRule)
    assert made[SIMILARITIES] == concrete(memory.AbstractSimilarity)
    whole = {memory.Slope, memory.Normalised} | made[WEIGHTINGS]
    assert whole - made[SEPARATIONS] == concrete(memory.AbstractWeighting)


@pytest.mark.parametrize(
    "rule",
    sorted(concrete(memory.AbstractLearningRule), key=lambda rule: rule.__name__),
    ids=lambda rule: rule.__name__,
)
def test_rules_that_start_at_random_are_those_that_need_a_key(rule):
    needed = {memory.ClampedOja: (0.1,), memory.Unlearning: (2,)}
    made = rule(*needed.get(rule, ()))
    patterns = nam.data.random_patterns(3, 8, key=jr.key(0))
    if made.random:
        with pytest.raises(ValueError, match="`key` must be given"):
            memory.learn(made, patterns)
    weights = memory.learn(made, patterns, key=jr.key(1) if made.random else None)
    assert weights.shape == (8, 8)


@pytest.mark.parametrize(
    ("name", "separation"),
    [
        ("power-2", memory.Power(2)),
        ("power-7", memory.Power(7)),
        ("rectified-99", memory.RectifiedPower(99)),
        ("distinct-5", memory.DistinctPower(5, 12)),
        ("exponential", memory.Exponential(1.0)),
        ("exponential-0.25", memory.Exponential(0.25)),
        ("log-sum-exp-3", memory.LogSumExp(3.0)),
    ],
)
def test_names_of_dense_memories_carry_their_numbers(name, separation):
    patterns = nam.data.random_patterns(3, 12, key=jr.key(0))
    made = MEMORIES.make(name, "memory").maker(jr.key(1))(patterns)
    assert isinstance(made, network.DenseAssociativeMemory) and not made.self_coupling
    assert bool(eqx.tree_equal(made.separation, separation))


def test_names_of_other_memories_carry_their_numbers():
    patterns = nam.data.random_patterns(3, 12, key=jr.key(0))

    def made(name):
        return MEMORIES.make(name, "memory").maker(jr.key(1))(patterns)

    full = made("certified-0.5")
    np.testing.assert_allclose(full.margin(), 0.5, rtol=1e-4)
    np.testing.assert_allclose(made("certified").margin(), 0.02, rtol=1e-2)
    assert isinstance(made("effective-0.5"), network.EffectiveNeuronAstrocyte)
    distinct = made("distinct-tensor")
    assert isinstance(distinct.tensor.tensor, memory.DistinctTensor)
    np.testing.assert_allclose(distinct.tensor.largest_eigenvalue(), 1, rtol=1e-4)
    assert made("single-pass-3").self_coupling and MEMORIES.make("single-pass-3", "x").together
    few, many = (made(f"unlearning-{dreams}").weights for dreams in (1, 40))
    expected = memory.learn(memory.Unlearning(1), patterns, key=jr.fold_in(jr.key(1), 2**31))
    np.testing.assert_allclose(few, expected - jnp.diag(jnp.diag(expected)), atol=1e-6)
    assert float(jnp.max(jnp.abs(few - many))) > 1e-3


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("zebra", "but has 'zebra'."),
        ("", "but has ''."),
        ("powr-3", "did you mean power-3?"),
        ("power", "did you mean power-N (N from 2 to 99)?"),
        ("power-1", "did you mean power-N (N from 2 to 99)?"),
        ("power-100", "did you mean power-N (N from 2 to 99)?"),
        ("power-2.5", "did you mean power-N (N from 2 to 99)?"),
        ("power-03", "did you mean power-N (N from 2 to 99)?"),
        ("storkey-2", "did you mean storkey?"),
        ("pseudoinverse", "did you mean pseudo-inverse?"),
        ("exponential-0", "did you mean exponential[-B] (B above 0)?"),
        ("decay-1.5", "did you mean decay-R (R above 0, at most 1)?"),
    ],
)
def test_other_names_are_refused_by_a_sentence_that_lists_what_there_is(name, hint):
    with pytest.raises(ValueError) as refused:
        MEMORIES.make(name, "memory")
    text = str(refused.value)
    assert text.startswith("Argument `memory` must name memories among power-N, rectified-N, ")
    assert all(row.form in text for row in MEMORIES.rows) and text.endswith(hint)
    assert "\n" not in text


def test_a_name_that_is_given_twice_is_refused():
    with pytest.raises(ValueError, match="`memories` must have different names, but has 'modern'"):
        MEMORIES.make_all(("modern", "power-2", "modern"), "memories")


@pytest.mark.parametrize(
    "config", [capacity.study.config, basin.study.config, compare.study.config]
)
def test_help_lists_every_memory(config):
    field = "memory" if config is basin.study.config else "memories"
    metadata = inspect.get_annotations(config.resolve())[field].__metadata__
    help = next(value for value in metadata if isinstance(value, Named))
    assert all(f"{row}: {row.meaning}" in help.text for row in MEMORIES.rows)
    assert help.words == tuple(row.example for row in MEMORIES.rows)


@pytest.mark.parametrize("names", [*TABLES, ATTENTIONS, METHODS], ids=lambda names: names.things)
def test_names_that_shells_offer_are_names(names):
    for row in names.rows:
        assert names.row_of(row.example, "memory") is row


@pytest.mark.parametrize(
    ("number", "example"),
    [(Whole("n", 2, 99), "2"), (Real("b"), "1"), (Real("b", most=1), "0.5"), (Real("b", 3.0), "4")],
)
def test_an_offered_number_is_in_its_range(number, example):
    assert number.example == example and number.read(example) == float(example)


def toy(patterns, n=3):
    return network.DenseAssociativeMemory(patterns, memory.RectifiedPower(n))


def test_one_row_makes_a_new_memory_that_a_command_runs(monkeypatch):
    row = Row("toy", ImportPath(f"{__name__}:toy"), "a toy", Whole("n"), _registry.STORED)
    more = Names("memories", (*MEMORIES.rows, row))
    monkeypatch.setattr("nam_jax.experiment.basin._run.MEMORIES", more)
    settings = {"num_neurons": 12, "num_patterns": (6,), "flips": (0.1, 0.3), "num_sets": 3}
    dataset, same = (
        basin.study.run(basin.study.config(memory=name, **settings))
        for name in ("toy-4", "rectified-4")
    )
    np.testing.assert_array_equal(dataset.reached, same.reached)
    assert dataset.predicted_radius.isnull().all()


def test_numbers_are_read_as_they_are_written():
    assert Whole("n", 2, 9).read("9") == 9 and Whole("n").read("1") == 1
    assert [Whole("n", 2, 9).read(text) for text in ("10", "1", "-3", "3.0", "", "x")] == [None] * 6
    assert Real("b").read("0.5") == 0.5 and math.isclose(Real("b", most=2).read("2"), 2)
    assert [Real("b", most=2).read(text) for text in ("0", "2.1", "-1", "1.", "1e3")] == [None] * 5
    with pytest.raises(ValueError, match="`rows` must have different words"):
        Names("things", (MEMORIES.rows[0], MEMORIES.rows[0]))


def test_the_registry_imports_neither_jax_nor_a_network():
    code = (
        "import sys, nam_jax.experiment.common._registry as registry\n"
        "registry.MEMORIES.doc('x'); registry.MEMORIES.row_of('power-3', 'x')\n"
        "print(sorted({'jax', 'numpy', 'nam_jax.network', 'nam_jax.memory'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
