"""Damage to patterns and images: flipped, masked, noisy or occluded entries.

Each function takes one sample of any shape and keeps its dtype; batch with `jax.vmap` and one key
for each sample. Fractions may be traced by `jit` or `vmap`. A fraction f of n entries means f n
entries, rounded to the nearest whole number.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Real

from nam_jax._misc import argument_error, check_key, is_concrete
from nam_jax._types import Key, Scalar

Sample = Float[Array, "*shape"]

Number = int | float | Real[Array, ""]
"""A Python number or a scalar array, traced or not."""


def flip(pattern: Sample, fraction: Number, *, key: Key) -> Sample:
    """Returns the pattern with the signs of round(fraction N) random entries changed.

    Args:
        pattern: Any shape, N entries, usually in {-1, +1}.
        fraction: In [0, 1].
        key: Random key.

    Raises:
        ValueError: If the fraction is outside [0, 1] (a run-time error if it is traced).
    """
    chosen = _choose(pattern, _checked_fraction(fraction), key=key)
    return jnp.where(chosen, -pattern, pattern)


def mask(pattern: Sample, fraction: Number, *, key: Key, value: Number = 0.0) -> Sample:
    """Returns the pattern with round(fraction N) random entries replaced by `value`.

    Args:
        pattern: Any shape, N entries.
        fraction: In [0, 1].
        key: Random key.
        value: New value of the chosen entries.

    Raises:
        ValueError: If the fraction is outside [0, 1] (a run-time error if it is traced).
    """
    chosen = _choose(pattern, _checked_fraction(fraction), key=key)
    return jnp.where(chosen, jnp.asarray(value, pattern.dtype), pattern)


def add_noise(pattern: Sample, std: Number, *, key: Key) -> Sample:
    """Returns the pattern plus independent Gaussian noise of standard deviation `std`.

    Args:
        pattern: Any shape.
        std: At least 0, in the unit of the pattern.
        key: Random key.

    Raises:
        ValueError: If `std` is negative (a run-time error if it is traced).
    """
    check_key(key)
    if is_concrete(std) and not float(std) >= 0:
        raise argument_error("std", "be at least 0", f"{std}")
    std = jnp.asarray(std, pattern.dtype)
    std = eqx.error_if(std, ~(std >= 0), "Argument `std` must be at least 0.")
    return pattern + std * jax.random.normal(key, pattern.shape, pattern.dtype)


def add_uniform_noise(pattern: Sample, width: Number, *, key: Key) -> Sample:
    """Returns the pattern plus independent noise that is uniform in (0, `width`).

    The noise is positive, so that rates stay at least 0.

    Args:
        pattern: Any shape.
        width: Largest noise, at least 0, in the unit of the pattern.
        key: Random key.

    Raises:
        ValueError: If `width` is negative (a run-time error if it is traced).
    """
    check_key(key)
    if is_concrete(width) and not float(width) >= 0:
        raise argument_error("width", "be at least 0", f"{width}")
    width = jnp.asarray(width, pattern.dtype)
    width = eqx.error_if(width, ~(width >= 0), "Argument `width` must be at least 0.")
    return pattern + width * jax.random.uniform(key, pattern.shape, pattern.dtype)


def occlude(pattern: Sample, fraction: Number, *, value: Number = 0.0) -> Sample:
    """Returns the pattern with the last round(fraction n) of n rows replaced by `value`.

    Rows are the entries along the first axis: the rows of an image of shape (H, W, C), of which the
    lower ones are hidden, or the numbers of a vector.

    Args:
        pattern: Any shape with at least one axis.
        fraction: In [0, 1].
        value: New value of hidden entries.

    Raises:
        ValueError: If the fraction is outside [0, 1] (a run-time error if it is traced), or the
            pattern has no axis.
    """
    if pattern.ndim == 0:
        raise argument_error("pattern", "have at least one axis", "none")
    places = pattern.shape[0]
    visible = jnp.arange(places) < places - _count(_checked_fraction(fraction), places)
    visible = visible.reshape(places, *(1 for _ in pattern.shape[1:]))
    return jnp.where(visible, pattern, jnp.asarray(value, pattern.dtype))


def _checked_fraction(fraction: Number) -> Scalar:
    # `not 0 <= fraction <= 1` also refuses NaN; `fraction < 0 or fraction > 1` would not.
    if is_concrete(fraction) and not 0 <= float(fraction) <= 1:
        raise argument_error("fraction", "lie in [0, 1]", f"{fraction}")
    array = jnp.asarray(fraction, jnp.result_type(float))
    outside = ~((array >= 0) & (array <= 1))
    return eqx.error_if(array, outside, "Argument `fraction` must lie in [0, 1].")


def _count(fraction: Scalar, num: int) -> Int[Array, ""]:
    return jnp.round(fraction * num).astype(jnp.result_type(int))


def _choose(pattern: Sample, fraction: Scalar, *, key: Key) -> Bool[Array, "*shape"]:
    """Returns a mask of exactly round(fraction N) random entries.

    An entry is chosen if its rank in a random permutation is smaller than that number.
    """
    check_key(key)
    rank = jax.random.permutation(key, pattern.size)
    return (rank < _count(fraction, pattern.size)).reshape(pattern.shape)
