"""Dense associative memories that flow in continuous time."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from nam_jax._misc import argument_error, as_float, axes_of, is_concrete, positive_number
from nam_jax._types import AnyPattern, Pattern, Patterns, Scalar
from nam_jax.lagrangian import AbstractLagrangian, LogCosh
from nam_jax.memory import (
    AbstractPatternStore,
    AbstractSeparation,
    PatternTensor,
    Power,
    ScaledTensor,
    check_patterns,
    check_signs,
    rows_of,
)
from nam_jax.network._neural import AbstractNeuralNetwork
from nam_jax.network.astrocyte import NeuronAstrocyte


class ContinuousDenseMemory(AbstractNeuralNetwork, AbstractPatternStore):
    """A dense memory that flows: F of the overlaps of activities phi with patterns attracts them.

        E = lambda [x.phi - L_n] - t sum_mu F(xi^mu . phi) - b.phi
        tau dx/dt = -dE/dphi = -lambda x + t Xi^T F'(Xi phi) + b

    The state is x, (N,); the activation phi is the gradient of L_n at x; b is the drive. Source:
    Kozachkov, Slotine & Krotov, arXiv 2311.08135, eqs 14-15 (F = z^4 / 4, lambda = 1), and Krotov &
    Hopfield, arXiv 2008.06996.

    Attributes:
        patterns: Xi, (K, N).
        separation: F, the separation function.
        neural: L_n, Lagrangian of the neurons; its activation is phi.
        strength: t, above 0.
        leak: lambda, at least 0.
        time_constant: tau, above 0, in the user's unit of time.
        voltage: x of a neuron whose cue entry is 1, when recall starts.
    """

    patterns: Patterns
    separation: AbstractSeparation
    neural: AbstractLagrangian
    strength: Scalar
    leak: Scalar
    time_constant: Scalar
    voltage: float
    num_neurons: int = eqx.field(static=True)

    def __init__(
        self,
        patterns: ArrayLike,
        separation: AbstractSeparation | None = None,
        *,
        neural: AbstractLagrangian | None = None,
        strength: float | Scalar | None = None,
        leak: float | Scalar = 1.0,
        time_constant: float | Scalar = 1.0,
        voltage: float = 1.0,
    ):
        """Stores `patterns`.

        Args:
            patterns: Xi, (K, N): -1 and +1 for neurons of phi = tanh, which refuse 0 and 1.
            separation: F; by default z^4 / 4.
            neural: L_n; by default that of phi = tanh.
            strength: t, above 0; by default 4 / F'(N). If phi is a stored pattern of -1 and +1,
                that pattern then exerts a force of size 4 on each neuron.
            leak: lambda, at least 0.
            time_constant: tau, above 0, in the user's unit of time.
            voltage: x of a neuron whose cue entry is 1, when recall starts.

        Raises:
            ValueError: If `patterns` are not (K, N) finite numbers, or hold 0 and 1 although phi is
                tanh; `leak` is negative; `strength` or `time_constant` is not above 0; or no
                `strength` is given and the slope of `separation` at N overflows.
        """
        self.neural = LogCosh() if neural is None else neural
        _check_signs(patterns, self.neural)
        self.patterns = check_patterns(patterns)
        self.num_neurons = self.patterns.shape[1]
        self.separation = Power(4) if separation is None else separation
        if strength is None:
            full_overlap = jnp.full(1, self.num_neurons, self.patterns.dtype)
            slope = self.separation.slope(full_overlap)[0]
            if is_concrete(slope) and not bool(jnp.isfinite(slope)):
                requirement = f"have a finite slope at the largest overlap, {self.num_neurons}"
                given = "an infinite one; LogSumExp and less steep functions have a finite slope"
                raise argument_error("separation", requirement, given)
            strength = 4 / slope
        self.strength = positive_number("strength", strength)
        self.leak = positive_number("leak", leak, zero_allowed=True)
        self.time_constant = positive_number("time_constant", time_constant)
        self.voltage = voltage

    @classmethod
    def from_full(cls, network: NeuronAstrocyte) -> "ContinuousDenseMemory":
        """Returns the paper's reduction of `network` to neurons alone: eqs 14-15.

        Whatever the leaks and activations of synapses and processes are, the reduction takes alpha
        = gamma = 0 and replaces both layers by g = T phi phi^T. It replaces T by the Hebbian tensor
        of the same patterns with autapses. `nam_jax.measure.reduction_report` shows the error.

        Args:
            network: A network whose tensor is a `PatternTensor`, which may be scaled.

        Raises:
            ValueError: If the tensor of `network` is not made of patterns.
        """
        tensor, factor = _pattern_tensor(network)
        return cls(
            tensor.patterns,
            Power(4),
            neural=network.neural,
            strength=factor * tensor.strength / tensor.num_neurons**2,
            leak=network.leaks.neural,
            time_constant=network.time_constants.neural,
            voltage=network.start.voltage,
        )

    def stored(self) -> tuple[Patterns, None]:
        return self.patterns, None

    def check_rows(self, patterns: Patterns) -> None:
        _check_signs(patterns, self.neural)
        check_patterns(patterns)

    def with_rows(self, patterns: Patterns, answers: Patterns | None) -> "ContinuousDenseMemory":
        return eqx.tree_at(lambda net: net.patterns, self, patterns)

    @property
    def dtype(self) -> np.dtype:
        return self.patterns.dtype

    @property
    def can_be_silent(self) -> bool:
        return True

    def stored_rows(self) -> Patterns | None:
        return rows_of(self)

    def row_axes(self) -> tuple[Any, int]:
        return axes_of(self, lambda n: n.patterns, 1), 0

    def force(self, state: AnyPattern) -> Pattern:
        state = self.as_state(state)
        # The state stands on the left: a batch of states then needs no transposes.
        slope = self.separation.slope(self.neural.activation(state) @ self.patterns.T)
        return self.strength.astype(state.dtype) * (slope @ self.patterns)

    def interaction(self, state: AnyPattern) -> Scalar:
        state = self.as_state(state)
        overlaps = self.neural.activation(state) @ self.patterns.T
        return -self.strength.astype(state.dtype) * self.separation(overlaps)


def _check_signs(patterns: ArrayLike, neural: AbstractLagrangian) -> None:
    """Raises a `ValueError` for patterns of 0 and 1, if activities lie between -1 and 1."""
    if isinstance(neural, LogCosh):
        check_signs(patterns)


def _pattern_tensor(network: NeuronAstrocyte) -> tuple[PatternTensor, Scalar]:
    """Returns the network's pattern tensor, and the product of the factors that scale it."""
    tensor, factor = network.tensor, as_float(1.0)
    while isinstance(tensor, ScaledTensor):
        tensor, factor = tensor.tensor, factor * tensor.factor
    if not isinstance(tensor, PatternTensor):
        description = f"a {type(network.tensor).__name__}"
        raise argument_error("network", "store patterns in a PatternTensor", description)
    return tensor, factor
