"""The neuron-astrocyte network with an energy."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from nam_jax._misc import axes_of, positive_number
from nam_jax._types import Pairs, Pattern, Patterns, Scalar
from nam_jax.lagrangian import AbstractLagrangian, LogCosh, Quadratic
from nam_jax.memory import (
    AbstractPatternRule,
    AbstractProcessTensor,
    PatternTensor,
    Projection,
    check_signs,
    rows_of,
)
from nam_jax.network._base import AbstractContinuousNetwork
from nam_jax.network._drive import Drive, as_cue, drive_at, driven
from nam_jax.network._layer import Layer
from nam_jax.network.astrocyte._start import AbstractStart, Algebraic, Cold, Conditional
from nam_jax.network.astrocyte._state import (
    PerLayer,
    TripartiteState,
    dtype_of,
    per_layer,
    relaxation_times,
)


class EnergyTerms(NamedTuple):
    """The terms of the energy: three of layers, three of interactions, and the inputs.

    The last term is 0 without a drive.
    """

    neural: Scalar
    synaptic: Scalar
    process: Scalar
    neuron_synapse: Scalar
    synapse_process: Scalar
    process_process: Scalar
    inputs: Scalar


class NeuronAstrocyte(AbstractContinuousNetwork):
    """Neurons x, synapses s and astrocyte processes p, coupled by the process tensor T.

        E = lambda [x.phi - L_n] + alpha/2 [s.g - L_s] + gamma/2 [p.psi - L_p]
            - 1/2 sum g_ij phi_i phi_j - 1/2 sum psi_ij g_ij - 1/4 sum T_ijkl psi_ij psi_kl
            - b.phi - c.g/2 - d.psi/2
        tau_n dx/dt = -dE/dphi    tau_s ds/dt = -2 dE/dg    tau_p dp/dt = -2 dE/dpsi

    Source: Kozachkov, Slotine & Krotov, arXiv 2311.08135, eqs 5-10 (dynamics: eq 9). The energy
    needs symmetric s and p; if they start symmetric, they stay symmetric.

    Attributes:
        tensor: T, the stored memories.
        neural: L_n, Lagrangian of the neurons; its activation is phi.
        synaptic: L_s, Lagrangian of the synapses; its activation is g.
        process: L_p, Lagrangian of the processes; its activation is psi.
        leaks: lambda, alpha, gamma, at least 0, dimensionless.
        time_constants: tau_n, tau_s, tau_p, above 0, in the user's unit of time.
        start: How a cue becomes an initial state.
    """

    tensor: AbstractProcessTensor
    neural: AbstractLagrangian
    synaptic: AbstractLagrangian
    process: AbstractLagrangian
    leaks: PerLayer
    time_constants: PerLayer
    start: AbstractStart

    def __init__(
        self,
        tensor: AbstractProcessTensor,
        *,
        neural: AbstractLagrangian | None = None,
        synaptic: AbstractLagrangian | None = None,
        process: AbstractLagrangian | None = None,
        leaks: tuple[float | Scalar, ...] | PerLayer = (1.0, 1.0, 1.0),
        time_constants: tuple[float | Scalar, ...] | PerLayer = (1.0, 1.0, 1.0),
        start: AbstractStart | None = None,
    ):
        """Makes a network; by default neurons are tanh, synapses and processes linear.

        The default start is [`nam_jax.network.Cold`][].

        Raises:
            ValueError: On a negative leak or a time constant that is not above 0.
        """
        self.tensor = tensor
        self.neural = LogCosh() if neural is None else neural
        self.synaptic = Quadratic() if synaptic is None else synaptic
        self.process = Quadratic() if process is None else process
        self.leaks = per_layer("leaks", leaks, zero_allowed=True)
        self.time_constants = per_layer("time_constants", time_constants, zero_allowed=False)
        self.start = Cold() if start is None else start

    @classmethod
    def released(cls, patterns: ArrayLike) -> "NeuronAstrocyte":
        """Returns a network with the parameters of the authors' released code.

        All leaks and time constants are 1, every activation is tanh(5 u), T is the Hebbian tensor
        / N^3 with autapses, and the start is algebraic. The network recalls by a transient. It is
        not certified: from s = p = 0 a cue freezes.

        Args:
            patterns: (K, N), -1 and +1.

        Raises:
            ValueError: If `patterns` is empty, wrongly shaped or not finite, or holds 0 and 1.
        """
        check_signs(patterns)
        tensor = PatternTensor(patterns, autapses=True)
        tensor = eqx.tree_at(
            lambda t: t.strength, tensor, 1 / _float(tensor, float(tensor.num_neurons))
        )
        steep = LogCosh(5.0)
        return cls(tensor, neural=steep, synaptic=steep, process=steep, start=Algebraic())

    @classmethod
    def certified(
        cls,
        patterns: ArrayLike,
        *,
        margin: float | Scalar = 0.1,
        gain: float | Scalar = 0.9,
        beta: float | Scalar = 1.0,
        rule: AbstractPatternRule | None = None,
        autapses: bool = False,
        time_constants: tuple[float | Scalar, ...] | PerLayer | None = None,
        start: AbstractStart | None = None,
    ) -> "NeuronAstrocyte":
        """Returns a network with one globally attracting (s, p) for every x, and leak gating.

        Synapses and processes are linear, alpha = 1, T is scaled to the largest eigenvalue 1, and
        gamma = 2 + margin. The certificate is then alpha (gamma - lambda_max) = 1 + margin.

        The neural leak is lambda = gain * beta * M0 * N with M0 = gamma / (alpha gamma - 1). Leak
        gating: near gain = 1 a state that is not stored cannot support itself and decays to rest.

        Args:
            patterns: (K, N), usually -1 and +1.
            margin: Above 0. With a small margin the network recalls from worse cues, and relaxes
                in time 2 tau / margin.
            gain: Neural leak in units of beta M0 N, above 0.
            beta: Slope of the neurons' tanh(beta x), above 0.
            rule: Pattern rule; by default the projection rule.
            autapses: Whether T includes i = j.
            time_constants: tau_n, tau_s, tau_p; by default (lambda, 0.1, 0.1), so that membranes
                relax in time 1 and synapses and processes faster.
            start: How a cue becomes an initial state; by default `Conditional(voltage=3.0)`.

        Raises:
            ValueError: If `patterns` is empty, wrongly shaped or not finite, or holds 0 and 1; or
                if `margin`, `gain`, `beta` or a time constant is not above 0.
        """
        check_signs(patterns)
        tensor = PatternTensor(patterns, rule or Projection(), autapses=autapses)
        margin, gain, beta = (
            positive_number(name, value).astype(tensor.dtype)
            for name, value in (("margin", margin), ("gain", gain), ("beta", beta))
        )
        strength = 1 / tensor.largest_eigenvalue()
        tensor = eqx.tree_at(lambda t: t.strength, tensor, strength)
        gamma = 2 + margin
        neural_leak = gain * beta * gamma / (gamma - 1) * tensor.num_neurons
        if time_constants is None:
            time_constants = (neural_leak, 0.1, 0.1)
        return cls(
            tensor,
            neural=LogCosh(beta),
            leaks=(neural_leak, 1.0, gamma),
            time_constants=time_constants,
            start=Conditional(voltage=3.0) if start is None else start,
        )

    def with_fast_layers(self, ratio: float) -> "NeuronAstrocyte":
        """Returns this network with another time constant of synapses and processes.

        Both get ratio * tau_n / max(lambda, 1), where tau_n and lambda are the time constant and
        the leak of the neurons. Equilibria do not depend on it.

        Args:
            ratio: The new time constant, in units of the relaxation time of the neurons; below 1
                for synapses and processes that are faster than the neurons.
        """
        neural = self.time_constants.neural
        fast = ratio * neural / jnp.maximum(self.leaks.neural, 1)
        return eqx.tree_at(lambda n: n.time_constants, self, PerLayer(neural, fast, fast))

    @property
    def dtype(self) -> np.dtype:
        return dtype_of(self.tensor)

    @property
    def drive_type(self) -> type[Drive]:
        return Drive

    def initial_state(self, cue: ArrayLike) -> TripartiteState:
        return self.start(self, as_cue(cue, self.tensor.num_neurons, self.dtype))

    def vector_field(
        self, t: Scalar | float, state: TripartiteState, drive: Any = None
    ) -> TripartiteState:
        inputs, state = self.as_drive(drive), self.as_state(state)
        phi, g, psi = self.activations(state)
        leak, tau = _cast(self.leaks, state), _cast(self.time_constants, state)
        force_x = -leak.neural * state.neurons + g @ phi
        force_s = -leak.synaptic * state.synapses + phi[:, None] * phi[None, :] + psi
        force_p = -leak.process * state.processes + self.tensor(psi) + g
        return TripartiteState(
            driven(force_x, inputs.neural, t) / tau.neural,
            driven(force_s, inputs.synaptic, t) / tau.synaptic,
            driven(force_p, inputs.process, t) / tau.process,
        )

    def energy_terms(
        self, state: TripartiteState, drive: Any = None, t: Scalar | float = 0.0
    ) -> EnergyTerms:
        inputs, state = self.as_drive(drive), self.as_state(state)
        phi, g, psi = self.activations(state)
        leak = _cast(self.leaks, state)
        return EnergyTerms(
            neural=leak.neural * self.neural.energy(state.neurons),
            synaptic=leak.synaptic / 2 * self.synaptic.energy(state.synapses),
            process=leak.process / 2 * self.process.energy(state.processes),
            neuron_synapse=-jnp.vdot(phi, g @ phi) / 2,
            synapse_process=-jnp.vdot(psi, g) / 2,
            process_process=-self.tensor.quadratic_form(psi) / 4,
            inputs=-jnp.vdot(drive_at(inputs.neural, t, phi), phi)
            - jnp.vdot(drive_at(inputs.synaptic, t, g), g) / 2
            - jnp.vdot(drive_at(inputs.process, t, psi), psi) / 2,
        )

    def visible(self, state: Any) -> Any:
        return state.neurons

    def layers(self) -> tuple[Layer, ...]:
        """Returns the layers of neurons, synapses and processes."""
        tau, leak = self.time_constants, self.leaks
        return (
            Layer(self.neural, leak.neural, tau.neural),
            Layer(self.synaptic, leak.synaptic, tau.synaptic, pairs=True),
            Layer(self.process, leak.process, tau.process, pairs=True),
        )

    def readout(self, state: TripartiteState) -> Pattern:
        return self.neural.activation(self.as_state(state).neurons)

    def time_scales(self) -> TripartiteState:
        return relaxation_times(self.time_constants, self.leaks, self.dtype)

    @property
    def can_be_silent(self) -> bool:
        return True

    def stored_rows(self) -> Patterns | None:
        return rows_of(self.tensor)

    def row_axes(self) -> tuple[Any, TripartiteState]:
        axes = axes_of(self, lambda n: n.tensor, self.tensor.row_axes())
        return axes, jax.tree.map(lambda _: 0, self.time_scales())

    def margin(self, largest_eigenvalue: Scalar | None = None) -> Scalar:
        """Returns the margin of the certificate, (alpha / l_g) (gamma / l_psi - lambda_max(T)) - 1.

        alpha and gamma are the leaks of synapses and processes; l_g and l_psi are the largest
        slopes of their activations g and psi. If the margin is above 0, the network is certified:
        for every x, (s, p) has exactly one equilibrium, which attracts all states. See
        [`nam_jax.measure.certificate`][].

        Args:
            largest_eigenvalue: lambda_max(T), the largest eigenvalue of the process tensor, if it
                is known; by default it is computed, which may take long.
        """
        if largest_eigenvalue is None:
            largest_eigenvalue = self.tensor.largest_eigenvalue()
        stiffness_s, stiffness_p = self.stiffness
        return stiffness_s * (stiffness_p - largest_eigenvalue.astype(self.dtype)) - 1

    @property
    def stiffness(self) -> tuple[Scalar, Scalar]:
        """alpha / l_g and gamma / l_psi: leak over largest slope, of synapses and of processes."""
        pairs = ((self.leaks.synaptic, self.synaptic), (self.leaks.process, self.process))
        synaptic, process = (
            leak.astype(self.dtype) / layer.slope_bound.astype(self.dtype) for leak, layer in pairs
        )
        return synaptic, process

    @property
    def linear_fast_layers(self) -> bool:
        """Whether synapses and processes have linear activations g and psi."""
        return isinstance(self.synaptic, Quadratic) and isinstance(self.process, Quadratic)

    def activations(self, state: TripartiteState) -> tuple[Pattern, Pairs, Pairs]:
        """Returns the activations phi (N,), g (N, N) and psi (N, N) at `state`."""
        state = self.as_state(state)
        return (
            self.neural.activation(state.neurons),
            self.synaptic.activation(state.synapses),
            self.process.activation(state.processes),
        )


def _cast(numbers: PerLayer, state: TripartiteState) -> PerLayer:
    """Returns `numbers` in the dtype of `state`."""
    return PerLayer(*(number.astype(state.neurons.dtype) for number in numbers))


def _float(tensor: PatternTensor, value: float | Scalar) -> Scalar:
    """Returns `value` in the dtype of the patterns of `tensor`."""
    return jnp.asarray(value, tensor.patterns.dtype)
