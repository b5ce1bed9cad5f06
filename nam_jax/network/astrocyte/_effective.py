"""The neuron-astrocyte network with linear synapses and processes, reduced to its neurons."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from nam_jax._misc import argument_error, axes_of, is_concrete, positive_number
from nam_jax._types import AnyPattern, Pairs, Pattern, Patterns, Scalar
from nam_jax.lagrangian import AbstractLagrangian, LogCosh, Quadratic
from nam_jax.memory import (
    AbstractProcessTensor,
    PatternTensor,
    check_signs,
    contract,
    resolvent,
    rows_of,
)
from nam_jax.network._drive import Drive, drive_at, without_neural
from nam_jax.network._neural import AbstractNeuralNetwork
from nam_jax.network.astrocyte._neuron_astrocyte import NeuronAstrocyte
from nam_jax.network.astrocyte._start import Conditional
from nam_jax.network.astrocyte._state import PerLayer, TripartiteState, dtype_of


class EffectiveNeuronAstrocyte(AbstractNeuralNetwork):
    """Neurons x, with synapses and processes at their equilibrium for each x.

    For linear g and psi, with a = alpha / g' and c = gamma / psi', the equilibrium is
    g = M phi phi^T + W and psi = a g - phi phi^T, with M = (a - (c - T)^-1)^-1. Then

        tau_n dx/dt = -lambda x + (M phi phi^T) phi + W phi
        E = lambda [x.phi - L_n] - 1/4 <phi phi^T, M phi phi^T> - 1/2 phi.W phi + const.

    W is 0 if synapses and processes have no inputs; an input to synapses is also subtracted from
    psi. M is the sum of M0, a Hebbian background, and of M - M0, a tensor on the stored patterns:
    a multiple of the resolvent T (shift - T)^-1. So a flow costs O(K N + K^2) instead of
    O(K N^2). Equilibria and their energies are exactly those of the three layers.

    The state is x, (N,). Make the network by `from_full`, or by `dense`, which needs no K x K
    couplings.

    Attributes:
        excess: M - M0, the part of M that the patterns make.
        background: M0 = c / (a c - 1), the strength of Hebbian self-support.
        neural: L_n, Lagrangian of the neurons; its activation is phi.
        leak: lambda.
        time_constant: tau_n.
        stiffness: a = alpha / g'.
        slopes: g' and psi'.
        drives: None without inputs to synapses and processes; otherwise the synaptic input (N, N),
            W (N, N), and the constant of E.
        voltage: x of a neuron whose cue entry is 1, at the start of recall.
        num_neurons: N.
    """

    # Example: one pair of neurons with a = 1 and c = 2.5, for which T is the number 0.5. With
    # phi phi^T = 1: M = (1 - 1 / (2.5 - 0.5))^-1 = 2, so g = 2 and psi = 2 - 1 = 1. In the three
    # layers alpha s = 2 = phi phi^T + psi and gamma p = 2.5 = T psi + g. The background is
    # M0 = 2.5 / (2.5 - 1) = 1.667. With the shift z = c - 1/a = 1.5 the excess is
    # T / (a^2 z (z - T)) = 0.333. Background plus excess is M = 2.

    excess: AbstractProcessTensor
    background: Scalar
    neural: AbstractLagrangian
    leak: Scalar
    time_constant: Scalar
    stiffness: Scalar
    slopes: tuple[Scalar, Scalar]
    drives: tuple[Pairs, Pairs, Scalar] | None
    voltage: float
    num_neurons: int = eqx.field(static=True)

    @classmethod
    def from_full(
        cls, network: NeuronAstrocyte, *, drive: Drive | None = None
    ) -> "EffectiveNeuronAstrocyte":
        """Returns `network` with its synapses and processes eliminated.

        Args:
            network: A certified network with linear synapses and processes, and with a tensor
                whose resolvent T (shift - T)^-1 has a closed form: pattern tensors, dense tensors,
                and their sums and multiples. Neurons start at the voltage of its `start`.
            drive: Constant inputs c to synapses and d to processes; they cost O(K N^2) once and
                O(N^2) at each evaluation. Give the neural input to each evaluation instead.

        Raises:
            ValueError: If g or psi is not linear (use [`nam_jax.network.QuasiStatic`][]), the
                network is not certified, its tensor has no resolvent, or `drive` drives neurons.
                Under `jax.jit` the certificate has no value yet; if it fails, the couplings of the
                result are NaN, and so are recalls.
        """
        if not network.linear_fast_layers:
            requirement = "have linear synapses and processes; QuasiStatic takes all others"
            names = f"{type(network.synaptic).__name__}, {type(network.process).__name__}"
            raise argument_error("network", requirement, names)
        margin = network.margin()
        if is_concrete(margin) and not margin > 0:
            requirement = "be certified, with a margin above 0"
            raise argument_error("network", requirement, f"a margin of {float(margin):.3g}")
        slopes = (network.synaptic.slope_bound, network.process.slope_bound)
        a, c = network.stiffness
        shift = jnp.where(margin > 0, c - 1 / a, jnp.nan)
        effective = cls(
            excess=1 / (a**2 * shift) * resolvent(network.tensor, shift),
            background=1 / a + 1 / (a**2 * shift),
            neural=network.neural,
            leak=network.leaks.neural,
            time_constant=network.time_constants.neural,
            stiffness=a,
            slopes=slopes,
            drives=None,
            voltage=network.start.voltage,
            num_neurons=network.tensor.num_neurons,
        )
        inputs = without_neural(network.as_drive(drive))
        if inputs.synaptic is None and inputs.process is None:
            return effective
        return eqx.tree_at(
            lambda net: net.drives,
            effective,
            _drives(effective, inputs),
            is_leaf=lambda x: x is None,
        )

    @classmethod
    def dense(
        cls,
        patterns: ArrayLike,
        *,
        memory_gain: float | Scalar = 10.0,
        gain: float | Scalar = 0.9,
        beta: float | Scalar = 1.0,
        autapses: bool = False,
        voltage: float = 3.0,
    ) -> "EffectiveNeuronAstrocyte":
        """Returns the quartic dense memory with Hebbian self-support.

            tau_n dx/dt = -lambda x + M0 |phi|^2 phi + (R M0 / D) Xi^T (Xi phi)^3

        lambda = gain beta M0 N with M0 = 2, and phi = tanh(beta x). The second term is the
        self-support: each state, stored or not, supports itself. The last term is that of the dense
        memory in the paper's eqs 14-15. D is N^2 with autapses. Without autapses D is N (N - 1),
        and the entries with i = j or k = l of the term's tensor are 0. A flow is two matrix
        products.

        The paper derives eqs 14-15 for synapses and processes without leaks and a Hebbian tensor
        T. This network is the exact reduction of the three-layer network that `to_full` returns,
        which has leaks and is certified. Its tensor is T = Y (1 + Y)^-1, where Y, the Hebbian
        tensor of strength R M0, makes the last term. So T itself is not Hebbian.

        Args:
            patterns: (K, N), usually -1 and +1.
            memory_gain: R, above 0: the strength of a single pattern, in units of M0. If
                patterns are correlated, a component that several of them share is stronger.
            gain: Neural leak in units of beta M0 N, above 0, as in `NeuronAstrocyte.certified`.
            beta: Slope of the neurons' tanh(beta x), above 0.
            autapses: Whether synapses of a neuron onto itself (i = j) take part in the last term.
            voltage: x of a neuron whose cue entry is 1, at the start of recall.

        Raises:
            ValueError: If `patterns` is empty, wrongly shaped or not finite, or holds 0 and 1,
                or if `memory_gain`, `gain` or `beta` is not above 0.
        """
        background = jnp.asarray(2.0)
        strength = positive_number("memory_gain", memory_gain) * background
        check_signs(patterns)
        tensor = PatternTensor(patterns, strength=strength, autapses=autapses)
        neural = LogCosh(beta)
        leak = positive_number("gain", gain) * neural.beta * background * tensor.num_neurons
        return cls(
            excess=tensor,
            background=background,
            neural=neural,
            leak=leak,
            time_constant=leak,
            stiffness=jnp.ones_like(background),
            slopes=(jnp.ones_like(background), jnp.ones_like(background)),
            drives=None,
            voltage=voltage,
            num_neurons=tensor.num_neurons,
        )

    def to_full(
        self, *, time_constants: tuple[float | Scalar, float | Scalar] = (0.1, 0.1)
    ) -> NeuronAstrocyte:
        """Returns the three-layer network of which this is the reduction, as `from_full` inverted.

        With s = gamma / psi' - 1 / a the reduction has M0 = 1 / a + 1 / (a^2 s), which gives s and
        gamma. Writing M - M0 = Y / (a^2 s), the process tensor is T = s Y (1 + Y)^-1. If Y is
        positive semidefinite, the eigenvalues of T are below s, so the network is certified.

        The network has no inputs: constant drives given to `from_full` must be given to it again.

        Args:
            time_constants: tau_s and tau_p, above 0.

        Raises:
            ValueError: On a time constant that is not above 0, or an excess without a resolvent.
        """
        # Example: a = 1, M0 = 2 and M = 3. Then s = 1 / (a (a M0 - 1)) = 1 and
        # Y = a^2 s (M - M0) = 1, so T = 1 * 1 / (1 + 1) = 0.5 and gamma / psi' = s + 1 / a = 2.
        # Check: M = (1 - 1 / (2 - 0.5))^-1 = 3.
        a = self.stiffness
        shift = 1 / (a * (a * self.background - 1))
        synaptic_slope, process_slope = self.slopes
        # T = s Y (1 + Y)^-1 is -s times the resolvent of -Y at 1.
        tensor = -shift * resolvent(-(a**2) * shift * self.excess, jnp.ones_like(shift))
        return NeuronAstrocyte(
            tensor,
            neural=self.neural,
            synaptic=Quadratic(synaptic_slope),
            process=Quadratic(process_slope),
            leaks=PerLayer(self.leak, a * synaptic_slope, (shift + 1 / a) * process_slope),
            time_constants=(self.time_constant, *time_constants),
            start=Conditional(voltage=self.voltage),
        )

    @property
    def dtype(self) -> np.dtype:
        return dtype_of(self.excess)

    @property
    def can_be_silent(self) -> bool:
        return True

    def stored_rows(self) -> Patterns | None:
        return rows_of(self.excess)

    def row_axes(self) -> tuple[Any, int]:
        excess = self.excess.row_axes()
        if self.drives is None:
            return axes_of(self, lambda n: n.excess, excess), 0
        return axes_of(self, lambda n: (n.excess, n.drives), (excess, (0, 0, None))), 0

    def force(self, state: AnyPattern) -> Pattern:
        phi = self.neural.activation(self.as_state(state))
        force = self.background.astype(phi.dtype) * jnp.vdot(phi, phi) * phi
        force = force + contract(self.excess, phi)
        return force if self.drives is None else force + self.drives[1].astype(phi.dtype) @ phi

    def interaction(self, state: AnyPattern) -> Scalar:
        phi = self.neural.activation(self.as_state(state))
        background = self.background.astype(phi.dtype) * jnp.vdot(phi, phi) ** 2
        energy = -(background + jnp.vdot(phi, contract(self.excess, phi))) / 4
        if self.drives is None:
            return energy
        _, field, constant = self.drives
        return (
            energy - jnp.vdot(phi, field.astype(phi.dtype) @ phi) / 2 + constant.astype(phi.dtype)
        )

    def lift(self, state: AnyPattern) -> TripartiteState:
        """Returns the state of all three layers with the neurons at `state`, at a cost of O(K N^2).

        Args:
            state: x, (N,).

        Returns:
            x, with the exact equilibrium of (s, p) for x. If x is at rest, so are all three layers.
        """
        state = self.as_state(state)
        phi = self.neural.activation(state)
        pairs = phi[:, None] * phi[None, :]
        g = self.passed(pairs)
        if self.drives is not None:
            g, pairs = g + self.drives[1].astype(g.dtype), pairs + self.drives[0].astype(g.dtype)
        psi = self.stiffness.astype(g.dtype) * g - pairs
        synaptic_slope, process_slope = (slope.astype(g.dtype) for slope in self.slopes)
        return TripartiteState(state, g / synaptic_slope, psi / process_slope)

    def passed(self, pairs: Pairs) -> Pairs:
        """Returns M times `pairs`, both (N, N): the synaptic weights g that `pairs` cause."""
        return self.background.astype(pairs.dtype) * pairs + self.excess(pairs)


def _drives(effective: EffectiveNeuronAstrocyte, drive: Drive) -> tuple[Pairs, Pairs, Scalar]:
    """Returns the synaptic input c, W, and the constant of the energy, for inputs c and d.

    g = M (phi phi^T + c) + M (c' - T)^-1 d with c' = gamma / psi', and (c' - T)^-1 M = a M - 1,
    so that W = M c + (a M - 1) d.
    """
    shape = (effective.num_neurons, effective.num_neurons)
    like = jnp.zeros(shape, effective.background.dtype)
    c, d = drive_at(drive.synaptic, 0.0, like), drive_at(drive.process, 0.0, like)
    a = effective.stiffness
    tone = a * effective.passed(d) - d
    field = effective.passed(c) + tone
    # The constant is -1/4 (c.g + d.psi) at phi = 0, where g = W and psi = a W - c.
    constant = -(jnp.vdot(c, field) + jnp.vdot(d, a * field - c)) / 4
    return c, field, constant
