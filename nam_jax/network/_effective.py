"""The neuron-astrocyte network without its fast layers: exact where they are linear."""

import equinox as eqx
import jax.numpy as jnp

from nam_jax._misc import argument_error, is_concrete
from nam_jax._types import Pairs, Pattern, Scalar
from nam_jax.lagrangian import AbstractLagrangian
from nam_jax.memory import AbstractProcessTensor, contract, resolvent
from nam_jax.network._fast import settle_fast
from nam_jax.network._layers import Drive, TripartiteState, drive_at
from nam_jax.network._neural import AbstractNeuralNetwork
from nam_jax.network._neuron_astrocyte import NeuronAstrocyte


class EffectiveNeuronAstrocyte(AbstractNeuralNetwork):
    """Neurons alone, with synapses and processes at their equilibrium for each neural state.

    For linear g and psi, with a = alpha / g' and c = gamma / psi', that equilibrium is
    g = M (phi phi^T + W), psi = a g - phi phi^T, with M = (a - (c - T)^-1)^-1, and

        tau_n dx/dt = -lambda x + (M phi phi^T) phi + W phi
        E = lambda [x.phi - L_n] - 1/4 <phi phi^T, M phi phi^T> - 1/2 phi.W phi + const.

    M = M0 + (M - M0): a Hebbian background, and a tensor on the stored patterns that
    [`nam_jax.memory.resolvent`][] gives. So a flow costs O(K N + K^2) instead of O(K N^2), and has
    the equilibria of the three layers exactly; also their energies. W is 0 unless synapses or
    processes are driven. Made by `from_full`; the state is x, (N,).

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
            network: Certified, with linear synapses and processes, and a pattern tensor, a dense
                one or a scaled one. Its neurons start at the voltage of its `start`.
            drive: Constant inputs c to synapses and d to processes; costs O(K N^2) once, and
                O(N^2) at each evaluation. The neural input is given at each evaluation instead.

        Raises:
            ValueError: If g or psi is not linear (use [`nam_jax.network.QuasiStatic`][]), or the
                network is not certified. Where that cannot be looked at, under `jax.jit`, numbers
                of the result are NaN instead, and so are recalls.
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
        a = network.leaks.synaptic / slopes[0]
        c = network.leaks.process / slopes[1]
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
        if drive is None or (drive.synaptic is None and drive.process is None):
            return effective
        return eqx.tree_at(
            lambda net: net.drives,
            effective,
            _drives(effective, drive),
            is_leaf=lambda x: x is None,
        )

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


class QuasiStatic(AbstractNeuralNetwork):
    """Neurons alone, with (s, p) at their equilibrium by [`nam_jax.network.settle_fast`][].

        tau_n dx/dt = -lambda x + g(s*) phi,   E = E_full(x, s*, p*)

    The limit of infinitely fast synapses and processes for every certified network: any tensor,
    any additive monotone g and psi. A flow costs a solve over N x N arrays; where g and psi are
    linear, [`nam_jax.network.EffectiveNeuronAstrocyte`][] is the same network at O(K N + K^2).

    Attributes:
        full: The three-layer network.
        drive: Constant inputs to its synapses and processes.
        tolerance: As for `settle_fast`.
    """

    full: NeuronAstrocyte
    drive: Drive
    tolerance: float

    def __init__(
        self, full: NeuronAstrocyte, drive: Drive | None = None, *, tolerance: float = 1e-5
    ):
        self.full = full
        self.drive = Drive() if drive is None else drive
        self.tolerance = tolerance

    @property
    def neural(self) -> AbstractLagrangian:  # type: ignore[override]
        """L_n of the full network."""
        return self.full.neural

    @property
    def leak(self) -> Scalar:  # type: ignore[override]
        """Lambda of the full network."""
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
        """The voltage of the full network's start."""
        return self.full.start.voltage

    def force(self, state: Pattern) -> Pattern:
        phi, g, _ = self.full.activations(self.lift(state))
        return g @ phi

    def interaction(self, state: Pattern) -> Scalar:
        drive = Drive(None, self.drive.synaptic, self.drive.process)
        terms = self.full.energy_terms(self.lift(state), drive)
        return jnp.sum(jnp.stack(terms)) - terms.neural

    def lift(self, state: Pattern) -> TripartiteState:
        """The state of all three layers with neurons at `state`, NaN where none is found."""
        return settle_fast(self.full, state, drive=self.drive, tolerance=self.tolerance)


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
