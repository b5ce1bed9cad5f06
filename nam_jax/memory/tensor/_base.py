"""The interface of process tensors, and sums and multiples of tensors."""

import abc
import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, axes_of
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Key, Pairs, Scalar

LARGEST_DENSE = 64
"""Largest N for which an N x N x N x N array (64 MiB in float32) may be built."""


class AbstractProcessTensor(AbstractPrecise):
    """A tensor T_ijkl: the calcium flux into astrocyte process ij for each unit of psi_kl.

    The astrocyte has one process at the synapse between neurons i and j; psi_ij is its activity. T
    is a linear map on symmetric (N, N) arrays psi. Only a `DenseTensor` stores all N^4 entries.
    All tensors have the symmetries that an energy needs (Kozachkov, Slotine & Krotov, eqs 5-10):
    T_ijkl = T_klij = T_jikl = T_ijlk.

    Attributes:
        num_neurons: N; the tensor acts on N x N arrays.
    """

    num_neurons: eqx.AbstractVar[int]

    @property
    @abc.abstractmethod
    def dtype(self) -> np.dtype | None:
        """The float dtype of the stored patterns or entries, in which fluxes are computed.

        None for a tensor without such arrays; its fluxes have the dtype of psi.
        """

    @abc.abstractmethod
    def row_axes(self) -> Any:
        """Returns this tensor with each array replaced by the axis to split it over devices.

        None replaces an array that every device needs whole.
        """

    @abc.abstractmethod
    def __call__(self, psi: Pairs) -> Pairs:
        """Returns the flux (T psi)_ij = sum_kl T_ijkl psi_kl into each process.

        Args:
            psi: Activity of the processes, (N, N), symmetric.

        Returns:
            (N, N), symmetric, in the dtype of psi.
        """

    @abc.abstractmethod
    def quadratic_form(self, psi: Pairs) -> Scalar:
        """Returns psi . T psi = sum_ijkl T_ijkl psi_ij psi_kl; it costs at most one call."""

    @abc.abstractmethod
    def largest_eigenvalue(self) -> Scalar:
        """Returns the largest eigenvalue of T on symmetric (N, N) arrays.

        T maps the N (N + 1) / 2 dimensions of symmetric arrays to themselves, and all its
        eigenvalues there count. So 0 counts if T maps a symmetric array to 0, and else not. For
        example, if T stores few patterns with a negative strength it is 0, and for T = -1 it is -1.
        """

    @abc.abstractmethod
    def smallest_eigenvalue(self) -> Scalar:
        """Returns the smallest eigenvalue of T on symmetric (N, N) arrays; see above for 0."""

    @abc.abstractmethod
    def lesion(self, fraction: Scalar, *, key: Key) -> "AbstractProcessTensor":
        """Returns this tensor with fluxes cut at random; call it by [`nam_jax.memory.lesion`][].

        Args:
            fraction: Probability that a flux is cut, in [0, 1]; not checked.
            key: Random key.
        """

    def to_dense(self) -> Float[Array, "N N N N"]:
        """Returns all N^4 entries, for checks at small N.

        Raises:
            ValueError: If N is above 64.
        """
        size = self.num_neurons
        if size > LARGEST_DENSE:
            raise argument_error("self", f"have at most {LARGEST_DENSE} neurons to be dense", size)
        basis = jnp.eye(size * size).reshape(size, size, size, size)
        symmetric = (basis + basis.swapaxes(2, 3)) / 2
        return jnp.moveaxis(jax.vmap(jax.vmap(self))(symmetric), (0, 1), (2, 3))

    def __add__(self, other: "AbstractProcessTensor") -> "AbstractProcessTensor":
        if not isinstance(other, AbstractProcessTensor):
            return NotImplemented
        return SumTensor((self, other))

    def __mul__(self, factor: float | Scalar) -> "AbstractProcessTensor":
        return ScaledTensor(factor, self)

    def __rmul__(self, factor: float | Scalar) -> "AbstractProcessTensor":
        return ScaledTensor(factor, self)


