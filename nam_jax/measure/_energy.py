"""Whether energy falls: its rate along the flow, and the largest rise of a saved curve."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._types import Scalar


def largest_energy_rise(energy: Float[Array, " T"]) -> Scalar:
    """The largest rise between neighbouring times over the largest |energy|; 0 if it only falls.

    Args:
        energy: (T,) energies in the order of time, T >= 2; ones that are not finite (times that
            were never reached) are left out.
    """
    known = jnp.isfinite(energy)
    rise = jnp.where(known[1:] & known[:-1], jnp.diff(energy), 0)
    scale = jnp.max(jnp.where(known, jnp.abs(energy), 0))
    return jnp.maximum(jnp.max(rise), 0) / jnp.where(scale > 0, scale, 1)
