"""Parameters that keep the theory's promises while they are trained.

Two ways. A *node* stands in a network for a value that it computes from free numbers, so that any
numbers keep the promise; `resolve` puts the values in. A *projection* moves a network that broke
the promise back after each step.
"""

import abc
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, is_concrete, symmetrise
from nam_jax._types import Patterns, Scalar
from nam_jax.memory import PatternTensor, Weighted, pair_gram
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte


class AbstractParameter(eqx.Module):
    """Free numbers in the place of a constrained value: put into a network by `eqx.tree_at`."""

    @abc.abstractmethod
    def value(self) -> Any:
        """What the rest of the network is to see."""


def resolve(tree: Any) -> Any:
    """`tree` with every [`nam_jax.train.AbstractParameter`][] replaced by its value.

    Nodes inside a node are replaced first. A tree without nodes comes back as it is.
    """

    def of(node: Any) -> Any:
        if not is_parameter(node):
            return node
        children, structure = eqx.tree_flatten_one_level(node)
        return jax.tree.unflatten(structure, [resolve(child) for child in children]).value()

    return jax.tree.map(of, tree, is_leaf=is_parameter)


def is_parameter(node: Any) -> bool:
    """Whether `node` is to be replaced by its value."""
    return isinstance(node, AbstractParameter)


class SymmetricParameter(AbstractParameter):
    """(raw + raw^T) / 2.

    Attributes:
        raw: (n, n); a symmetric one is its own value.
    """

    raw: Float[Array, "n n"]

    def value(self) -> Float[Array, "n n"]:
        return symmetrise(self.raw)


class PositiveSemidefinite(AbstractParameter):
    """root root^T: symmetric, no eigenvalue below 0 but for rounding.

    Attributes:
        root: (n, m); m < n bounds the rank.
    """

    root: Float[Array, "n m"]

    @classmethod
    def of(cls, matrix: Float[Array, "n n"]) -> "PositiveSemidefinite":
        """The node whose value is `matrix`, which is symmetric; eigenvalues below 0 become 0."""
        values, vectors = jnp.linalg.eigh(symmetrise(matrix))
        return cls(vectors * jnp.sqrt(jnp.maximum(values, 0))[None, :])

    def value(self) -> Float[Array, "n n"]:
        # Symmetric to the last bit, which a product of matrices need not be.
        return symmetrise(self.root @ self.root.T)


class Positive(AbstractParameter):
    """log(1 + exp(raw)), above 0, entry by entry.

    Attributes:
        raw: Any shape.
    """

    raw: Float[Array, "..."]

    @classmethod
    def of(cls, value: Float[Array, "..."] | float) -> "Positive":
        """The node whose value is `value`, above 0."""
        value = as_float(value)
        if is_concrete(value) and not np.asarray(value > 0).all():
            raise argument_error("value", "be above 0", f"{np.asarray(value).min():.3g}")
        return cls(value + jnp.log(-jnp.expm1(-value)))

    def value(self) -> Float[Array, "..."]:
        return jax.nn.softplus(self.raw)


class Bounded(AbstractParameter):
    """low + (high - low) / (1 + exp(-raw)), between both ends, entry by entry.

    Attributes:
        raw: Any shape.
        low: The lower end; neither end is trained.
        high: The upper end.
    """

    raw: Float[Array, "..."]
    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self):
        if not self.low < self.high:
            raise argument_error("high", f"be above low = {self.low:.3g}", f"{self.high:.3g}")

    @classmethod
    def of(cls, value: Float[Array, "..."] | float, low: float, high: float) -> "Bounded":
        """The node whose value is `value`, which lies between the ends and on neither."""
        value = as_float(value)
        if is_concrete(value) and not np.asarray((value > low) & (value < high)).all():
            requirement = f"lie between {low:.3g} and {high:.3g}"
            raise argument_error("value", requirement, f"{np.asarray(value)}")
        return cls(jax.scipy.special.logit((value - low) / (high - low)), low, high)

    def value(self) -> Float[Array, "..."]:
        return self.low + (self.high - self.low) * jax.nn.sigmoid(self.raw)


