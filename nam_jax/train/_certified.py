"""Certified networks in a form in which their couplings can be trained without a constraint."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from nam_jax._misc import symmetrise
from nam_jax._types import Key, Pattern, Patterns, Scalar
from nam_jax.memory import AbstractProcessTensor, PatternTensor, ScaledTensor, Weighted, pair_gram
from nam_jax.network import Drive, EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.train._parameters import AbstractParameter, PositiveSemidefinite
from nam_jax.train._propagation import EquilibriumPropagation
from nam_jax.train._routes import (
    AbstractRoute,
    Effort,
    ImplicitRoute,
    Sample,
    ThroughSolver,
    Truncated,
)
from nam_jax.train._samples import denoising_samples

FLOOR = 1e-3
"""Added to the eigenvalues of the Gram matrix before its root is inverted."""

HIDDEN = 0.3
"""Share of the neurons of a flipped training cue that are left free; the others are held."""

HOLD = 4.0
"""Voltage at which a drive holds neurons whose cue entry is 1."""

VOLTAGE = 2.0
"""Voltage, of the target's sign, beyond which a free neuron costs nothing."""

EFFORT = Effort(rest=1e-2, rtol=1e-3, atol=1e-4, max_steps=512)
"""How hard to look for equilibria in training; as `retrieve` does by default."""

ROUTES: dict[str, AbstractRoute] = {
    "implicit": ImplicitRoute(effort=EFFORT),
    "through_solver": ThroughSolver(EFFORT),
    "equilibrium_propagation": EquilibriumPropagation(),
    "truncated": Truncated(effort=EFFORT),
}


class WhitenedCouplings(AbstractParameter):
    """A = W R (W R)^T, positive semidefinite, in coordinates in which patterns are alike.

    Correlated patterns have a Gram matrix G whose eigenvalues differ by orders of magnitude, and
    equal steps in the couplings would be very unequal ones in the tensor.

    Attributes:
        whitener: W = G^(-1/2), (K, K), not trained.
        root: R, (K, K), trained; a multiple of the unit matrix is the projection rule.
    """

    whitener: Float[Array, "K K"]
    root: Float[Array, "K K"]

    def square_root(self) -> Float[Array, "K K"]:
        """W R."""
        return self.whitener @ self.root

    def value(self) -> Float[Array, "K K"]:
        return symmetrise(self.square_root() @ self.square_root().T)


class Relative(AbstractParameter):
    """unit exp(log), above 0.

    Attributes:
        log: Trained.
        unit: Not trained.
    """

    log: Scalar
    unit: Scalar

    def value(self) -> Scalar:
        return self.unit * jnp.exp(self.log)


def certified(
    patterns: Patterns, rule: str, *, margin: float, gain: float
) -> EffectiveNeuronAstrocyte:
    """The exact reduction of a certified network with `patterns` stored by `rule`.

    Its excess M - M0 is written as a tensor of strength M0 on the patterns.
    """
    full = NeuronAstrocyte.certified(patterns, margin=margin, gain=gain, rule=rule)
    network = EffectiveNeuronAstrocyte.from_full(full)
    couplings = Weighted(_couplings(network.excess) / network.background)
    excess = PatternTensor(patterns, couplings, strength=network.background)
    return eqx.tree_at(lambda net: net.excess, network, excess)


def learnable(network: EffectiveNeuronAstrocyte) -> Any:
    """`network` with nodes for its couplings and its leak, to be trained from where they are.

    Any positive semidefinite excess is the reduction of a certified network
    ([`nam_jax.network.EffectiveNeuronAstrocyte.to_full`][]), so that training needs no bound.
    """
    excess: Any = network.excess
    values, vectors = jnp.linalg.eigh(pair_gram(excess.patterns, autapses=False))
    sizes = jnp.sqrt(jnp.maximum(values, 0) + FLOOR)
    whitener = (vectors / sizes[None, :]) @ vectors.T
    unwhitener = (vectors * sizes[None, :]) @ vectors.T
    root = unwhitener @ PositiveSemidefinite.of(excess.couplings).root
    nodes = WhitenedCouplings(whitener, root), Relative(jnp.zeros_like(network.leak), network.leak)
    return eqx.tree_at(lambda net: (net.excess.couplings, net.leak), network, nodes)


