"""The neuron-astrocyte network without its fast layers, exact where they are linear."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from nam_jax._misc import argument_error, axes_of, is_concrete, positive_number
from nam_jax._types import Pairs, Pattern, Scalar
from nam_jax.lagrangian import AbstractLagrangian, LogCosh, Quadratic
from nam_jax.memory import AbstractProcessTensor, PatternTensor, contract, resolvent
from nam_jax.network._drive import Drive, drive_at, without_neural
from nam_jax.network._neural import AbstractNeuralNetwork
from nam_jax.network.astrocyte._neuron_astrocyte import NeuronAstrocyte
from nam_jax.network.astrocyte._start import Conditional
from nam_jax.network.astrocyte._state import PerLayer, TripartiteState, dtype_of


class EffectiveNeuronAstrocyte(AbstractNeuralNetwork):
    """Neurons alone, with synapses and processes at their equilibrium for each neural state.

    For linear g and psi, with a = alpha / g' and c = gamma / psi', that equilibrium is
    g = M (phi phi^T + W), psi = a g - phi phi^T, with M = (a - (c - T)^-1)^-1, and

        tau_n dx/dt = -lambda x + (M phi phi^T) phi + W phi
        E = lambda [x.phi - L_n] - 1/4 <phi phi^T, M phi phi^T> - 1/2 phi.W phi + const.

    M = M0 + (M - M0): a Hebbian background, and a tensor on the stored patterns that
    [`nam_jax.memory.resolvent`][] gives. So a flow costs O(K N + K^2) instead of O(K N^2), and has
    the equilibria of the three layers exactly; also their energies. W is 0 unless synapses or
    processes are driven. Made by `from_full`, or by `dense`, which needs no K x K couplings; the
    state is x, (N,).

    Attributes:
        excess: M - M0, the part of M that the patterns make.
        background: M0 = c / (a c - 1), the strength of Hebbian self-support.
        neural: L_n, Lagrangian of the neurons; its activation is phi.
        leak: lambda.
        time_constant: tau_n.
        stiffness: a = alpha / g'.
        slopes: g' and psi'.
        drives: None, or what constant drives leave: c, W (both (N, N)) and the constant of E.
        voltage: x of a neuron whose cue entry is 1, when recall starts.
    """

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
        """Eliminates synapses and processes of `network`.

        Args:
            network: Certified, with linear synapses and processes, and a tensor that has a
                [`nam_jax.memory.resolvent`][]. Its neurons start at the voltage of its `start`.
            drive: Constant inputs c to synapses and d to processes; costs O(K N^2) once, and
                O(N^2) at each evaluation. The neural input is given at each evaluation instead.

        Raises:
            ValueError: If g or psi is not linear (use [`nam_jax.network.QuasiStatic`][]), the
                network is not certified, or `drive` drives neurons. Where the certificate cannot be
                looked at, under `jax.jit`, numbers of the result are NaN instead, and so are
                recalls.
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
        """The quartic dense memory with Hebbian self-support, as neurons feel it.

            tau_n dx/dt = -lambda x + M0 |phi|^2 phi + (R M0 / D) Xi^T (Xi phi)^3

        with M0 = 2 (without autapses their terms are subtracted). A flow is two matrix products.
        `to_full` gives the certified three layers whose exact reduction this is: so the paper's
        equivalence with the dense memory of eqs 14-15 does hold, for a T that is not Hebbian but
        s Y (1 + Y)^-1 with Y Hebbian.

        Args:
            patterns: (K, N), usually -1 and +1.
            memory_gain: R, above 0, of a lone pattern; what correlated ones share is stronger.
            gain: Neural leak in units of beta M0 N, above 0, as in `NeuronAstrocyte.certified`.
            beta: Slope of the neurons' tanh(beta x), above 0.
            autapses: Whether i = j takes part in the memories.
            voltage: x of a neuron whose cue entry is 1, when recall starts.

        Raises:
            ValueError: On wrong patterns, or a number that is not above 0.
        """
        background = jnp.asarray(2.0)
        strength = positive_number("memory_gain", memory_gain) * background
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
        """The three layers of which this is the reduction; the inverse of `from_full`.

        From M0 = 1 / a + 1 / (a^2 s) follows s = gamma / psi' - 1 / a, and from
        M - M0 = Y / (a^2 s) the process tensor T = s Y (1 + Y)^-1. Where Y is positive semidefinite
        its eigenvalues are below s: the network is certified. Drives are not given back.

        Args:
            time_constants: tau_s and tau_p, above 0.

        Raises:
            ValueError: On a time constant that is not above 0, or an excess without a resolvent.
        """
        a = self.stiffness
        shift = 1 / (a * (a * self.background - 1))
        of_g, of_psi = self.slopes
        # T = s Y (1 + Y)^-1 is -s times the resolvent of -Y at 1.
        tensor = -shift * resolvent(-(a**2) * shift * self.excess, jnp.ones_like(shift))
        return NeuronAstrocyte(
            tensor,
            neural=self.neural,
            synaptic=Quadratic(of_g),
            process=Quadratic(of_psi),
            leaks=PerLayer(self.leak, a * of_g, (shift + 1 / a) * of_psi),
            time_constants=(self.time_constant, *time_constants),
            start=Conditional(voltage=self.voltage),
        )

    @property
    def dtype(self) -> np.dtype:
        return dtype_of(self.excess)

    def row_axes(self) -> tuple[Any, int]:
        excess = self.excess.row_axes()
        if self.drives is None:
            return axes_of(self, lambda n: n.excess, excess), 0
        return axes_of(self, lambda n: (n.excess, n.drives), (excess, (0, 0, None))), 0

    def force(self, state: Pattern) -> Pattern:
        phi = self.neural.activation(state)
        force = self.background.astype(phi.dtype) * jnp.vdot(phi, phi) * phi
        force = force + contract(self.excess, phi)
        return force if self.drives is None else force + self.drives[1].astype(phi.dtype) @ phi

    def interaction(self, state: Pattern) -> Scalar:
        phi = self.neural.activation(state)
        background = self.background.astype(phi.dtype) * jnp.vdot(phi, phi) ** 2
        energy = -(background + jnp.vdot(phi, contract(self.excess, phi))) / 4
        if self.drives is None:
            return energy
        _, field, constant = self.drives
        return (
            energy - jnp.vdot(phi, field.astype(phi.dtype) @ phi) / 2 + constant.astype(phi.dtype)
        )

    def lift(self, state: Pattern) -> TripartiteState:
        """The state of all three layers with neurons at `state`: O(K N^2), exact.

        Args:
            state: x, (N,).

        Returns:
            x with the equilibrium of (s, p) for it; all three are at rest where x is.
        """
        phi = self.neural.activation(state)
        pairs = phi[:, None] * phi[None, :]
        g = self.passed(pairs)
        if self.drives is not None:
            g, pairs = g + self.drives[1].astype(g.dtype), pairs + self.drives[0].astype(g.dtype)
        psi = self.stiffness.astype(g.dtype) * g - pairs
        of_g, of_psi = (slope.astype(g.dtype) for slope in self.slopes)
        return TripartiteState(state, g / of_g, psi / of_psi)

    def passed(self, pairs: Pairs) -> Pairs:
        """M times an (N, N) array: what synapses return to neurons for `pairs`."""
        return self.background.astype(pairs.dtype) * pairs + self.excess(pairs)


def _drives(effective: EffectiveNeuronAstrocyte, drive: Drive) -> tuple[Pairs, Pairs, Scalar]:
    """The synaptic input c, the field W, and the constant of the energy, for drives c and d.

    g = M (phi phi^T + c) + M (c' - T)^-1 d with c' = gamma / psi', and (c' - T)^-1 M = a M - 1,
    so that W = M c + (a M - 1) d.
    """
    shape = (effective.num_neurons, effective.num_neurons)
    like = jnp.zeros(shape, effective.background.dtype)
    c, d = drive_at(drive.synaptic, 0.0, like), drive_at(drive.process, 0.0, like)
    a = effective.stiffness
    tone = a * effective.passed(d) - d
    field = effective.passed(c) + tone
    # -1/4 (c.g + d.psi) with g and psi at their values for silent neurons.
    constant = -(jnp.vdot(c, field) + jnp.vdot(d, a * field - c)) / 4
    return c, field, constant
