"""Separation functions F: how steeply a dense memory tells a large overlap from small ones."""

import abc
import math

import equinox as eqx
from jaxtyping import Array, Float

from nam_jax._misc import argument_error

Overlaps = Float[Array, " K"]
"""Overlaps of one state with K patterns."""


class AbstractSeparation(eqx.Module):
    """An elementwise function F; a dense memory has the interaction energy -sum_mu F(xi^mu . y).

    Source: Krotov & Hopfield, arXiv 1606.01164.
    """

    @abc.abstractmethod
    def __call__(self, overlaps: Overlaps) -> Overlaps:
        """F at each overlap."""

    @abc.abstractmethod
    def slope(self, overlaps: Overlaps) -> Overlaps:
        """F' at each overlap."""

    @abc.abstractmethod
    def differences(self, overlaps: Overlaps, step: float) -> tuple[Overlaps, Overlaps]:
        """The first and second difference quotient without their denominators' powers of `step`.

        Args:
            overlaps: z, (K,).
            step: h, how far a flipped bit moves an overlap.

        Returns:
            [F(z + h) - F(z - h)] / 2 and [F(z + h) - 2 F(z) + F(z - h)] / 2, each without the
            rounding of that difference where a form without it exists.
        """


class Power(AbstractSeparation):
    """F(z) = z^n / n. Even n make a pattern's negative a memory too; n = 2 is Hopfield's network.

    Attributes:
        n: A whole number of at least 2.
    """

    n: int = eqx.field(default=4, static=True)

    def __check_init__(self):
        if self.n != int(self.n) or self.n < 2:
            raise argument_error("n", "be a whole number of at least 2", f"the value {self.n}")

    def __call__(self, overlaps: Overlaps) -> Overlaps:
        return overlaps**self.n / self.n

    def slope(self, overlaps: Overlaps) -> Overlaps:
        return overlaps ** (self.n - 1)

    def differences(self, overlaps: Overlaps, step: float) -> tuple[Overlaps, Overlaps]:
        # Binomial terms in odd and even powers of the step, all of one sign for one sign of z.
        odd, even = (
            sum(
                math.comb(self.n, k) * step**k / self.n * overlaps ** (self.n - k)
                for k in range(first, self.n + 1, 2)
            )
            for first in (1, 2)
        )
        return overlaps * 0 + odd, overlaps * 0 + even
