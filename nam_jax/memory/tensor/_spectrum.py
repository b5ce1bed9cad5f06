"""The largest eigenvalue of a tensor, only from calls to it, in a Krylov space."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.experimental.sparse.linalg import lobpcg_standard

from nam_jax._misc import symmetrise
from nam_jax._types import Pairs, Scalar

_ITERATIONS = 200
"""Largest number of iterations of LOBPCG."""


def top_eigenvalue(apply: Callable[[Pairs], Pairs], num_neurons: int) -> Scalar:
    """Returns the largest eigenvalue of a symmetric linear map on symmetric N x N arrays.

    It uses JAX's LOBPCG with one vector, a relative of the Lanczos method. It needs O(N^2) memory
    and no N^2 x N^2 matrix. The start is fixed, so equal maps give equal results. For N = 2 the
    result is at least 0, as the 4 x 4 matrix also maps an antisymmetric array to 0.

    Args:
        apply: The map, from a symmetric (N, N) array to another.
        num_neurons: N.
    """
    shape = (num_neurons, num_neurons)
    if num_neurons**2 <= 5:  # LOBPCG needs more than five unknowns to find one eigenvalue
        return jnp.linalg.eigvalsh(jax.vmap(apply)(_small_basis(num_neurons)).reshape(4, 4))[-1]
    start = symmetrise(jax.random.normal(jax.random.key(0), shape)).reshape(-1, 1)

    def one_column(column):
        return symmetrise(apply(symmetrise(column.reshape(shape)))).reshape(-1)

    # LOBPCG has a relative tolerance. At an eigenvalue of 0 it would never converge, and it would
    # divide by residuals of 0. So all eigenvalues are shifted by about the size of the map.
    size = jnp.linalg.norm(one_column(start[:, 0])) / jnp.linalg.norm(start)
    shift = jax.lax.stop_gradient(jnp.where(size > 0, size, 1))

    def shifted(x: jax.Array) -> jax.Array:
        return jax.vmap(one_column, in_axes=1, out_axes=1)(x) + shift * x

    values, _, _ = lobpcg_standard(shifted, start, m=_ITERATIONS)
    return values[0] - shift


def _small_basis(num_neurons: int) -> jax.Array:
    """Returns the symmetric parts of the N^2 unit arrays, (N^2, N, N)."""
    shape = (num_neurons**2, num_neurons, num_neurons)
    basis = jnp.eye(num_neurons**2).reshape(shape)
    return (basis + basis.swapaxes(1, 2)) / 2
