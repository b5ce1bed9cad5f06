"""Lagrangians that are sums over entries: an activation depends only on its own state."""

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
    """L = sum of gain u^2 / 2, with the activation gain u (a linear layer)."""

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
    """L = sum of log(cosh(beta u)) / beta, with the activation tanh(beta u) in (-1, 1).

    Kozachkov, Slotine & Krotov (arXiv 2311.08135) use it for all three layers.
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
        # v tanh(v) - log(cosh(v)) in two forms, from p = exp(-v) - 1 and f = 1 + p. For large v
        # both terms grow as v; log 2 - log(1 + f^2) - 2 v f^2 / (1 + f^2) has no such terms: at
        # v = 1e4 it is log 2. Near zero the result is about v^2 / 2, which that form would make of
        # nearly equal numbers; there cosh(v) = 1 + p^2 / (2 f). Both take one exponential and one
        # logarithm, as simulations compute this for N^2 entries at each saved time.
        is_near = jnp.abs(v) < 1
        w = jnp.where(is_near, v, jnp.abs(v))
        p = jnp.expm1(-w)
        f = 1 + p
        square = f * f
        near = -w * p * (2 + p) / (1 + square)
        far = math.log(2.0) - 2 * w * square / (1 + square)
        logarithm = jnp.log1p(jnp.where(is_near, p * p / (2 * jnp.where(is_near, f, 1)), square))
        return jnp.sum(jnp.where(is_near, near, far) - logarithm) / beta

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.arctanh(into_interval(y, -1.0, 1.0)) / self.beta.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return self.beta


class Softplus(AbstractLagrangian):
    """L = sum of log(1 + exp(beta u)) / beta, with the logistic activation in (0, 1)."""

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
    """L = sum of max(u, 0)^n / n, with the activation max(u, 0)^(n-1); n = 2 is the ReLU.

    These are the separation functions of Krotov & Hopfield's polynomial memories (arXiv
    2008.06996). Where max(u, 0)^n would exceed the 3/4 power of the largest number of the dtype, L
    continues along its tangent, so that it stays convex and finite, with a constant activation. In
    float32 the limit is 8e28: u = 2e14 for n = 2, and 4e3 for n = 8. The inverse ignores this
    limit: it is the root y^(1 / (n-1)) for every y > 0, zero for y = 0 (one of many answers) and
    NaN for y < 0.
    """

    additive: ClassVar[bool] = True
    n: int = eqx.field(static=True)

    def __init__(self, n: int = 2):
        if n != int(n) or n < 2:
            raise argument_error("n", "be a whole number of at least 2", f"the value {n}")
        self.n = int(n)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        r, m = self._rectify(u)
        return self.unlimited(m) + jnp.sum(self.unlimited_activation(m) * (r - m))

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.unlimited_activation(self._rectify(u)[1])

    def unlimited(self, u: Float[Array, "..."]) -> Scalar:
        """Returns L without the straight continuation: infinite where a power overflows."""
        return jnp.sum(jax.nn.relu(u) ** self.n) / self.n

    def unlimited_activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the gradient of `unlimited`."""
        return jax.nn.relu(u) ** (self.n - 1)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return (1 - 1 / self.n) * jnp.sum(self._rectify(u)[1] ** self.n)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        root = jnp.where(y > 0, into_interval(y, 0.0, math.inf), 1.0) ** (1 / (self.n - 1))
        return jnp.where(y > 0, root, jnp.where(y == 0, 0.0, jnp.nan))

    @property
    def slope_bound(self) -> Scalar:
        return jnp.asarray(1.0 if self.n == 2 else math.inf, float)

    def _rectify(self, u: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Returns max(u, 0), and max(u, 0) cut off at the limit above which L is straight."""
        r = jax.nn.relu(u)
        return r, jnp.minimum(r, overflow_guard(u.dtype) ** (1 / self.n))


class Exponential(AbstractLagrangian):
    """L = sum of exp(beta u) / beta, with the activation exp(beta u), not normalised over entries.

    Where exp(beta u) would exceed the 3/4 power of the largest number of the dtype, L continues
    along its tangent, so that it stays convex and finite, with a constant activation. In float32
    the limit is 8e28, or beta u = 66. The inverse ignores this limit: it is log(y) / beta for every
    y > 0.
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

    def unlimited(self, u: Float[Array, "..."]) -> Scalar:
        """Returns L without the straight continuation: infinite where an exponential overflows."""
        return jnp.sum(self.unlimited_activation(u)) / self.beta.astype(u.dtype)

    def unlimited_activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the gradient of `unlimited`."""
        return jnp.exp(self.beta.astype(u.dtype) * u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        _, m = self._exponent(u)
        return jnp.sum(jnp.exp(m) * (m - 1)) / self.beta.astype(u.dtype)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.log(into_interval(y, 0.0, math.inf)) / self.beta.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return jnp.full_like(self.beta, jnp.inf)

    def _exponent(self, u: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Returns beta u, and beta u cut off at the limit above which L is straight."""
        v = self.beta.astype(u.dtype) * u
        return v, jnp.minimum(v, math.log(overflow_guard(u.dtype)))


def _bit_entropy(v: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns the entropy in nats of bits with log odds v: softplus(v) - v sigmoid(v).

    It is written as a sum of positive terms, so that the exponentially small entropy of a nearly
    certain bit (large |v|) is exact.
    """
    return jax.nn.sigmoid(v) * jax.nn.softplus(-v) + jax.nn.sigmoid(-v) * jax.nn.softplus(v)
