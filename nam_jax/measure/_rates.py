"""Tests of recall by firing rates: whether members of a memory fire and other neurons do not."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._types import Scalar

Rates = Float[Array, " N"]
"""Firing rates of N neurons in Hz."""

Members = Bool[Array, " N"]
"""True for neurons that belong to the memory."""


def strict_recall(
    rates: Rates,
    members: Members,
    *,
    rest: float | Scalar = 1.0,
    margin: float = 1.0,
    least: float = 10.0,
    most: float = 99.0,
) -> Bool[Array, ""]:
    """Returns whether all members fire without being saturated and all others are at rest.

    Args:
        rates: Rates in Hz, shape (N,).
        members: True for neurons that belong to the memory, shape (N,).
        rest: r_min, the rate at rest, in Hz.
        margin: Largest allowed difference of the rates of other neurons from `rest`, in Hz.
        least: Lowest rate of a member that fires, in Hz.
        most: Highest rate of a member that is not saturated, in Hz; below r_max.
    """
    firing = (rates >= least) & (rates <= most)
    return jnp.all(jnp.where(members, firing, jnp.abs(rates - rest) <= margin))


def separable_recall(rates: Rates, members: Members, *, threshold: float = 10.0) -> Bool[Array, ""]:
    """Returns whether a threshold separates members from other neurons.

    Members may be saturated.

    Args:
        rates: Rates in Hz, shape (N,).
        members: True for neurons that belong to the memory, shape (N,).
        threshold: In Hz; all members must be at or above it, all other neurons below it.
    """
    return jnp.all((rates >= threshold) == members)
