"""Interactions that are bounded below: errors of a prediction, and distances from a cue."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float

from nam_jax._misc import argument_error, as_float, check_finite, positive_number
from nam_jax._types import Scalar
from nam_jax.interaction._base import (
    AbstractInteraction,
    Activation,
    Shape,
    check_shape,
    like,
    named,
    numbers,
    size_of,
    some,
)
from nam_jax.lagrangian import AbstractLagrangian, Quadratic


class Prediction(AbstractInteraction):
    """E = 1/2 |x - f(W y + b)|^2: a layer y that predicts the layer x below it.

    The force on x is minus the error; y feels the errors that it could have avoided. Chains of such
    terms are a predictive coding network, whose inference is the flow and whose learning is -dE/dW
    at rest. Source: Tang et al., PLoS Comput. Biol. 2023.

    Attributes:
        joins: The names of x and y.
        weights: W, (units of x, units of y).
        bias: b, (units of x,).
        function: The Lagrangian whose activation is f.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    weights: Float[Array, "M N"]
    bias: Float[Array, " M"]
    function: AbstractLagrangian

    def __init__(
        self,
        below: str,
        above: str,
        weights: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        function: AbstractLagrangian | None = None,
    ):
        """Lets `above` (y) predict `below` (x); by default b = 0 and f is the identity.

        Raises:
            ValueError: If `weights` are no matrix of finite numbers, or `bias` has another length.
        """
        self.joins = (below, above)
        self.weights = numbers("weights", weights, 2)
        rows = self.weights.shape[0]
        zeros = jnp.zeros(rows, self.weights.dtype)
        self.bias = zeros if bias is None else numbers("bias", bias, 1)
        check_shape("bias", self.bias.shape, (rows,), "the rows of `weights`")
        self.function = Quadratic() if function is None else function

    def energy(self, *activations: Activation) -> Scalar:
        below, above = activations
        inputs = like(self.weights, above) @ above.ravel() + like(self.bias, above)
        return jnp.sum((below.ravel() - self.function.activation(inputs)) ** 2) / 2

    def check(self, *shapes: Shape) -> None:
        below, above = shapes
        needed = (size_of(below), size_of(above))
        check_shape("weights", self.weights.shape, needed, named(self.joins, below, above))

    def degree(self, *free: bool) -> float | int:
        below, above = free
        if above and not isinstance(self.function, Quadratic):
            return math.inf
        return 2 if below or above else 0

    def growth(self, *free: bool) -> float | int:
        return 0


class Anchor(AbstractInteraction):
    """E = kappa/2 |mask (y - target)|^2: some units are held near a target, such as a cue.

    The target is an array, not a setting: networks that differ in it share one compiled program,
    and `jax.vmap` takes a batch of them.

    Attributes:
        joins: The name of the layer.
        target: What the activations are held near, of the shape of the layer.
        mask: True for units that are held; None for all.
        strength: kappa, above 0.
    """

    joins: tuple[str, ...] = eqx.field(static=True)
    target: Float[Array, "..."]
    mask: Bool[Array, "..."] | None
    strength: Scalar

    def __init__(
        self,
        layer: str,
        target: ArrayLike,
        *,
        mask: ArrayLike | None = None,
        strength: float | Scalar = 1.0,
    ):
        """Holds units near `target`.

        Raises:
            ValueError: If `target` is not finite, `mask` has another shape, or `strength` is not
                above 0.
        """
        self.joins = (layer,)
        self.target = as_float(target)
        check_finite("target", self.target)
        self.mask = None if mask is None else jnp.asarray(mask, bool)
        if self.mask is not None and self.mask.shape != self.target.shape:
            requirement = f"have the shape {self.target.shape} of `target`"
            raise argument_error("mask", requirement, f"shape {self.mask.shape}")
        self.strength = positive_number("strength", strength)

    def energy(self, *activations: Activation) -> Scalar:
        (layer,) = activations
        gaps = layer - like(self.target, layer)
        gaps = gaps if self.mask is None else jnp.where(self.mask, gaps, 0)
        return like(self.strength, layer) * jnp.sum(gaps**2) / 2

    def check(self, *shapes: Shape) -> None:
        (layer,) = shapes
        check_shape("target", self.target.shape, layer, named(self.joins, layer))

    def degree(self, *free: bool) -> float | int:
        return 2 * some(free)

    def growth(self, *free: bool) -> float | int:
        return 0
