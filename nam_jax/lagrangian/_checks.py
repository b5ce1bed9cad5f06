"""What the Lagrangians of this room check: their parameters, and the range of an activation."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, as_float, check_finite, is_concrete
from nam_jax._types import Scalar


def positive(name: str, value: ArrayLike) -> Scalar:
    """`value` as one floating-point number above zero; traced values are taken as they are."""
    number = as_float(value)
    if number.ndim:
        raise argument_error(name, "be one number", f"shape {number.shape}")
    check_finite(name, number)
    if is_concrete(number) and not float(number) > 0:
        raise argument_error(name, "be above zero", f"the value {float(number):g}")
    return number


def positive_constant(name: str, value: float) -> float:
    """As `positive`, for a parameter that stays a Python number: neither traced nor trained."""
    if not 0 < value < float("inf"):
        raise argument_error(name, "be above zero and finite", f"the value {value}")
    return float(value)


def into_interval(y: Float[Array, "..."], low: float, high: float) -> Float[Array, "..."]:
    """Moves entries of `y` that rounding has put on an end of an open interval inside it.

    Args:
        y: Activations of any shape.
        low: The lower end of the interval, itself outside the range of the activation.
        high: The upper end; may be infinite.

    Returns:
        `y`, with ends replaced by the nearest number inside, and NaN where `y` is beyond an end.
    """
    dtype = y.dtype.type
    above = np.nextafter(dtype(low), dtype(np.inf))
    below = np.nextafter(dtype(high), dtype(-np.inf))
    # Beside zero the nearest number is subnormal, and accelerators round those back to zero.
    above = jnp.finfo(dtype).tiny if low == 0 else above
    inside = jnp.clip(y, float(above), float(below))
    return jnp.where((y < low) | (y > high), jnp.nan, inside)


def overflow_guard(dtype: np.dtype) -> float:
    """Where fast-growing Lagrangians stop growing: 8e28 in float32, with room left for sums."""
    return float(jnp.finfo(dtype).max) ** 0.75
