"""The pattern tensor: K patterns in two matrix products, whatever the size of the network."""

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
    zero_diagonal,
)
from nam_jax._types import Key, Pairs, Patterns, Scalar
from nam_jax.memory._store import AbstractPatternStore
from nam_jax.memory.tensor._base import AbstractProcessTensor
from nam_jax.memory.tensor._lesion import isolate
from nam_jax.memory.tensor._rule import AbstractPatternRule, Couplings, Hebbian


class PatternTensor(AbstractProcessTensor, AbstractPatternStore):
    """T = (t / D) sum_{mu nu} A_{mu nu} (xi^mu xi^mu) (x) (xi^nu xi^nu).

    D = N^2 with autapses and N (N - 1) without (then i = j is excluded on both sides). A call is
    two matrix products, 4 K N^2 floating-point operations, and K N extra memory. Source:
    Kozachkov, Slotine & Krotov, eq 13, which is the Hebbian rule at t = D.

    Attributes:
        patterns: (K, N), any finite real numbers; usually -1 and +1.
        couplings: A, (K, K) symmetric, or (K,) its diagonal.
        strength: t, dimensionless; with the projection rule the one non-zero eigenvalue.
        autapses: Whether processes around a neuron's synapse onto itself (i = j) take part.
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
            rule: How patterns couple; by default each with itself alone, [`Hebbian`][].
            strength: t, dimensionless.
            autapses: Whether i = j takes part.

        Raises:
            ValueError: On an empty, non-finite or wrongly shaped argument, or another kind of rule.
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
        # Scaled on the left: vmap then transposes no N x N array.
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
        """For the Hebbian rule alone, which couples no pattern to another.

        Raises:
            ValueError: If a coupling is not that of the Hebbian rule, 1 for each pattern.
        """
        requirement = "be those of the Hebbian rule where patterns come or go, 1 for each"
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
        """The eigenvalues that are not zero by rank, ascending, from K x K matrices alone."""
        values, vectors = jnp.linalg.eigh(pair_gram(self.patterns, autapses=self.autapses))
        root = vectors * jnp.sqrt(jnp.maximum(values, 0))[None, :]
        small = root.T @ couple(self.couplings, root)
        return jnp.sort(self.strength.astype(small.dtype) * jnp.linalg.eigvalsh(small))

    def _overlaps(self, psi: Pairs) -> Float[Array, " K"]:
        """q_mu = xi^mu . psi xi^mu, without the diagonal of psi when autapses are excluded."""
        xi = self.patterns
        overlaps = jnp.einsum("kn,kn->k", xi @ psi, xi)
        return overlaps if self.autapses else overlaps - (xi * xi) @ jnp.diagonal(psi)

    def _drive(self, psi: Pairs) -> Float[Array, " K"]:
        """(t / D) A q."""
        size = self.num_neurons * (self.num_neurons - (not self.autapses))
        drive = couple(self.couplings.astype(psi.dtype), self._overlaps(psi))
        return self.strength.astype(psi.dtype) / size * drive

    def _ends(self) -> tuple[Scalar, Scalar]:
        """Smallest and largest eigenvalue, counting the zero of every unstored direction."""
        values = self.eigenvalues()
        size = self.num_neurons
        rank_limit = size * (size + 1) // 2 if self.autapses else size * (size - 1) // 2
        if self.autapses and values.shape[0] >= rank_limit:
            # Patterns fill the whole space: the other K - rank_limit eigenvalues are round-off.
            order = jnp.argsort(jnp.abs(values))[values.shape[0] - rank_limit :]
            return jnp.min(values[order]), jnp.max(values[order])
        return jnp.minimum(values[0], 0), jnp.maximum(values[-1], 0)


def pair_gram(patterns: Patterns, *, autapses: bool) -> Float[Array, "K K"]:
    """G_{mu nu} = ((xi^mu . xi^nu)^2 - [no autapses] sum_i (xi_i^mu xi_i^nu)^2) / D.

    Args:
        patterns: (K, N) real numbers.
        autapses: Whether i = j counts, and with it D = N^2 or N (N - 1).
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
    """`patterns` as floats, refused when empty, not two-dimensional or not finite.

    With `binary` also when they hold anything but -1 and +1. `name` is that of the argument.
    """
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


def couple(couplings: Couplings, right: Float[Array, "K ..."]) -> Float[Array, "K ..."]:
    """A @ right for a full or a diagonal A."""
    if couplings.ndim == 2:
        return couplings @ right
    return jax.vmap(jnp.multiply)(couplings, right)
