"""The state and the parameters of the layers of neurons, synapses and astrocyte processes."""

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
    """Returns the dtype of a network with this tensor: the tensor's, or else JAX's default."""
    return jnp.result_type(float) if tensor.dtype is None else tensor.dtype


class PerLayer(NamedTuple):
    """One number for each layer: a leak or a time constant.

    Attributes:
        neural: That of the neurons.
        synaptic: That of the synapses.
        process: That of the astrocyte processes.
    """

    neural: Scalar
    synaptic: Scalar
    process: Scalar


def per_layer(
    name: str, values: tuple[float | Scalar, ...] | PerLayer, *, zero_allowed: bool
) -> PerLayer:
    """Returns three checked numbers as float arrays.

    Args:
        name: The argument's name, for the error.
        values: Numbers for neurons, synapses and processes; traced numbers are not checked.
        zero_allowed: Whether a number may be 0.

    Raises:
        ValueError: If there are not three numbers, or if a number is negative, not finite, or a 0
            that is not allowed.
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
    """Returns tau / max(leak, 1) of each layer: at most tau, also if the leak is weak."""
    times = [
        tau.astype(dtype) / jnp.maximum(leak, 1).astype(dtype)
        for tau, leak in zip(time_constants, leaks, strict=True)
    ]
    return TripartiteState(*times)
