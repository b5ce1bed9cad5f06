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
    quick_fit,
)

import nam_jax as nam
from nam_jax.network import Clamped, ContinuousDenseMemory, TwoLayerMemory
from nam_jax.solve import Flow
from nam_jax.train import (
    ENDINGS,
    ClampedRoute,
    ContrastiveEnergy,
    LabelCrossEntropy,
    Sample,
    SquaredError,
    ThroughSolver,
    TokenCrossEntropy,
    VoltageMargin,
    certified_reduction,
    completion_samples,
    denoising_samples,
    held_samples,
    keep_margin,
    parametrise,
    resolve,
)

X64 = jax.config.jax_enable_x64
LOOSE = ThroughSolver(Flow(rest=1e-2, rtol=1e-2, atol=1e-3, max_steps=128))


@eqx.filter_jit
def recall_rate(net, samples):
    def one(sample):
        return nam.measure.exact_recall(nam.retrieve(net, sample.cue).pattern, sample.target)

    return jnp.mean(jax.vmap(one)(samples).astype(float))


@pytest.mark.slow
def test_training_through_the_solver_learns_to_tell_correlated_patterns_apart():
    """Hebbian couplings of 5 patterns with overlap 0.4 recall few of them from a flipped bit."""
    patterns = correlated()
    rule = nam.memory.Weighted(jnp.eye(len(patterns)))
    before = parametrise(certified_reduction(patterns, rule, gain=0.5))
    fit = nam.train.fit(
        before,
        denoising(patterns, 5),
        loss=SquaredError(),
        optimizer=ADAM,
        gradient=LOOSE,
        trainable=lambda net: [net.excess.couplings.root],
        project=jax.tree_util.Partial(keep_margin, margin=0.1),
        num_steps=60,
        key=jax.random.key(1),
        chunk=20,
    )
    loss = fit.metrics.loss
    assert ENDINGS[fit.result] == "All steps were done." and fit.metrics.taken.all()
    assert loss[-20:].mean() < loss[0] / 3
    unseen = denoising_samples(jnp.tile(patterns, (20, 1)), 0.07, key=jax.random.key(9))
    rates = [float(recall_rate(resolve(r), unseen)) for r in (before, fit.network)]
    assert rates[0] < 0.3 and rates[1] > rates[0] + 0.3
    assert float(resolve(fit.network).to_full().margin()) > 0.0999


READOUT = jnp.array([0.9, -0.2, 0.6, -0.7])
TARGET = jnp.array([1.0, 1.0, 1.0, -1.0])
LAST_TWO = jnp.array([False, False, True, True])
LOSSES = {
    "squared": (SquaredError(), (0.01 + 1.44 + 0.16 + 0.09) / 4, False),
    "squared, masked": (SquaredError(LAST_TWO), (0.16 + 0.09) / 2, True),
}


@pytest.mark.parametrize("case", LOSSES)
def test_losses_of_patterns(case):
    loss, expected, correct = LOSSES[case]
    sample = Sample(TARGET, TARGET)
    np.testing.assert_allclose(loss(READOUT, sample), expected, rtol=1e-5)
    assert bool(loss.correct(READOUT, sample)) is correct
    with pytest.raises(ValueError, match=r"`target` must have the readout's shape \(4,\)"):
        loss(READOUT, Sample(TARGET, TARGET[1:]))


def test_voltage_margin_counts_what_free_neurons_lack():
    """Neurons 1 and 2 are free: one at the wrong sign, one that lacks 0.3; the last is beyond."""
    voltages = jnp.array([-0.2, -1.0, 1.2, -3.0])
    sample = Sample(jnp.array([1.0, 0.0, 0.0, 0.0]), TARGET)
    loss = VoltageMargin(1.5)
    np.testing.assert_allclose(loss(jnp.tanh(voltages), sample), (2.5**2 + 0.3**2) / 4, rtol=1e-5)
    assert not bool(loss.correct(jnp.tanh(voltages), sample))
    assert bool(loss.correct(TARGET, sample))
    wrong = jax.grad(lambda x: loss(jnp.tanh(x), sample))(jnp.array([0.0, -4.0, 9.0, -9.0]))
    np.testing.assert_allclose(wrong, [0, -2 * 5.5 / 4, 0, 0], rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="`voltage` must be above 0, but has 0"):
        VoltageMargin(0.0)


def test_label_loss_is_the_cross_entropy_of_the_last_neurons():
    loss = LabelCrossEntropy(3, sharpness=2.0)
    sample = Sample(TARGET, jnp.array([1.0, -1.0, 1.0, -1.0]))
    logits = 2 * np.asarray(READOUT[1:])
    expected = np.log(np.exp(logits).sum()) - logits[1]
    np.testing.assert_allclose(loss(READOUT, sample), expected, rtol=1e-5)
    assert bool(loss.correct(READOUT, sample))
    assert not bool(loss.correct(READOUT[::-1], sample))
    with pytest.raises(ValueError, match=r"`target` must have the readout's shape \(4,\)"):
        loss(READOUT, Sample(TARGET, TARGET[1:]))
    with pytest.raises(ValueError, match="`num_labels` must be at least 2, but has 1"):
        LabelCrossEntropy(1)


def test_labels_are_learnt_as_neurons_of_the_pattern():
    """Memories that know no label learn to complete the last two neurons of three patterns."""
    images, labels = correlated()[:3], jnp.array([0, 1, 0])
    stored = jnp.concatenate([images, 2 * jax.nn.one_hot(labels, 2) - 1], axis=1)
    start = ContinuousDenseMemory(stored.at[:, 16:].set(0.0), leak=1.1)
    make = jax.tree_util.Partial(completion_samples, visible=jnp.arange(18) < 16)
    batches = nam.train.Minibatches(stored, make, 3)
    fit = quick_fit(start, batches, 40, loss=LabelCrossEntropy(2))
    assert fit.metrics.correct[0] < 1 and fit.metrics.correct[-1] == 1
    assert fit.metrics.loss[-1] < fit.metrics.loss[0] / 2


