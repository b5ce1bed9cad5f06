"""Synapses and processes at their equilibrium for neurons held where they are."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg

from nam_jax._misc import argument_error
from nam_jax._newton import newton
from nam_jax._types import Pairs, Pattern, Scalar
from nam_jax.lagrangian import AbstractLagrangian
from nam_jax.network._drive import drive_at
from nam_jax.network.astrocyte._state import TripartiteState

_MOST_SOLVES = 500


class _Load(eqx.Module):
    """What acts on the two layers: phi phi^T + c on the synapses, d on the processes."""

    pairs: Pairs
    tone: Pairs | Scalar


def settle_fast(
    network: Any, neurons: Pattern, *, drive: Any = None, tolerance: float = 1e-5
) -> TripartiteState:
    """The conditional equilibrium of (s, p) with the neurons held; unique when certified.

    Eliminating s leaves gamma p - T psi(p) - g((psi(p) + phi phi^T + c) / alpha) - d = 0, solved by
    Newton's method with matrix-free conjugate gradients and step halving: one linear solve where g
    and psi are linear. In the certified regime the Jacobian has a bounded inverse everywhere, so
    halving until the left side shrinks converges from anywhere. Derivatives are implicit.

    Args:
        network: A [`nam_jax.network.NeuronAstrocyte`][] whose synaptic and process Lagrangians are
            additive and whose alpha and gamma are above 0.
        neurons: x, (N,).
        drive: Constant inputs c and d; the neural one does not matter here.
        tolerance: Relative tolerance of the steps and linear solves.

    Returns:
        The state with `neurons` as given. Synapses and processes are NaN where the solve fails, as
        it may where the certificate does: where the left side above stays larger than 100 times
        `tolerance`, relative to 1 + max |phi phi^T + c|.

    Raises:
        ValueError: If synapses or processes have a collective Lagrangian, or `drive` is no `Drive`.
    """
    for layer in (network.synaptic, network.process):
        if not layer.additive:
            requirement = "have additive Lagrangians of synapses and processes"
            raise argument_error("network", requirement, f"the collective {type(layer).__name__}")
    inputs = network.as_drive(drive)
    phi = network.neural.activation(neurons)
    pairs = phi[:, None] * phi[None, :]
    pairs = pairs + drive_at(inputs.synaptic, 0.0, pairs)
    load = _Load(pairs, drive_at(inputs.process, 0.0, pairs))
    alpha = network.leaks.synaptic.astype(neurons.dtype)
    arrays, rest = eqx.partition(network, eqx.is_array)
    # The loop is cut off from derivatives. One more step from the root has the derivatives
    # of the root itself, as the implicit function theorem gives them.
    fixed, held = jax.lax.stop_gradient((arrays, load))
    fixed = eqx.combine(fixed, rest)
    p = newton(
        lambda p: _newton_step(fixed, held, p, tolerance),
        lambda p: _imbalance(fixed, held, p),
        jnp.zeros_like(pairs),
        tolerance=tolerance,
        rounding=100 * jnp.finfo(pairs.dtype).eps * (1 + jnp.linalg.norm(held.pairs)),
    )
    p = p + _newton_step(network, load, p, tolerance)
    imbalance = _imbalance(network, load, p)
    limit = 100 * tolerance * (1 + jnp.max(jnp.abs(pairs)))
    # Where the equation is singular the solution is as large as rounding lets it be.
    largest = 0.1 * (1 + jnp.max(jnp.abs(pairs))) / jnp.finfo(p.dtype).eps
    solved = (jnp.max(jnp.abs(imbalance)) <= limit) & (jnp.max(jnp.abs(p)) <= largest)
    p = jnp.where(solved, p, jnp.nan)
    return TripartiteState(neurons, (network.process.activation(p) + pairs) / alpha, p)


def _imbalance(network: Any, load: _Load, p: Pairs) -> Pairs:
    """Minus the force on the processes when the synapses are at their equilibrium for p."""
    alpha, gamma = (leak.astype(p.dtype) for leak in network.leaks[1:])
    psi = network.process.activation(p)
    g = network.synaptic.activation((psi + load.pairs) / alpha)
    return gamma * p - network.tensor(psi) - g - load.tone


def _newton_step(network: Any, load: _Load, p: Pairs, tolerance: float) -> Pairs:
    """The step to the equilibrium of the equations linearised at p.

    With D = psi' and B = T + g'/alpha the Jacobian is gamma - B D, which conjugate gradients
    cannot take; gamma - sqrt(D) B sqrt(D) is symmetric, and positive definite when certified. Its
    solution w gives the step (B sqrt(D) w - imbalance) / gamma without dividing by D, which is 0
    where psi saturates.
    """
    alpha, gamma = (leak.astype(p.dtype) for leak in network.leaks[1:])
    psi, slope = _value_and_slope(network.process, p)
    g, gain = _value_and_slope(network.synaptic, (psi + load.pairs) / alpha)
    imbalance = gamma * p - network.tensor(psi) - g - load.tone
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
