"""State and external inputs of the dendritic memory."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._types import Scalar
from nam_jax.network._drive import Signal


class State(eqx.Module):
    """The rates of all populations, in Hz.

    Attributes:
        memory: nu_E1, (N1,).
        feature: nu_E2, (N2,).
        memory_inhibition: nu_I1, (M1,), driven by memory neurons.
        feature_inhibition: nu_I2, (M2,), driven by feature neurons.
    """

    memory: Float[Array, " N1"] | Scalar
    feature: Float[Array, " N2"] | Scalar
    memory_inhibition: Float[Array, " M1"] | Scalar
    feature_inhibition: Float[Array, " M2"] | Scalar


class ExternalInputs(eqx.Module):
    """External inputs h_ext; each is absent, constant or a function of time in ms.

    Attributes:
        memory: Input to memory neurons, one number or (N1,).
        branches: Input to branches: one number, (N2,) with one number for all branches of a
            neuron, or (N2, D).
    """

    memory: Signal = None
    branches: Signal = None


def branch_bias(
    signal: Signal, t: Scalar | float, features: Array, num_branches: int
) -> Array | None:
    """Returns the external input of branches at time t: (N2,) or (N2, D), or None for None.

    Args:
        signal: As `ExternalInputs.branches`.
        t: Time, in ms.
        features: (N2,), for the shape and dtype.
        num_branches: D.
    """
    if signal is None:
        return None
    value = jnp.asarray(signal(t) if callable(signal) else signal, features.dtype)
    shape = features.shape if value.ndim < 2 else (*features.shape, num_branches)
    return jnp.broadcast_to(value, shape)
