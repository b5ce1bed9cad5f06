"""Many settings of `rate` in one program are each of them alone, and what `retrieve` recalls."""

import itertools
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import xarray as xr
from compilations import compilations
from figures import drawn
from marks import mostly_slow

import nam_jax as nam
from nam_jax.experiment import common, rate
from nam_jax.record import Context

run_many = rate.study.run_many
assert run_many is not None


def units(memory, **settings):
    """Settings that differ in all fields in which those of one program may differ."""
    settings = {"num_neurons": 16, "num_patterns": 4, "num_sets": 2, "num_queries": 3} | settings
    cases = itertools.product([0, 2**40], [0.1, 0.3], [0.8, 1.0])
    return [
        rate.study.config(memory=memory, seed=seed, flips=flips, overlap=overlap, **settings)
        for seed, flips, overlap in cases
    ]


@pytest.mark.parametrize("memory", mostly_slow(["power-3", "hebb", "minerva"], "hebb"))
def test_many_at_once_are_each_alone_to_the_bit(memory):
    configs = units(memory)
    whole = run_many(configs, Context())
    for place, config in enumerate(configs):
        alone = rate.study.run(config)
        xr.testing.assert_identical(whole.isel(unit=place).drop_attrs(), alone.drop_attrs())
    part = run_many([configs[place] for place in (5, 2, 2)], Context())
    xr.testing.assert_identical(part.drop_attrs(), whole.isel(unit=[5, 2, 2]).drop_attrs())
    assert 0 < float(whole.recalled.mean()) < 1 and whole.trials.values.tolist() == [6] * 8


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["continuous", "effective", "unlearning-4"])
def test_flows_at_once_are_each_alone_but_for_rounding(memory):
    configs = units(memory, num_patterns=2)
    whole = run_many(configs, Context())
    for place, config in enumerate(configs):
        alone = rate.study.run(config)
        for name in alone.data_vars:
            np.testing.assert_allclose(whole[name][place], alone[name], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("memory", "updates"), [("hebb", "one-by-one"), ("power-3", "all-at-once")]
)
def test_the_numbers_are_those_of_a_plain_loop_of_retrieve(memory, updates):
    config = units(memory, updates=updates, num_patterns=5)[3]
    dataset = rate.study.run(config)
    make, overlaps = common.MEMORIES.make(memory, "memory").make, []
    for place in range(2):
        key = jr.fold_in(common.key_of_seed(config.seed), place)
        problem = common.random_problem(5, 16, config.flips, 3, key=key)
        network = make(problem.patterns, None)
        for number, cue in enumerate(problem.cues):
            own = jr.fold_in(key, number)
            one_by_one = updates == "one-by-one"
            how = nam.solve.Asynchronous(own) if one_by_one else nam.solve.Synchronous()
            recalled = jnp.sign(nam.retrieve(network, cue, how=how).pattern)
            overlaps.append(float(nam.measure.overlap(recalled, problem.patterns[number])))
    by_set = np.reshape(overlaps, (2, 3))
    expected = nam.measure.rate(by_set >= config.overlap - 1e-6, by_set=True)
    assert float(dataset.mean_overlap) == pytest.approx(by_set.mean(), abs=1e-6)
    assert float(dataset.overlap_deviation) == pytest.approx(
        by_set.mean(axis=1).std(ddof=1), abs=1e-6
    )
    for name in ("value", "low", "high"):
        there = float(dataset["recalled" if name == "value" else name])
        assert there == pytest.approx(getattr(expected, name), abs=1e-6)


def test_a_single_set_has_no_interval_and_few_patterns_few_cues():
    config = rate.study.config(memory="hebb", num_neurons=16, num_patterns=1, num_sets=1, load=None)
    dataset = rate.study.run(config)
    assert float(dataset.recalled) == 1.0 and int(dataset.trials) == 1 and int(dataset.stored) == 1
    for name in ("low", "high", "overlap_deviation"):
        assert math.isnan(float(dataset[name]))
    assert rate.study.config(num_neurons=64, load=0.11).stored == 7
    assert rate.study.config(num_neurons=64, load=1e-6).stored == 1
    assert rate.study.config(num_sets=16, fast=True).sets == 4
    assert "share of recalled cues" in table_text(dataset) and drawn(rate.study, dataset)


def table_text(dataset):
    from rich.console import Console

    console = Console(width=100)
    with console.capture() as text:
        console.print(rate.study.table(dataset))
    return text.get()


def test_a_second_chunk_of_equal_shape_compiles_nothing():
    configs = units("hebb")
    run_many(configs, Context())
    later = [rate.study.config(**{**vars(config), "seed": config.seed + 9}) for config in configs]
    with compilations() as programs:
        run_many(later, Context())
    assert programs == []


def test_keys_made_at_once_are_those_of_the_seeds():
    seeds = [0, 1, 2**32 - 1, 2**32, 2**33 + 5, 2**63 - 1]
    expected = [
        [jr.key_data(jr.fold_in(common.key_of_seed(seed), place)) for place in range(3)]
        for seed in seeds
    ]
    np.testing.assert_array_equal(common.keys_of_seeds(seeds, 3), expected)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(common.keys_of_seeds(seeds, 3), expected)
