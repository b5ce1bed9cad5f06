"""Transfer functions of branches and neurons: output, in Hz, as a function of input."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, is_concrete
from nam_jax._types import Scalar


class Ramp(eqx.Module):
    """The ramp low + clip(slope (z - threshold), 0, high - low): at rest, rising, saturated.

    F of memory neurons and G of branches are ramps (Kafraj, Krotov, Bicknell & Latham, eqs 3a, 3b).

    Attributes:
        threshold: Input at which the output leaves `low`.
        low: Output at rest, at least 0, in Hz.
        high: Output when saturated, above `low`, in Hz.
        slope: Hz per unit of input, above 0.
    """

    threshold: Scalar
    low: Scalar
    high: Scalar
    slope: Scalar

    def __init__(
        self,
        threshold: float | Scalar,
        low: float | Scalar,
        high: float | Scalar,
        slope: float | Scalar = 1.0,
    ):
        """Makes a ramp.

        Args:
            threshold: Input at which the output leaves `low`.
            low: Output at rest, at least 0, in Hz.
            high: Output when saturated, above `low`, in Hz.
            slope: Hz per unit of input, above 0.

        Raises:
            ValueError: If a number is not finite, `low` is negative or not below `high`, or
                `slope` is not above 0.
        """
        self.threshold, self.low = as_float(threshold), as_float(low)
        self.high, self.slope = as_float(high), as_float(slope)

    def __check_init__(self):
        for name in ("threshold", "low", "high", "slope"):
            value = getattr(self, name)
            if is_concrete(value) and not jnp.isfinite(value):
                raise argument_error(name, "be finite", value)
        if is_concrete(self.low) and self.low < 0:
            raise argument_error("low", "be at least 0", f"{self.low:.3g}")
        if is_concrete(self.low) and is_concrete(self.high) and not self.low < self.high:
            raise argument_error("low", f"be below `high` = {self.high:.3g}", f"{self.low:.3g}")
        if is_concrete(self.slope) and not self.slope > 0:
            raise argument_error("slope", "be above 0", f"{self.slope:.3g}")

    def __call__(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the output in Hz for each input `z`, in the dtype of `z`."""
        numbers = (self.threshold, self.low, self.high, self.slope)
        threshold, low, high, slope = (number.astype(z.dtype) for number in numbers)
        return low + jnp.clip(slope * (z - threshold), 0, high - low)


class Linear(eqx.Module):
    """The line gain z: the transfer of a branch without a nonlinearity, a control.

    Attributes:
        gain: Hz per unit of input, above 0.
    """

    gain: Scalar

    def __init__(self, gain: float | Scalar):
        """Makes a line through 0.

        Args:
            gain: Hz per unit of input, above 0.

        Raises:
            ValueError: If `gain` is not above 0.
        """
        self.gain = as_float(gain)

    def __check_init__(self):
        if is_concrete(self.gain) and not self.gain > 0:
            raise argument_error("gain", "be above 0", f"{self.gain:.3g}")

    def __call__(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the output in Hz for each input `z`, in the dtype of `z`."""
        return self.gain.astype(z.dtype) * z
