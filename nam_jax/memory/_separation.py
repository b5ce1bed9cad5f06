"""Separation functions F: how steeply a dense memory tells a large overlap from small ones."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax import lagrangian
from nam_jax._misc import argument_error, positive_number
from nam_jax._types import Scalar

Overlaps = Float[Array, " K"]
"""Overlaps of one state with K patterns."""


class AbstractSeparation(eqx.Module):
    """A function F; a dense memory has the interaction energy -sum_mu F(xi^mu . y).

    Binary memories need only the signs of fields. Their methods, `scaled_slope` and `differences`,
    may therefore take out any positive factor, and do so that nothing overflows, and that what
    counts does not vanish, in float32. Source: Krotov & Hopfield, arXiv 1606.01164.
    """

    @abc.abstractmethod
    def __call__(self, overlaps: Overlaps) -> Scalar:
        """sum_mu F(z_mu)."""

    @abc.abstractmethod
    def slope(self, overlaps: Overlaps) -> Overlaps:
        """The gradient of that by each overlap: F'(z_mu)."""

    @abc.abstractmethod
    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        """`slope` times a positive number that may depend on the state, of `whole` bits."""

    @abc.abstractmethod
    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        """What a flip of a bit does to F, which moves an overlap by 2.

        Returns:
            [F(z + 2) - F(z - 2)] / 2 and [F(z + 2) - 2 F(z) + F(z - 2)] / 2, both times one
            positive number that may depend on the state, and without the rounding of differences.
        """

    @abc.abstractmethod
    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        """sum_mu F(z_mu) / F(whole), as an energy of states of `whole` bits that never overflows.

        For a log-sum-exp, which is no sum, the value itself.
        """


class Power(AbstractSeparation):
    """F(z) = z^n / n. Even n make a pattern's negative a memory too; n = 2 is Hopfield's network.

    Attributes:
        n: A whole number of at least 2.
    """

    n: int = eqx.field(default=4, static=True)

    def __check_init__(self):
        _check_whole("n", self.n)

    def __call__(self, overlaps: Overlaps) -> Scalar:
        return jnp.sum(overlaps**self.n) / self.n

    def slope(self, overlaps: Overlaps) -> Overlaps:
        return overlaps ** (self.n - 1)

    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        return self.slope(overlaps / _size(overlaps, whole, self.n))

    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        size = _size(overlaps, whole, self.n)
        return _binomial(self.n, overlaps / size, 2 / size)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        return jnp.sum((overlaps / whole) ** self.n)


class RectifiedPower(AbstractSeparation):
    """F(z) = max(z, 0)^n / n, for any n: the negative of a pattern is no memory.

    Noise has half the variance that it has with `Power`, so that twice as many patterns fit.

    Attributes:
        n: A whole number of at least 2.
    """

    n: int = eqx.field(default=3, static=True)

    def __check_init__(self):
        _check_whole("n", self.n)

    def __call__(self, overlaps: Overlaps) -> Scalar:
        return lagrangian.RectifiedPower(self.n).unlimited(overlaps)

    def slope(self, overlaps: Overlaps) -> Overlaps:
        return lagrangian.RectifiedPower(self.n).unlimited_activation(overlaps)

    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        return Power(self.n).scaled_slope(jax.nn.relu(overlaps), whole)

    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        size = _size(overlaps, whole, self.n)
        z, step = overlaps / size, 2 / size
        above, here = (jax.nn.relu(v) ** self.n for v in (z + step, z))
        first, second = _binomial(self.n, jnp.maximum(z, step), step)
        # Below the step F(z - 2) is 0, and nothing of like size is subtracted.
        large = z >= step
        return jnp.where(large, first, above / 2), jnp.where(large, second, above / 2 - here)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        return Power(self.n).relative(jax.nn.relu(overlaps), whole)


class DistinctPower(AbstractSeparation):
    """F(z) = e_n, the sum of the products of n different bits of xi * sigma: no index twice.

    For states -1 and +1, of which e_n is a polynomial in z (Krawtchouk's). Without coincident
    indices n = 3 stores 1.5 times, n = 4 2.5 times as much as `Power`: C(N - 1, n - 1) / z^2
    patterns at an error Phi(-z).

    Attributes:
        n: A whole number of at least 2.
        num_neurons: N, at least n.
    """

    n: int = eqx.field(static=True)
    num_neurons: int = eqx.field(static=True)

    def __check_init__(self):
        _check_whole("n", self.n)
        if self.num_neurons < self.n:
            raise argument_error("num_neurons", f"be at least n = {self.n}", self.num_neurons)

    def __call__(self, overlaps: Overlaps) -> Scalar:
        count = float(math.comb(self.num_neurons, self.n))  # may be beyond 32-bit integers
        return count * self.relative(overlaps, float(self.num_neurons))

    def slope(self, overlaps: Overlaps) -> Overlaps:
        return jax.grad(self.__call__)(overlaps)

    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        return jax.grad(lambda z: self.relative(z, float(self.num_neurons)))(overlaps)

    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        # Half the sum and half the difference of e_(n-1) of all but one bit, whose own is +1 or
        # -1: by the generating function these are e_(n-1) and e_(n-2) of two bits less.
        size = self._unit
        lower, upper = _symmetric(overlaps, self.num_neurons - 2, self.n - 1, size)
        return upper, lower * ((self.n - 1) / size)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        size, unit = self.num_neurons, self._unit
        largest = math.prod((size - k) / unit for k in range(self.n))
        return jnp.sum(_symmetric(overlaps, size, self.n, unit)[1]) / largest

    @property
    def _unit(self) -> float:
        """The power of two at or above N, so that whole numbers stay exact."""
        return 2.0 ** math.ceil(math.log2(self.num_neurons))


