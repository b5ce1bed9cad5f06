"""Training: that it helps, that a scan is a loop, and what happens when numbers go wrong."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tables.networks import released, signs
from tables.training import FewSteps, correlated, denoising, quick_fit

from nam_jax.network import ContinuousDenseMemory, TwoLayerMemory
from nam_jax.train import (
    ENDINGS,
    AbstractRoute,
    ContrastiveEnergy,
    Minibatches,
    Sample,
    VoltageMargin,
)
from nam_jax.train._fit import _chosen


def memory():
    return ContinuousDenseMemory(correlated(), leak=1.1)


def test_a_scan_is_a_loop_of_single_steps_and_frozen_numbers_stay():
    net, batches = memory(), denoising(correlated(), 3)
    scanned = quick_fit(net, batches, 9)
    looped = quick_fit(net, batches, 9, chunk=1)
    assert eqx.tree_equal(scanned.network, looped.network)
    for name, rows in scanned.metrics._asdict().items():
        assert rows.shape == (9,)
        np.testing.assert_array_equal(rows, looped.metrics._asdict()[name], err_msg=name)
    shorter = quick_fit(net, batches, 5)
    np.testing.assert_array_equal(shorter.metrics.loss, scanned.metrics.loss[:5])
    assert float(jnp.abs(scanned.network.patterns - net.patterns).max()) > 0.01
    restored = eqx.tree_at(lambda n: n.patterns, scanned.network, net.patterns)
    assert eqx.tree_equal(restored, net)


class Altered(eqx.Module):
    """Batches of which a share has its later cues replaced: by NaN, or by the first sample."""

    batches: Minibatches
    share: jax.Array
    spared: jax.Array
    copied: jax.Array

    def __call__(self, key):
        batch = self.batches(key)
        hit = self.hit(key) & (jnp.arange(3) >= self.spared)[:, None]
        other = jnp.where(self.copied, batch.cue[:1], jnp.nan)
        target = jnp.where(hit & self.copied, batch.target[:1], batch.target)
        return Sample(jnp.where(hit, other, batch.cue), target)

    def hit(self, key):
        return jax.random.uniform(jax.random.fold_in(key, 7)) < self.share


def altered(share, *, spared=0, copied=False):
    values = (jnp.asarray(share), jnp.asarray(spared), jnp.asarray(copied))
    return Altered(denoising(correlated(), 3), *values)


def test_a_step_that_is_not_finite_is_not_taken():
    net, key, batches = memory(), jax.random.key(3), altered(0.5)
    bad = [bool(batches.hit(jax.random.fold_in(key, i))) for i in range(12)]
    assert 0 < sum(bad) < 12
    fit = quick_fit(net, batches, 12)
    np.testing.assert_array_equal(fit.metrics.taken, ~np.array(bad))
    np.testing.assert_array_equal(np.isnan(fit.metrics.loss), bad)
    np.testing.assert_array_equal(fit.metrics.failed, np.array(bad, float))
    place = max(i for i in range(12) if bad[i])
    before, after = (quick_fit(net, batches, n).network for n in (place, place + 1))
    assert eqx.tree_equal(before, after)
    assert bool(jnp.isfinite(fit.network.patterns).all())

    fit = quick_fit(net, altered(1.0), 30)
    assert bool(fit.result == ENDINGS.unsettled) and fit.step == 10
    assert eqx.tree_equal(fit.network, net) and fit.metrics.loss.shape == (10,)


def test_failed_samples_are_left_out_of_the_mean():
    """One good sample beside two failed ones is worth as much as three times the good one."""
    fit, expected = (
        quick_fit(memory(), altered(1.0, spared=1, copied=copied), 4) for copied in (False, True)
    )
    np.testing.assert_allclose(fit.metrics.failed, 2 / 3, rtol=1e-6)
    assert not expected.metrics.failed.any() and fit.metrics.taken.all()
    np.testing.assert_allclose(fit.metrics.loss, expected.metrics.loss, rtol=1e-4)
    np.testing.assert_allclose(fit.network.patterns, expected.network.patterns, atol=1e-4)


def test_bad_samples_are_left_out_of_a_validation_and_counted():
    batches, good = denoising(correlated(), 3), denoising(correlated(), 4)(jax.random.key(4))
    spoilt = jax.tree.map(lambda rows: jnp.concatenate([rows, rows[:1] * jnp.nan]), good)
    fit, expected = (quick_fit(memory(), batches, 8, validation=v) for v in (spoilt, good))
    np.testing.assert_allclose(fit.metrics.validation_failed[3::4], 1 / 5, rtol=1e-6)
    assert not expected.metrics.validation_failed[3::4].any()
    losses = [f.metrics.validation_loss[3::4] for f in (fit, expected)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert eqx.tree_equal(fit.network, expected.network)


class Asked(eqx.Module):
    """Batches whose first samples have no hidden neuron: a `VoltageMargin` asks nothing of them."""

    batches: Minibatches
    unasked: int = eqx.field(static=True)

    def __call__(self, key):
        batch = self.batches(key)
        place = jnp.arange(len(batch.cue))[:, None]
        hidden = (jnp.arange(batch.cue.shape[1]) < 4)[None, :] & (place >= self.unasked)
        return Sample(jnp.where(hidden, 0, batch.cue), batch.target)


def test_samples_that_ask_nothing_are_left_out_and_counted():
    batches, loss = denoising(correlated(), 3), VoltageMargin()
    fit = quick_fit(memory(), Asked(batches, 1), 1, loss=loss)
    whole = quick_fit(memory(), Asked(batches, 0), 1, loss=loss)
    np.testing.assert_allclose(fit.metrics.failed, 1 / 3, rtol=1e-6)
    batch = Asked(batches, 1)(jax.random.fold_in(jax.random.key(3), 0))
    samples = [Sample(batch.cue[i], batch.target[i]) for i in (1, 2)]
    losses = [FewSteps().value_and_grad(loss, memory(), sample)[0][0] for sample in samples]
    np.testing.assert_allclose(fit.metrics.loss, np.mean(losses), rtol=1e-4)
    assert not whole.metrics.failed.any() and fit.metrics.taken.all()


CLIMB = optax.sgd(lambda count: jnp.where(count < 8, 0.1, -3.0))
"""Down the gradient for two chunks of steps, then up."""


class SpoiltLeak(AbstractRoute):
    """The cheap route, whose gradient by the leak is lost."""

    def value_and_grad(self, cost, network, sample):
        actual, gradient = FewSteps().value_and_grad(cost, network, sample)
        return actual, eqx.tree_at(lambda g: g.leak, gradient, gradient.leak * jnp.nan)


def test_gradients_by_frozen_numbers_do_not_matter():
    net, batches = memory(), denoising(correlated(), 3)
    fit, expected = (
        quick_fit(net, batches, 3, gradient=route) for route in (SpoiltLeak(), FewSteps())
    )
    assert fit.metrics.taken.all() and not fit.metrics.failed.any()
    np.testing.assert_allclose(fit.network.patterns, expected.network.patterns, rtol=1e-5)


def lose(net):
    return eqx.tree_at(lambda n: n.patterns, net, net.patterns * jnp.inf)


def test_steps_to_numbers_that_are_not_finite_end_training():
    net = memory()
    fit = quick_fit(net, denoising(correlated(), 3), 9, project=lose, max_bad=3)
    assert bool(fit.result == ENDINGS.not_finite) and fit.step == 3
    assert np.isfinite(fit.metrics.loss).all() and not fit.metrics.taken.any()
    assert eqx.tree_equal(fit.network, net)


def test_a_validation_loss_that_rises_stops_training_at_the_best_network(capsys):
    net, batches = memory(), denoising(correlated(), 3)
    validation = denoising(correlated(), 5)(jax.random.key(4))
    arguments = {"optimizer": CLIMB, "validation": validation, "patience": 2}
    fit = quick_fit(net, batches, 80, **arguments, progress=True)
    assert bool(fit.result == ENDINGS.stopped_early)
    losses = fit.metrics.validation_loss[3::4]
    best = int(np.argmin(losses))
    assert fit.step == 4 * (best + 3) == 4 * len(losses)
    assert np.isnan(fit.metrics.validation_loss).sum() == 3 * len(losses)
    first = quick_fit(net, batches, 4 * (best + 1), **arguments)
    assert eqx.tree_equal(fit.network, first.network)
    assert "recalled" in capsys.readouterr().out

    dataset = fit.dataset()
    assert dataset.sizes == {"step": fit.step} and list(dataset.step.values[:2]) == [1, 2]
    assert dataset.attrs["result"].startswith("The validation loss did not fall")
    np.testing.assert_array_equal(dataset.loss, fit.metrics.loss)


BAD = {
    "no steps": ({"num_steps": 0}, "`num_steps` must be at least 1, but has 0"),
    "no chunk": ({"chunk": 0}, "`chunk` must be at least 1"),
    "patience alone": ({"patience": 2}, "`patience` must come with a `validation` batch"),
    "route without use": (
        {"loss": ContrastiveEnergy()},
        "`gradient` must be left out with ContrastiveEnergy, which needs no route",
    ),
    "nothing trained": (
        {"trainable": lambda net: [net.num_neurons]},
        "`trainable` must give parts that hold floating-point arrays",
    ),
    "an array that the network does not hold": (
        {"trainable": lambda net: [net.time_constant, 2 * net.time_constant]},
        "`trainable` must give arrays of the network as they are",
    ),
    "batch without samples": ({"batches": lambda key: 1}, "`batches` must give a Sample .* int"),
    "one sample": (
        {"batches": lambda key: Sample(jnp.ones(16), jnp.ones(16))},
        r"`batches` must give arrays with one common leading axis, but has cue \(16,\)",
    ),
    "other target": (
        {"batches": lambda key: Sample(jnp.ones((2, 16)), jnp.ones((2, 3)))},
        r"`target` must have the readout's shape \(16,\) for this loss, but has shape \(3,\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    arguments, message = BAD[case]
    chosen = {"batches": denoising(correlated(), 3), "num_steps": 4, **arguments}
    with pytest.raises(ValueError, match=message):
        quick_fit(memory(), **chosen)


OTHER = {"gradient": "implicit", "loss": lambda readout, sample: 0.0}


@pytest.mark.parametrize("name", OTHER)
def test_names_and_functions_are_no_routes_and_no_losses(name):
    """A `ValueError`, or a `TypeError` in runs in which the types of arguments are checked."""
    with pytest.raises((ValueError, TypeError), match=f"`{name}` must be a|parameter '{name}'"):
        quick_fit(memory(), denoising(correlated(), 3), 4, **{name: OTHER[name]})


def test_training_that_did_not_help_says_so():
    """Up the gradient; with validation the first network comes back."""
    net, batches = memory(), denoising(correlated(), 5)
    climbed = quick_fit(net, batches, 20, optimizer=optax.sgd(-1.0))
    assert bool(climbed.result == ENDINGS.no_better)
    assert climbed.metrics.loss[-4:].mean() > climbed.metrics.loss[:4].mean()
    validation = batches(jax.random.key(4))
    kept = quick_fit(net, batches, 8, optimizer=optax.sgd(-1.0), validation=validation, patience=2)
    assert bool(kept.result == ENDINGS.no_better) and eqx.tree_equal(kept.network, net)
    assert ENDINGS[kept.result].startswith("Training did not help")


def test_single_numbers_are_trained_only_if_they_are_named():
    for net in (memory(), TwoLayerMemory.model_b(correlated()), released(correlated())):
        pairs = zip(jax.tree.leaves(_chosen(net, None)), jax.tree.leaves(net), strict=True)
        arrays = [(chosen, leaf.ndim) for chosen, leaf in pairs if eqx.is_inexact_array(leaf)]
        assert all(chosen == (ndim > 0) for chosen, ndim in arrays)
        assert {chosen for chosen, _ in arrays} == {False, True}
    named = _chosen(memory(), lambda net: [net.time_constant])
    assert sum(jax.tree.leaves(named)) == 1


def test_parts_may_be_chosen_by_their_kind_and_number_of_axes():
    """`trainable` sees arrays; an array at two places is trained where it is given."""
    net, shared = TwoLayerMemory.model_b(correlated()), jnp.ones(2)

    def by_kind(net):
        arrays = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
        return [array for array in arrays if array.ndim]

    assert jax.tree.leaves(_chosen(net, by_kind)) == jax.tree.leaves(_chosen(net, None))
    assert _chosen((shared, shared, 1.0), lambda net: [net[1]]) == (False, True, False)


def test_minibatches_have_defaults(getkey):
    patterns = signs(getkey(), (50, 20))
    for rows, size in ((patterns, 32), (patterns[:4], 4)):
        batch = Minibatches(rows)(getkey())
        assert batch.cue.shape == (size, 20)
        assert (np.asarray(batch.cue != batch.target).sum(1) == 2).all()
    with pytest.raises(ValueError, match="`rows` must hold arrays with one common leading axis"):
        Minibatches(jnp.asarray(1.0))


def test_minibatches_hold_different_rows_and_depend_on_the_key_alone(getkey):
    batches, key = denoising(correlated(), 4), getkey()
    one, again, other = batches(key), batches(key), batches(getkey())
    assert eqx.tree_equal(one, again) and not eqx.tree_equal(one, other)
    assert len(np.unique(np.asarray(one.target), axis=0)) == 4
    assert (np.asarray(one.cue != one.target).sum(1) == 1).all()
    with pytest.raises(ValueError, match="`size` must lie between 1 and the 5 rows, but has 6"):
        denoising(correlated(), 6)
    rows = (jnp.ones((5, 3)), jnp.ones(4))
    with pytest.raises(
        ValueError, match=r"`rows` must hold arrays with one .* but has lengths \[4, 5"
    ):
        Minibatches(rows, lambda rows, key: Sample(rows[0], rows[0]), 2)
