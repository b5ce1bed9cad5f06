"""Lagrangians that are sums over the entries: each activation depends on its own state only."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, log_cosh
from nam_jax._types import Scalar
from nam_jax.lagrangian._base import AbstractLagrangian
from nam_jax.lagrangian._checks import into_interval, overflow_guard, positive


class Quadratic(AbstractLagrangian):
    """L = gain u^2 / 2 summed: a linear layer, with the activation gain u."""

    additive: ClassVar[bool] = True
    gain: Scalar

    def __init__(self, gain: ArrayLike = 1.0):
        self.gain = positive("gain", gain)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        return self.gain.astype(u.dtype) * jnp.sum(u * u) / 2

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.gain.astype(u.dtype) * u

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return self(u)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return y / self.gain.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return self.gain


class LogCosh(AbstractLagrangian):
    """L = log(cosh(beta u)) / beta summed, with the activation tanh(beta u) in (-1, 1).

    The choice of Kozachkov, Slotine & Krotov (arXiv 2311.08135) for all three layers.
    """

    additive: ClassVar[bool] = True
    beta: Scalar

    def __init__(self, beta: ArrayLike = 1.0):
        self.beta = positive("beta", beta)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        beta = self.beta.astype(u.dtype)
        return jnp.sum(log_cosh(beta * u)) / beta

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.tanh(self.beta.astype(u.dtype) * u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        beta = self.beta.astype(u.dtype)
        v = beta * u
        # Two forms of v tanh(v) - log(cosh(v)): far from zero log 2 minus the entropy of a bit,
        # which would be a difference of nearly equal numbers near zero, where v^2 / 2 is left.
        is_near = jnp.abs(v) < 1
        w = jnp.where(is_near, v, 0.0)  # sinh of the others would overflow
        near = w * jnp.tanh(w) - jnp.log1p(2 * jnp.sinh(w / 2) ** 2)
        far = math.log(2.0) - _bit_entropy(2 * v)
        return jnp.sum(jnp.where(is_near, near, far)) / beta

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.arctanh(into_interval(y, -1.0, 1.0)) / self.beta.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return self.beta


class Softplus(AbstractLagrangian):
    """L = log(1 + exp(beta u)) / beta summed, with the logistic activation in (0, 1)."""

    additive: ClassVar[bool] = True
    beta: Scalar

    def __init__(self, beta: ArrayLike = 1.0):
        self.beta = positive("beta", beta)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        beta = self.beta.astype(u.dtype)
        return jnp.sum(jax.nn.softplus(beta * u)) / beta

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.sigmoid(self.beta.astype(u.dtype) * u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        beta = self.beta.astype(u.dtype)
        return -jnp.sum(_bit_entropy(beta * u)) / beta

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        y = into_interval(y, 0.0, 1.0)
        return (jnp.log(y) - jnp.log1p(-y)) / self.beta.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return self.beta / 4


class RectifiedPower(AbstractLagrangian):
    """L = max(u, 0)^n / n summed, with the activation max(u, 0)^(n-1); n = 2 is the ReLU.

    The separation functions of Krotov & Hopfield's polynomial memories (arXiv 2008.06996).
    Where max(u, 0)^n would exceed 8e28 (float32: u = 2e14 at n = 2, 4e3 at n = 8; the 3/4 power
    of the largest number of any dtype), L goes on along its tangent: still convex and finite, with
    a constant activation. The inverse knows nothing of that; it gives the root for every y >= 0,
    zero (one of many answers) for y = 0 and NaN for y < 0.
    """

    additive: ClassVar[bool] = True
    n: int = eqx.field(static=True)

    def __init__(self, n: int = 2):
        if n != int(n) or n < 2:
            raise argument_error("n", "be a whole number of at least 2", f"the value {n}")
        self.n = int(n)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        r, m = self._rectify(u)
        return jnp.sum(m**self.n / self.n + m ** (self.n - 1) * (r - m))

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return self._rectify(u)[1] ** (self.n - 1)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return (1 - 1 / self.n) * jnp.sum(self._rectify(u)[1] ** self.n)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        root = jnp.where(y > 0, into_interval(y, 0.0, math.inf), 1.0) ** (1 / (self.n - 1))
        return jnp.where(y > 0, root, jnp.where(y == 0, 0.0, jnp.nan))

    @property
    def slope_bound(self) -> Scalar:
        return jnp.asarray(1.0 if self.n == 2 else math.inf, float)

    def _rectify(self, u: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """max(u, 0), without and with the limit above which L is a straight line."""
        r = jax.nn.relu(u)
        return r, jnp.minimum(r, overflow_guard(u.dtype) ** (1 / self.n))


class Exponential(AbstractLagrangian):
    """L = exp(beta u) / beta summed, with the activation exp(beta u); no softmax over entries.

    Where exp(beta u) would exceed 8e28 (float32: beta u = 66; the 3/4 power of the largest number
    of any dtype), L goes on along its tangent: still convex and finite, with a constant activation.
    The inverse knows nothing of that; it gives log(y) / beta for every y > 0.
    """

    additive: ClassVar[bool] = True
    beta: Scalar

    def __init__(self, beta: ArrayLike = 1.0):
        self.beta = positive("beta", beta)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        beta = self.beta.astype(u.dtype)
        v, m = self._exponent(u)
        return jnp.sum(jnp.exp(m) * (1 + (v - m))) / beta

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.exp(self._exponent(u)[1])

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        _, m = self._exponent(u)
        return jnp.sum(jnp.exp(m) * (m - 1)) / self.beta.astype(u.dtype)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.log(into_interval(y, 0.0, math.inf)) / self.beta.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return jnp.full_like(self.beta, jnp.inf)

    def _exponent(self, u: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Beta u, without and with the limit above which L is a straight line."""
        v = self.beta.astype(u.dtype) * u
        return v, jnp.minimum(v, math.log(overflow_guard(u.dtype)))


def _bit_entropy(v: Float[Array, "..."]) -> Float[Array, "..."]:
    """The entropy of a bit with log odds v, in nats, elementwise: softplus(v) - v sigmoid(v).

    A sum of positive terms, so that the exponentially small entropy of a certain bit is exact.
    """
    return jax.nn.sigmoid(v) * jax.nn.softplus(-v) + jax.nn.sigmoid(-v) * jax.nn.softplus(v)
