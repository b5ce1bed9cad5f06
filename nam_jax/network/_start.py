"""Initial states: what synapses and processes hold when a cue arrives at the neurons."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg
from jaxtyping import Array

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
    linear. Derivatives are implicit. The state is NaN where the solve fails, as it may where the
    certificate does.

    Attributes:
        voltage: Membrane voltage x of a neuron whose cue entry is 1.
        tolerance: Relative tolerance of the steps and linear solves; the solve has failed if the
            left side above stays larger than 100 times this, relative to 1 + max phi phi^T.
    """

    voltage: float = 1.0
    tolerance: float = 1e-5

    def __call__(self, network: Any, cue: Pattern) -> TripartiteState:
        x = self.voltage * cue
        phi = network.neural.activation(x)
        pairs = phi[:, None] * phi[None, :]
        alpha = network.leaks.synaptic.astype(x.dtype)
        arrays, rest = eqx.partition(network, eqx.is_array)
        # The loop is cut off from derivatives. One more step from the root has the derivatives
        # of the root itself, as the implicit function theorem gives them.
        p = _newton(*jax.lax.stop_gradient((arrays, pairs)), rest, self.tolerance)
        p = p + _newton_step(network, pairs, p, self.tolerance)
        imbalance = _imbalance(network, pairs, p)
        limit = 100 * self.tolerance * (1 + jnp.max(jnp.abs(pairs)))
        solved = jnp.max(jnp.abs(imbalance)) <= limit
        p = jnp.where(solved, p, jnp.nan)
        return TripartiteState(x, (network.process.activation(p) + pairs) / alpha, p)


_MOST_STEPS, _MOST_SOLVES = 50, 500


def _imbalance(network: Any, pairs: Pairs, p: Pairs) -> Pairs:
    """Minus the force on the processes when the synapses are at their equilibrium for p."""
    alpha, gamma = (leak.astype(p.dtype) for leak in network.leaks[1:])
    psi = network.process.activation(p)
    return gamma * p - network.tensor(psi) - network.synaptic.activation((psi + pairs) / alpha)


def _newton(arrays: Any, pairs: Pairs, rest: Any, tolerance: float) -> Pairs:
    """Newton's method from p = 0 until a step is small, at most 50 steps."""
    network = eqx.combine(arrays, rest)

    def unfinished(carry: tuple[Pairs, Pairs, Array]) -> Array:
        p, step, count = carry
        large = jnp.max(jnp.abs(step)) > tolerance * (1 + jnp.max(jnp.abs(p)))
        return large & (count < _MOST_STEPS)

    def advance(carry: tuple[Pairs, Pairs, Array]) -> tuple[Pairs, Pairs, Array]:
        p, _, count = carry
        step = _newton_step(network, pairs, p, tolerance)
        return p + step, step, count + 1

    start = (jnp.zeros_like(pairs), jnp.full_like(pairs, jnp.inf), jnp.asarray(0))
    return jax.lax.while_loop(unfinished, advance, start)[0]


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
    w, _ = cg(
        lambda v: gamma * v - root * spread(v),
        -root * imbalance,
        tol=tolerance,
        maxiter=_MOST_SOLVES,
    )
    return (spread(w) - imbalance) / gamma


def _value_and_slope(lagrangian: AbstractLagrangian, u: Pairs) -> tuple[Pairs, Pairs]:
    """Activation and its derivative, entry by entry, for an additive Lagrangian."""
    return jax.jvp(lagrangian.activation, (u,), (jnp.ones_like(u),))
