"""The three layers of neurons, synapses and astrocyte processes: their state and numbers."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from nam_jax._misc import argument_error, as_float, in_range
from nam_jax._types import Pairs, Pattern, Scalar
from nam_jax.memory import AbstractProcessTensor


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


def dtype_of(tensor: AbstractProcessTensor) -> np.dtype:
    """The dtype of a network with this tensor: the tensor's, or JAX's default if it has none."""
    return jnp.result_type(float) if tensor.dtype is None else tensor.dtype


class PerLayer(NamedTuple):
    """One number for each layer: a leak or a time constant."""

    neural: Scalar
    synaptic: Scalar
    process: Scalar


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


def relaxation_times(time_constants: PerLayer, leaks: PerLayer, dtype: np.dtype) -> TripartiteState:
    """tau / max(leak, 1) of each layer: a weak leak does not make the layer slower than tau."""
    times = [
        tau.astype(dtype) / jnp.maximum(leak, 1).astype(dtype)
        for tau, leak in zip(time_constants, leaks, strict=True)
    ]
    return TripartiteState(*times)
