"""The neuron-astrocyte network with infinitely fast synapses and processes."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from nam_jax._misc import axes_of
from nam_jax._types import AnyPattern, Pattern, Patterns, Scalar
from nam_jax.lagrangian import AbstractLagrangian
from nam_jax.network._drive import Drive, without_neural
from nam_jax.network._neural import AbstractNeuralNetwork
from nam_jax.network.astrocyte._fast import settle_fast
from nam_jax.network.astrocyte._neuron_astrocyte import NeuronAstrocyte
from nam_jax.network.astrocyte._state import TripartiteState


class QuasiStatic(AbstractNeuralNetwork):
    """Neurons x, with synapses and processes at their equilibrium for each x.

        tau_n dx/dt = -lambda x + g(s*) phi,   E = E_full(x, s*, p*)

    This is the limit of infinitely fast synapses and processes. It works for every certified
    network: any tensor, and any additive monotone g and psi. [`nam_jax.network.settle_fast`][]
    computes s* and p*: a solve over N x N arrays for each flow. If g and psi are linear,
    [`nam_jax.network.EffectiveNeuronAstrocyte`][] is the same network at O(K N + K^2).

    Attributes:
        full: The three-layer network.
        drive: Constant inputs to its synapses and processes.
        tolerance: Relative tolerance of the solve, as for `settle_fast`.
    """

    full: NeuronAstrocyte
    drive: Drive
    tolerance: float

    def __init__(
        self, full: NeuronAstrocyte, drive: Drive | None = None, *, tolerance: float = 1e-5
    ):
        """Makes the limit of `full` under constant inputs `drive`.

        Raises:
            ValueError: If `drive` is no `Drive`, or drives neurons. Give the neural input to each
                evaluation instead.
        """
        self.full = full
        self.drive = without_neural(full.as_drive(drive))
        self.tolerance = tolerance

    @property
    def dtype(self) -> np.dtype:
        return self.full.dtype

    @property
    def neural(self) -> AbstractLagrangian:  # type: ignore[override]
        """L_n of the full network."""
        return self.full.neural

    @property
    def leak(self) -> Scalar:  # type: ignore[override]
        """lambda of the full network."""
        return self.full.leaks.neural

    @property
    def time_constant(self) -> Scalar:  # type: ignore[override]
        """tau_n of the full network."""
        return self.full.time_constants.neural

    @property
    def num_neurons(self) -> int:  # type: ignore[override]
        """N."""
        return self.full.tensor.num_neurons

    @property
    def voltage(self) -> float:  # type: ignore[override]
        """The voltage of the start of the full network."""
        return self.full.start.voltage

    @property
    def can_be_silent(self) -> bool:
        return True

    def stored_rows(self) -> Patterns | None:
        return self.full.stored_rows()

    def row_axes(self) -> tuple[Any, int]:
        axes, _ = self.full.row_axes()
        return axes_of(self, lambda n: n.full, axes), 0

    def force(self, state: AnyPattern) -> Pattern:
        phi, g, _ = self.full.activations(self.lift(state))
        return g @ phi

    def interaction(self, state: AnyPattern) -> Scalar:
        terms = self.full.energy_terms(self.lift(state), self.drive)
        return jnp.sum(jnp.stack(terms)) - terms.neural

    def lift(self, state: AnyPattern) -> TripartiteState:
        """Returns the state of all three layers with the neurons at `state`.

        Args:
            state: x, (N,).

        Returns:
            x, with s* and p*; NaN if the solve fails, see [`nam_jax.network.settle_fast`][].

        Raises:
            ValueError: If synapses or processes have a collective Lagrangian.
        """
        state = self.as_state(state)
        return settle_fast(self.full, state, drive=self.drive, tolerance=self.tolerance)
