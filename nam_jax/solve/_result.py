"""How a solve ended, as a sentence per sample, and the residual that decides it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork


class RESULTS(eqx.Enumeration):
    """The ways in which a solve ends; `RESULTS[result]` is the sentence."""

    converged = "The network came to rest."
    time_reached = "The end time was reached before the network came to rest."
    step_limit = "The step limit was reached before the network came to rest; raise `max_steps`."
    non_finite = "A state was NaN or infinite, or the solver could not make its step small enough."
    energy_rose = "The energy rose by more than the tolerance allows; tighten `rtol` and `atol`."
    cycled = "The updates of a discrete network came back to the state before the last one."
    passed = "The passes asked for were made; a feedforward network is not brought to rest."
    not_stable = (
        "The equilibrium is not stable, or too close to a critical point for how well it is at "
        "rest: no derivative is to be had. Lower `rest`, or move away."
    )
    adjoint_limit = (
        "The equation behind the derivative was not solved to its tolerance; raise `max_steps` or "
        "`tolerance` of `Implicit`, or move away from the critical point."
    )


OUTCOMES: tuple[str, ...] = tuple(RESULTS._name_to_item)
"""The names of all results, in the order of the class; `outcome` gives places in it."""


def outcome(result: RESULTS) -> Int[Array, ""]:
    """The place of `result` in `OUTCOMES`, an array that can be saved and batched."""
    return jnp.argmax(jnp.stack([result == getattr(RESULTS, name) for name in OUTCOMES]))


def sentences(result: RESULTS) -> list[str]:
    """The sentence of each sample of a batched result (one sentence if it is not batched)."""
    places = jnp.atleast_1d(jax.vmap(outcome)(jax.tree.map(jnp.atleast_1d, result)))
    return [RESULTS[getattr(RESULTS, OUTCOMES[int(place)])] for place in places]


def residual(
    network: AbstractContinuousNetwork, state: Any, drive: Any = None, t: Scalar | float = 0.0
) -> Scalar:
    """How far `state` is from rest: largest speed over any layer, dimensionless.

    Each layer's largest |du/dt|, times the layer's time scale, over 1 + its largest |u|.

    Args:
        network: Any network.
        state: One sample's state.
        drive: As for `network.vector_field`.
        t: Time at which the drive is taken.
    """
    velocity = network.vector_field(t, state, drive)

    def of_layer(v: Array, u: Array, scale: Array) -> Array:
        return scale.astype(u.dtype) * jnp.max(jnp.abs(v)) / (1 + jnp.max(jnp.abs(u)))

    layers = jax.tree.map(of_layer, velocity, state, network.time_scales())
    return jnp.max(jnp.stack(jax.tree.leaves(layers)))


def all_finite(state: Any) -> Bool[Array, ""]:
    """Whether every entry of every layer is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state)]))


def raise_unless(result: RESULTS, accepted: tuple[RESULTS, ...], value: Any) -> Any:
    """`value`, or a runtime error with the result's sentence if it is none of `accepted`."""
    fine = jnp.any(jnp.stack([result == item for item in accepted]))
    return result.error_if(value, ~fine)
