"""Initial states: what synapses and processes hold when a cue arrives at the neurons."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from nam_jax._types import Pattern
from nam_jax.network.astrocyte._fast import settle_fast
from nam_jax.network.astrocyte._state import TripartiteState


class AbstractStart(eqx.Module):
    """Turns a cue into the initial state of a network with neurons, synapses and processes.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
        needs_lagrangians: Whether the network must have Lagrangians.
    """

    voltage: eqx.AbstractVar[float]
    needs_lagrangians: ClassVar[bool]

    @abc.abstractmethod
    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        """The initial state of `network`, with neurons at `voltage` times `cue` (N,)."""


class Cold(AbstractStart):
    """s = p = 0: nothing is known of the past."""

    needs_lagrangians: ClassVar[bool] = False
    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        x = self.voltage * cue
        zeros = jnp.zeros((x.shape[0], x.shape[0]), x.dtype)
        return TripartiteState(x, zeros, zeros)


class Algebraic(AbstractStart):
    """p = psi^-1(-phi phi^T), s = g^-1(T phi phi^T): the paper's choice, its s and p put right.

    It solves the equations of synapses and processes without leaks (Kozachkov, Slotine & Krotov,
    section 3; the text has s and p exchanged). NaN where there is no such s: for a tanh g, where an
    entry of T phi phi^T is beyond -1 or 1.
    """

    needs_lagrangians: ClassVar[bool] = True
    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        x = self.voltage * cue
        phi = network.neural.activation(x)
        pairs = phi[:, None] * phi[None, :]
        synapses = network.synaptic.inverse(network.tensor(pairs))
        return TripartiteState(x, synapses, network.process.inverse(-pairs))


class Conditional(AbstractStart):
    """The equilibrium of (s, p) with the neurons held at the cue; one exists when certified.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
        tolerance: As for [`nam_jax.network.settle_fast`][], which also says when it fails.
    """

    needs_lagrangians: ClassVar[bool] = True
    voltage: float = 1.0
    tolerance: float = 1e-5

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        return settle_fast(network, self.voltage * cue, tolerance=self.tolerance)
