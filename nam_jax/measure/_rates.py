"""Verdicts on recall by rates: which neurons fire, and whether all others are at rest."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._types import Scalar

Rates = Float[Array, " N"]
Members = Bool[Array, " N"]


def strict_recall(
    rates: Rates,
    members: Members,
    *,
    rest: float | Scalar = 1.0,
    margin: float = 1.0,
    least: float = 10.0,
    most: float = 99.0,
) -> Bool[Array, ""]:
    """Whether members fire without being saturated, and all other neurons are at rest.

    Args:
        rates: (N,) in Hz.
        members: (N,), which neurons belong to the memory.
        rest: r_min, the rate at rest, in Hz.
        margin: How far from it the others may be, in Hz.
        least: Lowest rate of a member, in Hz.
        most: Highest rate of a member, in Hz; below r_max.
    """
    firing = (rates >= least) & (rates <= most)
    return jnp.all(jnp.where(members, firing, jnp.abs(rates - rest) <= margin))


def separable_recall(rates: Rates, members: Members, *, threshold: float = 10.0) -> Bool[Array, ""]:
    """Whether a threshold tells members from others; members may be saturated.

    Args:
        rates: (N,) in Hz.
        members: (N,), which neurons belong to the memory.
        threshold: In Hz; members are not below it, the others are.
    """
    return jnp.all((rates >= threshold) == members)
