"""The distinct-index tensor: a pattern tensor without entries in which two indices are equal."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from nam_jax._misc import as_float, axes_of, symmetrise, zero_diagonal
from nam_jax._types import Key, Pairs, Patterns, Scalar
from nam_jax.memory._store import AbstractPatternStore
from nam_jax.memory.tensor._base import (
    AbstractProcessTensor,
    largest_eigenvalue_of,
    smallest_eigenvalue_of,
)
from nam_jax.memory.tensor._lesion import isolate
from nam_jax.memory.tensor._pattern import check_patterns


class DistinctTensor(AbstractProcessTensor, AbstractPatternStore):
    """T_ijkl = (t / D) sum_mu xi_i xi_j xi_k xi_l if i, j, k and l all differ, otherwise 0.

    xi is pattern mu, and D = N (N - 1). In the limit of a dense memory, a neuron then does not act
    on itself. Not to be confused with `PatternTensor(autapses=False)`, which only excludes i = j
    and k = l. T is not positive semidefinite: see `smallest_eigenvalue`. A call takes two matrix
    products.

    Attributes:
        patterns: Xi, (K, N) in {-1, +1}.
        strength: t, dimensionless.
    """

    patterns: Patterns
    strength: Scalar
    num_neurons: int = eqx.field(static=True)

    def __init__(self, patterns: ArrayLike, *, strength: float | Scalar = 1.0):
        """Stores `patterns`.

        Raises:
            ValueError: If `patterns` is empty, not (K, N) with N >= 2, or holds anything but -1
                and +1.
        """
        self.patterns = check_patterns(patterns, binary=True)
        self.strength = as_float(strength)
        self.num_neurons = self.patterns.shape[1]

    @property
    def dtype(self) -> np.dtype:
        return self.patterns.dtype

    def row_axes(self) -> Any:
        return axes_of(self, lambda t: t.patterns, 1)

    def __call__(self, psi: Pairs) -> Pairs:
        xi = self.patterns
        psi = zero_diagonal(symmetrise(psi))
        fields = xi @ psi
        overlaps = jnp.sum(fields * xi, axis=1)
        # From the sum over all k and l, q_mu = xi . psi xi, subtract the terms in which k or l is i
        # or j; with R = Xi psi the result is sum_mu q_mu xi xi^T - 2 (R^T Xi + Xi^T R) + 2 K psi.
        # Xi^T R is the transpose of R^T Xi, so half + half^T needs one product. For example, N = 4,
        # K = 1, xi = 1 and psi = 1 off the diagonal: q = 12, R = 3, and 12 - 6 - 6 + 2 = 2, which
        # is psi_kl + psi_lk of the two other indices.
        half = xi.T @ (overlaps[:, None] / 2 * xi - 2 * fields)
        total = half + half.T + 2 * xi.shape[0] * psi
        return self._scale(psi) * zero_diagonal(total)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        return jnp.vdot(psi, self(psi))

    def largest_eigenvalue(self) -> Scalar:
        return largest_eigenvalue_of(self)

    def smallest_eigenvalue(self) -> Scalar:
        return smallest_eigenvalue_of(self)

    def stored(self) -> tuple[Patterns, None]:
        return self.patterns, None

    def check_rows(self, patterns: Patterns) -> None:
        check_patterns(patterns, binary=True)

    def with_rows(self, patterns: Patterns, answers: Patterns | None) -> "DistinctTensor":
        return eqx.tree_at(lambda tensor: tensor.patterns, self, patterns)

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        return isolate(self, fraction, key=key)

    def _scale(self, psi: Pairs) -> Scalar:
        """Returns t / D in the dtype of psi."""
        return self.strength.astype(psi.dtype) / (self.num_neurons * (self.num_neurons - 1))
