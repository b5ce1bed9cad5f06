"""Items stored in a dendritic memory: maps learned to and from it, and the experiment."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from figures import assert_shows, curves, drawn
from rich.console import Console

import nam_jax as nam
from nam_jax.experiment import items
from nam_jax.experiment.items import _methods as _items_methods
from nam_jax.experiment.items import _problem as _items_problem
from nam_jax.experiment.items._dataset import crossing, crossing_text
from nam_jax.experiment.items._methods import CovarianceMap
from nam_jax.memory import LinearMap, RidgeMap, associate
from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import Associator


def run(**settings):
    return items.study.run(items.study.config(**settings))


SMALL = items.study.config(
    num_items=(20, 160),
    methods=("hebbian", "gradient"),
    num_networks=2,
    num_cues=32,
    memories=("power-20",),
)


def signs(key, shape):
    return jr.rademacher(key, shape, float)


def test_covariance_map_is_hebbs_rule_on_deviations_with_one_gain(getkey):
    x, y = jr.normal(getkey(), (7, 12)), jr.normal(getkey(), (7, 5))
    fitted = associate(CovarianceMap(), x, y)
    deviations = x - x.mean(0, keepdims=True), y - y.mean(0, keepdims=True)
    product = sum(np.outer(b, a) for a, b in zip(*map(np.asarray, deviations), strict=True))
    gains = np.asarray(fitted.weights) / product
    np.testing.assert_allclose(gains, gains[0, 0], rtol=1e-3)
    # No other gain has a smaller error, and the mean input is answered by the mean.
    errors = deviations[1].T - fitted.weights @ deviations[0].T
    assert abs(float(jnp.sum(errors * (fitted.weights @ deviations[0].T)))) < 1e-3
    np.testing.assert_allclose(fitted(x.mean(0)), y.mean(0), atol=1e-5)


@pytest.mark.parametrize("num", [6, 40])
def test_ridge_map_solves_its_normal_equations(getkey, num):
    x, y = jr.normal(getkey(), (num, 12)), jr.normal(getkey(), (num, 5))
    fitted = associate(RidgeMap(0.3), x, y)
    a, b = (np.asarray(rows - rows.mean(0, keepdims=True), np.float64) for rows in (x, y))
    normal = a.T @ a + 0.3 * (a**2).sum() / 12 * np.eye(12)
    np.testing.assert_allclose(fitted.weights, np.linalg.solve(normal, a.T @ b).T, atol=1e-4)


def test_ridge_penalty_is_the_damage_of_erased_inputs(getkey):
    """Up to a factor it is least squares on inputs of which a share is erased at random."""
    x, y, share = signs(getkey(), (30, 8)), jr.normal(getkey(), (30, 3)), 0.4
    x = jnp.concatenate([x, -x])  # mean 0 and power 1 for every input
    y = jnp.concatenate([y, -y])
    kept = jr.bernoulli(getkey(), 1 - share, (4000, *x.shape))
    copies = np.asarray(jnp.where(kept, x[None], 0), np.float64).reshape(-1, 8)
    simulated = np.linalg.lstsq(copies, np.tile(np.asarray(y), (4000, 1)), rcond=None)[0].T
    fitted = associate(RidgeMap(share / (1 - share)), x, y).weights
    np.testing.assert_allclose((1 - share) * simulated, fitted, atol=0.01)


def test_logistic_map_learns_sets_that_hebbs_rule_confuses(getkey):
    shared = signs(getkey(), (1, 24))
    x = jnp.where(jr.bernoulli(getkey(), 0.7, (12, 24)), shared, -shared)
    members = _items_problem.distinct_members(12, 16, 2, key=getkey())
    fitted, losses = nam.train.fit_linear_map(
        x, members.astype(x.dtype), erased=0.2, optimizer=optax.adam(0.1), num_steps=150,
        key=getkey(),
    )  # fmt: skip
    assert losses.shape == (150,) and losses[-1] < 0.2 * losses[0]
    assert ((jax.vmap(fitted)(x) > 0) == members).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RidgeMap(0.0), "`penalty` must be above 0"),
        (
            lambda: associate(CovarianceMap(), np.ones((3, 4)), np.ones((2, 4))),
            "`answers` must have 3 rows",
        ),
        (
            lambda: nam.train.fit_linear_map(
                jnp.ones((3, 4)), jnp.ones((3, 4)), erased=1.0, optimizer=optax.sgd(0.1),
                num_steps=1, key=jr.key(0),
            ),
            "`erased` must lie in",
        ),
        (
            lambda: _items_problem.distinct_members(12, 4, 2, key=jr.key(0)),
            "`num_members` must leave room for the sets of 12 items",
        ),
        (lambda: run(methods=("zebra",)), "`methods` must name methods among"),
        (lambda: run(num_items=(20, 10)), "`num_items` must ascend"),
    ],
)  # fmt: skip
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture(scope="module")
def tiny():
    thresholds = (4.44, -28.13, 245.7)
    return DendriticMemory.random(20, 30, 10, key=jr.key(0), thresholds=thresholds)


def maps(base, pixels, to_features=False, from_features=True):
    outputs = base.num_feature if to_features else base.num_memory
    inputs = base.num_feature if from_features else base.num_memory
    cue = LinearMap(jr.normal(jr.key(1), (outputs, pixels)), jnp.ones(outputs))
    return cue, LinearMap(jr.normal(jr.key(2), (pixels, inputs)), jnp.zeros(pixels))


def test_a_cue_is_a_fading_drive_or_rates_of_features(tiny):
    image = signs(jr.key(3), (9,))
    driven = Associator(tiny, *maps(tiny, 9), gain=20.0, fading=30.0)
    start = driven.initial_state(image)
    drive = np.maximum(20 * np.asarray(driven.cue_map(image)), 0)
    np.testing.assert_allclose(start.stimulus, drive, rtol=1e-5)
    np.testing.assert_allclose(start.rates.memory, 1.0)
    flow = driven.vector_field(0.0, start)
    np.testing.assert_allclose(flow.stimulus, -drive / 30, rtol=1e-5)
    without = tiny.vector_field(0.0, start.rates)
    rose = np.asarray(flow.rates.memory - without.memory)
    assert (rose >= 0).all() and rose.max() > 0
    cued = Associator(tiny, *maps(tiny, 9, to_features=True), to_features=True)
    state = cued.initial_state(image)
    np.testing.assert_allclose(state.rates.feature, np.maximum(cued.cue_map(image), 0), rtol=1e-5)
    assert not state.stimulus.any() and cued.readout(state).shape == (9,)
    # With features as cue the first drive is that of the memory itself.
    rates = state.rates
    expected = tiny.memory_drive(rates.feature, rates.memory_inhibition, rates.feature_inhibition)
    np.testing.assert_allclose(cued.first_drive(image), expected, rtol=1e-4, atol=1e-3)


def test_maps_must_fit_their_populations(tiny):
    with pytest.raises(ValueError, match="`cue_map` must fit a population of 30 neurons"):
        Associator(tiny, *maps(tiny, 9), to_features=True)
    with pytest.raises(ValueError, match="`answer_map` must fit a population of 20 neurons"):
        Associator(tiny, *maps(tiny, 9), from_features=False)


def test_members_are_distinct_sets_and_damages_are_what_they_say():
    members = _items_problem.distinct_members(60, 16, 2, key=jr.key(0))
    assert (members.sum(1) == 2).all() and len(np.unique(members, axis=0)) == 60
    targets = signs(jr.key(1), (5, 36))
    none, flipped, hidden, noisy = _items_problem.damaged(targets, (6, 6), 0.1, 0.5, key=jr.key(2))
    assert (none == targets).all() and ((flipped != targets).sum(1) == 4).all()
    assert not hidden[:, 18:].any() and (hidden[:, :18] == targets[:, :18]).all()
    assert 0.4 < float(jnp.std(noisy - targets)) < 0.6


def test_the_cue_map_alone_is_judged_by_thresholds_winners_and_the_nearest_set():
    members = jnp.asarray([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
    drives = jnp.asarray([[3.0, 2.0, 1.0, 0.0], [2.2, 0.0, 2.5, 2.4], [0.0, 5.0, 2.0, 4.0]])
    targets = jnp.asarray([0, 1, 1])
    assert _items_methods._best_threshold(drives[:2], members[targets[:2]]) == 2.0
    nothing = jnp.zeros((2, 4))
    stored = _items_problem.Items(nothing, members, (nothing, nothing))
    right = _items_methods._without_dynamics(drives, stored, targets, 2.0)
    np.testing.assert_array_equal(right, [[True, False, False], [True, True, False],
                                          [True, True, True]])  # fmt: skip


def test_crossings():
    assert crossing(np.array([1.0, 0.75, 0.25]), [10, 20, 80]) == pytest.approx(40)
    assert crossing(np.array([0.4, 0.9]), [10, 20]) == 0
    assert crossing(np.array([1.0, 0.9]), [10, 20]) == np.inf
    assert crossing_text(np.array([20.0, 40.0])) == "30 [20, 40]"
    assert crossing_text(np.array([np.inf, np.inf])) == "above all"


@pytest.fixture(scope="module")
def result():
    return items.study.run(SMALL)


@pytest.mark.slow
def test_few_items_are_recalled_and_many_are_not(result):
    few, many = (result.exact.sel(stored=k, answer="features") for k in (20, 160))
    assert float(few.sel(memory="gradient", damage="none", bound="low")) > 0.7
    assert float(many.sel(memory="gradient", damage="flipped", bound="high")) < 0.5
    assert float(few.sel(memory="hebbian", damage="none", bound="value")) < float(
        few.sel(memory="gradient", damage="none", bound="value")
    )


@pytest.mark.slow
def test_more_items_can_be_read_from_feature_neurons_than_from_memory_neurons(result):
    larger = dataclasses.replace(SMALL, num_items=(20, 400), methods=("ridge",), num_cues=4)
    own = items.study.run(larger).own.sel(rule="ridge", stored=400)
    assert float(own.sel(answer="features", bound="low")) > 0.9
    assert float(own.sel(answer="memory", bound="high")) < 0.5


@pytest.mark.slow
def test_the_attractor_finds_no_more_than_the_winners_of_the_cue_map(result):
    right_set = result.right_set.sel(bound="value")
    excess = right_set.sel(decoder="attractor") - right_set.sel(decoder="winners")
    assert (excess <= 0.1).all()
    assert (right_set.sel(decoder="winners") <= right_set.sel(decoder="nearest set")).all()


@pytest.mark.slow
def test_table_and_figures(result):
    console = Console(width=140, record=True, quiet=False)
    with console.capture() as text:
        console.print(items.study.table(result))
    assert "gradient, right set, attractor" in text.get() and "power-20" in text.get()
    by_name = drawn(items.study, result)
    recall, (own, flipped, _) = by_name["figure"].axes, by_name["figure-sets"].axes
    for axes, damage in zip(recall, result.damage.values, strict=True):
        assert list(curves(axes)) == list(result.memory.values)
        for name, curve in curves(axes).items():
            assert_shows(curve, result.exact.sel(memory=name, damage=damage, answer="features"))
    for name, curve in curves(flipped).items():
        right_set = result.right_set.sel(rule="gradient", damage="flipped", decoder=name)
        assert_shows(curve, right_set)
    assert_shows(curves(own)["Hebb, from memory"], result.own.sel(rule="hebbian", answer="memory"))
    pictures = by_name["figure-pictures"].axes
    for axes, damage in zip(pictures, result.damage.values, strict=True):
        first = result.pictures.sel(damage=damage)[0, 0].values
        rows, columns = first.shape
        np.testing.assert_array_equal(axes.images[0].get_array()[:rows, :columns], first)
    assert result.synapses.sel(rule="gradient").values.tolist() == [64 * 400, 64 * 2200]


@pytest.mark.slow
def test_retrieve_recalls_an_image_with_the_associator():
    base = DendriticMemory.random(200, 2000, 100, key=jr.key(0))
    bench = _items_problem.make_bench(base, 200.0, 4.0)
    patterns = signs(jr.key(1), (8, 64))
    stored = _items_problem.make_items(bench, patterns, 2, key=jr.key(2))
    cue_map = associate(RidgeMap(0.4), patterns, stored.members.astype(float))
    answer_map = associate(RidgeMap(1e-4), stored.rates[1], patterns)
    network = Associator(base, cue_map, answer_map, gain=40.0)
    cue = nam.data.flip(patterns[0], 0.1, key=jr.key(3))
    how = nam.solve.Flow(max_time=400.0)
    retrieval = eqx.filter_jit(lambda cue: nam.retrieve(network, cue, how=how))(cue)
    assert bool(nam.measure.exact_recall(retrieval.pattern, patterns[0]))
