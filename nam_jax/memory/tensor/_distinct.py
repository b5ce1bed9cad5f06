"""The distinct-index tensor: the pattern tensor without any coinciding indices."""

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
    """T_ijkl = (t / D) sum_mu xi_i xi_j xi_k xi_l where i, j, k, l all differ, and 0 elsewhere.

    D = N (N - 1). In the dense-memory limit this removes self-coupling. Not to be confused with
    `PatternTensor(autapses=False)`, which excludes i = j and k = l only. T is not positive
    semidefinite: see `smallest_eigenvalue`. A call is three matrix products.

    Attributes:
        patterns: (K, N) in {-1, +1}.
        strength: t, dimensionless.
    """

    patterns: Patterns
    strength: Scalar
    num_neurons: int = eqx.field(static=True)

    def __init__(self, patterns: ArrayLike, *, strength: float | Scalar = 1.0):
        """Stores `patterns`.

        Raises:
            ValueError: If `patterns` is empty, not (K, N), or holds anything but -1 and +1.
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
        # sum_mu q_mu xi xi^T - 2 (R^T Xi + Xi^T R) + 2 K psi, the first two in one product:
        # Xi^T R is the transpose of R^T Xi, so half + half^T holds every term.
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
        return self.strength.astype(psi.dtype) / (self.num_neurons * (self.num_neurons - 1))
