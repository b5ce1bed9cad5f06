"""The equilibrium of synapses and processes while the neurons are held."""

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
    """The constant forces on the two layers.

    Attributes:
        pairs: phi phi^T + c, on the synapses.
        tone: d, on the processes.
    """

    pairs: Pairs
    tone: Pairs | Scalar


def settle_fast(
    network: Any, neurons: Pattern, *, drive: Any = None, tolerance: float = 1e-5
) -> TripartiteState:
    """Returns the equilibrium of synapses s and processes p while the neurons are held.

    It is unique if the network is certified. Eliminating s leaves

        gamma p - T psi(p) - g((psi(p) + phi phi^T + c) / alpha) - d = 0

    Newton's method solves it, with conjugate gradients that store no matrix, and with step halving.
    If g and psi are linear, the first step is exact. If the network is certified, the Jacobian has
    a bounded inverse everywhere, so halving until the left side shrinks converges from any start.
    Derivatives are implicit.

    Args:
        network: A [`nam_jax.network.NeuronAstrocyte`][] whose synaptic and process Lagrangians are
            additive and whose alpha and gamma are above 0.
        neurons: x, (N,).
        drive: Constant inputs c and d; the neural input does not matter here.
        tolerance: Relative tolerance of the steps and linear solves.

    Returns:
        The state with `neurons` as given. Synapses and processes are NaN if the solve fails, which
        can happen if the network is not certified. It fails if the left side above is larger than
        100 times `tolerance`, relative to its largest |entry| at p = 0, or if p is so large that
        its rounding error would be a tenth of that entry.

    Raises:
        ValueError: If synapses or processes have a collective Lagrangian, or `drive` is no `Drive`.
    """
    # Example, N = 1: g(s) = s, psi(p) = p, T = 0.5, alpha = 1, gamma = 2.5, phi^2 = 1, no drive.
    # The left side is 2.5 p - 0.5 p - (p + 1) = p - 1. At p = 0 it is -1 with the slope 1, so the
    # first step gives p = 1, which is exact, and s = (psi + phi^2) / alpha = 2. Check:
    # alpha s = 2 = phi^2 + psi and gamma p = 2.5 = T psi + g = 0.5 + 2.
    for layer in (network.synaptic, network.process):
        if not layer.additive:
            requirement = "have additive Lagrangians of synapses and processes"
            raise argument_error("network", requirement, f"the collective {type(layer).__name__}")
    inputs = network.as_drive(drive)
    neurons = jnp.asarray(neurons, network.dtype)
    phi = network.neural.activation(neurons)
    pairs = phi[:, None] * phi[None, :]
    pairs = pairs + drive_at(inputs.synaptic, 0.0, pairs)
    load = _Load(pairs, drive_at(inputs.process, 0.0, pairs))
    alpha = network.leaks.synaptic.astype(neurons.dtype)
    arrays, static = eqx.partition(network, eqx.is_array)
    # No derivatives are taken through the loop. A last step from the root, with derivatives, has
    # the derivatives of the root itself, by the implicit function theorem.
    fixed_arrays, fixed_load = jax.lax.stop_gradient((arrays, load))
    fixed_network = eqx.combine(fixed_arrays, static)
    at_zero = _imbalance(fixed_network, fixed_load, jnp.zeros_like(pairs))
    # Squares of smaller numbers vanish in the linear solves.
    least = 1e4 * jnp.sqrt(jnp.finfo(pairs.dtype).tiny)
    size = jnp.maximum(jnp.max(jnp.abs(at_zero)), least)
    p = newton(
        lambda p: _newton_step(fixed_network, fixed_load, p, tolerance),
        lambda p: _imbalance(fixed_network, fixed_load, p),
        jnp.zeros_like(pairs),
        tolerance=tolerance,
        rounding=100 * jnp.finfo(pairs.dtype).eps * jnp.linalg.norm(at_zero),
    )
    p = p + _newton_step(network, load, p, tolerance)
    imbalance = _imbalance(network, load, p)
    rounding = 8 * jnp.finfo(p.dtype).eps * jnp.max(jnp.abs(pairs))
    limit = 100 * tolerance * size + rounding
    # If the equation is singular, its computed solution is huge, limited only by rounding.
    largest = 0.1 * size / jnp.finfo(p.dtype).eps
    solved = (jnp.max(jnp.abs(imbalance)) <= limit) & (jnp.max(jnp.abs(p)) <= largest)
    p = jnp.where(solved, p, jnp.nan)
    return TripartiteState(neurons, (network.process.activation(p) + pairs) / alpha, p)


def _imbalance(network: Any, load: _Load, p: Pairs) -> Pairs:
    """Returns minus the force on the processes, with the synapses at their equilibrium for p."""
    alpha, gamma = (leak.astype(p.dtype) for leak in network.leaks[1:])
    psi = network.process.activation(p)
    g = network.synaptic.activation((psi + load.pairs) / alpha)
    return gamma * p - network.tensor(psi) - g - load.tone


def _newton_step(network: Any, load: _Load, p: Pairs, tolerance: float) -> Pairs:
    """Returns the step from p to the equilibrium of the equations linearised at p.

    With D = psi' and B = T + g'/alpha the Jacobian is gamma - B D. It is not symmetric, so
    conjugate gradients cannot solve with it. The matrix gamma - sqrt(D) B sqrt(D) is symmetric, and
    positive definite if the network is certified. With its solution w for the right side
    -sqrt(D) imbalance the step is (B sqrt(D) w - imbalance) / gamma. This form does not divide by
    D, which is 0 where psi saturates.
    """
    # Example, N = 1: gamma = 2, B = 1.5, D = 0.25, imbalance -1. The Jacobian is 2 - 0.375 = 1.625,
    # so the step is 1 / 1.625 = 0.615. By w: 1.625 w = 0.5 gives w = 0.308, and
    # (1.5 * 0.5 * 0.308 + 1) / 2 = 0.615.
    alpha, gamma = (leak.astype(p.dtype) for leak in network.leaks[1:])
    psi, slope = _value_and_slope(network.process, p)
    g, gain = _value_and_slope(network.synaptic, (psi + load.pairs) / alpha)
    imbalance = gamma * p - network.tensor(psi) - g - load.tone
    root = jnp.sqrt(slope)

    def spread(v: Pairs) -> Pairs:
        return network.tensor(root * v) + gain / alpha * root * v

    # JAX's solver is used, because the guard of lineax.CG against singular operators compares with
    # 100 eps N^2, and so refuses every operator of this size in float32.
    w, _ = cg(
        lambda v: gamma * v - root * spread(v),
        -root * imbalance,
        tol=tolerance,
        maxiter=_MOST_SOLVES,
    )
    return (spread(w) - imbalance) / gamma


def _value_and_slope(lagrangian: AbstractLagrangian, u: Pairs) -> tuple[Pairs, Pairs]:
    """Returns activation and slope of each entry of u, for an additive Lagrangian."""
    return jax.jvp(lagrangian.activation, (u,), (jnp.ones_like(u),))
