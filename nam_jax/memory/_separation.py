"""Separation functions F of dense memories: a steep F lets the largest overlap outweigh others."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax import lagrangian
from nam_jax._misc import argument_error, positive_number
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Scalar

Overlaps = Float[Array, " K"]
"""Overlaps z_mu = xi^mu . y of one state y with K patterns, (K,)."""


class AbstractSeparation(AbstractPrecise):
    """A function F; a dense memory has the interaction energy -sum_mu F(z_mu).

    z_mu = xi^mu . y is the overlap of the state y with pattern mu. Binary memories need only the
    signs of fields, so `scaled_slope` and `differences` may multiply their results by any positive
    number. They choose it such that in float32 nothing overflows and no deciding term becomes 0.
    Source: Krotov & Hopfield, arXiv 1606.01164.
    """

    @abc.abstractmethod
    def __call__(self, overlaps: Overlaps) -> Scalar:
        """Returns sum_mu F(z_mu), for overlaps (K,)."""

    @abc.abstractmethod
    def slope(self, overlaps: Overlaps) -> Overlaps:
        """Returns F'(z_mu), (K,): the gradient of the sum with respect to each overlap."""

    @abc.abstractmethod
    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        """Returns `slope`, (K,), with all its entries multiplied by the same positive number.

        The number may depend on the overlaps. It is chosen such that nothing overflows.

        Args:
            overlaps: z, (K,).
            whole: Upper bound of |z|: N for states and patterns of N bits, and infinity for real
                vectors. With infinity, the same separation of overlaps that are all scaled by one
                positive number gives the same slopes up to such a number, also for overlaps that
                are very small or large.
        """

    @abc.abstractmethod
    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        """Returns two differences of F for flips of one bit, each of which changes z by 2 or -2.

        Args:
            overlaps: z, (K,).
            whole: As for `scaled_slope`.

        Returns:
            [F(z + 2) - F(z - 2)] / 2 and [F(z + 2) - 2 F(z) + F(z - 2)] / 2, (K,) each, both times
            the same positive number, which may depend on the overlaps. They are computed without
            subtracting nearly equal numbers, which would lose digits.
        """

    @abc.abstractmethod
    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        """Returns sum_mu F(z_mu) / F(whole), which does not overflow.

        `Exponential` returns the ratio of the logarithms, log(sum_mu F(z_mu)) / log(F(whole)),
        instead: it is larger where the sum is larger, and does not vanish for overlaps far below
        `whole`. `LogSumExp`, a logarithm already, returns its own value, without a division.

        Args:
            overlaps: z, (K,).
            whole: N, for states and patterns of N bits.
        """


class Power(AbstractSeparation):
    """F(z) = z^n / n; n = 2 gives Hopfield's network.

    If n is even, the negative of a stored pattern is a memory too.

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
    """F(z) = max(z, 0)^n / n; the negative of a stored pattern is no memory, also if n is even.

    The noise from other patterns has half the variance of the noise with `Power`, so twice as many
    patterns can be stored.

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
        above, at_z = (jax.nn.relu(v) ** self.n for v in (z + step, z))
        first, second = _binomial(self.n, jnp.maximum(z, step), step)
        # If z < step, F(z - step) is 0, and F(z + step) / 2 is at least twice F(z), so that their
        # difference keeps its digits.
        large = z >= step
        return jnp.where(large, first, above / 2), jnp.where(large, second, above / 2 - at_z)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        return Power(self.n).relative(jax.nn.relu(overlaps), whole)


