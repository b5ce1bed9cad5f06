"""The pattern tensor: it stores K patterns, and a call takes two matrix products."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import (
    argument_error,
    as_float,
    axes_of,
    check_finite,
    is_concrete,
    symmetrise,
    zero_diagonal,
)
from nam_jax._precision import precise
from nam_jax._types import Key, Pairs, Patterns, Scalar
from nam_jax.memory._store import AbstractPatternStore
from nam_jax.memory.tensor._base import AbstractProcessTensor
from nam_jax.memory.tensor._lesion import isolate
from nam_jax.memory.tensor._rule import AbstractPatternRule, Couplings, Hebbian


class PatternTensor(AbstractProcessTensor, AbstractPatternStore):
    """T = (t / D) sum_{mu nu} A_{mu nu} (xi^mu xi^mu) (x) (xi^nu xi^nu).

    That is, T_ijkl = (t / D) sum_{mu nu} A_{mu nu} xi_i^mu xi_j^mu xi_k^nu xi_l^nu. D is N^2 with
    autapses and N (N - 1) without; then entries with i = j or k = l are 0. A call takes two matrix
    products, 4 K N^2 floating-point operations in all, and K N numbers of extra memory. Source:
    Kozachkov, Slotine & Krotov, eq 13, which is the Hebbian rule at t = D.

    Attributes:
        patterns: Xi, (K, N), any finite real numbers; usually -1 and +1.
        couplings: A, (K, K), of which the symmetric part counts, or (K,), its diagonal.
        strength: t, dimensionless; with the projection rule the only eigenvalue that is not 0.
        autapses: Whether processes at synapses of a neuron onto itself (i = j) take part.
    """

    patterns: Patterns
    couplings: Couplings
    strength: Scalar
    autapses: bool = eqx.field(static=True)
    num_neurons: int = eqx.field(static=True)

    def __init__(
        self,
        patterns: ArrayLike,
        rule: AbstractPatternRule | None = None,
        *,
        strength: float | Scalar = 1.0,
        autapses: bool = False,
    ):
        """Stores `patterns` by `rule`.

        Args:
            patterns: (K, N) with K >= 1 and N >= 2.
            rule: The rule for the couplings; by default `Hebbian`.
            strength: t, dimensionless.
            autapses: Whether processes with i = j take part.

        Raises:
            ValueError: If `patterns` is empty, not (K, N) or not finite, if `rule` is no pattern
                rule, or if its couplings do not fit.
        """
        self.patterns = check_patterns(patterns)
        self.strength = as_float(strength)
        self.autapses = autapses
        self.num_neurons = self.patterns.shape[1]
        rule = Hebbian() if rule is None else rule
        if not isinstance(rule, AbstractPatternRule):
            requirement = "be a pattern rule, such as Hebbian() or Projection()"
            raise argument_error("rule", requirement, repr(rule))
        self.couplings = rule(pair_gram(self.patterns, autapses=autapses))

    @property
    def dtype(self) -> np.dtype:
        return self.patterns.dtype

    def row_axes(self) -> Any:
        return axes_of(self, lambda t: t.patterns, 1)

    def __call__(self, psi: Pairs) -> Pairs:
        xi = self.patterns
        # The left factor is scaled, because vmap then transposes no N x N array.
        flux = (self._drive(psi)[:, None] * xi).T @ xi
        return flux if self.autapses else zero_diagonal(flux)

    def quadratic_form(self, psi: Pairs) -> Scalar:
        return jnp.vdot(self._overlaps(psi), self._drive(psi))

    def largest_eigenvalue(self) -> Scalar:
        return self._ends()[1]

    def smallest_eigenvalue(self) -> Scalar:
        return self._ends()[0]

    def lesion(self, fraction: Scalar, *, key: Key) -> AbstractProcessTensor:
        return isolate(self, fraction, key=key)

    def stored(self) -> tuple[Patterns, None]:
        return self.patterns, None

    def check_rows(self, patterns: Patterns) -> None:
        check_patterns(patterns)

    def with_rows(self, patterns: Patterns, answers: Patterns | None) -> "PatternTensor":
        """Returns this tensor with other patterns, without checking them; needs the Hebbian rule.

        Args:
            patterns: (K, N), with any K.
            answers: None, because this memory stores no answers.

        Raises:
            ValueError: If the couplings are not the vector of K ones that the Hebbian rule makes.
                A matrix is refused, the identity too. A traced vector is not checked.
        """
        requirement = "be those of the Hebbian rule, 1 for each pattern, to change patterns"
        if self.couplings.ndim != 1:
            raise argument_error("couplings", requirement, f"shape {self.couplings.shape}")
        if is_concrete(self.couplings) and not np.all(np.asarray(self.couplings) == 1):
            raise argument_error("couplings", requirement, "other numbers")
        return eqx.tree_at(
            lambda tensor: (tensor.patterns, tensor.couplings),
            self,
            (patterns, jnp.ones_like(self.couplings, shape=patterns.shape[:1])),
        )

    def eigenvalues(self) -> Float[Array, " K"]:
        """Returns K eigenvalues of T, ascending; all other eigenvalues are 0.

        Their eigenvectors lie in the span of the arrays xi_i xi_j of the patterns. If K exceeds the
        dimension of that span, the surplus eigenvalues are 0 up to round-off.
        """
        # Let row mu of Z hold the products xi_i xi_j of pattern mu, and T = (t / D) Z^T A Z. T has
        # the non-zero eigenvalues of t R^T A R for any R with R R^T = G = Z Z^T / D, so K x K
        # matrices suffice. For example, K = 2 with the identity A and G = [[1, 1/2], [1/2, 1]] has
        # the eigenvalues t / 2 and 3 t / 2.
        values, vectors = jnp.linalg.eigh(pair_gram(self.patterns, autapses=self.autapses))
        root = vectors * jnp.sqrt(jnp.maximum(values, 0))[None, :]
        small = root.T @ couple(self.couplings, root)
        return jnp.sort(self.strength.astype(small.dtype) * jnp.linalg.eigvalsh(small))

    def _overlaps(self, psi: Pairs) -> Float[Array, " K"]:
        """Returns q_mu = xi^mu . psi xi^mu, (K,); the diagonal of psi counts only with autapses."""
        xi = self.patterns
        overlaps = jnp.einsum("kn,kn->k", xi @ psi, xi)
        return overlaps if self.autapses else overlaps - (xi * xi) @ jnp.diagonal(psi)

    def _drive(self, psi: Pairs) -> Float[Array, " K"]:
        """Returns (t / D) A q, (K,), with q from `_overlaps`."""
        size = self.num_neurons * (self.num_neurons - (not self.autapses))
        drive = couple(self.couplings.astype(psi.dtype), self._overlaps(psi))
        return self.strength.astype(psi.dtype) / size * drive

    def _ends(self) -> tuple[Scalar, Scalar]:
        """Returns the smallest and largest eigenvalue; 0 counts if T maps some direction to 0."""
        values = self.eigenvalues()
        size = self.num_neurons
        rank_limit = size * (size + 1) // 2 if self.autapses else size * (size - 1) // 2
        if self.autapses and values.shape[0] >= rank_limit:
            # Symmetric arrays have rank_limit dimensions, so K - rank_limit eigenvalues are only
            # round-off: for example, N = 2 has 3 dimensions, and K = 5 gives 2 such eigenvalues.
            order = jnp.argsort(jnp.abs(values))[values.shape[0] - rank_limit :]
            return jnp.min(values[order]), jnp.max(values[order])
        return jnp.minimum(values[0], 0), jnp.maximum(values[-1], 0)


@precise
def pair_gram(patterns: Patterns, *, autapses: bool) -> Float[Array, "K K"]:
    """Returns G_{mu nu} = ((xi^mu . xi^nu)^2 - sum_i (xi_i^mu xi_i^nu)^2) / D, (K, K).

    The sum over i is subtracted only without autapses. D is N^2 with and N (N - 1) without them.

    Args:
        patterns: (K, N) real numbers.
        autapses: Whether terms with i = j count.
    """
    size = patterns.shape[1]
    gram = (patterns @ patterns.T) ** 2
    if autapses:
        return gram / size**2
    squares = patterns**2
    return (gram - squares @ squares.T) / (size * (size - 1))


def check_patterns(
    patterns: ArrayLike, *, binary: bool = False, name: str = "patterns"
) -> Patterns:
    """Returns `patterns` as an array of floats, after checks.

    Args:
        patterns: (K, N) with K >= 1 and N >= 2.
        binary: Whether all entries must be -1 or +1; not checked for traced arrays.
        name: The argument's name, for the error.

    Raises:
        ValueError: If `patterns` has another shape, is not finite, or is not binary if it must be.
    """
    if binary:
        check_signs(patterns, name=name)
    array = as_float(patterns)
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 2:
        requirement = "have shape (K, N) with K >= 1 patterns and N >= 2 neurons"
        raise argument_error(name, requirement, f"shape {array.shape}")
    check_finite(name, array)
    if binary and is_concrete(array):
        wrong = int((np.abs(np.asarray(array)) != 1).sum())
        if wrong:
            raise argument_error(name, "hold only -1 and +1", f"{wrong} other entries")
    return array


def check_signs(
    patterns: ArrayLike, *, name: str = "patterns", remedy: str = "use `2 * patterns - 1`"
) -> None:
    """Raises a `ValueError` if `patterns` hold 0 and 1 where -1 and +1 are meant.

    Bits of 0 and 1 overlap with each other, so that rules for -1 and +1 store their sum, and recall
    is at chance. Booleans are refused too. Other numbers pass, such as graded patterns or a pattern
    of ones. Traced numbers are not checked.

    Args:
        patterns: Any shape.
        name: The argument's name, for the error.
        remedy: What to do instead, for the error.
    """
    array = jnp.asarray(patterns)
    bits = array.dtype == bool
    if not bits and is_concrete(array):
        values = np.asarray(array)
        ones = values == 1
        bits = bool(ones.any() and not ones.all() and (ones | (values == 0)).all())
    if bits:
        given = "booleans" if array.dtype == bool else "only 0 and 1"
        raise argument_error(name, f"hold -1 and +1, not 0 and 1; {remedy}", given)


@precise
def couple(couplings: Couplings, right: Float[Array, "K ..."]) -> Float[Array, "K ..."]:
    """Returns A @ right, for couplings A that are a matrix or the diagonal of one.

    All fluxes, energies and eigenvalues read the couplings here. Only the symmetric part of a
    matrix counts, so gradients by the couplings are symmetric, and descent along them keeps the
    symmetry that the energy needs.
    """
    if couplings.ndim == 2:
        return symmetrise(couplings) @ right
    return jax.vmap(jnp.multiply)(couplings, right)
