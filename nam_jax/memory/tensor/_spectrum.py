"""Extreme eigenvalues of a tensor from calls to it alone, in a Krylov space."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.experimental.sparse.linalg import lobpcg_standard

from nam_jax._misc import symmetrise
from nam_jax._types import Pairs, Scalar

_ITERATIONS = 200


def top_eigenvalue(apply: Callable[[Pairs], Pairs], num_neurons: int) -> Scalar:
    """The largest eigenvalue of a symmetric map on symmetric N x N arrays.

    JAX's LOBPCG with one block vector, which for one eigenvalue is a restarted, preconditionable
    form of Lanczos: O(N^2) memory and no N^2 x N^2 matrix. The start is fixed, so the answer is
    the same at every call.
    """
    shape = (num_neurons, num_neurons)
    if num_neurons**2 <= 5:  # LOBPCG wants more than five unknowns for one eigenvalue
        return jnp.linalg.eigvalsh(jax.vmap(apply)(_small_basis(num_neurons)).reshape(4, 4))[-1]
    start = symmetrise(jax.random.normal(jax.random.key(0), shape)).reshape(-1, 1)

    def one_column(column):
        return symmetrise(apply(symmetrise(column.reshape(shape)))).reshape(-1)

    # Shifted by about the size of the map, because its tolerance is relative: at an eigenvalue of 0
    # it would go on without end, and divide by residuals that are 0.
    size = jnp.linalg.norm(one_column(start[:, 0])) / jnp.linalg.norm(start)
    shift = jax.lax.stop_gradient(jnp.where(size > 0, size, 1))

    def shifted(x: jax.Array) -> jax.Array:
        return jax.vmap(one_column, in_axes=1, out_axes=1)(x) + shift * x

    values, _, _ = lobpcg_standard(shifted, start, m=_ITERATIONS)
    return values[0] - shift


def _small_basis(num_neurons: int) -> jax.Array:
    shape = (num_neurons**2, num_neurons, num_neurons)
    basis = jnp.eye(num_neurons**2).reshape(shape)
    return (basis + basis.swapaxes(1, 2)) / 2