class DistinctPower(AbstractSeparation):
    """F = e_n, the elementary symmetric polynomial of degree n, of the N entries of xi * sigma.

    xi * sigma is the product of a pattern and the state, entry by entry. e_n is the sum of all
    products of n different entries: of the entries a, b, c, e_2 is ab + ac + bc. For states and
    patterns of -1 and +1, e_n depends only on the overlap z, as a Krawtchouk polynomial. If a bit
    may be wrong after one step with probability Phi(-q), about C(N - 1, n - 1) / q^2 patterns can
    be stored: 1.5 times as many as with `Power` for n = 3, and 2.5 times as many for n = 4.

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
        count = float(math.comb(self.num_neurons, self.n))  # may exceed 32-bit integers
        return count * self.relative(overlaps, float(self.num_neurons))

    def slope(self, overlaps: Overlaps) -> Overlaps:
        return jax.grad(self.__call__)(overlaps)

    def scaled_slope(self, overlaps: Overlaps, whole: float) -> Overlaps:
        unit = self._unit(overlaps, whole)
        return jax.grad(lambda z: jnp.sum(self._scaled(z, unit)))(overlaps)

    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        # A flip of one entry from -1 to +1 raises e_n by 2 e_(n-1) of the other N - 1 entries,
        # whose sum is z + 1 or z - 1. Let e_k stand for that of N - 2 entries with the sum z. One
        # more entry +1 or -1 turns e_(n-1) into e_(n-1) + e_(n-2) or e_(n-1) - e_(n-2), so the two
        # results are 2 e_(n-1) and 2 e_(n-2). For example, n = 2: 2 z and 2.
        size = self._unit(overlaps, whole)
        lower, upper = _symmetric(overlaps, self.num_neurons - 2, self.n - 1, size)
        return upper, lower * ((self.n - 1) / size)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        unit = self._unit(overlaps, whole)
        return jnp.sum(self._scaled(overlaps, unit)) / self._scaled(whole, unit)

    def _scaled(self, overlaps: Any, unit: Scalar | float) -> Any:
        """Returns e_n at each overlap, times n! / unit^n, for an array or one Python number."""
        return _symmetric(overlaps, self.num_neurons, self.n, unit)[1]

    def _unit(self, overlaps: Overlaps, whole: float) -> Scalar | float:
        """Returns a power of two that is at least N and at least the largest overlap.

        Dividing by it rounds nothing.
        """
        if whole < self.num_neurons:
            requirement = f"be at least N = {self.num_neurons}, the largest overlap of N signs"
            raise argument_error("whole", requirement, whole)
        if math.isfinite(whole):
            return 2.0 ** math.ceil(math.log2(whole))
        least = 2.0 ** math.ceil(math.log2(self.num_neurons))
        return jnp.maximum(_size(overlaps, whole, self.n), least)


class Exponential(AbstractSeparation):
    """F(z) = exp(beta z); the number of patterns that can be stored grows exponentially with N.

    `scaled_slope` and `differences` subtract the largest exponent, so they do not overflow.

    To choose beta: if each bit of a cue is flipped with probability r, the cue has pattern mu as
    its origin with a probability that is proportional to exp(beta z_mu) for
    beta = log((1 - r) / r) / 2 (Bayes' rule). For example, r = 0.1 gives beta = 1.1.

    Source: Demircigil et al. 2017, J. Stat. Phys. 168, 288.

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
        return lagrangian.LogSumExp(self.beta).activation(overlaps)

    def differences(self, overlaps: Overlaps, whole: float) -> tuple[Overlaps, Overlaps]:
        return _exponential_differences(self.beta.astype(overlaps.dtype), overlaps)

    def relative(self, overlaps: Overlaps, whole: float) -> Scalar:
        return lagrangian.LogSumExp(self.beta)(overlaps) / whole


class LogSumExp(AbstractSeparation):
    """log(sum_mu exp(beta z_mu)) / beta in place of the sum of F; its gradient is the softmax.

    It is larger where the sum of `Exponential` is larger, so binary memories flip equal bits with
    both separations. Its `differences` are therefore those of the exponential. Source: Ramsauer et
    al., arXiv 2008.02217.

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
    """Raises a `ValueError` if n is not a whole number of at least 2."""
    if n != int(n) or n < 2:
        raise argument_error(name, "be a whole number of at least 2", f"the value {n}")


def _size(overlaps: Overlaps, whole: float, n: int) -> Scalar | float:
    """Returns a power of two that is at least the largest overlap; dividing by it rounds nothing.

    It is the power of two at or above `whole` if that is finite and the n-th power of an overlap of
    1 then does not vanish, that is, if power^n is below the 0.9th power of the largest number of
    the dtype. Otherwise the largest overlap is looked up. For example, in float32 with whole = 100
    it is 128 for n = 4; for n = 20 and a largest overlap of 37 it is 64.
    """
    info = jnp.finfo(overlaps.dtype)
    if math.isfinite(whole):
        bits = math.ceil(math.log2(whole))
        if n * bits < 0.9 * math.log2(float(info.max)):
            return 2.0**bits
    _, exponent = jnp.frexp(jnp.max(jnp.abs(overlaps)))
    exponent = jnp.clip(exponent, info.minexp, info.maxexp - 1)
    return jax.lax.stop_gradient(jnp.ldexp(jnp.ones((), overlaps.dtype), exponent))


def _binomial(n: int, z: Overlaps, step: Scalar | float) -> tuple[Overlaps, Overlaps]:
    """Returns `differences` of z^n for steps of `step`: the odd and the even powers of the step.

    For n = 3 these are 3 z^2 step + step^3 and 3 z step^2. All terms of a sum have the same sign,
    so no digits cancel. There is no division by n as in F, so that equal fields stay exactly equal.
    """
    odd, even = (
        sum(float(math.comb(n, k)) * step**k * z ** (n - k) for k in range(first, n + 1, 2))
        for first in (1, 2)
    )
    return z * 0 + odd, z * 0 + even


def _exponential_differences(beta: Scalar, z: Overlaps) -> tuple[Overlaps, Overlaps]:
    """Returns `differences` of exp(beta z), divided by cosh(2 beta) exp(beta max(z)).

    They are exp(beta z) sinh(2 beta) and exp(beta z) [cosh(2 beta) - 1] before the division, and
    [cosh(2 beta) - 1] / cosh(2 beta) = tanh(2 beta) tanh(beta).
    """
    weight = jnp.exp(beta * (z - jnp.max(z)))
    return weight * jnp.tanh(2 * beta), weight * (jnp.tanh(2 * beta) * jnp.tanh(beta))


def _symmetric(z: Any, bits: int, n: int, size: Scalar | float) -> tuple[Any, Any]:
    """Returns e_(n-1) and e_n of `bits` signs with the sum z, each e_k times k! / size^k.

    The recurrence is k e_k = z e_(k-1) - (bits - k + 2) e_(k-2). For example, the signs +, + and -
    have z = 1, e_0 = 1, e_1 = 1, e_2 = (1 - 3) / 2 = -1 and e_3 = (-1 - 2) / 3 = -1.
    """
    before, last = 0 * z, 0 * z + 1
    for k in range(1, n + 1):
        step = (k - 1) * (bits - k + 2) / size**2
        before, last = last, z / size * last - step * before
    return before, last
