"""Whether energy falls: its rate along the flow, and the largest rise of a saved curve."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._types import Scalar
from nam_jax.network import AbstractEnergyNetwork


def energy_rate_along_flow(network: AbstractEnergyNetwork, state: Any, drive: Any = None) -> Scalar:
    """dE/dt as the Jacobian-vector product of the energy along the vector field.

    An independent check on `network.energy_rate`, which is the formula.
    """
    flow = network.vector_field(0.0, state, drive)
    return jax.jvp(lambda s: network.energy(s, drive), (state,), (flow,))[1]


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
