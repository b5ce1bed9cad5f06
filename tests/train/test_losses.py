"""Losses and samples against plain numbers, and that training with them helps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tables.networks import signs
from tables.training import (
    ADAM,
    FewSteps,
    correlated,
    couplings_and_strength,
    denoising,
    network,
    quick_fit,
)

import nam_jax as nam
from nam_jax.network import Clamped, ContinuousDenseMemory, TwoLayerMemory
from nam_jax.train import (
    ENDINGS,
    ClampedRoute,
    ContrastiveEnergy,
    Effort,
    LabelCrossEntropy,
    Margin,
    Reduced,
    Sample,
    SquaredError,
    ThroughSolver,
    certify,
    completion_samples,
    denoising_samples,
    label_samples,
    read_label,
    resolve,
    with_labels,
)

X64 = jax.config.jax_enable_x64
LOOSE = ThroughSolver(Effort(rest=1e-2, rtol=1e-2, atol=1e-3, max_steps=128))


def certify_reduced(reduced):
    return Reduced(certify(reduced.full, 0.1))


@eqx.filter_jit
def recall_rate(net, samples):
    def one(sample):
        return nam.measure.exact_recall(nam.retrieve(net, sample.cue).pattern, sample.target)

    return jnp.mean(jax.vmap(one)(samples).astype(float))


@pytest.mark.slow
def test_training_through_the_solver_learns_to_tell_correlated_patterns_apart():
    """Hebbian couplings of 5 patterns with overlap 0.4 recall few of them from a flipped bit."""
    patterns = correlated()
    before = Reduced(network(patterns))
    found = nam.train.fit(
        before,
        denoising(patterns, 5),
        loss=SquaredError(),
        optimizer=ADAM,
        gradient=LOOSE,
        trainable=lambda reduced: couplings_and_strength(reduced.full),
        project=certify_reduced,
        num_steps=60,
        key=jax.random.key(1),
        chunk=20,
    )
    loss = found.metrics.loss
    assert ENDINGS[found.result] == "All steps were done." and found.metrics.taken.all()
    assert loss[-20:].mean() < loss[0] / 3
    unseen = denoising_samples(jnp.tile(patterns, (20, 1)), 0.07, key=jax.random.key(9))
    rates = [float(recall_rate(resolve(r), unseen)) for r in (before, found.network)]
    assert rates[0] < 0.3 and rates[1] > rates[0] + 0.3
    assert float(found.network.full.margin()) > 0.0999


READOUT = jnp.array([0.9, -0.2, 0.6, -0.7])
TARGET = jnp.array([1.0, 1.0, 1.0, -1.0])
LAST_TWO = jnp.array([False, False, True, True])
LOSSES = {
    "squared": (SquaredError(), (0.01 + 1.44 + 0.16 + 0.09) / 4, False),
    "squared, masked": (SquaredError(LAST_TWO), (0.16 + 0.09) / 2, True),
    "margin": (Margin(0.65), (0.85**2 + 0.05**2) / 4, False),
    "margin, masked": (Margin(0.65, LAST_TWO), 0.05**2 / 2, True),
}


@pytest.mark.parametrize("case", LOSSES)
def test_losses_of_patterns(case):
    loss, expected, correct = LOSSES[case]
    sample = Sample(TARGET, TARGET)
    np.testing.assert_allclose(loss(READOUT, sample), expected, rtol=1e-5)
    assert bool(loss.correct(READOUT, sample)) is correct
    with pytest.raises(ValueError, match=r"`target` must have the readout's shape \(4,\)"):
        loss(READOUT, Sample(TARGET, TARGET[1:]))


def test_label_loss_is_the_cross_entropy_of_the_last_units():
    loss, target = LabelCrossEntropy(3, sharpness=2.0), jnp.array([0.0, 1.0, 0.0])
    sample = Sample(TARGET, target)
    logits = 2 * np.asarray(READOUT[1:])
    expected = np.log(np.exp(logits).sum()) - logits[1]
    np.testing.assert_allclose(loss(READOUT, sample), expected, rtol=1e-5)
    assert bool(loss.correct(READOUT, sample)) and int(read_label(READOUT, 3)) == 1
    with pytest.raises(ValueError, match=r"`target` must have shape \(3,\), one entry a label"):
        loss(READOUT, Sample(TARGET, TARGET))


def test_patterns_with_labels(getkey):
    patterns, labels = signs(getkey(), (4, 10)), jnp.array([2, 0, 1, 2])
    stored = with_labels(patterns, labels, 3)
    np.testing.assert_array_equal(stored[:, :10], patterns)
    np.testing.assert_array_equal(stored[0, 10:], [-1, -1, 1])
    np.testing.assert_array_equal(read_label(stored, 3), labels)
    samples = label_samples(patterns, labels, 3, 0.2, key=getkey())
    assert ((samples.cue[:, :10] != patterns).sum(1) == 2).all()
    assert not samples.cue[:, 10:].any()
    np.testing.assert_array_equal(samples.target, jax.nn.one_hot(labels, 3))


def test_completion_samples_show_the_visible_neurons_alone(getkey):
    patterns, visible = signs(getkey(), (3, 8)), jnp.arange(8) < 5
    samples = completion_samples(patterns, visible, strength=2.0, key=getkey())
    expected = np.where(visible, patterns, 0)
    np.testing.assert_array_equal(samples.cue, expected)
    np.testing.assert_array_equal(samples.drive.neural, 2 * expected)
    guessed = completion_samples(patterns, visible, spread=0.3, key=getkey())
    assert guessed.drive is None
    np.testing.assert_allclose(np.abs(guessed.cue[:, 5:]), 0.3, rtol=1e-6)
    with pytest.raises(ValueError, match=r"`visible` must have shape \(8,\), one entry a neuron"):
        completion_samples(patterns, visible[1:], key=getkey())


def test_clamped_neurons_stay_and_the_others_are_completed(getkey):
    """Ten of 16 neurons, held at a voltage of 2 times the cue, complete a pattern."""
    patterns = signs(getkey(), (2, 16))
    net, visible = ContinuousDenseMemory(patterns), jnp.arange(16) < 10
    sample = jax.tree.map(lambda a: a[0], completion_samples(patterns, visible, key=getkey()))
    clamped = Clamped.at_cue(net, visible, 2 * sample.cue)
    found = nam.retrieve(clamped, sample.cue)
    assert bool(nam.measure.exact_recall(found.pattern, patterns[0]))
    np.testing.assert_allclose(jnp.abs(found.pattern[:10]), np.tanh(2.0), rtol=1e-5)
    assert float(jnp.abs(found.pattern[10:]).min()) > 0.9


def two_layers(patterns):
    return TwoLayerMemory.model_a(patterns / 3, time_constants=(1.0, 1.0))


@pytest.mark.parametrize("make", [ContinuousDenseMemory, two_layers])
def test_route_through_a_clamped_network_differentiates_the_network(make, getkey):
    patterns = signs(getkey(), (2, 8))
    net, visible = make(patterns), jnp.arange(8) < 5
    sample = jax.tree.map(lambda a: a[1], completion_samples(patterns, visible, key=getkey()))
    loss = SquaredError(~visible)
    (value, readout, _), gradient = ClampedRoute(FewSteps(), visible).value_and_grad(
        loss, net, sample
    )
    np.testing.assert_allclose(value, loss(readout, sample), rtol=1e-6)
    np.testing.assert_allclose(readout[:5], net.readout(net.initial_state(sample.cue))[:5])
    assert jax.tree.structure(gradient) == jax.tree.structure(eqx.filter(net, eqx.is_inexact_array))
    assert float(jnp.abs(gradient.patterns).max()) > 0


def contrast(net, sample, loss):
    """Its own formula, with full derivatives: through the states too."""
    target, cue = (net.energy(net.initial_state(p)) for p in (sample.target, sample.cue))
    return loss.temperature * jax.nn.softplus((target - cue) / 16 / loss.temperature)


@eqx.filter_jit
def both_contrasts(net, sample, loss):
    (value, _, _), gradient = loss.value_and_grad(net, sample)
    return (value, gradient), eqx.filter_value_and_grad(contrast)(net, sample, loss)


@pytest.mark.slow
def test_contrastive_energy_is_the_full_derivative_where_fast_layers_rest(getkey):
    net = nam.network.NeuronAstrocyte.certified(correlated(), margin=0.3)
    sample = jax.tree.map(lambda a: a[0], denoising_samples(correlated(), 0.2, key=getkey()))
    loss = ContrastiveEnergy(temperature=2.0, recalled=False)
    (value, gradient), (expected, full) = both_contrasts(net, sample, loss)
    close = {"rtol": 1e-5} if X64 else {"rtol": 5e-3}
    np.testing.assert_allclose(value, expected, **close)
    for one, other in zip(*(couplings_and_strength(g) for g in (gradient, full)), strict=True):
        scale = float(jnp.abs(other).max())
        np.testing.assert_allclose(one / scale, other / scale, atol=close["rtol"])


def test_contrastive_energy_asks_for_nothing_where_recall_is_exact(getkey):
    patterns = signs(getkey(), (2, 16))
    net, loss = ContinuousDenseMemory(patterns), ContrastiveEnergy()
    sample = Sample(patterns[0], patterns[0])
    (value, readout, info), gradient = eqx.filter_jit(loss.value_and_grad)(net, sample)
    assert bool(info.settled) and bool(loss.correct(readout, sample))
    np.testing.assert_allclose(value, 0.1 * np.log(2), rtol=1e-5)
    assert all(jnp.allclose(leaf, 0, atol=1e-6) for leaf in jax.tree.leaves(gradient))


def test_contrastive_energy_lowers_targets_below_cues():
    """Starting from memories that have nothing to do with the targets: D = 0 on average."""
    net, batches = ContinuousDenseMemory(correlated(1)), denoising(correlated(), 5, 0.2)
    loss, rapid = ContrastiveEnergy(recalled=False), optax.adam(0.1)
    losses = quick_fit(net, batches, 16, loss=loss, optimizer=rapid).metrics.loss
    assert 0.2 * np.log(2) > losses[0] > 2 * losses[-1]
    with pytest.raises(ValueError, match="`temperature` must be above 0, but has 0"):
        ContrastiveEnergy(temperature=0.0)
    with pytest.raises(ValueError, match=r"`margin` must lie in \(0, 1\), but has 2"):
        Margin(2.0)
