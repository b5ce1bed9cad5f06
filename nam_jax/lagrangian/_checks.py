"""Checks of parameters and of the range of activations, shared by the Lagrangians."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, as_float, check_finite, is_concrete
from nam_jax._types import Scalar


def positive(name: str, value: ArrayLike) -> Scalar:
    """Returns `value` as one floating-point number above zero; traced values are not checked.

    Raises:
        ValueError: If `value` is not one finite number above zero.
    """
    number = as_float(value)
    if number.ndim:
        raise argument_error(name, "be one number", f"shape {number.shape}")
    check_finite(name, number)
    if is_concrete(number) and not float(number) > 0:
        raise argument_error(name, "be above zero", f"the value {float(number):g}")
    return number


def positive_constant(name: str, value: float) -> float:
    """Returns `value` as a Python float above zero, for a parameter that is never traced.

    Raises:
        ValueError: If `value` is not finite and above zero.
    """
    if not 0 < value < float("inf"):
        raise argument_error(name, "be above zero and finite", f"the value {value}")
    return float(value)


def into_interval(y: Float[Array, "..."], low: float, high: float) -> Float[Array, "..."]:
    """Returns `y` with entries at an end of (low, high) moved inside, and NaN for entries outside.

    Args:
        y: Activations of any shape.
        low: Lower end of the open interval.
        high: Upper end of the open interval; may be infinite.

    Returns:
        An array of the shape of `y`. An entry equal to `low` or `high` becomes the nearest number
        inside; if `low` is 0, entries from 0 to the smallest normal number become that number. An
        entry below `low` or above `high` becomes NaN.
    """
    dtype = y.dtype.type
    above = np.nextafter(dtype(low), dtype(np.inf))
    below = np.nextafter(dtype(high), dtype(-np.inf))
    # The number next to zero is subnormal, and accelerators round subnormal numbers to zero.
    above = jnp.finfo(dtype).tiny if low == 0 else above
    inside = jnp.clip(y, float(above), float(below))
    return jnp.where((y < low) | (y > high), jnp.nan, inside)


def overflow_guard(dtype: np.dtype) -> float:
    """Returns the value above which fast-growing Lagrangians continue along their tangent.

    It is 8e28 in float32; sums of many such values do not overflow.
    """
    return float(jnp.finfo(dtype).max) ** 0.75
