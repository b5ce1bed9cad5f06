"""Small numeric helpers and the one form of error text; imports nothing of ours."""

import math

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def argument_error(name: str, requirement: str, found: object) -> ValueError:
    """The house form of an error about a bad argument.

    Args:
        name: The argument's name as the caller wrote it.
        requirement: What it must be, to be read after "must".
        found: What it has instead, to be read after "but has".
    """
    return ValueError(f"Argument `{name}` must {requirement}, but has {found}.")


def is_concrete(array: object) -> bool:
    """Whether the values of `array` can be looked at now (it is not traced by jit or vmap)."""
    return not isinstance(array, jax.core.Tracer)


def check_finite(name: str, array: Float[Array, "..."]) -> None:
    """Raises a `ValueError` when a concrete `array` holds NaN or infinity; traced ones pass."""
    if is_concrete(array) and not np.isfinite(np.asarray(array)).all():
        bad = int((~np.isfinite(np.asarray(array))).sum())
        raise argument_error(name, "be finite", f"{bad} entries that are NaN or infinite")


def as_float(array: object) -> Float[Array, "..."]:
    """`array` as a JAX array of floats: floats keep their dtype, others take JAX's default."""
    dtype = getattr(array, "dtype", None)
    is_float = dtype is not None and jnp.issubdtype(dtype, jnp.floating)
    return jnp.asarray(array, jax.dtypes.canonicalize_dtype(dtype if is_float else float))


def positive_number(
    name: str, value: float | Array, *, zero_allowed: bool = False, most: float | int = math.inf
) -> Float[Array, "..."]:
    """A checked number as a float array.

    Raises:
        ValueError: If it is negative, not finite, a forbidden zero, or above `most`.
    """
    number = as_float(value)
    if not in_range(number, zero_allowed):
        requirement = "be at least 0" if zero_allowed else "be above 0"
        raise argument_error(name, requirement, f"{number:.3g}")
    if is_concrete(number) and float(number) > most:
        raise argument_error(name, f"be at most {most}", f"{number:.3g}")
    return number


def in_range(number: Float[Array, "..."], zero_allowed: bool) -> bool:
    """Whether a number is finite and not negative; one that is traced passes."""
    if not is_concrete(number):
        return True
    value = np.asarray(number)
    return bool(np.isfinite(value).all() and (value >= 0).all() and (zero_allowed or value.all()))


def log_cosh(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """log(cosh(u)) without overflow, elementwise; its gradient is tanh(u), also at u = 0."""
    return jnp.logaddexp(u, -u) - np.log(2.0).astype(u.dtype)


def symmetrise(matrix: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """The symmetric part (A + A^T) / 2 of a square matrix."""
    return (matrix + matrix.T) / 2


def zero_diagonal(matrix: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """`matrix` with its diagonal set to zero, as one elementwise pass."""
    return jnp.where(jnp.eye(matrix.shape[0], dtype=bool), 0, matrix)
