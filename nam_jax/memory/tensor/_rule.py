"""Pattern rules: how strongly the patterns of a pattern tensor are coupled to each other."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, is_concrete
from nam_jax._precision import AbstractPrecise

Couplings = Float[Array, " K"] | Float[Array, "K K"]
"""Couplings A between K patterns, (K, K); a vector (K,) stands for a diagonal matrix."""


class AbstractPatternRule(AbstractPrecise):
    """A rule that turns the Gram matrix G into the couplings A of a `PatternTensor`."""

    @abc.abstractmethod
    def __call__(self, gram: Float[Array, "K K"]) -> Couplings:
        """Returns the symmetric couplings A.

        Args:
            gram: G, (K, K), as from `pair_gram`: inner products of the arrays xi_i xi_j of two
                patterns, over D.

        Returns:
            A, (K, K), or its diagonal, (K,), if it is diagonal.

        Raises:
            ValueError: If the rule stores couplings of another size, or asymmetric ones.
        """


class Hebbian(AbstractPatternRule):
    """A is the identity: each pattern couples to itself (Kozachkov, Slotine & Krotov, eq 13)."""

    def __call__(self, gram: Float[Array, "K K"]) -> Couplings:
        return jnp.ones_like(gram, shape=gram.shape[:1])


class Projection(AbstractPatternRule):
    """A = G^+, the pseudo-inverse of the Gram matrix; all eigenvalues of T are then 0 or t.

    It also stores correlated patterns, like the pseudo-inverse rule of Hopfield networks
    (Personnaz, Guyon & Dreyfus 1985).
    """

    def __call__(self, gram: Float[Array, "K K"]) -> Couplings:
        return jnp.linalg.pinv(gram, hermitian=True)


class Weighted(AbstractPatternRule):
    """The couplings A are given, for patterns of unequal strength or for learned couplings.

    Attributes:
        couplings: A, (K, K) and symmetric to 1e-3 of its largest entry, or (K,), its diagonal.
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
