"""Inputs to the layers of a network, and checks of its cue."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, check_finite, is_concrete, real_numbers
from nam_jax._types import Pattern, Scalar

Signal = None | float | int | Float[Array, "..."] | Callable[[Scalar | float], Float[Array, "..."]]
"""The input to a layer: None, a constant number or array, or a function of time."""


class Drive(eqx.Module):
    """Inputs to the layers of a network; each is None, constant, or a function of time.

    Attributes:
        neural: b, input to the neurons, one number or (N,).
        synaptic: c, synaptic bias, one number or (N, N) symmetric.
        process: d, astrocyte tone (neuromodulation), one number or (N, N) symmetric.
    """

    neural: Signal = None
    synaptic: Signal = None
    process: Signal = None


def neural_only(drive: Drive) -> Signal:
    """Returns the neural input of `drive`, for networks that have no other layer to drive.

    Raises:
        ValueError: If `drive` drives synapses or processes.
    """
    if drive.synaptic is not None or drive.process is not None:
        requirement = "drive neurons only, as this network has no other layer"
        raise argument_error("drive", requirement, "a synaptic or process input")
    return drive.neural


def without_neural(drive: Drive) -> Drive:
    """Returns `drive`, for networks that are given the neural input at each evaluation.

    Raises:
        ValueError: If `drive` drives neurons.
    """
    if drive.neural is not None:
        requirement = "drive synapses and processes only; give the other input to each evaluation"
        raise argument_error("drive", requirement, "a neural input")
    return drive


def as_cue(
    cue: ArrayLike, num_neurons: int, dtype: np.dtype, *, nan_allowed: bool = False
) -> Pattern:
    """Checks a cue and returns it as an array of the network's dtype.

    Args:
        cue: (N,) real numbers of any dtype.
        num_neurons: N.
        dtype: The float dtype in which the network computes.
        nan_allowed: If True, NaN is allowed; it marks entries that are not known and stays NaN.

    Returns:
        (N,), in `dtype`. The values of a traced cue cannot be refused: its infinite entries become
        NaN if NaN is not allowed, so that no sign is taken of them and they count as no bits.

    Raises:
        ValueError: If `cue` has another shape, holds no real numbers, holds NaN while `nan_allowed`
            is False, or has entries that are infinite in `dtype`. The values of a traced cue are
            not checked.
    """
    entries = real_numbers("cue", cue)
    if entries.shape != (num_neurons,):
        requirement = f"have shape ({num_neurons},), one entry a neuron"
        if entries.ndim == 2:
            requirement += "; `nam_jax.retrieve_all` takes one cue in each row"
        raise argument_error("cue", requirement, f"shape {entries.shape}")
    check_cue(cue, dtype, nan_allowed=nan_allowed)
    entries = entries.astype(dtype)
    return entries if nan_allowed else jnp.where(jnp.isfinite(entries), entries, jnp.nan)


def check_cue(cue: ArrayLike | Sequence[Any], dtype: np.dtype, *, nan_allowed: bool) -> None:
    """Raises a `ValueError` if `cue` is not finite in `dtype`; does not check a traced cue.

    Args:
        cue: (N,) real numbers of any dtype.
        dtype: The float dtype in which the network computes.
        nan_allowed: Whether NaN is allowed.
    """
    if not all(map(is_concrete, jax.tree.leaves(cue))):
        return
    with np.errstate(over="ignore"):
        entries = np.asarray(cue).astype(dtype)
    check_finite("cue", np.where(np.isnan(entries), 0, entries) if nan_allowed else entries)


def driven(force: Float[Array, "..."], signal: Signal, t: Scalar | float) -> Float[Array, "..."]:
    """Returns `force` plus the drive at time `t`; without a drive `force` itself."""
    return force if signal is None else force + drive_at(signal, t, force)


def drive_at(signal: Signal, t: Scalar | float, like: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns the drive at time `t`, with the shape and dtype of `like`; zeros without a drive.

    Raises:
        ValueError: If the drive is an array of another shape; (N,) numbers would otherwise drive
            each row of an (N, N) layer.
    """
    value = signal(t) if callable(signal) else signal
    value = jnp.asarray(0.0 if value is None else value, like.dtype)
    value = value.reshape(()) if value.size == 1 else value
    if value.shape not in {(), like.shape}:
        requirement = f"hold one number or shape {like.shape} for a layer of that shape"
        raise argument_error("drive", requirement, f"shape {value.shape}")
    return jnp.broadcast_to(value, like.shape)