def test_held_samples_hide_some_neurons_and_drive_the_others(getkey):
    patterns = signs(getkey(), (400, 20))
    occluded = jnp.arange(20) >= 15
    samples = held_samples(patterns, fraction=0.2, strength=3.0, occluded=occluded, key=getkey())
    np.testing.assert_array_equal(samples.target, patterns)
    np.testing.assert_allclose(samples.drive.neural, 3 * samples.cue)
    hidden = np.asarray(samples.cue == 0)
    np.testing.assert_array_equal(hidden[::4], np.broadcast_to(occluded, (100, 20)))
    np.testing.assert_array_equal(samples.cue[::4, :15], patterns[::4, :15])
    others = np.arange(400) % 4 > 0
    shares = (
        hidden[others].mean(),
        (samples.cue == -patterns)[others].sum() / (~hidden[others]).sum(),
    )
    # 6000 entries: three standard errors of a share of 0.3 are 0.018.
    np.testing.assert_allclose(shares, (0.3, 0.2), atol=0.02)
    plain = held_samples(patterns, fraction=0.0, strength=1.0, hidden=0.5, key=getkey())
    assert abs(float((plain.cue == 0).mean()) - 0.5) < 0.02
    assert (plain.cue * patterns >= 0).all()
    with pytest.raises(ValueError, match=r"`hidden` must lie in \[0, 1\], but has 1.5"):
        held_samples(patterns, fraction=0.0, strength=1.0, hidden=1.5, key=getkey())
    with pytest.raises(ValueError, match=r"`occluded` must have shape \(20,\), one entry"):
        held_samples(patterns, fraction=0.0, strength=1.0, occluded=occluded[1:], key=getkey())


def test_the_neurons_that_are_asked_for_count_and_no_others(getkey):
    patterns, visible = signs(getkey(), (3, 4)), jnp.array([True, True, False, False])
    readout = jnp.array([0.5, -0.2, 0.1, -1.0])
    first = lambda batch: jax.tree.map(lambda a: a[0], batch)  # noqa: E731
    sample = first(completion_samples(patterns, visible, strength=1.0, key=getkey()))
    expected = SquaredError(~visible)(readout, sample)
    np.testing.assert_allclose(SquaredError()(readout, sample), expected)
    right = jnp.where(visible, -sample.target, sample.target)
    assert bool(SquaredError().correct(right, sample))
    held = first(held_samples(patterns, fraction=0.5, strength=1.0, hidden=0.5, key=getkey()))
    np.testing.assert_array_equal(held.asked, held.cue == 0)
    np.testing.assert_allclose(
        SquaredError()(readout, denoised := first(denoising_samples(patterns, 0.1, key=getkey()))),
        jnp.mean((readout - denoised.target) ** 2),
    )


@pytest.mark.parametrize("loss", [SquaredError(jnp.zeros(4, bool)), VoltageMargin()])
def test_a_loss_of_which_nothing_is_asked_is_0_with_derivatives_of_0(loss):
    given = Sample(jnp.ones(4), jnp.ones(4))
    value, slope = jax.value_and_grad(loss)(0.5 * jnp.ones(4), given)
    assert float(value) == 0 and not np.any(slope)


def test_a_sequence_of_padding_has_the_loss_0():
    padding = Sample(jnp.zeros(5, int), jnp.full(5, -1))
    value, slope = jax.value_and_grad(TokenCrossEntropy())(jnp.ones((5, 3)), padding)
    assert float(value) == 0 and not np.any(slope)


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
    recall = nam.retrieve(clamped, sample.cue)
    assert bool(nam.measure.exact_recall(recall.pattern, patterns[0]))
    np.testing.assert_allclose(jnp.abs(recall.pattern[:10]), np.tanh(2.0), rtol=1e-5)
    assert float(jnp.abs(recall.pattern[10:]).min()) > 0.9


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
    losses = quick_fit(net, batches, 16, loss=loss, optimizer=rapid, gradient=None).metrics.loss
    assert 0.2 * np.log(2) > losses[0] > 2 * losses[-1]
    with pytest.raises(ValueError, match="`temperature` must be above 0, but has 0"):
        ContrastiveEnergy(temperature=0.0)


def test_a_sample_in_which_nothing_is_asked_costs_nothing_and_says_so():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(5, 4)))
    padding = Sample(jnp.zeros(5, int), jnp.full(5, -1))
    some = Sample(jnp.zeros(5, int), jnp.array([-1, 2, -1, 0, -1]))
    loss = TokenCrossEntropy()
    assert bool(loss.asks(some)) and not bool(loss.asks(padding))
    expected = -jax.nn.log_softmax(logits)[jnp.array([1, 3]), jnp.array([2, 0])].mean()
    assert float(loss(logits, some)) == pytest.approx(float(expected), rel=1e-6)
    assert float(loss(logits, padding)) == 0
    assert not jax.grad(lambda logits: loss(logits, padding))(logits).any()
    whole = Sample(jnp.ones(5), jnp.ones(5))
    for empty in (SquaredError(jnp.zeros(5, bool)), VoltageMargin()):
        assert not bool(empty.asks(whole)) and float(empty(jnp.ones(5), whole)) == 0
    assert bool(SquaredError().asks(whole)) and bool(LabelCrossEntropy(2).asks(whole))
