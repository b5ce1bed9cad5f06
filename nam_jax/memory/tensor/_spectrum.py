"""The largest eigenvalue of a tensor, only from calls to it, in a Krylov space."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse.linalg import lobpcg_standard
from jaxtyping import Array, Float

from nam_jax._misc import symmetrise
from nam_jax._types import Pairs, Scalar

_ITERATIONS = 200
"""Largest number of iterations of LOBPCG."""


def top_eigenvalue(apply: Callable[[Pairs], Pairs], num_neurons: int) -> Scalar:
    """Returns the largest eigenvalue of a symmetric linear map on symmetric N x N arrays.

    It uses JAX's LOBPCG with one vector, a relative of the Lanczos method. It needs O(N^2) memory
    and no N^2 x N^2 matrix. The start is fixed, so equal maps give equal results.

    Args:
        apply: The map, from a symmetric (N, N) array to another.
        num_neurons: N, at least 1.
    """
    # The map acts on P = N (N + 1) / 2 coordinates of a symmetric array: its entries ij, i <= j,
    # times sqrt 2 if i < j, so that lengths stay. On all N^2 entries it would have the further
    # eigenvalue 0 of antisymmetric arrays, which is the largest one of a negative definite T.
    above = np.triu_indices(num_neurons)
    number = np.zeros((num_neurons, num_neurons), int)
    number[above] = np.arange(len(above[0]))
    number = np.maximum(number, number.T)
    weight = jnp.where(above[0] == above[1], 1.0, 2**0.5)

    def on_coordinates(x: Float[Array, " P"]) -> Float[Array, " P"]:
        return weight * symmetrise(apply((x / weight)[number]))[above]

    start = jax.random.normal(jax.random.key(0), weight.shape)
    if len(start) <= 5:  # LOBPCG needs more than five unknowns to find one eigenvalue
        matrix = jax.vmap(on_coordinates)(jnp.eye(len(start)))
        return jnp.linalg.eigvalsh(matrix)[-1]

    # LOBPCG has a relative tolerance. At an eigenvalue of 0 it would never converge, and it would
    # divide by residuals of 0. So all eigenvalues are shifted by twice the size of the map. If the
    # largest one is negative, no other one is smaller in size, and so the shifted one is positive.
    size = jnp.linalg.norm(on_coordinates(start)) / jnp.linalg.norm(start)
    shift = jax.lax.stop_gradient(jnp.where(size > 0, 2 * size, 1))

    def shifted(x: Float[Array, "P a"]) -> Float[Array, "P a"]:
        return jax.vmap(on_coordinates, in_axes=1, out_axes=1)(x) + shift * x

    values, _, _ = lobpcg_standard(shifted, start[:, None], m=_ITERATIONS)
    return values[0] - shift
