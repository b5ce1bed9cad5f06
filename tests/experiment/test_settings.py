"""Every field of every study has a range, and sizes that no machine holds are refused at once."""

import copy
import math

import jax
import jax.random as jr
import msgspec.inspect as kinds
import numpy as np
import pytest

from nam_jax.experiment import STUDIES, common, dendritic
from nam_jax.network.dendritic import Wiring
from nam_jax.record import MOST, ConfigError, check_memory, validate
from nam_jax.record._config import hints
from nam_jax.record._sentences import plain

FIELDS = [
    (study, name, kinds.type_info(hint))
    for study in STUDIES
    for name, hint in hints(study.config.resolve()).items()
]
each_field = pytest.mark.parametrize(
    ("study", "name", "kind"), FIELDS, ids=[f"{study.name}-{name}" for study, name, _ in FIELDS]
)
FREE = 16e9
"""Free memory of a small machine, in bytes."""
BY_DATA = {
    *(("retrieve", name) for name in ("num_patterns", "num_recalled")),
    *(("train", name) for name in ("num_cues", "num_stored")),
    *(("compare", name) for name in ("num_patterns", "num_cues", "num_astrocyte_cues", "num_test")),
    *(("compare", name) for name in ("largest_iterated", "largest_astrocyte")),
}
"""Numbers of images, of which no more are used than the source has."""
CAPPED = {
    *(("capacity", name) for name in ("num_queries", "largest")),
    *((study, "num_queries") for study in ("basin", "hebbian", "rate")),
    *(("dendritic", name) for name in ("size", "sizes", "scaling_simulated")),
    ("items", "num_members"),
    ("hierarchy", "batch_size"),
    ("retrieve", "num_bits"),
}
"""Numbers that another field limits or refuses, or that only some choices use."""
ONLY_TIME = {
    ("retrieve", "max_steps"), ("train", "steps"), ("train", "inpainting_steps"),
    ("compare", "training_steps"), ("transformer", "steps"), ("items", "steps"),
    ("tokens", "steps"),
    ("generalise", "steps"), ("gradients", "steps"), ("gradients", "rounds"),
    ("hierarchy", "steps"), ("predictive", "steps"),
    ("predictive", "epochs"), ("predictive", "hierarchical_epochs"),
    *(("dendritic", f"scaling_{name}") for name in ("memory", "feature", "branches", "joint")),
}  # fmt: skip
"""Numbers that make a run longer, by at most a few bytes each."""


def numbers_in(kind):
    """The kinds of all numbers of a field."""
    kind = plain(kind)
    if isinstance(kind, kinds.VarTupleType):
        return numbers_in(kind.item_type)
    if isinstance(kind, kinds.TupleType):
        return [number for item in kind.item_types for number in numbers_in(item)]
    return [kind] if isinstance(kind, kinds.IntType | kinds.FloatType) else []


@each_field
def test_every_number_has_a_least_and_a_largest_value(study, name, kind):
    for number in numbers_in(kind):
        assert (number.ge is None) != (number.gt is None), "it has no least value"
        assert (number.le is None) != (number.lt is None), "it has no largest value"
        if isinstance(number, kinds.IntType) and name != "seed":
            assert number.le <= MOST


@each_field
def test_no_field_takes_what_is_out_of_its_range(study, name, kind):
    wrong = [float("nan"), float("inf"), 10**400, "a\x1bb", [[]], {}]
    for number in numbers_in(kind):
        least = number.ge if number.gt is None else number.gt
        most = number.le if number.lt is None else number.lt
        step = 1 if isinstance(number, kinds.IntType) else 1e-3
        wrong += [least - step, most + step * max(1.0, most)]
    if isinstance(plain(kind), kinds.VarTupleType):
        wrong = [(value,) for value in wrong]
    for value in wrong:
        with pytest.raises(ConfigError, match=f"Argument `{name}` must "):
            validate(changed(study.config(), name, value))