class ScaledTensor(AbstractProcessTensor):
    """The tensor factor * T.

    Attributes:
        factor: Any number.
        tensor: T.
    """

    factor: Scalar
    tensor: AbstractProcessTensor
    num_neurons: int = eqx.field(static=True)

    def __init__(self, factor: float | Scalar, tensor: AbstractProcessTensor):
        self.factor = as_float(factor)
        self.tensor = tensor
        self.num_neurons = tensor.num_neurons

    @property
    def dtype(self) -> np.dtype | None:
        return self.tensor.dtype

    def row_axes(self) -> Any:
        return axes_of(self, lambda t: t.tensor, self.tensor.row_axes())

    def __call__(self, psi: Pairs) -> Pairs:
        return self.factor.astype(psi.dtype) * self.tensor(psi)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        return self.factor.astype(psi.dtype) * self.tensor.quadratic_form(psi)

    def largest_eigenvalue(self) -> Scalar:
        ends = jnp.stack([self.tensor.largest_eigenvalue(), self.tensor.smallest_eigenvalue()])
        return jnp.max(self.factor.astype(ends.dtype) * ends)

    def smallest_eigenvalue(self) -> Scalar:
        ends = jnp.stack([self.tensor.largest_eigenvalue(), self.tensor.smallest_eigenvalue()])
        return jnp.min(self.factor.astype(ends.dtype) * ends)

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        return ScaledTensor(self.factor, self.tensor.lesion(fraction, key=key))


class SumTensor(AbstractProcessTensor):
    """The sum T_1 + T_2 + ..., for example of a pattern tensor and a diffusion tensor.

    Attributes:
        tensors: The terms, all over the same number of neurons.
    """

    tensors: tuple[AbstractProcessTensor, ...]
    num_neurons: int = eqx.field(static=True)

    def __init__(self, *tensors: AbstractProcessTensor | Sequence[AbstractProcessTensor]):
        """Adds tensors, given one by one or in one tuple: `SumTensor(a, b)`, or `a + b`.

        Raises:
            ValueError: If there is no tensor, or one is no tensor, or their neurons differ in
                number.
        """
        listed = [tensor if isinstance(tensor, Sequence) else (tensor,) for tensor in tensors]
        terms = tuple(term for part in listed for term in part)
        if not terms or not all(isinstance(term, AbstractProcessTensor) for term in terms):
            given = ", ".join(type(term).__name__ for term in terms) or "none"
            raise argument_error("tensors", "be process tensors, as in `SumTensor(a, b)`", given)
        sizes = {tensor.num_neurons for tensor in terms}
        if len(sizes) != 1:
            description = f"tensors over {sorted(sizes)} neurons"
            raise argument_error("tensors", "all act on the same number of neurons", description)
        self.tensors = terms
        self.num_neurons = sizes.pop()

    @property
    def dtype(self) -> np.dtype | None:
        """The widest dtype of the terms; None if all terms have None."""
        dtypes = [tensor.dtype for tensor in self.tensors if tensor.dtype is not None]
        return functools.reduce(np.promote_types, dtypes) if dtypes else None

    def row_axes(self) -> Any:
        axes = tuple(tensor.row_axes() for tensor in self.tensors)
        return axes_of(self, lambda t: t.tensors, axes)

    def __call__(self, psi: Pairs) -> Pairs:
        first, *others = (tensor(psi) for tensor in self.tensors)
        return sum(others, start=first)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        first, *others = (tensor.quadratic_form(psi) for tensor in self.tensors)
        return sum(others, start=first)

    def largest_eigenvalue(self) -> Scalar:
        return largest_eigenvalue_of(self)

    def smallest_eigenvalue(self) -> Scalar:
        return smallest_eigenvalue_of(self)

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        keys = jax.random.split(key, len(self.tensors))
        pairs = zip(self.tensors, keys, strict=True)
        return SumTensor(tuple(tensor.lesion(fraction, key=subkey) for tensor, subkey in pairs))


def largest_eigenvalue_of(tensor: AbstractProcessTensor) -> Scalar:
    """Returns the largest eigenvalue of any tensor, only from calls to it (see `_spectrum.py`)."""
    # Imported here so that `import nam_jax.memory` does not import `jax.experimental.sparse`.
    from nam_jax.memory.tensor._spectrum import top_eigenvalue

    return top_eigenvalue(tensor, tensor.num_neurons)


def smallest_eigenvalue_of(tensor: AbstractProcessTensor) -> Scalar:
    """Returns the smallest eigenvalue of any tensor, only from calls to it (see `_spectrum.py`)."""
    return -largest_eigenvalue_of(ScaledTensor(-1.0, tensor))