class Exponential(AbstractSeparation):
    """F(z) = exp(beta z), whose memories grow in number exponentially with N.

    Binary memories compute it in the log domain. For cues of which a fraction r of bits is flipped
    beta = log((1 - r) / r) / 2 is Bayes' choice. Source: Demircigil et al. 2017, J. Stat. Phys.
    168, 288.

    Attributes:
        beta: Steepness, above 0.
    """

    beta: Scalar

    def __init__(self, beta: float | Scalar = 1.0):
        self.beta = positive_number("beta", beta)

    def __call__(self, overlaps: Overlaps) -> Scalar:
        beta = self.beta.astype(overlaps.dtype)
        return beta * lagrangian.Exponential(self.beta).unlimited(overlaps)

    def slope(self, overlaps: Overlaps) -> Overlaps:
        beta = self.beta.astype(overlaps.dtype)
        return beta * lagrangian.Exponential(self.beta).unlimited_activation(overlaps)

    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        return jax.nn.softmax(self.beta.astype(overlaps.dtype) * overlaps)

    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        return _exponential_differences(self.beta.astype(overlaps.dtype), overlaps)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        return jnp.sum(jnp.exp(self.beta.astype(overlaps.dtype) * (overlaps - whole)))


class LogSumExp(AbstractSeparation):
    """log(sum_mu exp(beta z_mu)) / beta in place of the sum of F: attention.

    A monotone function of what `Exponential` has, so that binary memories flip the same bits. The
    gradient is the softmax. Source: Ramsauer et al., arXiv 2008.02217.

    Attributes:
        beta: Steepness, above 0.
    """

    beta: Scalar

    def __init__(self, beta: float | Scalar = 1.0):
        self.beta = positive_number("beta", beta)

    def __call__(self, overlaps: Overlaps) -> Scalar:
        return lagrangian.LogSumExp(self.beta)(overlaps)

    def slope(self, overlaps: Overlaps) -> Overlaps:
        return lagrangian.LogSumExp(self.beta).activation(overlaps)

    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        return self.slope(overlaps)

    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        return _exponential_differences(self.beta.astype(overlaps.dtype), overlaps)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        return self(overlaps)


def _check_whole(name: str, n: int) -> None:
    if n != int(n) or n < 2:
        raise argument_error(name, "be a whole number of at least 2", f"the value {n}")


def _size(overlaps: Overlaps, whole: float, n: int) -> Scalar | float:
    """A power of two next above the largest overlap; divided by it, ties stay ties.

    Above the largest that is possible, which needs no look at the overlaps, where even the n-th
    power of a single bit would not vanish beside it.
    """
    bits = math.ceil(math.log2(whole))
    if n * bits < 0.9 * math.log2(float(jnp.finfo(overlaps.dtype).max)):
        return 2.0**bits
    _, exponent = jnp.frexp(jnp.max(jnp.abs(overlaps)))
    return jax.lax.stop_gradient(jnp.ldexp(jnp.ones((), overlaps.dtype), exponent))


def _binomial(n: int, z: Overlaps, step: Scalar | float) -> tuple[Overlaps, Overlaps]:
    """`differences` of z^n: terms in odd and even powers, all of one sign for one sign of z.

    Not of z^n / n, because without a division ties are exact.
    """
    odd, even = (
        sum(float(math.comb(n, k)) * step**k * z ** (n - k) for k in range(first, n + 1, 2))
        for first in (1, 2)
    )
    return z * 0 + odd, z * 0 + even


def _exponential_differences(beta: Scalar, z: Overlaps) -> tuple[Overlaps, Overlaps]:
    """sinh(2 beta) and cosh(2 beta) - 1 times the exponential, all over cosh(2 beta)."""
    weight = jnp.exp(beta * (z - jnp.max(z)))
    return weight * jnp.tanh(2 * beta), weight * (jnp.tanh(2 * beta) * jnp.tanh(beta))


def _symmetric(z: Overlaps, bits: int, n: int, size: float) -> tuple[Overlaps, Overlaps]:
    """e_(n-1) and e_n of `bits` signs with the sum z, each e_k times k! / size^k.

    By k e_k = z e_(k-1) - (bits - k + 2) e_(k-2).
    """
    before, last = jnp.zeros_like(z), jnp.ones_like(z)
    for k in range(1, n + 1):
        step = (k - 1) * (bits - k + 2) / size**2
        before, last = last, z / size * last - step * before
    return before, last