def changed(config, name, value):
    """The config with a field of any type: its class may check annotations."""
    config = copy.copy(config)
    object.__setattr__(config, name, value)
    return config


def largest(kind):
    """The largest value of a field of whole numbers; None for other fields."""
    kind = plain(kind)
    if isinstance(kind, kinds.VarTupleType):
        item = largest(kind.item_type)
        return None if item is None else (item,)
    if isinstance(kind, kinds.TupleType):
        items = tuple(largest(item) for item in kind.item_types)
        return None if None in items else items
    return kind.le - kind.le % (kind.multiple_of or 1) if isinstance(kind, kinds.IntType) else None


@each_field
def test_the_largest_value_is_refused_where_it_shapes_arrays(study, name, kind):
    value = largest(kind)
    if value is None or name == "seed" or numbers_in(kind)[0].le < MOST - 1:
        return
    config = validate(changed(study.config(), name, value))
    if (study.name, name) in BY_DATA | CAPPED | ONLY_TIME:
        check_memory(config, FREE)
        return
    with pytest.raises(ConfigError, match=rf"Arguments? .*`{name}`.* must be smaller .* 16 GB of"):
        check_memory(config, FREE)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_default_runs_need_less_than_a_gigabyte(study):
    check_memory(study.config(), 1e9)
    if "fast" in hints(study.config.resolve()):
        check_memory(study.config(fast=True), 1e9)


def test_a_run_that_cannot_fit_is_refused_before_it_starts(monkeypatch):
    (study,) = (study for study in STUDIES if study.name == "reduce")
    monkeypatch.setattr("nam_jax.experiment.common._context.free_memory", lambda: 1e9)
    with pytest.raises(ConfigError, match=r"`num_neurons` must be smaller .* 1 GB .* 160 GB"):
        study.run(study.config(num_neurons=100_000))


def test_the_bytes_of_a_dendritic_network_are_those_of_its_arrays():
    sizes = {"num_memory": 60, "num_feature": 80, "num_branches": 20}
    config = dendritic.study.config(**sizes, num_inhibitory=(30, 20), num_networks=1)
    wiring = Wiring.random(*sizes.values(), num_inhibitory=(30, 20), key=jr.key(0))
    needed = sum(n for names, n in config.bytes_needed().items() if "num_memory" in names)
    held = sum(leaf.nbytes for leaf in jax.tree.leaves(wiring) if hasattr(leaf, "nbytes"))
    assert 0.7 * held < needed <= held


def test_every_seed_has_a_key_of_its_own():
    seeds = [0, 1, 2**32 - 1, 2**32, 2**32 + 1, 2**33, 2**62, 2**63 - 1]
    keys = [tuple(np.asarray(jr.key_data(common.key_of_seed(seed))).tolist()) for seed in seeds]
    assert len(set(keys)) == len(seeds)
    assert common.key_of_seed(2**32 - 1) == jr.key(2**32 - 1)
    with jax.enable_x64(True):
        again = [tuple(np.asarray(jr.key_data(common.key_of_seed(s))).tolist()) for s in seeds]
    assert again == keys


@pytest.mark.parametrize("size", [10, 4000, MOST])
@pytest.mark.parametrize("row", common.MEMORIES.rows, ids=lambda row: row.word)
def test_every_memory_has_a_guess_of_its_capacity_at_every_size(row, size):
    word = f"{row.word}-{getattr(row.number, 'least', 1)}"
    memory = common.MEMORIES.make(row.word if row.read(word) is None else word, "memories")
    assert 0 < memory.guess(size) < math.inf


HUGE = ["power-99999999999", "top-" + "9" * 5000, "log-sum-exp-1" + "0" * 400]


@pytest.mark.parametrize("name", HUGE, ids=["power", "top", "log-sum-exp"])
def test_numbers_in_names_have_a_range_too(name):
    with pytest.raises(ValueError, match=r"must name memories among .* but has '") as caught:
        common.MEMORIES.make(name, "memories")
    assert len(str(caught.value)) < 900
