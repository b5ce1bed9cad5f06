"""Observables: what a simulation saves at each time. Each is small unless it says otherwise."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractNetwork


class AbstractObservable(eqx.Module):
    """A quantity of one state, saved along a trajectory."""

    @abc.abstractmethod
    def __call__(
        self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any
    ) -> PyTree[Float[Array, "..."]]:
        """The quantity at time t; arguments as in `network.vector_field`."""


class Energy(AbstractObservable):
    """The network's energy, one number; refuses a network without one."""

    def __call__(self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any) -> Scalar:
        return network.energy(state, drive, t)


class Activity(AbstractObservable):
    """Mean |readout| over neurons: 1 when saturated, 0 at rest."""

    def __call__(self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any) -> Scalar:
        return jnp.mean(jnp.abs(network.readout(state)))


class Overlap(AbstractObservable):
    """Mean of readout times a pattern over neurons: 1 at the pattern, -1 at its negative.

    Attributes:
        pattern: (N,), usually -1 and +1.
    """

    pattern: Pattern

    def __call__(self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any) -> Scalar:
        readout = network.readout(state)
        if self.pattern.shape != readout.shape:
            requirement = f"have shape {readout.shape}, that of the readout"
            raise argument_error("pattern", requirement, f"shape {self.pattern.shape}")
        return jnp.mean(readout * self.pattern.astype(readout.dtype))


class Readout(AbstractObservable):
    """The graded read-out of all neurons, (N,)."""

    def __call__(self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any) -> Pattern:
        return network.readout(state)


class FullState(AbstractObservable):
    """Every layer, whole: O(N^2) numbers a saved time for networks with synapses."""

    def __call__(
        self, network: AbstractNetwork, t: Scalar, state: Any, drive: Any
    ) -> PyTree[Float[Array, "..."]]:
        return state