class BoundedTensor(AbstractParameter):
    """A pattern tensor with eigenvalues between 0 and `bound`, whatever its numbers are.

        A = root root^T,   t = bound sigmoid(raw) / lambda_max(T at t = 1)

    lambda_max is that of the K x K matrix root^T G root, with the Gram matrix G of pattern pairs
    (see [`nam_jax.memory.PatternTensor`][]), and is differentiated.

    Attributes:
        patterns: (K, N).
        root: (K, m), a square root of the couplings A.
        raw: One number that sets the largest eigenvalue.
        bound: Above 0, not trained; see `certified_bound`.
        autapses: Whether i = j takes part.
    """

    patterns: Patterns
    root: Float[Array, "K m"]
    raw: Scalar
    bound: float = eqx.field(static=True)
    autapses: bool = eqx.field(static=True)

    def __check_init__(self):
        if not 0 < self.bound < float("inf"):
            raise argument_error("bound", "be above 0 and finite", f"{self.bound}")

    @classmethod
    def of(cls, tensor: PatternTensor, bound: float) -> "BoundedTensor":
        """The node whose value is `tensor`.

        Args:
            tensor: Its couplings have no eigenvalue below 0; such ones become 0.
            bound: Above its largest eigenvalue, which is above 0.

        Raises:
            ValueError: If the largest eigenvalue is not between 0 and `bound`.
        """
        root = PositiveSemidefinite.of(full(tensor.couplings)).root
        node = cls(tensor.patterns, root, jnp.zeros((), root.dtype), bound, tensor.autapses)
        share = tensor.strength.astype(root.dtype) * node.unit_eigenvalue() / bound
        if is_concrete(share) and not 0 < share < 1:
            requirement = f"have a largest eigenvalue between 0 and {bound:.3g}"
            raise argument_error("tensor", requirement, f"{float(share * bound):.3g}")
        return eqx.tree_at(lambda n: n.raw, node, jax.scipy.special.logit(share))

    def unit_eigenvalue(self) -> Scalar:
        """The largest eigenvalue at strength 1."""
        gram = pair_gram(self.patterns, autapses=self.autapses)
        return jnp.linalg.eigvalsh(symmetrise(self.root.T @ gram @ self.root))[-1]

    def value(self) -> PatternTensor:
        couplings = symmetrise(self.root @ self.root.T)
        largest = jnp.maximum(self.unit_eigenvalue(), jnp.finfo(self.root.dtype).tiny)
        strength = self.bound * jax.nn.sigmoid(self.raw).astype(largest.dtype) / largest
        return PatternTensor(
            self.patterns, Weighted(couplings), strength=strength, autapses=self.autapses
        )


class Reduced(AbstractParameter):
    """A certified network as its exact reduction, whose recalls cost O(K N) instead of O(K N^2).

    Trained in this form, numbers are those of the full network: `reduced.full`, or
    `resolve(reduced.full)` where nodes stand in it. The value is NaN where the network is not
    certified, and so a step to there is not taken.

    Attributes:
        full: With linear synapses and processes, see `EffectiveNeuronAstrocyte.from_full`.
    """

    full: NeuronAstrocyte

    def value(self) -> EffectiveNeuronAstrocyte:
        return EffectiveNeuronAstrocyte.from_full(self.full)


def certified_bound(network: NeuronAstrocyte, margin: float | Scalar) -> Scalar:
    """The largest eigenvalue of T up to which `network.margin()` is at least `margin`.

    gamma / l_psi - (1 + margin) l_g / alpha, with slope bounds l; not above 0 where no T will do.
    """
    stiffness_s = network.leaks.synaptic / network.synaptic.slope_bound
    stiffness_p = network.leaks.process / network.process.slope_bound
    return stiffness_p - (1 + jnp.asarray(margin, stiffness_s.dtype)) / stiffness_s


def certify(network: NeuronAstrocyte, margin: float | Scalar = 0.1) -> NeuronAstrocyte:
    """`network` with the nearest couplings and strength of T that keep it certified.

    Couplings are made symmetric, their eigenvalues below 0 become 0 (so that no eigenvalue of T is
    below 0), and strength is lowered until `network.margin()` is `margin`, where it was less. A
    network that keeps all this comes back as it is. To be given to `fit` as `project`.

    Args:
        network: With a [`nam_jax.memory.PatternTensor`][].
        margin: Above 0.

    Raises:
        ValueError: If T is of another kind, or leaks and slopes allow no T at this margin; where
            that cannot be looked at, under `jax.jit`, the strength is NaN instead.
    """
    tensor = network.tensor
    if not isinstance(tensor, PatternTensor):
        raise argument_error("network", "have a PatternTensor", f"a {type(tensor).__name__}")
    bound = certified_bound(network, margin).astype(tensor.patterns.dtype)
    if is_concrete(bound) and not bound > 0:
        requirement = "have leaks that are certified without memories"
        raise argument_error("network", requirement, f"room for eigenvalues of {float(bound):.3g}")
    couplings = _without_negatives(tensor.couplings)
    tensor = eqx.tree_at(lambda t: t.couplings, tensor, couplings)
    unit = eqx.tree_at(lambda t: t.strength, tensor, jnp.ones_like(tensor.strength))
    largest = jnp.maximum(unit.largest_eigenvalue(), jnp.finfo(bound.dtype).tiny)
    strength = jnp.clip(tensor.strength, 0, (bound / largest).astype(tensor.strength.dtype))
    strength = jnp.where(bound > 0, strength, jnp.nan)
    tensor = eqx.tree_at(lambda t: t.strength, tensor, strength)
    return eqx.tree_at(lambda n: n.tensor, network, tensor)


def full(couplings: Float[Array, "..."]) -> Float[Array, "K K"]:
    """Couplings as a matrix, also where only their diagonal is given."""
    return jnp.diag(couplings) if couplings.ndim == 1 else couplings


def _without_negatives(couplings: Float[Array, "..."]) -> Float[Array, "..."]:
    if couplings.ndim == 1:
        return jnp.maximum(couplings, 0)
    couplings = symmetrise(couplings)
    values, vectors = jnp.linalg.eigh(couplings)
    clipped = symmetrise((vectors * jnp.maximum(values, 0)[None, :]) @ vectors.T)
    # Below rounding nothing is wrong, and numbers that are right must not drift.
    rounding = 10 * len(values) * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values))
    return cast(Array, jnp.where(values[0] < -rounding, clipped, couplings))
