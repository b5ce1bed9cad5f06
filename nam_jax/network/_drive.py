"""The three layers of neurons, synapses and astrocyte processes: their state, numbers, drives."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, check_finite
from nam_jax._types import Pattern, Scalar

Signal = None | float | Float[Array, "..."] | Callable[[Scalar | float], Float[Array, "..."]]
"""No drive, a constant one (a number or an array), or a function of time."""


class Drive(eqx.Module):
    """Inputs to the layers, each absent, constant or a function of time.

    Attributes:
        neural: b, input to the neurons, one number or (N,).
        synaptic: c, synaptic bias, one number or (N, N) symmetric.
        process: d, astrocyte tone (neuromodulation), one number or (N, N) symmetric.
    """

    neural: Signal = None
    synaptic: Signal = None
    process: Signal = None


def neural_only(drive: Drive | None) -> Signal:
    """The neural input of `drive`, for networks that have no other layer to drive.

    Raises:
        ValueError: If it drives synapses or processes.
    """
    if drive is None:
        return None
    if drive.synaptic is not None or drive.process is not None:
        requirement = "drive neurons only, as this network has no other layer"
        raise argument_error("drive", requirement, "a synaptic or process input")
    return drive.neural


def check_cue(cue: Pattern, num_neurons: int) -> None:
    """Refuses a cue of the wrong length, or a concrete one with NaN or infinity."""
    if cue.shape != (num_neurons,):
        requirement = f"have shape ({num_neurons},), one entry a neuron"
        raise argument_error("cue", requirement, f"shape {cue.shape}")
    check_finite("cue", cue)


def driven(force: Float[Array, "..."], signal: Signal, t: Scalar | float) -> Float[Array, "..."]:
    """`force` plus the drive at time `t`; no work where there is no drive."""
    return force if signal is None else force + drive_at(signal, t, force)


def drive_at(signal: Signal, t: Scalar | float, like: Float[Array, "..."]) -> Float[Array, "..."]:
    """The drive at time `t` with the shape and dtype of `like`."""
    value = signal(t) if callable(signal) else signal
    value = jnp.asarray(0.0 if value is None else value, like.dtype)
    return jnp.broadcast_to(value, like.shape)
