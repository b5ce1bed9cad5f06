"""Initial states: what synapses and processes hold when a cue arrives at the neurons."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx

from nam_jax._types import Pairs, Pattern
from nam_jax.lagrangian import AbstractLagrangian
from nam_jax.network._layers import TripartiteState


class AbstractStart(eqx.Module):
    """Turns a cue into the initial state of a network with neurons, synapses and processes.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
    """

    voltage: eqx.AbstractVar[float]

    @abc.abstractmethod
    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        """The initial state of `network`, with neurons at `voltage` times `cue` (N,)."""


class Cold(AbstractStart):
    """s = p = 0: nothing is known of the past."""

    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        x = self.voltage * cue
        zeros = jnp.zeros((x.shape[0], x.shape[0]), x.dtype)
        return TripartiteState(x, zeros, zeros)


class Algebraic(AbstractStart):
    """p = psi^-1(-phi phi^T), s = g^-1(T phi phi^T): the paper's choice, its s and p put right.

    It solves the equations of synapses and processes without leaks (Kozachkov, Slotine & Krotov,
    section 3; the text has s and p exchanged). Values outside an activation's range are moved to
    its border.
    """

    voltage: float = 1.0

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        x = self.voltage * cue
        phi = network.neural.activation(x)
        pairs = phi[:, None] * phi[None, :]
        synapses = network.synaptic.inverse(network.tensor(pairs))
        return TripartiteState(x, synapses, network.process.inverse(-pairs))


class Conditional(AbstractStart):
    """The equilibrium of (s, p) with the neurons held at the cue; one exists when certified.

    Eliminating s leaves gamma p - T psi(p) - g((psi(p) + phi phi^T) / alpha) = 0, solved by
    Newton's method with matrix-free conjugate gradients: one linear solve where g and psi are
    linear. The state is NaN where the solve fails, as it may where the certificate does.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
        tolerance: Relative and absolute tolerance of the solve.
    """

    voltage: float = 1.0
    tolerance: float = 1e-5

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        x = self.voltage * cue
        phi = network.neural.activation(x)
        pairs = phi[:, None] * phi[None, :]
        alpha = network.leaks.synaptic.astype(x.dtype)
        solution = optx.fixed_point(
            lambda p, _: p + _newton_step(network, pairs, p, self.tolerance),
            optx.FixedPointIteration(rtol=self.tolerance, atol=self.tolerance),
            jnp.zeros_like(pairs),
            max_steps=50,
            throw=False,
        )
        solved = solution.result == optx.RESULTS.successful
        p = jnp.where(solved, solution.value, jnp.nan)
        return TripartiteState(x, (network.process.activation(p) + pairs) / alpha, p)


def _newton_step(network: Any, pairs: Pairs, p: Pairs, tolerance: float) -> Pairs:
    """The step to the equilibrium of the equations linearised at p.

    With D = psi' and B = T + g'/alpha the Jacobian is gamma - B D, which conjugate gradients
    cannot take; gamma - sqrt(D) B sqrt(D) is symmetric, and positive definite when certified. Its
    solution w gives the step (B sqrt(D) w - imbalance) / gamma without dividing by D, which is 0
    where psi saturates.
    """
    alpha, gamma = (leak.astype(p.dtype) for leak in network.leaks[1:])
    psi, slope = _value_and_slope(network.process, p)
    g, gain = _value_and_slope(network.synaptic, (psi + pairs) / alpha)
    imbalance = gamma * p - network.tensor(psi) - g
    root = jnp.sqrt(slope)

    def spread(v: Pairs) -> Pairs:
        return network.tensor(root * v) + gain / alpha * root * v

    # Not lineax.CG: its guard against singular operators compares with 100 eps N^2, which in
    # float32 refuses every operator of this size.
    w, _ = jax.scipy.sparse.linalg.cg(
        lambda v: gamma * v - root * spread(v), -root * imbalance, tol=tolerance, maxiter=500
    )
    return (spread(w) - imbalance) / gamma


def _value_and_slope(lagrangian: AbstractLagrangian, u: Pairs) -> tuple[Pairs, Pairs]:
    """Activation and its derivative, entry by entry, for an additive Lagrangian."""
    return jax.jvp(lagrangian.activation, (u,), (jnp.ones_like(u),))
