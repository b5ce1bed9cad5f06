"""Lagrangians that are sums over entries: an activation depends only on its own state."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from nam_jax._misc import argument_error
from nam_jax._precision import precise
from nam_jax._types import Scalar
from nam_jax.lagrangian._base import AbstractLagrangian
from nam_jax.lagrangian._checks import cut, finite, into_interval, largest_root, positive


class Quadratic(AbstractLagrangian):
    """L = sum of gain u^2 / 2, with the activation gain u (a linear layer).

    Attributes:
        gain: The slope of the activation, above 0.
    """

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

    @property
    def growth(self) -> float:
        return 2.0


class LogCosh(AbstractLagrangian):
    """L = sum of log(cosh(beta u)) / beta, with the activation tanh(beta u) in (-1, 1).

    Kozachkov, Slotine & Krotov (arXiv 2311.08135) use it for all three layers.

    Attributes:
        beta: Steepness, above 0.
    """

    additive: ClassVar[bool] = True
    beta: Scalar

    def __init__(self, beta: ArrayLike = 1.0):
        self.beta = positive("beta", beta)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        beta = self.beta.astype(u.dtype)
        v = beta * u
        near, _, _, logarithm = _log_cosh_parts(v)
        return jnp.sum(jnp.where(near, 0, jnp.abs(v) - math.log(2.0)) + logarithm) / beta

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.tanh(self.beta.astype(u.dtype) * u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        beta = self.beta.astype(u.dtype)
        v = beta * u
        near, p, square, logarithm = _log_cosh_parts(v)
        # v tanh(v) - log(cosh(v)). For large v both terms grow as v; without the growth they are
        # log 2 - 2 v f^2 / (1 + f^2), which at v = 1e4 is log 2, and log(1 + f^2).
        product = -v * p * (2 + p) / (1 + square)
        rest = math.log(2.0) - 2 * jnp.abs(v) * square / (1 + square)
        return jnp.sum(jnp.where(near, product, rest) - logarithm) / beta

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.arctanh(into_interval(y, -1.0, 1.0)) / self.beta.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return self.beta

    @property
    def growth(self) -> float:
        return math.inf


class Softplus(AbstractLagrangian):
    """L = sum of log(1 + exp(beta u)) / beta, with the logistic activation in (0, 1).

    Attributes:
        beta: Steepness, above 0.
    """

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

    @property
    def growth(self) -> float:
        return math.inf


class RectifiedPower(AbstractLagrangian):
    """L = sum of max(u, 0)^n / n, with the activation max(u, 0)^(n-1); n = 2 is the ReLU.

    These are the separation functions of Krotov & Hopfield's polynomial memories (arXiv
    2008.06996). Where the activation, or for n above 27 its slope, would exceed the largest number
    of the dtype, the activation is constant, and L continues along its tangent. In float32 this
    begins at u = 3e38 for n = 2, 2e4 for n = 10 and 1e2 for n = 20. Values and energies above the
    largest number are returned as about that number. The inverse ignores this limit: it is the
    root y^(1 / (n-1)) for every y > 0, zero for y = 0 (one of many answers) and NaN for y < 0.

    Attributes:
        n: A whole number of at least 2.
    """

    additive: ClassVar[bool] = True
    n: int = eqx.field(static=True)

    def __init__(self, n: int = 2):
        if n != int(n) or n < 2:
            raise argument_error("n", "be a whole number of at least 2", f"the value {n}")
        self.n = int(n)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        r = jax.nn.relu(u)
        m = cut(r, self._limit(u.dtype))
        return finite(self.unlimited(m) + jnp.sum(self.unlimited_activation(m) * (r - m)))

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.unlimited_activation(cut(jax.nn.relu(u), self._limit(u.dtype)))

    def unlimited(self, u: Float[Array, "..."]) -> Scalar:
        """Returns L without the straight continuation: infinite where it overflows."""
        return self._power(u, 1 / self.n)

    def unlimited_activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the gradient of `unlimited`."""
        return jax.nn.relu(u) ** (self.n - 1)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        n, dtype = self.n, u.dtype
        # Up to the second limit the energy is finite, up to the third its derivative is.
        most = largest_root(dtype, n, 1 - 1 / n), largest_root(dtype, n - 1, n - 1)
        return finite(self._power(cut(u, min(self._limit(dtype), *most)), 1 - 1 / n))

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        root = jnp.where(y > 0, into_interval(y, 0.0, math.inf), 1.0) ** (1 / (self.n - 1))
        return jnp.where(y > 0, root, jnp.where(y == 0, 0.0, jnp.nan))

    @property
    def slope_bound(self) -> Scalar:
        return jnp.asarray(1.0 if self.n == 2 else math.inf, float)

    @property
    def growth(self) -> float:
        return self.n / (self.n - 1)

    def _power(self, u: Float[Array, "..."], factor: float) -> Scalar:
        """Returns the sum of factor max(u, 0)^n; no product of it overflows before the result."""
        r = jax.nn.relu(u)
        return jnp.sum(r ** (self.n // 2) * (factor * r ** (self.n - self.n // 2)))

    def _limit(self, dtype: np.dtype) -> float:
        """Returns the largest u at which the activation and its slope are finite."""
        if self.n == 2:
            return float(jnp.finfo(dtype).max)
        slope = largest_root(dtype, self.n - 2, self.n - 1)
        return min(largest_root(dtype, self.n - 1), slope)


class Exponential(AbstractLagrangian):
    """L = sum of exp(beta u) / beta, with the activation exp(beta u), not normalised over entries.

    Where exp(beta u) would exceed the largest number of the dtype, in float32 at beta u = 88.7, the
    activation is constant, and L continues along its tangent. Values and energies above the largest
    number are returned as about that number. The inverse ignores this limit: it is log(y) / beta
    for every y > 0.

    Attributes:
        beta: Steepness, above 0.
    """

    additive: ClassVar[bool] = True
    beta: Scalar

    def __init__(self, beta: ArrayLike = 1.0):
        self.beta = positive("beta", beta)

    def __call__(self, u: Float[Array, "..."]) -> Scalar:
        return _exponential_value(self.beta.astype(u.dtype), u)

    def activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.exp(cut(self.beta.astype(u.dtype) * u, _largest_exponent(u.dtype)))

    def unlimited(self, u: Float[Array, "..."]) -> Scalar:
        """Returns L without the straight continuation: infinite where an exponential overflows."""
        return jnp.sum(self.unlimited_activation(u)) / self.beta.astype(u.dtype)

    def unlimited_activation(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the gradient of `unlimited`."""
        return jnp.exp(self.beta.astype(u.dtype) * u)

    def energy(self, u: Float[Array, "..."]) -> Scalar:
        return _exponential_energy(self.beta.astype(u.dtype), u)

    def inverse(self, y: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.log(into_interval(y, 0.0, math.inf)) / self.beta.astype(y.dtype)

    @property
    def slope_bound(self) -> Scalar:
        return jnp.full_like(self.beta, jnp.inf)

    @property
    def growth(self) -> float:
        return 1.0


@jax.custom_jvp
def _exponential_value(beta: Scalar, u: Float[Array, "..."]) -> Scalar:
    """Returns L of an `Exponential`."""
    v = beta * u
    m = cut(v, _largest_exponent(u.dtype))
    return finite(jnp.sum(jnp.exp(m) * ((1 + (v - m)) / beta)))


@_exponential_value.defjvp
@precise
def _(primals, tangents):
    # The derivative by beta is the energy / beta. JAX would find it as a difference of two terms
    # that can both be infinite.
    (beta, u), (dbeta, du) = primals, tangents
    by_u, by_beta = Exponential(beta).activation(u), _exponential_energy(beta, u) / beta
    return _exponential_value(beta, u), jnp.vdot(by_u, du) + finite(by_beta) * dbeta


@jax.custom_jvp
def _exponential_energy(beta: Scalar, u: Float[Array, "..."]) -> Scalar:
    """Returns the energy of an `Exponential`; constant where its derivative would overflow."""
    m, half, _ = _energy_parts(beta, u)
    return finite(jnp.sum(half * (m - 1) * half) / beta)


@_exponential_energy.defjvp
@precise
def _(primals, tangents):
    (beta, u), (dbeta, du) = primals, tangents
    m, half, below = _energy_parts(beta, u)
    by_u = jnp.where(below, half * m * half, 0)
    # Squares of very negative m would be infinite, and infinity times exp(m) = 0 NaN.
    by_m = half * (1 - m) * half + jnp.where(below, (half * m) * (m * half), 0)
    by_beta = jnp.sum(by_m) / beta**2
    return _exponential_energy(beta, u), jnp.vdot(by_u, du) + finite(by_beta) * dbeta


def _energy_parts(
    beta: Scalar, u: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."], Bool[Array, "..."]]:
    """Returns v = beta u cut where v exp(v) overflows, exp(v / 2), and whether v was below that.

    The energy (v - 1) exp(v) / beta takes exp(v / 2) twice, because exp(v) vanishes at v = -88,
    where the energy does not.
    """
    limit = largest = _largest_exponent(u.dtype)
    for _ in range(8):  # the solution of v exp(v) = exp(largest)
        limit = largest - math.log(limit)
    v = beta * u
    m = cut(v, limit)
    return m, jnp.exp(m / 2), v <= limit


def _largest_exponent(dtype: np.dtype) -> float:
    """Returns the largest v for which exp(v) is finite, just below it for rounding."""
    info = jnp.finfo(dtype)
    return math.log(float(info.max)) * (1 - 2 * float(info.eps))


def _log_cosh_parts(
    v: Float[Array, "..."],
) -> tuple[Bool[Array, "..."], Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
    """Returns the parts of log(cosh(v)) and of v tanh(v) that keep their digits at every v.

    They take one exponential and one logarithm, because simulations compute the energy of N^2
    entries at each saved time.

    Returns:
        Whether |v| < 1; p = exp(-w) - 1, where w is v if |v| < 1 and otherwise |v|; f^2 for
        f = exp(-w); and a logarithm: log(cosh(v)) if |v| < 1, otherwise log(cosh(v)) without the
        growth |v| - log 2, which is log(1 + f^2).
    """
    # Near 0, cosh(v) = 1 + p^2 / (2 f). For example, v = 1e-4 in float32: p = -1e-4, and the
    # logarithm of 1 + 5e-9 is 5e-9, although 1 + 5e-9 is 1.
    near = jnp.abs(v) < 1
    p = jnp.expm1(-jnp.where(near, v, jnp.abs(v)))
    f = 1 + p
    square = f * f
    excess = jnp.where(near, p * p / (2 * jnp.where(near, f, 1)), square)
    return near, p, square, jnp.log1p(excess)


def _bit_entropy(v: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns the entropy in nats of bits with log odds v: softplus(v) - v sigmoid(v).

    It is written as a sum of positive terms, so that the exponentially small entropy of a nearly
    certain bit (large |v|) is exact.
    """
    return jax.nn.sigmoid(v) * jax.nn.softplus(-v) + jax.nn.sigmoid(-v) * jax.nn.softplus(v)
