"""Certificates and stability of composed networks, by the curvature of their interactions."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, is_concrete
from nam_jax._precision import full
from nam_jax.network import AbstractNetwork, EnergyNetwork, Layer
from nam_jax.network.composed import largest_curvature, scales_of_bounds

LARGEST = 1024
"""Units of a collective layer up to which its Hessian is made."""


class FastCertificate(eqx.Module):
    """What the curvature of the interactions says about the fast layers of a composed network.

    Attributes:
        fast: The names of the fast layers.
        mu: The largest eigenvalue of D^(-1/2) W D^(-1/2), where W is minus the Hessian of the
            interactions by fast activations, and D holds leak / slope bound. Infinite where a leak
            is 0 or a slope has no bound.
        certified: Whether mu < 1. If so, the fast layers have one equilibrium for each state of the
            others, which attracts all their states.
    """

    fast: tuple[str, ...] = eqx.field(static=True)
    mu: float
    certified: bool


@full
def fast_certificate(
    network: EnergyNetwork, fast: Sequence[str] | None, state: Any
) -> FastCertificate:
    """Returns the certificate of the fast layers of a composed network.

    For fixed slow activations the fast ones minimise an energy that is strictly convex if mu < 1.
    For neurons, synapses and processes this is (alpha / l_g) (gamma / l_psi - lambda_max(T)) > 1.

    Args:
        network: The network, whose numbers must be known.
        fast: The names of the fast layers; None for all but the visible one.
        state: A state, at whose slow activations the curvature is taken where it depends on them.

    Raises:
        ValueError: If a layer is not there, or an interaction has a degree above 2 in the fast
            layers, or if the curvature depends on slow activations and `state` is None.
    """
    _check_known(network)
    slow = network.visible_layer
    names = tuple(name for name in network.names if name != slow) if fast is None else tuple(fast)
    if not names or not {*names} <= {*network.names}:
        requirement = f"name layers among {', '.join(network.names)}"
        raise argument_error("fast", requirement, ", ".join(names) or "none")
    for interaction in network.interactions:
        flags = [name in names for name in interaction.joins]
        power = interaction.degree(*flags)
        label = f"a {type(interaction).__name__} of {', '.join(interaction.joins)}"
        if power > 2:
            requirement = (
                "have interactions of at most degree 2 in its fast layers; "
                "`stability` tells of one state"
            )
            raise argument_error("network", requirement, label)
        if power == 2 and interaction.degree(*[True] * len(flags)) > 2 and state is None:
            requirement = "be given where the curvature depends on slow layers"
            raise argument_error("state", requirement, f"None for {label}")
    chosen = [name in names for name in network.names]
    if state is None:
        activations = tuple(jnp.zeros(layer.shape, network.dtype) for layer in network.parts)
    else:
        activations = network.activations(network.as_state(state))
    scales = scales_of_bounds(network)
    mu = _curvature(network, activations, chosen, scales)
    return FastCertificate(names, mu, mu < 1)


@full
def stability(network: AbstractNetwork, state: Any) -> float:
    """Returns mu at a state of a composed network: an equilibrium is stable if and only if mu < 1.

    mu is the largest eigenvalue of H^(1/2) W H^(1/2) / leak, where W is minus the Hessian of the
    interactions by all activations, and H that of the Lagrangians at the state. It tells of this
    state only; `certificate` tells of all.

    Args:
        network: An [`nam_jax.network.EnergyNetwork`][], whose numbers must be known.
        state: A state, usually an equilibrium.

    Raises:
        ValueError: If the network is of another class, or a collective layer has more than 1024
            units.
    """
    if not isinstance(network, EnergyNetwork):
        requirement = "be an EnergyNetwork, whose interactions are known"
        raise argument_error("network", requirement, f"the type {type(network).__name__}")
    _check_known(network)
    state = network.as_state(state)
    scales = [
        _root(layer, u, jnp.sqrt(1 / layer.leak_in_energy))
        for layer, u in zip(network.parts, state, strict=True)
    ]
    free = [True] * len(network.names)
    return _curvature(network, network.activations(state), free, scales)


def _curvature(
    network: EnergyNetwork, activations: Any, free: Sequence[bool], scales: Sequence[Any]
) -> float:
    """Returns mu; infinity where a leak is 0 or a slope has no bound."""
    numbers = [scale for scale, is_free in zip(scales, free, strict=True) if is_free]
    finite = [callable(scale) or bool(jnp.all(jnp.isfinite(scale))) for scale in numbers]
    return largest_curvature(network, activations, free, scales) if all(finite) else float("inf")


def _root(layer: Layer, u: Float[Array, "..."], factor: Array) -> Any:
    """Returns `factor` H^(1/2), H the Hessian of the Lagrangian at u: an array, or a function.

    Raises:
        ValueError: If the layer is collective and has more than 1024 units.
    """
    factor = factor.astype(u.dtype)
    if layer.lagrangian.additive:
        slope = jnp.broadcast_to(layer.slope(u), u.shape)
        root = jnp.sqrt(jnp.maximum(slope, 0))
        return factor * (root if layer.held is None else jnp.where(layer.held, 0, root))
    if u.size > LARGEST:
        requirement = f"have collective layers of at most {LARGEST} units"
        raise argument_error("network", requirement, u.size)
    basis = jnp.eye(u.size, dtype=u.dtype).reshape(u.size, *u.shape)
    hessian = jax.vmap(lambda v: layer.bend(u, v))(basis).reshape(u.size, u.size)
    values, vectors = jnp.linalg.eigh((hessian + hessian.T) / 2)
    roots = jnp.sqrt(jnp.maximum(values, 0))
    matrix = factor * (vectors * roots[None, :]) @ vectors.T
    return jax.tree_util.Partial(_product, matrix)


def _product(matrix: Float[Array, "n n"], v: Float[Array, "..."]) -> Float[Array, "..."]:
    return (matrix @ v.ravel()).reshape(v.shape)


def _check_known(network: EnergyNetwork) -> None:
    arrays = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    if not all(map(is_concrete, (*arrays, np.zeros(())))):
        raise argument_error("network", "hold numbers, and not be traced", "traced arrays")
