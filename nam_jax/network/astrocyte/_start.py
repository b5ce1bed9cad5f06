"""Initial states: synapses and processes at the time when a cue arrives at the neurons."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from nam_jax._precision import AbstractPrecise
from nam_jax._types import Pattern
from nam_jax.network.astrocyte._fast import settle_fast
from nam_jax.network.astrocyte._state import TripartiteState


class AbstractStart(AbstractPrecise):
    """Turns a cue into the initial state of a network with neurons, synapses and processes.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
        needs_lagrangians: Whether the start uses the Lagrangians of the network.
    """

    voltage: eqx.AbstractVar[float]
    needs_lagrangians: ClassVar[bool]

    @abc.abstractmethod
    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        """Returns the initial state of `network`, with neurons at `voltage` times `cue`.

        Args:
            network: A network of neurons, synapses and processes.
            cue: (N,), in the network's dtype.
        """


class Cold(AbstractStart):
    """Starts with s = 0 and p = 0, so that synapses and processes keep nothing of earlier cues.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
    """

    needs_lagrangians: ClassVar[bool] = False
    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        x = self.voltage * cue
        zeros = jnp.zeros((x.shape[0], x.shape[0]), x.dtype)
        return TripartiteState(x, zeros, zeros)


class Algebraic(AbstractStart):
    """Starts with p = psi^-1(-phi phi^T) and s = g^-1(T phi phi^T), as in the paper.

    These solve the equations of synapses and processes without leaks (Kozachkov, Slotine & Krotov,
    section 3; the text of the paper exchanges s and p). Entries without a solution are NaN. For
    example, if g is tanh, entries of s are NaN where T phi phi^T is below -1 or above 1.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
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
    """Synapses s and processes p at their equilibrium for neurons held at `voltage` times the cue.

    Inputs to s and p count as 0. There is exactly one equilibrium if the network is certified, see
    [`nam_jax.measure.certificate`][]. If the solve fails, s and p are NaN; see
    [`nam_jax.network.settle_fast`][].

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
        tolerance: Relative tolerance of the solve, as for `settle_fast`.
    """

    needs_lagrangians: ClassVar[bool] = True
    voltage: float = 1.0
    tolerance: float = 1e-5

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        return settle_fast(network, self.voltage * cue, tolerance=self.tolerance)
