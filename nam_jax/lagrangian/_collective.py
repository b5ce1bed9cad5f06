"""Lagrangians that couple all entries of the states: softmax and normalisations."""

import math
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from nam_jax._misc import argument_error, as_float, check_finite
from nam_jax._types import Scalar
from nam_jax.lagrangian._base import AbstractLagrangian
from nam_jax.lagrangian._checks import positive, positive_constant


class LogSumExp(AbstractLagrangian):
    """L = log(sum exp(beta u)) / beta, with the activation softmax(beta u) over all entries.

    Model B of Krotov & Hopfield (arXiv 2008.06996): attention. The energy is minus the entropy of
    the softmax, divided by beta. There is no inverse: u and u + c have the same softmax.

    Attributes:
        beta: Steepness, above 0.
    """

    additive: ClassVar[bool] = False
    beta: Scalar

    def __init__(self, beta: ArrayLike = 1.0):
        self.beta = positive("beta", beta)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        winner, _, weights = self._others(u)
        return jnp.ravel(u)[winner] + jnp.log1p(jnp.sum(weights)) / self.beta.astype(u.dtype)

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        behind = self.beta.astype(u.dtype) * (u - jax.lax.stop_gradient(jnp.max(u)))
        return jax.nn.softmax(behind, axis=None)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        _, behind, weights = self._others(u)
        others = jnp.sum(weights)
        terms = jnp.sum(weights * behind) / (1 + others) - jnp.log1p(others)
        return terms / self.beta.astype(u.dtype)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        raise ValueError(
            "LogSumExp has no inverse activation: u and u + c have the same softmax for every c."
        )

    @property
    def slope_bound(self) -> Scalar:
        return self.beta / 2

    @property
    def growth(self) -> float:
        return math.inf

    def _others(
        self, u: Float[Array, "..."]
    ) -> tuple[Int[Array, ""], Float[Array, " n"], Float[Array, " n"]]:
        """Returns the index of the largest entry, the exponents of all entries, and their weights.

        The largest entry is subtracted before the product with beta, which would round it. It has
        the exponent 0 and the weight 1. It is left out of the weights, as 0, so that small weights
        of the other entries are not lost in rounding: at u = (20, 0) the other weight is exp(-20).
        """
        u = jnp.ravel(u)
        winner = jnp.argmax(u)
        behind = self.beta.astype(u.dtype) * (u - u[winner])
        return winner, behind, jnp.where(jnp.arange(u.size) == winner, 0.0, jnp.exp(behind))


