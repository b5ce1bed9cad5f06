"""Diffusion of calcium between neighbouring processes: a sparse tensor."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from nam_jax._misc import argument_error, as_float, is_concrete, symmetrise
from nam_jax._types import Key, Pairs, Scalar
from nam_jax.memory.tensor._base import (
    AbstractProcessTensor,
    largest_eigenvalue_of,
    smallest_eigenvalue_of,
)


class DiffusionTensor(AbstractProcessTensor):
    """T = -(graph Laplacian): calcium flows between joined processes, from more to less.

    The edge (i, j, k, l) joins processes ij and kl; with conductance c it adds
    -c/2 (psi_ij - psi_kl)^2 to psi . T psi / 2. For example, the edge (0, 0, 1, 1) with c = 1 and
    psi = diag(2, 1) give T psi = diag(-1, 1). Processes ij and ji are the same process, so only the
    symmetric part of psi counts. All eigenvalues are at most 0. A call costs O(E + N^2) for E
    edges.

    Attributes:
        edges: (E, 4) integers (i, j, k, l).
        conductance: c, (E,), at least 0, dimensionless.
    """

    edges: Int[Array, "E 4"]
    conductance: Float[Array, " E"]
    num_neurons: int = eqx.field(static=True)

    def __init__(
        self,
        edges: ArrayLike,
        conductance: ArrayLike = 1.0,
        *,
        num_neurons: int | None = None,
    ):
        """Joins processes by edges.

        Args:
            edges: (E, 4) neuron indices, with E >= 1.
            conductance: One number for all edges, or (E,).
            num_neurons: N; by default one more than the largest index in `edges`.

        Raises:
            ValueError: If `edges` has a wrong shape or an index outside 0..N-1, or `conductance`
                has a wrong shape, a negative number or NaN.
        """
        self.edges = jnp.asarray(edges)
        if self.edges.ndim != 2 or self.edges.shape[1] != 4 or self.edges.shape[0] == 0:
            requirement = "have shape (E, 4) with E >= 1"
            raise argument_error("edges", requirement, f"shape {self.edges.shape}")
        conductance = as_float(conductance)
        if conductance.ndim and conductance.shape != self.edges.shape[:1]:
            requirement = f"be one number or have shape ({self.edges.shape[0]},)"
            raise argument_error("conductance", requirement, f"shape {conductance.shape}")
        self.conductance = jnp.broadcast_to(conductance, self.edges.shape[:1])
        if is_concrete(conductance) and not bool(np.all(np.asarray(conductance) >= 0)):
            description = f"smallest {float(jnp.min(conductance)):.3g}"
            raise argument_error("conductance", "be at least 0 everywhere", description)
        low, high = int(np.asarray(self.edges).min()), int(np.asarray(self.edges).max())
        self.num_neurons = high + 1 if num_neurons is None else num_neurons
        if low < 0 or high >= self.num_neurons:
            requirement = f"hold neuron indices from 0 to {self.num_neurons - 1}"
            raise argument_error("edges", requirement, f"indices from {low} to {high}")

    @property
    def dtype(self) -> np.dtype | None:
        return None

    def row_axes(self) -> Any:
        return jax.tree.map(lambda _: None, self)

    def __call__(self, psi: Pairs) -> Pairs:
        i, j, k, l = self.edges.T  # noqa: E741
        flux = self._flux(psi)
        return symmetrise(jnp.zeros_like(psi).at[i, j].add(-flux).at[k, l].add(flux))

    def quadratic_form(self, psi: Pairs) -> Scalar:
        i, j, k, l = self.edges.T  # noqa: E741
        psi = symmetrise(psi)
        return -jnp.vdot(psi[i, j] - psi[k, l], self._flux(psi))

    def largest_eigenvalue(self) -> Scalar:
        return largest_eigenvalue_of(self)

    def smallest_eigenvalue(self) -> Scalar:
        return smallest_eigenvalue_of(self)

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        """Returns T without some edges; each edge is cut with probability `fraction`."""
        kept = jax.random.uniform(key, self.conductance.shape) >= fraction
        conductance = jnp.where(kept, self.conductance, 0)
        return DiffusionTensor(self.edges, conductance, num_neurons=self.num_neurons)

    def _flux(self, psi: Pairs) -> Float[Array, " E"]:
        """Returns the flux from process ij to process kl along each edge, (E,)."""
        i, j, k, l = self.edges.T  # noqa: E741
        psi = symmetrise(psi)
        return self.conductance.astype(psi.dtype) * (psi[i, j] - psi[k, l])


def lattice_edges(num_neurons: int) -> Int[Array, "E 4"]:
    """Returns the edges that join process ij, i <= j, to the processes (i, j + 1) and (i + 1, j).

    They model neurons in a row, where processes at neighbouring synapses exchange calcium.

    Args:
        num_neurons: N.

    Returns:
        (E, 4) neuron indices. For N = 2: (0, 0, 0, 1) and (0, 1, 1, 1).
    """
    i, j = np.triu_indices(num_neurons)
    right = np.stack([i, j, i, j + 1], axis=1)[j + 1 < num_neurons]
    down = np.stack([i, j, i + 1, j], axis=1)[i + 1 <= j]
    return jnp.asarray(np.concatenate([right, down]))
