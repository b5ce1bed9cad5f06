"""Predictive coding networks, composed of layers and interactions, and how they learn.

Source: Tang et al., PLoS Comput. Biol. 2023.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Bool, Float

from nam_jax._types import Key, Pattern, Patterns, Scalar
from nam_jax.experiment.common import cosine_adam
from nam_jax.interaction import Bias, Pairwise, Prediction
from nam_jax.lagrangian import LogCosh, Quadratic
from nam_jax.network import EnergyNetwork, Layer, LayerStates

TOP_LEAK = 0.01
"""Leak of the top layer; other layers have none."""
RELAXATIONS = 40
"""Euler steps of inference between two steps of learning."""
TANH = LogCosh()


def hierarchical(sizes: Sequence[int], *, key: Key) -> EnergyNetwork:
    """Returns a network whose layers predict the layers below them; E is the sum of squared errors.

    Args:
        sizes: Units of each layer, from the pixels upwards.
        key: Random key of the weights, which have the variance 1 / (4 fan-in).
    """
    names = [f"x{place}" for place in range(len(sizes))]
    leaks = [0.0] * (len(sizes) - 1) + [TOP_LEAK]
    layers = {
        name: Layer(Quadratic(), leak, shape=size)
        for name, leak, size in zip(names, leaks, sizes, strict=True)
    }
    keys = jr.split(key, len(sizes) - 1)
    predictions = [
        Prediction(
            names[i], names[i + 1],
            jr.normal(keys[i], (sizes[i], sizes[i + 1])) / (2 * sizes[i + 1] ** 0.5),
            function=TANH,
        )
        for i in range(len(sizes) - 1)
    ]  # fmt: skip
    return EnergyNetwork(layers, predictions, "x0")


def quadratic(matrix: Float[Array, "N N"], mean: Pattern) -> EnergyNetwork:
    """Returns a linear layer x with E = 1/2 (x - mean) . M (x - mean), up to a constant.

    The leak gives 1/2 x . x, and the couplings I - M what is missing. The flow is -M (x - mean).

    Args:
        matrix: M, symmetric, without negative eigenvalues.
        mean: (N,).
    """
    size = len(mean)
    couplings = Pairwise("x", jnp.eye(size, dtype=matrix.dtype) - matrix)
    layers = {"x": Layer(Quadratic(), shape=size)}
    # M may be singular, where fewer images are stored than there are pixels; E is then flat in some
    # directions, which is allowed.
    return EnergyNetwork(layers, [couplings, Bias("x", matrix @ mean)], "x", unbounded=True)


class Recurrent(NamedTuple):
    """A recurrent covariance network: its weights W, with an empty diagonal, and the mean image."""

    weights: Float[Array, "N N"]
    mean: Pattern

    @property
    def errors(self) -> Float[Array, "N N"]:
        """I - W, which turns x - mean into the prediction errors."""
        return jnp.eye(len(self.mean), dtype=self.weights.dtype) - self.weights

    def implicit(self) -> EnergyNetwork:
        """Returns the network of E = 1/2 |(I - W)(x - mean)|^2, whose flow is the implicit one."""
        return quadratic(self.errors.T @ self.errors, self.mean)


@eqx.filter_jit
def learned_recurrent(images: Patterns, epochs: int, rate: float | Scalar) -> Recurrent:
    """Returns W after steps of dW = eta sum e x^T, without the diagonal, from W = 0.

    e = (I - W) x is the error of a centred image x, and the sum runs over all images. It ends at
    I - W = D^-1 S^-1, for the covariance S and the diagonal D of S^-1, where S can be inverted.

    Args:
        images: (K, N).
        epochs: Number of steps.
        rate: eta.
    """
    mean = images.mean(axis=0)
    centred = images - mean[None, :]
    others = 1 - jnp.eye(images.shape[1], dtype=images.dtype)

    def learn(_: Any, weights: Float[Array, "N N"]) -> Float[Array, "N N"]:
        errors = centred - centred @ weights.T
        return weights + rate * others * (errors.T @ centred)

    start = jnp.zeros_like(others)
    return Recurrent(jax.lax.fori_loop(0, epochs, learn, start), mean)


@eqx.filter_jit
def learned_hierarchical(
    network: EnergyNetwork, images: Patterns, epochs: int, rate: float, step: float
) -> EnergyNetwork:
    """Returns the network after steps of Adam down its energy, with the pixels held at the images.

    Each image keeps its states from step to step. At rest the gradient of E by the weights is that
    of the least energy (the envelope theorem); 40 Euler steps of inference come near to rest.

    Args:
        network: A hierarchical network.
        images: (K, N).
        epochs: Number of steps of Adam.
        rate: Learning rate at the first step; it falls as a cosine.
        step: Size of an Euler step.
    """
    optimizer = cosine_adam(rate, epochs)
    known = jnp.ones(images.shape, bool)
    states = jax.vmap(network.initial_state)(images)
    chosen = eqx.tree_at(
        lambda n: n.interactions,
        jax.tree.map(lambda _: False, network),
        jax.tree.map(
            lambda leaf: eqx.is_inexact_array(leaf) and leaf.ndim > 0, network.interactions
        ),
    )
    trained, fixed = eqx.partition(network, chosen)

    def learn(_: Any, carry: Any) -> Any:
        trained, states, memory = carry
        network = eqx.combine(trained, fixed)
        states = inferred(network, states, known, RELAXATIONS, step)

        def energy(trained: Any) -> Scalar:
            return jnp.mean(jax.vmap(eqx.combine(trained, fixed).energy)(states))

        gradient = jax.grad(energy)(trained)
        with jax.numpy_dtype_promotion("standard"):
            change, memory = optimizer.update(gradient, memory, trained)
            return optax.apply_updates(trained, change), states, memory

    carry = trained, states, optimizer.init(trained)
    trained, _, _ = jax.lax.fori_loop(0, epochs, learn, carry)
    return eqx.combine(trained, fixed)


def inferred(
    network: EnergyNetwork,
    states: LayerStates,
    known: Bool[Array, "M N"],
    steps: int,
    step: float | Scalar,
) -> LayerStates:
    """Returns the states of M recalls after Euler steps of the flow, with known pixels held.

    Args:
        network: The network.
        states: The first states, with a leading axis M.
        known: Whether each pixel is held.
        steps: Number of steps.
        step: Size of a step, in units of the time constant.
    """

    def moved(states: LayerStates, known: Bool[Array, " N"]) -> LayerStates:
        flow = network.vector_field(0.0, states)
        values = [u + step * velocity for u, velocity in zip(states, flow, strict=True)]
        values[0] = jnp.where(known, states[0], values[0])
        return LayerStates(states.names, tuple(values))

    return jax.lax.fori_loop(0, steps, lambda _, s: jax.vmap(moved)(s, known), states)