class LayerNorm(AbstractLagrangian):
    """L = D gain sqrt(var(u) + epsilon) + sum(shift u), over all D entries.

    The activation is layer normalisation, gain (u - mean(u)) / sqrt(var(u) + epsilon) + shift
    (Krotov & Hopfield, arXiv 2008.06996; Hoover et al., arXiv 2302.07253). There is no inverse: the
    activation does not depend on mean and scale of u. The slope bound gain / sqrt(epsilon) is
    reached if all entries are equal.

    Attributes:
        gain: Factor of the normed entries, one number above 0.
        shift: Added to the normed entries: one number, or one for each entry.
        epsilon: Added to the variance, above 0.
    """

    additive: ClassVar[bool] = False
    gain: Scalar
    shift: Float[Array, "..."]
    epsilon: float = eqx.field(static=True)

    def __init__(self, gain: ArrayLike = 1.0, shift: ArrayLike = 0.0, epsilon: float = 1e-5):
        """Sets the parameters.

        Args:
            gain: One number above zero.
            shift: One number, or an array of the shape of the states; may be negative.
            epsilon: Added to the variance; a constant above zero that is not trained.

        Raises:
            ValueError: If a parameter is outside its range or not finite.
        """
        self.gain = positive("gain", gain)
        self.shift = as_float(shift)
        check_finite("shift", self.shift)
        self.epsilon = positive_constant("epsilon", epsilon)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        scale = self._normalise(u)[1]
        return self.gain.astype(u.dtype) * u.size * scale + jnp.sum(self._shift(u) * u)

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        centred, scale = self._normalise(u)
        return self.gain.astype(u.dtype) * centred / scale + self._shift(u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return -self.gain.astype(u.dtype) * u.size * self.epsilon / self._normalise(u)[1]

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        raise ValueError(
            "LayerNorm has no inverse activation: the mean and the scale of u are not in it."
        )

    @property
    def slope_bound(self) -> Scalar:
        return self.gain / self.epsilon**0.5

    @property
    def growth(self) -> float:
        return math.inf

    def _normalise(self, u: Float[Array, "..."]) -> tuple[Float[Array, "..."], Scalar]:
        """Returns the states minus their mean, and the square root of variance + epsilon."""
        centred = u - jnp.mean(u)
        # The first mean has the rounding error of u, which is large if u is; the second corrects.
        centred = centred - jnp.mean(centred)
        return centred, jnp.sqrt(jnp.mean(centred * centred) + self.epsilon)

    def _shift(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the shift in the dtype of the states, after a check of its shape."""
        if self.shift.ndim and self.shift.shape != u.shape:
            raise argument_error("u", f"have the shape of `shift`, {self.shift.shape}", u.shape)
        return self.shift.astype(u.dtype)


class Spherical(AbstractLagrangian):
    """L = sqrt(|u|^2 + epsilon), with the activation u / sqrt(|u|^2 + epsilon).

    Model C of Krotov & Hopfield (arXiv 2008.06996), where epsilon is 0. The activation y is in the
    open unit ball. The inverse computes |u| from 1 - |y|^2, and loses digits as |u|^2 / epsilon
    grows. The slope bound 1 / sqrt(epsilon) is reached at u = 0.

    Attributes:
        epsilon: Added to |u|^2, above 0.
    """

    additive: ClassVar[bool] = False
    epsilon: float = eqx.field(static=True)

    def __init__(self, epsilon: float = 1e-5):
        self.epsilon = positive_constant("epsilon", epsilon)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        return jnp.sqrt(jnp.sum(u * u) + self.epsilon)

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return u / self(u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return -self.epsilon / self(u)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        eps = float(jnp.finfo(y.dtype).eps)
        rounding = eps * (8 + y.size**0.5)  # error of |y|^2 if y is a rounded activation
        gap = 1 - jnp.sum(y * y)
        gap = jnp.where(gap < -rounding, jnp.nan, jnp.maximum(gap, eps / 2))
        return y * jnp.sqrt(self.epsilon / gap)

    @property
    def slope_bound(self) -> Scalar:
        return jnp.asarray(self.epsilon**-0.5, float)

    @property
    def growth(self) -> float:
        return math.inf


class Rows(AbstractLagrangian):
    """L = sum over rows of L_row: one Lagrangian for each row, such as a token or a channel.

    A row is all entries along the last axis of u. For example `Rows(LayerNorm())` normalises each
    token of (T, D) for itself (Hoover et al., arXiv 2302.07253), where `LayerNorm()` would
    normalise all of them together. A row has an inverse if `row` has one.

    Attributes:
        row: L_row, the Lagrangian of a row, whose parameters all rows share.
    """

    additive: ClassVar[bool] = False
    row: AbstractLagrangian

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        return jnp.sum(self._each(self.row, u))

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return self._each(self.row.activation, u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return jnp.sum(self._each(self.row.energy, u))

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return self._each(self.row.inverse, y)

    @property
    def slope_bound(self) -> Scalar:
        return self.row.slope_bound

    @property
    def growth(self) -> float:
        return self.row.growth

    def _each(self, function: Callable[..., Array], u: Float[Array, "..."]) -> Array:
        """Returns the values of `function` at each row of u; one number is a row of its own."""
        values = jax.vmap(function)(u.reshape(-1, u.shape[-1] if u.ndim else 1))
        return values.reshape(u.shape if values.ndim == 2 else u.shape[:-1])
