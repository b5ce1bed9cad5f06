"""Certified networks in a form whose numbers are trained without leaving the certified regime.

The exact reduction of a certified network to its neurons has an excess M - M0, a tensor on the
stored patterns. Any positive semidefinite excess is the reduction of a certified network, so that
couplings A = B B^T with any B keep the certificate.

Example: two patterns of overlap c have pairs with the Gram matrix G = [[1, c^2], [c^2, 1]], whose
eigenvalues are 1 + c^2 and 1 - c^2. At c = 0.9 a step in B changes the excess ten times more along
the first eigenvector, what the patterns share, than along the second, what tells them apart.
B = W R with W = G^(-1/2) makes both directions alike; R is trained.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, is_concrete, positive_number, symmetrise
from nam_jax._precision import full
from nam_jax._types import Patterns, Scalar
from nam_jax.memory import (
    AbstractPatternRule,
    AbstractProcessTensor,
    PatternTensor,
    ScaledTensor,
    Weighted,
    pair_gram,
)
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.train._parameters import AbstractParameter, Positive

FLOOR = 1e-3
"""Added to the eigenvalues of the Gram matrix, which may be 0, before the inverse root is taken."""


class WhitenedCouplings(AbstractParameter):
    """A = (W R) (W R)^T, positive semidefinite for any R.

    Attributes:
        whitener: W = G^(-1/2), (K, K), with the Gram matrix G of pattern pairs; not trained.
        root: R, (K, K), trained. A multiple of the unit matrix gives the projection rule.
    """

    whitener: Float[Array, "K K"]
    root: Float[Array, "K K"]

    def square_root(self) -> Float[Array, "K K"]:
        """W R."""
        return self.whitener @ self.root

    def value(self) -> Float[Array, "K K"]:
        # Symmetric to the last bit, which a product of matrices need not be.
        return symmetrise(self.square_root() @ self.square_root().T)


@full
def certified_reduction(
    patterns: Patterns,
    rule: AbstractPatternRule,
    *,
    margin: float | Scalar = 0.1,
    gain: float | Scalar = 0.9,
) -> EffectiveNeuronAstrocyte:
    """The exact reduction of a certified network, with its excess as a pattern tensor.

    It is `EffectiveNeuronAstrocyte.from_full(NeuronAstrocyte.certified(...))`, with the excess
    M - M0 written as one [`nam_jax.memory.PatternTensor`][] of strength M0, whose couplings
    [`nam_jax.train.parametrise`][] makes trainable.

    Args:
        patterns: (K, N), -1 and +1.
        rule: Couplings of the process tensor, such as `memory.Projection()`.
        margin: Of the certificate, above 0; as for [`nam_jax.network.NeuronAstrocyte.certified`][].
        gain: Neural leak in units of beta M0 N, above 0.
    """
    full = NeuronAstrocyte.certified(patterns, margin=margin, gain=gain, rule=rule)
    network = EffectiveNeuronAstrocyte.from_full(full)
    couplings = Weighted(_couplings(network.excess) / network.background)
    excess = PatternTensor(patterns, couplings, strength=network.background)
    return eqx.tree_at(lambda net: net.excess, network, excess)


@full
def parametrise(network: EffectiveNeuronAstrocyte) -> EffectiveNeuronAstrocyte:
    """Puts nodes in the place of couplings and leak, with the values that they have.

    Whatever `fit` makes of the nodes' numbers, the network stays the reduction of a certified one:
    `resolve(network).to_full()` has a margin above 0. Choose what is trained among

    * `network.excess.couplings.root`, of a [`nam_jax.train.WhitenedCouplings`][];
    * `network.excess.patterns`;
    * `network.leak.log`, of a [`nam_jax.train.Positive`][].

    Args:
        network: A reduction whose excess is a [`nam_jax.memory.PatternTensor`][] without
            autapses, such as that of [`nam_jax.train.certified_reduction`][]. Eigenvalues of its
            couplings below 0 become 0.

    Raises:
        ValueError: If the excess is of another kind.
    """
    excess = _excess(network)
    values, vectors = jnp.linalg.eigh(pair_gram(excess.patterns, autapses=False))
    sizes = jnp.sqrt(jnp.maximum(values, 0) + FLOOR)
    whitener = (vectors / sizes[None, :]) @ vectors.T
    unwhitener = (vectors * sizes[None, :]) @ vectors.T
    couplings = WhitenedCouplings(whitener, unwhitener @ _square_root(_matrix(excess.couplings)))
    nodes = couplings, Positive.of(network.leak)
    return eqx.tree_at(lambda net: (net.excess.couplings, net.leak), network, nodes)


@full
def keep_margin(
    network: EffectiveNeuronAstrocyte, margin: float | Scalar
) -> EffectiveNeuronAstrocyte:
    """Lowers the largest eigenvalues of the excess until the certificate's margin is `margin`.

    A projection for `fit`: `project=jax.tree_util.Partial(keep_margin, margin=0.1)`.

    With a = alpha / g', the largest eigenvalue e of the excess leaves the margin
    1 / (a (e + M0 - 1 / a)). Eigenvalues above e = 1 / (a margin) - (M0 - 1 / a) become e. Smaller
    ones, and the memories that they hold, stay as they are.

    Args:
        network: With the nodes of [`nam_jax.train.parametrise`][].
        margin: Above 0.

    Raises:
        ValueError: If the network has no nodes, or no excess has this margin. Under `jax.jit` the
            second cannot be seen, and numbers are NaN instead.
    """
    excess = _excess(network)
    couplings = excess.couplings
    if not isinstance(couplings, WhitenedCouplings):
        raise argument_error("network", "have the nodes of `parametrise`", "plain couplings")
    largest = _largest_excess(network, margin)
    values, vectors = jnp.linalg.eigh(pair_gram(excess.patterns, autapses=False))
    half = jnp.sqrt(jnp.maximum(values, 0))[:, None] * vectors.T
    square = half @ couplings.square_root()
    squares, directions = jnp.linalg.eigh(symmetrise(square.T @ square))
    most = largest / excess.strength
    factors = jnp.sqrt(jnp.where(squares <= most, 1, most / squares))
    cut = couplings.root @ ((directions * factors[None, :]) @ directions.T)
    return eqx.tree_at(lambda net: net.excess.couplings.root, network, cut)


def _largest_excess(network: EffectiveNeuronAstrocyte, margin: float | Scalar) -> Scalar:
    """The largest eigenvalue of an excess with this margin; NaN if no excess has it."""
    a = network.stiffness
    shift = network.background - 1 / a
    largest = 1 / (a * positive_number("margin", margin).astype(a.dtype)) - shift
    if is_concrete(largest) and not largest > 0:
        requirement = f"be below {float(1 / (a * shift)):.3g}, the margin without memories"
        raise argument_error("margin", requirement, f"{float(margin):.3g}")
    return jnp.where(largest > 0, largest, jnp.nan)


def _excess(network: EffectiveNeuronAstrocyte) -> PatternTensor:
    """The excess of `network`, if it is a pattern tensor without autapses."""
    excess = network.excess
    if not isinstance(excess, PatternTensor):
        requirement = "have a PatternTensor as excess; see `certified_reduction`"
        raise argument_error("network", requirement, f"a {type(excess).__name__}")
    if excess.autapses:
        raise argument_error("network", "have an excess without autapses", "one with them")
    return excess


def _square_root(matrix: Float[Array, "K K"]) -> Float[Array, "K K"]:
    """B with B B^T = matrix, which is symmetric; eigenvalues below 0 become 0."""
    values, vectors = jnp.linalg.eigh(symmetrise(matrix))
    return vectors * jnp.sqrt(jnp.maximum(values, 0))[None, :]


def _couplings(tensor: AbstractProcessTensor) -> Float[Array, "K K"]:
    """t A of a pattern tensor, scaled or not."""
    if isinstance(tensor, ScaledTensor):
        return tensor.factor * _couplings(tensor.tensor)
    if not isinstance(tensor, PatternTensor):
        raise argument_error("rule", "give a pattern tensor", f"a {type(tensor).__name__}")
    return tensor.strength * _matrix(tensor.couplings)


def _matrix(couplings: Float[Array, "..."]) -> Float[Array, "K K"]:
    """Couplings as a matrix, also where only the diagonal is given."""
    return jnp.diag(couplings) if couplings.ndim == 1 else couplings
