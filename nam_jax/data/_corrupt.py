"""Damage to patterns and images: flipped, masked, noisy or occluded entries.

Each function takes one sample of any shape and keeps its dtype; batch with `jax.vmap` and one key
for each sample. Fractions may be traced by `jit` or `vmap`. A fraction f of n entries means f n
entries, rounded to the nearest whole number. A traced number cannot be refused: if it is out of
range, the result is NaN, so that a bad sample spoils no other and programs never call back.
"""

import math

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
        ValueError: If the fraction is outside [0, 1] (if it is traced, the result is NaN).
    """
    fraction = _fraction(fraction)
    chosen = _choose(pattern, fraction, key=key)
    return _nan_with(fraction, jnp.where(chosen, -pattern, pattern))


def mask(pattern: Sample, fraction: Number, *, key: Key, value: Number = 0.0) -> Sample:
    """Returns the pattern with round(fraction N) random entries replaced by `value`.

    Args:
        pattern: Any shape, N entries.
        fraction: In [0, 1].
        key: Random key.
        value: New value of the chosen entries.

    Raises:
        ValueError: If the fraction is outside [0, 1] (if it is traced, the result is NaN).
    """
    fraction = _fraction(fraction)
    chosen = _choose(pattern, fraction, key=key)
    return _nan_with(fraction, jnp.where(chosen, jnp.asarray(value, pattern.dtype), pattern))


def add_noise(pattern: Sample, std: Number, *, key: Key) -> Sample:
    """Returns the pattern plus independent Gaussian noise of standard deviation `std`.

    Args:
        pattern: Any shape.
        std: At least 0, in the unit of the pattern.
        key: Random key.

    Raises:
        ValueError: If `std` is negative (if it is traced, the result is NaN).
    """
    check_key(key)
    size = _checked("std", "be at least 0", std, 0, math.inf).astype(pattern.dtype)
    return pattern + size * jax.random.normal(key, pattern.shape, pattern.dtype)


def add_uniform_noise(pattern: Sample, width: Number, *, key: Key) -> Sample:
    """Returns the pattern plus independent noise that is uniform in (0, `width`).

    The noise is positive, so that rates stay at least 0.

    Args:
        pattern: Any shape.
        width: Largest noise, at least 0, in the unit of the pattern.
        key: Random key.

    Raises:
        ValueError: If `width` is negative (if it is traced, the result is NaN).
    """
    check_key(key)
    size = _checked("width", "be at least 0", width, 0, math.inf).astype(pattern.dtype)
    return pattern + size * jax.random.uniform(key, pattern.shape, pattern.dtype)


def occlude(pattern: Sample, fraction: Number, *, value: Number = 0.0) -> Sample:
    """Returns the pattern with the last round(fraction n) of n rows replaced by `value`.

    Rows are the entries along the first axis: the rows of an image of shape (H, W, C), of which the
    lower ones are hidden, or the numbers of a vector.

    Args:
        pattern: Any shape with at least one axis.
        fraction: In [0, 1].
        value: New value of hidden entries.

    Raises:
        ValueError: If the fraction is outside [0, 1] (if it is traced, the result is NaN), or the
            pattern has no axis.
    """
    if pattern.ndim == 0:
        raise argument_error("pattern", "have at least one axis", "none")
    fraction, places = _fraction(fraction), pattern.shape[0]
    visible = jnp.arange(places) < places - _count(fraction, places)
    visible = visible.reshape(places, *(1 for _ in pattern.shape[1:]))
    return _nan_with(fraction, jnp.where(visible, pattern, jnp.asarray(value, pattern.dtype)))


def _fraction(fraction: Number) -> Scalar:
    return _checked("fraction", "lie in [0, 1]", fraction, 0, 1)


def _checked(
    name: str, requirement: str, number: Number, low: float | int, high: float | int
) -> Scalar:
    """Returns the number as an array; NaN if it is traced and out of range."""
    # `not low <= number` also refuses NaN; `number < low` would not.
    if is_concrete(number) and not low <= float(number) <= high:
        raise argument_error(name, requirement, f"{number}")
    array = jnp.asarray(number, jnp.result_type(float))
    if is_concrete(number):
        return array
    return jnp.where((array >= low) & (array <= high), array, jnp.nan)


def _nan_with(fraction: Scalar, damaged: Sample) -> Sample:
    return jnp.where(jnp.isnan(fraction), jnp.asarray(jnp.nan, damaged.dtype), damaged)


def _count(fraction: Scalar, num: int) -> Int[Array, ""]:
    return jnp.round(fraction * num).astype(jnp.result_type(int))


def _choose(pattern: Sample, fraction: Scalar, *, key: Key) -> Bool[Array, "*shape"]:
    """Returns a mask of exactly round(fraction N) random entries.

    An entry is chosen if its rank in a random permutation is smaller than that number.
    """
    check_key(key)
    rank = jax.random.permutation(key, pattern.size)
    return (rank < _count(fraction, pattern.size)).reshape(pattern.shape)
