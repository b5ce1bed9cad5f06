"""Lesions: calcium fluxes cut at random.

Prediction: hindered diffusion of calcium impairs recall (Kozachkov, Slotine & Krotov, discussion).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from nam_jax._misc import argument_error, as_float, axes_of, check_key, is_concrete
from nam_jax._types import Key, Pairs, Scalar
from nam_jax.memory.tensor._base import (
    AbstractProcessTensor,
    largest_eigenvalue_of,
    smallest_eigenvalue_of,
)


def lesion(
    tensor: AbstractProcessTensor, fraction: float | Scalar, *, key: Key
) -> AbstractProcessTensor:
    """Returns `tensor` with each flux cut with probability `fraction`.

    A flux is an entry of a dense tensor, with the entries equal to it by symmetry, or an edge of a
    diffusion tensor. In a sum or multiple, each tensor is lesioned. Others store no single flux, so
    whole processes are isolated with probability `fraction`: process ij keeps or loses all its
    fluxes. To cut single fluxes of a small pattern tensor, lesion `DenseTensor(tensor.to_dense())`.

    Args:
        tensor: The process tensor; it is not changed.
        fraction: Probability in [0, 1].
        key: Random key.

    Raises:
        ValueError: If `fraction` is outside [0, 1].
    """
    check_key(key)
    fraction = as_float(fraction)
    if is_concrete(fraction) and not bool(np.all((fraction >= 0) & (fraction <= 1))):
        raise argument_error("fraction", "lie in [0, 1]", f"{float(fraction):.3g}")
    return tensor.lesion(fraction, key=key)


class IsolatedTensor(AbstractProcessTensor):
    """The tensor T_ijkl kept_ij kept_kl: isolated processes neither send nor receive calcium.

    Attributes:
        kept: (N, N), symmetric; False where the process is isolated.
        tensor: The tensor before the lesion.
    """

    kept: Bool[Array, "N N"]
    tensor: AbstractProcessTensor
    num_neurons: int = eqx.field(static=True)

    def __init__(self, kept: Bool[Array, "N N"], tensor: AbstractProcessTensor):
        self.kept = kept
        self.tensor = tensor
        self.num_neurons = tensor.num_neurons

    @property
    def dtype(self) -> np.dtype | None:
        return self.tensor.dtype

    def row_axes(self) -> Any:
        return axes_of(self, lambda t: (t.kept, t.tensor), (0, self.tensor.row_axes()))

    def __call__(self, psi: Pairs) -> Pairs:
        return jnp.where(self.kept, self.tensor(jnp.where(self.kept, psi, 0)), 0)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        return self.tensor.quadratic_form(jnp.where(self.kept, psi, 0))

    def largest_eigenvalue(self) -> Scalar:
        return largest_eigenvalue_of(self)

    def smallest_eigenvalue(self) -> Scalar:
        return smallest_eigenvalue_of(self)

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        return isolate(self, fraction, key=key)


def isolate(tensor: AbstractProcessTensor, fraction: Scalar, *, key: Key) -> IsolatedTensor:
    """Returns `tensor` with each process isolated with probability `fraction`.

    Processes ij and ji are the same process.
    """
    size = tensor.num_neurons
    upper = jnp.triu(jax.random.uniform(key, (size, size)))
    return IsolatedTensor((upper + jnp.triu(upper, 1).T) >= fraction, tensor)
