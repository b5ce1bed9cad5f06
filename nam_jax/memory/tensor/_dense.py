"""The dense tensor: all N^4 entries; other tensors are checked against it at small N."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, as_float, axes_of, check_finite, is_concrete
from nam_jax._types import Key, Pairs, Scalar
from nam_jax.memory.tensor._base import LARGEST_DENSE, AbstractProcessTensor

_SYMMETRIES = {"T_ijkl = T_klij": (2, 3, 0, 1), "T_ijkl = T_jikl": (1, 0, 2, 3)}


class DenseTensor(AbstractProcessTensor):
    """A tensor of which all entries are stored; N is at most 64, which takes 64 MiB in float32.

    Attributes:
        entries: (N, N, N, N) with T_ijkl = T_klij = T_jikl = T_ijlk.
    """

    entries: Float[Array, "N N N N"]
    num_neurons: int = eqx.field(static=True)

    def __init__(self, entries: ArrayLike):
        """Checks and stores `entries`.

        Raises:
            ValueError: If `entries` is not a finite, symmetric (N, N, N, N) array, or N > 64.
                Symmetries must hold to 1e-4 of the largest entry.
        """
        self.entries = as_float(entries)
        shape = self.entries.shape
        if len(shape) != 4 or len(set(shape)) != 1:
            raise argument_error("entries", "have shape (N, N, N, N)", f"shape {shape}")
        if shape[0] > LARGEST_DENSE:
            raise argument_error("entries", f"have N <= {LARGEST_DENSE}", f"N = {shape[0]}")
        check_finite("entries", self.entries)
        if is_concrete(self.entries):
            _check_symmetric(np.asarray(self.entries))
        self.num_neurons = shape[0]

    @property
    def dtype(self) -> np.dtype:
        return self.entries.dtype

    def row_axes(self) -> Any:
        return axes_of(self, lambda t: t.entries, 0)

    def __call__(self, psi: Pairs) -> Pairs:
        return jnp.einsum("ijkl,kl->ij", self.symmetric_entries(), psi)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        return jnp.vdot(psi, self(psi))

    def largest_eigenvalue(self) -> Scalar:
        return jnp.linalg.eigvalsh(self._matrix())[-1]

    def smallest_eigenvalue(self) -> Scalar:
        return jnp.linalg.eigvalsh(self._matrix())[0]

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        """Returns T without some fluxes; entries that are equal by symmetry are cut together."""
        size = self.num_neurons
        draws = jax.random.uniform(key, (size * size, size * size))
        # One draw decides for all entries of a symmetric family. Process ij has the number
        # min(i, j) N + max(i, j), and the family of processes a <= b has the draw in row a and
        # column b. For example, with N = 3 the entries T_0112, T_1021 and T_2101 belong to
        # processes 1 and 5, and draws[1, 5] decides for them.
        index = jnp.arange(size)
        process = jnp.minimum(*jnp.meshgrid(index, index)) * size + jnp.maximum(
            *jnp.meshgrid(index, index)
        )
        flat = process.reshape(-1)
        into, source = jnp.meshgrid(flat, flat)
        first, second = jnp.minimum(into, source), jnp.maximum(into, source)
        kept = (draws[first, second] >= fraction).reshape(self.entries.shape)
        return DenseTensor(jnp.where(kept, self.entries, 0))

    def symmetric_entries(self) -> Float[Array, "N N N N"]:
        """Returns `entries`, whose gradient is symmetric, so that descent keeps the symmetries.

        Everything that computes with the entries reads them here.
        """
        return _with_symmetric_gradient(self.entries)

    def _matrix(self) -> Float[Array, "P P"]:
        """Returns T on the coordinates of symmetric arrays, a symmetric P x P matrix."""
        i, j = np.triu_indices(self.num_neurons)
        # T maps the unit array of the process ij, (e_ij + e_ji) / sqrt 2 for i < j, to an array
        # whose entry kl is (T_klij + T_klji) / sqrt 2 = sqrt 2 T_klij.
        weight = jnp.asarray(np.where(i == j, 1.0, 2**0.5), self.dtype)
        rows = self.symmetric_entries()[i, j][:, i, j]
        return weight[:, None] * rows * weight[None, :]


@jax.custom_jvp
def _with_symmetric_gradient(entries: Float[Array, "N N N N"]) -> Float[Array, "N N N N"]:
    """Returns `entries`; a change of them is first made symmetric, which costs nothing forward."""
    return entries


@_with_symmetric_gradient.defjvp
def _(primals, tangents):
    (entries,), (change,) = primals, tangents
    for axes in _SYMMETRIES.values():
        change = (change + change.transpose(axes)) / 2
    change = (change + change.transpose(0, 1, 3, 2)) / 2
    return _with_symmetric_gradient(entries), change


def _check_symmetric(entries: np.ndarray) -> None:
    """Raises a `ValueError` that names the first symmetry that does not hold."""
    # T_ijlk follows: T_ijkl = T_klij = T_lkij = T_ijlk.
    scale = max(float(np.abs(entries).max()), 1e-30)
    for name, axes in _SYMMETRIES.items():
        gap = float(np.abs(entries - entries.transpose(axes)).max())
        if gap > 1e-4 * scale:
            raise argument_error("entries", f"satisfy {name}", f"a difference of {gap:.3g}")
