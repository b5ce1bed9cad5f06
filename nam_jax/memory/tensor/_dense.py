"""The dense tensor: all N^4 entries, the check on every other tensor at small N."""

from typing import Any

import einops
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
    """T with every entry given: 64 MiB at N = 64, which is the largest N it takes.

    Attributes:
        entries: (N, N, N, N) with T_ijkl = T_klij = T_jikl = T_ijlk.
    """

    entries: Float[Array, "N N N N"]
    num_neurons: int = eqx.field(static=True)

    def __init__(self, entries: ArrayLike):
        """Checks and keeps `entries`.

        Raises:
            ValueError: If `entries` is not a finite, symmetric (N, N, N, N) array, or N > 64.
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
        return jnp.einsum("ijkl,kl->ij", self.entries, psi)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        return jnp.vdot(psi, self(psi))

    def largest_eigenvalue(self) -> Scalar:
        return jnp.linalg.eigvalsh(self._matrix())[-1]

    def smallest_eigenvalue(self) -> Scalar:
        return jnp.linalg.eigvalsh(self._matrix())[0]

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        """Each flux between two processes is cut on its own, with its symmetric partners."""
        size = self.num_neurons
        draws = jax.random.uniform(key, (size * size, size * size))
        # The smallest-index member of each symmetric family decides for all of its members.
        index = jnp.arange(size)
        process = jnp.minimum(*jnp.meshgrid(index, index)) * size + jnp.maximum(
            *jnp.meshgrid(index, index)
        )
        flat = process.reshape(-1)
        one, other = jnp.meshgrid(flat, flat)
        first, second = jnp.minimum(one, other), jnp.maximum(one, other)
        kept = (draws[first, second] >= fraction).reshape(self.entries.shape)
        return DenseTensor(jnp.where(kept, self.entries, 0))

    def _matrix(self) -> Float[Array, "NN NN"]:
        return einops.rearrange(self.entries, "i j k l -> (i j) (k l)")


def _check_symmetric(entries: np.ndarray) -> None:
    scale = max(float(np.abs(entries).max()), 1e-30)
    for name, axes in _SYMMETRIES.items():
        gap = float(np.abs(entries - entries.transpose(axes)).max())
        if gap > 1e-4 * scale:
            raise argument_error("entries", f"satisfy {name}", f"a difference of {gap:.3g}")
