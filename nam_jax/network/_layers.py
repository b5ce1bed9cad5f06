"""The three layers of neurons, synapses and astrocyte processes: their state, numbers, drives."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nam_jax._misc import argument_error, as_float, check_finite, in_range
from nam_jax._types import Pairs, Pattern, Scalar

Signal = None | float | Float[Array, "..."] | Callable[[Scalar | float], Float[Array, "..."]]
"""No drive, a constant one (a number or an array), or a function of time."""


class TripartiteState(eqx.Module):
    """The state of neurons, synapses and processes.

    Attributes:
        neurons: x, membrane voltages (N,).
        synapses: s, synaptic facilitation (N, N), symmetric.
        processes: p, calcium in the astrocyte process around each synapse (N, N), symmetric.
    """

    neurons: Pattern | Scalar
    synapses: Pairs | Scalar
    processes: Pairs | Scalar


class PerLayer(NamedTuple):
    """One number for each layer: a leak or a time constant."""

    neural: Scalar
    synaptic: Scalar
    process: Scalar


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


def per_layer(
    name: str, values: tuple[float | Scalar, ...] | PerLayer, *, zero_allowed: bool
) -> PerLayer:
    """Three checked numbers as float arrays.

    Raises:
        ValueError: If there are not three, or one is negative, not finite, or a forbidden zero.
    """
    if len(values) != 3:
        requirement = "hold three numbers (neural, synaptic, process)"
        raise argument_error(name, requirement, f"{len(values)}")
    numbers = PerLayer(*(as_float(value) for value in values))
    for field, number in zip(PerLayer._fields, numbers, strict=True):
        if not in_range(number, zero_allowed):
            requirement = "be at least 0 in" if zero_allowed else "be above 0 in"
            raise argument_error(name, f"{requirement} every layer", f"{field} = {number:.3g}")
    return numbers


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


def relaxation_times(time_constants: PerLayer, leaks: PerLayer) -> TripartiteState:
    """tau / max(leak, 1) of each layer: a weak leak does not make the layer slower than tau."""
    times = [tau / jnp.maximum(leak, 1) for tau, leak in zip(time_constants, leaks, strict=True)]
    return TripartiteState(*times)


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
