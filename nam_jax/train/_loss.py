"""Losses: the cost of a recall against its target, and whether the recall is correct."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from nam_jax._misc import argument_error
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractNetwork
from nam_jax.solve import RESULTS, Flow
from nam_jax.train._routes import AbstractRoute, Info, Outcome, Sample, at_rest_from, check_how


class AbstractLoss(AbstractPrecise):
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
        """Whether the readout has no error at the neurons that count.

        Args:
            readout: (N,), graded.
            sample: The sample that was recalled.
        """

    @abc.abstractmethod
    def asks(self, sample: Sample) -> Bool[Array, ""]:
        """Whether the sample asks anything: whether the cost counts one of its neurons or places.

        `fit` leaves out a sample that asks nothing, and counts it as failed; its cost is 0.

        Args:
            sample: The sample.
        """


class SquaredError(AbstractLoss):
    """Mean of (readout - target)^2 over the neurons that count; 0 if no neuron counts.

    Attributes:
        mask: (N,), true where a neuron counts; None for the neurons that are asked for by the
            sample, or all if it does not say.
    """

    mask: Bool[Array, " N"] | None = None

    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        return _mean((readout - _target(readout, sample)) ** 2, self._counting(sample))

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        return signs_agree(readout, sample, self._counting(sample))

    def _counting(self, sample: Sample) -> Bool[Array, " N"] | None:
        return sample.asked if self.mask is None else self.mask

    def asks(self, sample: Sample) -> Bool[Array, ""]:
        counting = self._counting(sample)
        return jnp.asarray(True) if counting is None else jnp.any(counting)


class VoltageMargin(AbstractLoss):
    """Mean over neurons of max(0, V - target x)^2 for free neurons, and of 0 for the others.

    A neuron is free where the cue is 0. x = arctanh(readout) is its voltage, for the activation
    tanh(x). A neuron beyond V with the sign of the target costs nothing. A neuron saturated at the
    wrong sign has almost no derivative of its readout, but the cost still has a slope in x.

    Attributes:
        voltage: V, above 0.
    """

    voltage: float = 2.0

    def __check_init__(self):
        if not self.voltage > 0:
            raise argument_error("voltage", "be above 0", f"{self.voltage}")

    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        limit = 1 - 100 * jnp.finfo(readout.dtype).eps
        voltage = jnp.arctanh(jnp.clip(readout, -limit, limit))
        short = jnp.maximum(self.voltage - _target(readout, sample) * voltage, 0)
        return jnp.mean(jnp.where(sample.cue == 0, short**2, 0))

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        return signs_agree(readout, sample, None)

    def asks(self, sample: Sample) -> Bool[Array, ""]:
        return jnp.any(sample.cue == 0)


class LabelCrossEntropy(AbstractLoss):
    """Softmax cross-entropy of label neurons, which are the last C of the N + C neurons.

    A stored pattern holds +1 for its own label and -1 for the others, and so does the target.

    Attributes:
        num_labels: C.
        sharpness: Factor that makes logits of the readouts, which lie in [-1, 1].
    """

    num_labels: int = eqx.field(static=True)
    sharpness: float = 4.0

    def __check_init__(self):
        if self.num_labels < 2:
            raise argument_error("num_labels", "be at least 2", f"{self.num_labels}")

    def __call__(self, readout: Pattern, sample: Sample) -> Scalar:
        logits = self.sharpness * readout[-self.num_labels :]
        label = self._label(_target(readout, sample))
        return optax.softmax_cross_entropy_with_integer_labels(logits, label)

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        return self._label(readout) == self._label(_target(readout, sample))

    def asks(self, sample: Sample) -> Bool[Array, ""]:
        return jnp.asarray(True)

    def _label(self, pattern: Pattern) -> Int[Array, ""]:
        return jnp.argmax(pattern[-self.num_labels :])


class TokenCrossEntropy(AbstractLoss):
    """Mean softmax cross-entropy over the places of a sequence that have a target token.

    The readout holds the logits of C tokens at T places, (T, C). The target, (T,), holds a token
    from 0 to C - 1 at each place, or a negative number at a place that does not count. A sequence
    is correct if the largest logit is the target's at all places that count. The loss is 0 if no
    place counts, as in a sequence of padding.
    """

    def __call__(self, readout: Float[Array, "T C"], sample: Sample) -> Scalar:
        asked = sample.target >= 0
        losses = optax.softmax_cross_entropy_with_integer_labels(
            readout, jnp.where(asked, sample.target, 0)
        )
        return _mean(losses, asked)

    def correct(self, readout: Float[Array, "T C"], sample: Sample) -> Bool[Array, ""]:
        return jnp.all((jnp.argmax(readout, axis=1) == sample.target) | (sample.target < 0))

    def asks(self, sample: Sample) -> Bool[Array, ""]:
        return jnp.any(sample.target >= 0)


class ContrastiveEnergy(AbstractPrecise):
    """Energy of the target less the energy of a rival state; needs no gradient route.

        loss = T log(1 + exp(D / T)),   D = (E(target) - E(rival)) / N

    The rival is what was recalled instead, or the cue. Both energies are those of the initial
    states for these signs, so that D = 0 and the gradient is 0 where the recall is exact. The
    gradient is the partial derivative at fixed states. Synapses and processes that start at their
    equilibrium ([`nam_jax.network.Conditional`][]) add nothing to it, because the energy does not
    change there to first order. The smooth step limits the gradient of one sample.

    Attributes:
        temperature: T, above 0, in units of energy a neuron.
        recalled: Whether the rival is the recall; otherwise it is the cue, and nothing is solved.
        how: How a network that flows in time is brought to rest; its `adjoint` must be None.
    """

    temperature: float = 0.1
    recalled: bool = eqx.field(static=True, default=True)
    how: Flow = Flow(rest=1e-2)

    def __check_init__(self):
        if not self.temperature > 0:
            raise argument_error("temperature", "be above 0", f"{self.temperature}")
        check_how(self.how)

    def value_and_grad(self, network: AbstractNetwork, sample: Sample) -> Outcome:
        """As [`nam_jax.train.AbstractRoute.value_and_grad`][], without a cost."""
        state = network.initial_state(sample.cue)
        settled = jnp.asarray(True)
        if self.recalled:
            rested = at_rest_from(network, state, sample.drive, self.how)
            state, settled = rested.state, rested.result == RESULTS.converged
        readout = network.readout(state)
        rival = jnp.sign(readout) if self.recalled else sample.cue
        states = [network.initial_state(p) for p in (_target(readout, sample), rival)]
        states = jax.lax.stop_gradient(states)

        def contrast(network: AbstractNetwork) -> Scalar:
            wanted, other = (network.energy(state, sample.drive) for state in states)
            difference = (wanted - other) / readout.size
            return self.temperature * jax.nn.softplus(difference / self.temperature)

        loss, gradient = eqx.filter_value_and_grad(contrast)(network)
        return (loss, readout, Info.without_equation(settled)), gradient

    def correct(self, readout: Pattern, sample: Sample) -> Bool[Array, ""]:
        """Whether the readout has all signs of the target."""
        return signs_agree(readout, sample, None)

    def asks(self, sample: Sample) -> Bool[Array, ""]:
        """True: the energies are those of all neurons."""
        return jnp.asarray(True)


Loss = AbstractLoss | ContrastiveEnergy


def value_and_grad(loss: Loss, route: AbstractRoute, network: Any, sample: Sample) -> Outcome:
    """Loss and gradient of one sample by `route`, which `ContrastiveEnergy` does not need."""
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
    count = jnp.maximum(jnp.sum(mask), 1).astype(values.dtype)
    return jnp.sum(jnp.where(mask, values, 0)) / count
