"""Checks of parameters and of the range of activations, shared by the Lagrangians."""

import math

import jax
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


def largest_root(dtype: np.dtype, degree: int, factor: float | int = 1) -> float:
    """Returns the largest u for which `factor` u^degree is finite, just below it for rounding.

    For example, 3e19 in float32 for the degree 2 and the factor 1/4.
    """
    info = jnp.finfo(dtype)
    root = math.exp((math.log(float(info.max)) - math.log(factor)) / degree)
    return root * (1 - 2 * float(info.eps))


def cut(x: Float[Array, "..."], limit: float) -> Float[Array, "..."]:
    """Returns the smaller of `x` and `limit`; where x is above it, all derivatives are 0.

    The derivative of `jnp.minimum` is a product with 0, and so NaN where it meets an infinity.
    """
    return jnp.where(x > limit, jnp.asarray(limit, x.dtype), x)


@jax.custom_jvp
def finite(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns `x` with the largest number of its dtype in place of infinity; NaN stays.

    The derivative is that of `x`.
    """
    largest = jnp.finfo(x.dtype).max
    return jnp.clip(x, -largest, largest)


@finite.defjvp
def _(primals, tangents):
    return finite(*primals), tangents[0]
