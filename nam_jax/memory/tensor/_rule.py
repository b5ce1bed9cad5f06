"""Pattern rules: how strongly one stored pair of entries couples to another."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, is_concrete

Couplings = Float[Array, " K"] | Float[Array, "K K"]
"""Couplings A between K patterns: a vector is a diagonal matrix."""


class AbstractPatternRule(eqx.Module):
    """Turns the Gram matrix of pattern pairs into the couplings A of a [`PatternTensor`][]."""

    @abc.abstractmethod
    def __call__(self, gram: Float[Array, "K K"]) -> Couplings:
        """The symmetric couplings A.

        Args:
            gram: (K, K) inner products of the patterns' pair products, over D.

        Returns:
            A, (K, K), or its diagonal (K,) when it is diagonal.

        Raises:
            ValueError: If the rule holds couplings of another size, or asymmetric ones.
        """


class Hebbian(AbstractPatternRule):
    """A = identity: each pattern couples to itself (Kozachkov, Slotine & Krotov, eq 13)."""

    def __call__(self, gram: Float[Array, "K K"]) -> Couplings:
        return jnp.ones_like(gram, shape=gram.shape[:1])


class Projection(AbstractPatternRule):
    """A = G^+, the pseudo-inverse of the Gram matrix: the eigenvalues of T are 0 and t exactly.

    Correlated patterns are told apart, as by the pseudo-inverse rule of Hopfield networks
    (Personnaz, Guyon & Dreyfus 1985).
    """

    def __call__(self, gram: Float[Array, "K K"]) -> Couplings:
        return jnp.linalg.pinv(gram, hermitian=True)


class Weighted(AbstractPatternRule):
    """Given couplings A, for patterns of unequal strength or couplings that are learned.

    Attributes:
        couplings: Symmetric (K, K), or (K,) for a diagonal A.
    """

    couplings: Couplings = eqx.field(converter=as_float)

    def __call__(self, gram: Float[Array, "K K"]) -> Couplings:
        size = gram.shape[0]
        if self.couplings.shape not in {(size,), (size, size)}:
            requirement = f"have shape ({size},) or ({size}, {size}), as there are {size} patterns"
            raise argument_error("couplings", requirement, f"shape {self.couplings.shape}")
        if self.couplings.ndim == 2 and is_concrete(self.couplings):
            gap = float(jnp.max(jnp.abs(self.couplings - self.couplings.T)))
            if gap > 1e-3 * float(jnp.max(jnp.abs(self.couplings))):
                raise argument_error("couplings", "be symmetric", f"an asymmetry of {gap:.3g}")
        return self.couplings.astype(gram.dtype)
