"""Losses: what a recall should have given, and whether it did."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractEnergyNetwork, Clamped
from nam_jax.solve import RESULTS, settle
from nam_jax.train._routes import AbstractRoute, Adjoint, Info, Outcome, Sample


class AbstractLoss(eqx.Module):
    """A cost of the readout, differentiated by a gradient route."""

    @abc.abstractmethod
    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        """The cost of one sample.

        Args:
            readout: (N,), graded.
            sample: The sample that was recalled.
        """

    @abc.abstractmethod
    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        """Whether all that counts of the sample was recalled without an error."""


class SquaredError(AbstractLoss):
    """Mean of (readout - target)^2 over the neurons that count.

    Denoising counts all; completion the hidden ones, as the visible are given.

    Attributes:
        mask: (N,), true where a neuron counts; None for all.
    """

    mask: Bool[Array, " N"] | None = None

    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        return _mean((readout - _target(readout, sample)) ** 2, self.mask)

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        return signs_agree(readout, sample, self.mask)


class Margin(AbstractLoss):
    """Mean of max(0, margin - target readout)^2 over the neurons that count.

    Between 0, where each bit is right by the margin, and (1 + margin)^2, for readouts and targets
    between -1 and 1. Bits that are right leave no gradient, so that training goes to the wrong
    ones and does not drive the right ones into saturation.

    Attributes:
        margin: In (0, 1).
        mask: (N,), true where a neuron counts; None for all.
    """

    margin: float = 0.5
    mask: Bool[Array, " N"] | None = None

    def __check_init__(self):
        if not 0 < self.margin < 1:
            raise argument_error("margin", "lie in (0, 1)", f"{self.margin}")

    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        short = jnp.maximum(self.margin - _target(readout, sample) * readout, 0)
        return _mean(short**2, self.mask)

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        return signs_agree(readout, sample, self.mask)


class LabelCrossEntropy(AbstractLoss):
    """Softmax cross-entropy of the label units, which are the last of the pattern.

    Attributes:
        num_labels: C; targets are (C,), probabilities of the labels, usually one-hot.
        sharpness: Factor of the readouts, which lie in [-1, 1], to logits.
    """

    num_labels: int = eqx.field(static=True)
    sharpness: float = 4.0

    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        logits = self.sharpness * self._units(readout, sample)
        return optax.softmax_cross_entropy(logits, sample.target.astype(logits.dtype))

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        return jnp.argmax(self._units(readout, sample)) == jnp.argmax(sample.target)

    def _units(self, readout: Pattern, sample: Sample) -> Float[Array, " C"]:
        if sample.target.shape != (self.num_labels,):
            requirement = f"have shape ({self.num_labels},), one entry a label"
            raise argument_error("target", requirement, f"shape {sample.target.shape}")
        return readout[-self.num_labels :]


class TokenCrossEntropy(AbstractLoss):
    """Mean softmax cross-entropy over the places of a sequence at which something is asked.

    Readouts are logits (T, C); targets (T,) are whole numbers, negative where nothing is asked.
    Correct is a sequence with the largest logit at every target.
    """

    def __call__(self, readout: Float[Array, "T C"], sample: Sample) -> Scalar:
        asked = sample.target >= 0
        losses = optax.softmax_cross_entropy_with_integer_labels(
            readout, jnp.where(asked, sample.target, 0)
        )
        return _mean(losses, asked)

    def correct(self, readout: Float[Array, "T C"], sample: Sample) -> Bool[Array, ""]:
        return jnp.all((jnp.argmax(readout, axis=1) == sample.target) | (sample.target < 0))


class Cost(AbstractLoss):
    """A function as a loss; correct is a readout with all signs of the target.

    Attributes:
        function: `function(readout, sample)`, one number.
    """

    function: Callable[[Pattern, Sample], Scalar]

    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        return self.function(readout, sample)

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        return signs_agree(readout, sample, None)


class ContrastiveEnergy(eqx.Module):
    """Energy of the target less that of what was recalled instead, a neuron; needs no route.

        loss = T log(1 + exp(D / T)),   D = (E(target) - E(recalled)) / N

    Both energies are of the initial states for these signs, so that D = 0, and so is the gradient,
    where the recall is exact. The gradient is the partial derivative at fixed states. Synapses and
    processes that start at their equilibrium (`Conditional`) add nothing to it, as the energy does
    not change there to first order. The soft step bounds what one sample can pull.

    Attributes:
        temperature: T, above 0, in units of energy a neuron.
        recalled: Whether to contrast with the recall; otherwise with the cue, and nothing is
            solved.
        rest: As for [`nam_jax.settle`][].
    """

    temperature: float = 0.1
    recalled: bool = eqx.field(static=True, default=True)
    rest: float = 1e-2

    def __check_init__(self):
        if not self.temperature > 0:
            raise argument_error("temperature", "be above 0", f"{self.temperature}")

    def value_and_grad(self, network: AbstractEnergyNetwork, sample: Sample) -> Outcome:
        """As [`nam_jax.train.AbstractRoute.value_and_grad`][], without a cost."""
        state = network.initial_state(sample.cue)
        settled = jnp.asarray(True)
        if self.recalled:
            rested = settle(network, state, drive=sample.drive, rest=self.rest)
            state, settled = rested.state, rested.result == RESULTS.converged
        readout = network.readout(state)
        rival = jnp.sign(readout) if self.recalled else sample.cue
        states = [network.initial_state(p) for p in (_target(readout, sample), rival)]
        states = jax.lax.stop_gradient(states)

        def of(network: AbstractEnergyNetwork) -> Scalar:
            wanted, other = (network.energy(state, sample.drive) for state in states)
            contrast = (wanted - other) / readout.size
            return self.temperature * jax.nn.softplus(contrast / self.temperature)

        loss, gradient = eqx.filter_value_and_grad(of)(network)
        adjoint = Adjoint(jnp.zeros_like(loss), jnp.asarray(0), RESULTS.converged)
        return (loss, readout, Info(settled, adjoint)), gradient

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        """Whether the readout has all signs of the target."""
        return signs_agree(readout, sample, None)


class ClampedRoute(AbstractRoute):
    """A route through the network with visible neurons held at the cue.

    Attributes:
        route: The route.
        visible: (N,), true where a neuron is held.
    """

    route: AbstractRoute
    visible: Bool[Array, " N"]

    def value_and_grad(
        self, cost: Callable[[Pattern, Sample], Scalar], network: Any, sample: Sample
    ) -> Outcome:
        clamped = Clamped.at_cue(network, self.visible, sample.cue)
        found, gradient = self.route.value_and_grad(cost, clamped, sample)
        return found, gradient.base


Loss = AbstractLoss | ContrastiveEnergy


def as_loss(loss: Loss | Callable[[Pattern, Sample], Scalar]) -> Loss:
    """`loss` itself, or a plain function as a [`nam_jax.train.Cost`][]."""
    return loss if isinstance(loss, AbstractLoss | ContrastiveEnergy) else Cost(loss)


def value_and_grad(loss: Loss, route: AbstractRoute, network: Any, sample: Sample) -> Outcome:
    """The loss of one sample by `route`, or by the loss's own way where it has one."""
    if isinstance(loss, ContrastiveEnergy):
        return loss.value_and_grad(network, sample)
    return route.value_and_grad(loss, network, sample)


def signs_agree(
    readout: Pattern, sample: Sample, mask: Bool[Array, " N"] | None
) -> Bool[Array, ""]:
    """Whether the readout has the sign of the target at every neuron that counts."""
    agree = jnp.sign(readout) == jnp.sign(_target(readout, sample))
    return jnp.all(agree if mask is None else agree | ~mask)


def _target(readout: Pattern, sample: Sample) -> Pattern:
    if sample.target.shape != readout.shape:
        requirement = f"have the readout's shape {readout.shape} for this loss"
        raise argument_error("target", requirement, f"shape {sample.target.shape}")
    return sample.target.astype(readout.dtype)


def _mean(values: Pattern, mask: Bool[Array, " N"] | None) -> Scalar:
    if mask is None:
        return jnp.mean(values)
    return jnp.sum(jnp.where(mask, values, 0)) / jnp.sum(mask).astype(values.dtype)
