"""Whether the energy of a composed network has a lowest value, and whether states can rest."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nam_jax._misc import argument_error, is_concrete
from nam_jax.network.composed._curvature import largest_curvature

REMEDY = "; `unbounded=True` allows it"


def check_bounded(network: Any) -> None:
    """Raises a `ValueError` if the energy may fall without end.

    Layers with bounded activations, such as tanh, are harmless. Where activations are unbounded,
    the interactions must fall more slowly than the layers' own energies rise: with a power of at
    most 1, or with the power 2 and less curvature than linear layers have (mu < 1). Numbers that
    are traced are not checked.

    Args:
        network: An `EnergyNetwork`.

    Raises:
        ValueError: If neither holds.
    """
    powers = _powers(network)
    for name, power in powers.items():
        _check_power(name, network.by_name[name].lagrangian, power)
    arrays = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    if not all(map(is_concrete, (*arrays, jnp.zeros(())))):
        return
    for name in powers:
        if not float(np.min(np.asarray(network.by_name[name].leak))) > 0:
            requirement = f"have a leak above 0 in `{name}`, whose activations are unbounded"
            raise argument_error("layers", requirement + REMEDY, "a leak of 0")
    strong = [powers.get(name, 0) > 1 for name in network.names]
    if any(strong):
        activations = tuple(jnp.zeros(layer.shape, network.dtype) for layer in network.parts)
        mu = largest_curvature(network, activations, strong, scales_of_bounds(network))
        if not mu < 1:
            requirement = (
                "pull linear layers less than their leaks do (mu < 1), or activations grow for ever"
            )
            raise argument_error("interactions", requirement + REMEDY, f"mu = {mu:.3g}")


def _powers(network: Any) -> dict[str, float | int]:
    """Returns the largest power, above 0, with which interactions pull each unbounded layer."""
    free = {name: math.isfinite(part.lagrangian.growth) for name, part in network.by_name.items()}
    powers: dict[str, float | int] = {}
    for interaction in network.interactions:
        power = float(interaction.growth(*(free[name] for name in interaction.joins)))
        for name in interaction.joins:
            if free[name] and power > 0:
                powers[name] = max(power, powers.get(name, 0))
    return powers


def _check_power(name: str, lagrangian: Any, power: float | int) -> None:
    if power > 1 and power > lagrangian.growth:
        requirement = "give the energy a lowest value, or unbounded activations may grow for ever"
        kind = type(lagrangian).__name__
        given = f"{kind} units `{name}` and an interaction of power {power:g} in them"
        raise argument_error("interactions", requirement + REMEDY, given)


def scales_of_bounds(network: Any) -> list[Any]:
    """Returns 1 / sqrt(leak / slope bound) of each layer, with the leaks that stand in E."""
    return [
        jnp.sqrt(layer.lagrangian.slope_bound / layer.leak_in_energy) for layer in network.parts
    ]


def restless_layer(network: Any) -> str | None:
    """Returns why the states of a network never come to rest; None if they may.

    The activations of a collective layer, such as a softmax or a normalisation, do not change in
    some directions of the states. Without a leak nothing stops the states there.
    """
    for name, layer in network.by_name.items():
        if layer.lagrangian.additive or not is_concrete(layer.leak):
            continue
        if float(np.min(np.asarray(layer.leak))) == 0:
            kind = type(layer.lagrangian).__name__
            return f"a leak of 0 in the layer `{name}` of {kind} units, whose states run away"
    return None
