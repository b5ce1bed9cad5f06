"""Nodes and projections: two ways to keep a promise, such as a certificate, during training.

A *node* stands in a network in the place of a value and computes it from free numbers, so that the
promise holds for any numbers; `resolve` replaces nodes by their values. A *projection* is a
function that moves a network which broke the promise to one that keeps it; `fit` applies it after
each step.
"""

import abc
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, is_concrete, positive_number, symmetrise
from nam_jax._precision import AbstractPrecise, full
from nam_jax._types import Scalar
from nam_jax.memory import PatternTensor
from nam_jax.network import NeuronAstrocyte


class AbstractParameter(AbstractPrecise):
    """Free numbers in the place of a constrained value: put into a network by `eqx.tree_at`."""

    @abc.abstractmethod
    def value(self) -> Any:
        """What the rest of the network is to see."""


@full
def resolve(tree: Any) -> Any:
    """`tree` with every [`nam_jax.train.AbstractParameter`][] replaced by its value.

    Nodes inside a node are replaced first. A tree without nodes comes back as it is.
    """

    def replaced(node: Any) -> Any:
        if not is_parameter(node):
            return node
        children, structure = eqx.tree_flatten_one_level(node)
        return jax.tree.unflatten(structure, [resolve(child) for child in children]).value()

    return jax.tree.map(replaced, tree, is_leaf=is_parameter)


def is_parameter(node: Any) -> bool:
    """Whether `node` is to be replaced by its value."""
    return isinstance(node, AbstractParameter)


class Positive(AbstractParameter):
    """unit exp(log), above 0.

    Attributes:
        log: Trained, any shape; 0 where training starts.
        unit: The value at log = 0, of the same shape; not trained.
    """

    log: Float[Array, "..."]
    unit: Float[Array, "..."]

    @classmethod
    def of(cls, value: Float[Array, "..."] | float) -> "Positive":
        """The node whose value is `value`, above 0."""
        value = as_float(value)
        if is_concrete(value) and not np.asarray(value > 0).all():
            raise argument_error("value", "be above 0", f"{np.asarray(value).min():.3g}")
        return cls(jnp.zeros_like(value), value)

    def value(self) -> Float[Array, "..."]:
        return self.unit * jnp.exp(self.log)


@full
def certify(network: NeuronAstrocyte, margin: float | Scalar = 0.1) -> NeuronAstrocyte:
    """Moves couplings and strength of T to where the network is certified with `margin`.

    A projection for `fit`: `project=jax.tree_util.Partial(certify, margin=0.1)`. It keeps three
    layers certified while they are trained; [`nam_jax.train.parametrise`][] trains their exact
    reduction, which is faster.

    1. The couplings are made symmetric, and their eigenvalues below 0 become 0. T then has no
       eigenvalue below 0.
    2. If `network.margin()` is below `margin`, the strength is lowered until it is `margin`.

    A network that needs neither comes back unchanged.

    Args:
        network: A network whose T is a [`nam_jax.memory.PatternTensor`][].
        margin: Above 0.

    Raises:
        ValueError: If T is of another kind, or leaks and slopes allow no T at this margin. Under
            `jax.jit` the second cannot be seen, and the strength is NaN instead.
    """
    margin = positive_number("margin", margin)
    tensor = network.tensor
    if not isinstance(tensor, PatternTensor):
        raise argument_error("network", "have a PatternTensor", f"a {type(tensor).__name__}")
    bound = _largest_certified(network, margin).astype(tensor.patterns.dtype)
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


def _largest_certified(network: NeuronAstrocyte, margin: Scalar) -> Scalar:
    """The largest eigenvalue of T up to which `network.margin()` is at least `margin`.

    gamma / l_psi - (1 + margin) l_g / alpha, with slope bounds l; at most 0 if no T has the margin.
    """
    stiffness_s = network.leaks.synaptic / network.synaptic.slope_bound
    stiffness_p = network.leaks.process / network.process.slope_bound
    return stiffness_p - (1 + margin.astype(stiffness_s.dtype)) / stiffness_s


def _without_negatives(couplings: Float[Array, "..."]) -> Float[Array, "..."]:
    """Couplings, (K, K) or their diagonal (K,), with eigenvalues below 0 set to 0."""
    if couplings.ndim == 1:
        return jnp.maximum(couplings, 0)
    couplings = symmetrise(couplings)
    values, vectors = jnp.linalg.eigh(couplings)
    clipped = symmetrise((vectors * jnp.maximum(values, 0)[None, :]) @ vectors.T)
    # Couplings without eigenvalues below 0, but for rounding, come back as they are, because
    # repeated eigendecompositions would make them drift.
    rounding = 10 * len(values) * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values))
    return cast(Array, jnp.where(values[0] < -rounding, clipped, couplings))
