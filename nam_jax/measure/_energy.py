"""The largest rise of an energy along a saved trajectory."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._types import Scalar


def largest_energy_rise(energy: Float[Array, " T"]) -> Scalar:
    """Returns the largest rise of energy between neighbouring times, over the largest |energy|.

    It is 0 if the energy never rises.

    Args:
        energy: Energies in the order of time, shape (T,), T >= 2. Energies that are not finite, at
            times that were not reached, are left out.
    """
    known = jnp.isfinite(energy)
    rise = jnp.where(known[1:] & known[:-1], jnp.diff(energy), 0)
    scale = jnp.max(jnp.where(known, jnp.abs(energy), 0))
    return jnp.maximum(jnp.max(rise), 0) / jnp.where(scale > 0, scale, 1)
