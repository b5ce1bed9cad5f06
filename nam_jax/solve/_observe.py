"""Observables: the quantities that a simulation saves at each time."""

import abc
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from nam_jax._misc import argument_error
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractNetwork


class AbstractObservable(AbstractPrecise):
    """A quantity of one state, saved along a trajectory."""

    @abc.abstractmethod
    def __call__(
        self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any
    ) -> PyTree[Float[Array, "..."]]:
        """Returns the quantity at time t.

        Args:
            network: The simulated network.
            t: Time, in the unit of the time constants.
            state: The state at time t, of one sample.
            drive: The network's inputs; None for no inputs.

        Raises:
            ValueError: If the network lacks what the observable needs.
        """


class OfState(AbstractObservable):
    """A function of the state.

    Attributes:
        function: Returns what is saved of a state.
    """

    function: Callable[[Any], PyTree[Float[Array, "..."]]]

    def __call__(
        self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any
    ) -> PyTree[Float[Array, "..."]]:
        return self.function(state)


Save = Mapping[str, AbstractObservable | Callable[[Any], PyTree[Float[Array, "..."]]]]
"""What to save, by name: observables, or functions of the state."""


def as_observables(save: Save) -> dict[str, AbstractObservable]:
    """Returns `save` with an observable in place of each function of the state.

    Raises:
        ValueError: If a value is neither.
    """
    observables = {}
    for name, value in save.items():
        if not isinstance(value, AbstractObservable):
            if not callable(value):
                requirement = "hold observables or functions of the state"
                raise argument_error("save", requirement, f"{value!r} for `{name}`")
            value = OfState(value)
        observables[name] = value
    return observables


class Energy(AbstractObservable):
    """The energy of the network, one number; a network without an energy is refused."""

    def __call__(self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any) -> Scalar:
        return network.energy(state, drive, t)


class Activity(AbstractObservable):
    """Mean |readout| over neurons: 1 if all neurons are at -1 or 1, 0 if all are silent."""

    def __call__(self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any) -> Scalar:
        return jnp.mean(jnp.abs(network.readout(state)))


class Overlap(AbstractObservable):
    """Mean over neurons of the readout times a pattern: 1 at the pattern, -1 at its negative.

    Calling it raises a `ValueError` if the patterns have not the length of the readout.

    Attributes:
        pattern: (N,), usually -1 and +1; or (K, N) for the overlaps with K patterns.
    """

    pattern: Float[Array, "*K N"]

    def __call__(
        self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any
    ) -> Float[Array, "*K"]:
        readout = network.readout(state)
        if self.pattern.ndim not in (1, 2) or self.pattern.shape[-1:] != readout.shape:
            requirement = f"have shape {readout.shape}, that of the readout, or one such row each"
            raise argument_error("pattern", requirement, f"shape {self.pattern.shape}")
        return self.pattern.astype(readout.dtype) @ readout / readout.size


class Readout(AbstractObservable):
    """The graded readout of all neurons, (N,)."""

    def __call__(self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any) -> Pattern:
        return network.readout(state)


class FullState(AbstractObservable):
    """The whole state: for a network with synapses, O(N^2) numbers at each saved time."""

    def __call__(
        self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any
    ) -> PyTree[Float[Array, "..."]]:
        return state