def keep_margin(network: Any, margin: float) -> Any:
    """A learnable network with the eigenvalues of its excess cut off where the margin is `margin`.

    With alpha = g' = 1 that is at 1 / margin - (M0 - 1). Unlike a common factor this leaves alone
    the memories whose eigenvalues are below.
    """
    excess = network.excess
    largest = 1 / jnp.asarray(margin, network.background.dtype) - (network.background - 1)
    root = excess.couplings.root
    values, vectors = jnp.linalg.eigh(pair_gram(excess.patterns, autapses=False))
    half = jnp.sqrt(jnp.maximum(values, 0))[:, None] * vectors.T
    square = half @ excess.couplings.square_root()
    squares, directions = jnp.linalg.eigh(symmetrise(square.T @ square))
    most = largest / network.background
    factors = jnp.sqrt(jnp.where(squares > most, most / squares, 1))
    cut = root @ ((directions * factors[None, :]) @ directions.T)
    return eqx.tree_at(lambda net: net.excess.couplings.root, network, cut)


def with_gain(network: EffectiveNeuronAstrocyte, gain: float) -> EffectiveNeuronAstrocyte:
    """`network` with a neural leak of `gain` in units of beta M0 N."""
    unit = network.neural.slope_bound * network.background * network.num_neurons
    leak = (gain * unit).astype(network.leak.dtype)
    return eqx.tree_at(lambda net: (net.leak, net.time_constant), network, (leak, leak))


def held_samples(
    patterns: Patterns,
    *,
    level: float,
    occluded: Bool[Array, " N"],
    strength: Scalar,
    key: Key,
) -> Sample:
    """Patterns whose cue entries are held by a drive, and whose other neurons are to be recalled.

    A quarter of the samples hide `occluded`; the others a random share `HIDDEN`, with a fraction
    `level` of the entries flipped. A drive makes the equilibrium, and so its gradient, depend on
    the cue: started from the cue alone, saturated neurons rest in a memory, right or wrong, that
    small changes of the couplings do not move.
    """
    of_flips, of_hidden = jax.random.split(key)
    hidden = jax.random.bernoulli(of_hidden, HIDDEN, patterns.shape)
    noisy = denoising_samples(patterns, level, key=of_flips).cue
    whole = (jnp.arange(len(patterns)) % 4 == 0)[:, None]
    hidden = jnp.where(whole, occluded[None, :], hidden)
    cues = jnp.where(hidden, 0, jnp.where(whole, patterns, noisy))
    return Sample(cues, patterns, Drive(neural=strength.astype(cues.dtype) * cues))


def short_of_voltage(readout: Pattern, sample: Sample) -> Scalar:
    """Mean square of what free neurons lack of `VOLTAGE`, with the target's sign.

    In voltages and not in activities, as a neuron that saturates at the wrong sign has next to no
    derivative of its activity.
    """
    limit = 1 - 100 * jnp.finfo(readout.dtype).eps
    voltage = jnp.arctanh(jnp.clip(readout, -limit, limit))
    short = jnp.maximum(VOLTAGE - sample.target.astype(readout.dtype) * voltage, 0)
    return jnp.mean(jnp.where(sample.cue == 0, short**2, 0))


def optimizer(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam on clipped gradients, with a rate that falls to 0 along half a cosine."""
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))


def _couplings(tensor: AbstractProcessTensor) -> Float[Array, "K K"]:
    """t A of a pattern tensor, scaled or not."""
    if isinstance(tensor, ScaledTensor):
        return tensor.factor * _couplings(tensor.tensor)
    if not isinstance(tensor, PatternTensor):
        raise TypeError(f"Expected a PatternTensor, found a {type(tensor).__name__}.")
    couplings = jnp.diag(tensor.couplings) if tensor.couplings.ndim == 1 else tensor.couplings
    return tensor.strength * couplings
