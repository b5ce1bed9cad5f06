"""Derivatives of an equilibrium from the equations at rest, without the steps that led to it.

Notation: F(u, theta) is the `force`, zero at rest; J = -dF/du; L, W and H as in `Implicit`.
"""

# Example: two units with leaks 1, weights W = [[0.5, 0], [3, 0]], and slopes H = diag(1, 0), so the
# second unit is saturated. J = 1 - W H = [[0.5, 0], [-3, 1]]. How far does the equilibrium move, to
# first order, under the push (1, 1)? Conjugate gradients solve H J y = H push: 0.5 y_1 = 1 gives
# y = (2, 0). The second row of J y = push is still wrong, since its row of H J is zero. The rest
# push - J y = (0, 7), divided by the leaks, gives the move y + (0, 7) = (2, 7); J (2, 7) = (1, 1).

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optax
from jaxtyping import Array, Bool, Int

from nam_jax._precision import full
from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork
from nam_jax.solve._linearised import Around, Implicit, Map, force, linearise
from nam_jax.solve._result import FLOOR, RESULTS


class Adjoint(eqx.Module):
    """The solution mu of J^T mu = v, where v is the cotangent d(loss)/d(state).

    mu is d(loss)/d(force): how much the loss changes per unit of a constant force on each unit.

    Attributes:
        force: mu, with the structure of the state; NaN if the solve failed.
        residual: |J^T mu - v| / |v|, computed anew after the solve.
        iterations: Number of iterations of the linear solver.
        least_curvature: Smallest curvature of the energy that the solver met, relative to a layer
            without interactions: 1 for such a layer, 0 at a critical point. Infinite if the network
            has no energy, or if `Implicit` names another solver or sets `general`.
        result: `converged`, `not_stable` or `adjoint_limit`.
    """

    force: Any
    residual: Scalar
    iterations: Int[Array, ""]
    least_curvature: Scalar
    result: RESULTS


@full
def adjoint(
    network: AbstractContinuousNetwork,
    state: Any,
    cotangent: Any,
    *,
    drive: Any = None,
    implicit: Implicit | None = None,
) -> Adjoint:
    """Returns the solution of the adjoint equation at an equilibrium, with a report.

    `jax.grad` of [`nam_jax.settle`][] solves the same equation but cannot return a report: a
    failure shows as NaN. With mu, the gradient d(loss)/d(theta) is the derivative of
    mu . F(u, theta) by theta.

    Args:
        network: Any continuous network.
        state: One sample's equilibrium.
        cotangent: d(loss)/d(state), with the structure of `state`.
        drive: Constant inputs, as at the equilibrium.
        implicit: How to solve; by default `Implicit()`.

    Returns:
        An object with the fields `force` (mu), `residual` (|J^T mu - v| / |v|), `iterations`,
        `least_curvature` (of the energy: 1 for a layer without interactions, 0 at a critical
        point), and `result`, one of `RESULTS`.

    Raises:
        ValueError: If the network takes no such drive.
    """
    around = linearise(network, state, drive, implicit or Implicit())
    v = around.symmetrise(cotangent)
    transposed = jax.linear_transpose(around.jacobian, state)
    (pulled,) = transposed(around.relax(v))
    right = jax.tree.map(jnp.subtract, v, pulled)
    y, result, stats = around.solve(around.equation, right, transpose=True)
    mu = around.symmetrise(jax.tree.map(jnp.add, around.relax(v), around.hessian(y)))
    error = jax.tree.map(jnp.subtract, v, around.symmetrise(transposed(mu)[0]))
    size = optax.tree.norm(v)
    return Adjoint(
        force=mu,
        residual=optax.tree.norm(error) / jnp.where(size == 0, 1, size),
        iterations=jnp.asarray(stats["num_steps"]),
        least_curvature=jnp.asarray(stats.get("least_curvature", jnp.inf), size.dtype),
        result=_outcome(result),
    )


@full
def nearer(
    network: AbstractContinuousNetwork,
    state: Any,
    *,
    drive: Any = None,
    implicit: Implicit | None = None,
) -> tuple[Any, Bool[Array, ""]]:
    """Returns `state` after three Newton steps towards its equilibrium, and whether they converge.

    Derivatives grow without bound towards a critical point, so a state at rest to only 1e-3 can be
    too far from the equilibrium for its derivatives to be right.

    The steps converge if the third is at most a quarter of the second, or at most 1e-3 times the
    largest |entry| of the state. Towards a critical point each step is half the step before.

    Args:
        network: Any continuous network.
        state: One sample's state near an equilibrium.
        drive: Constant inputs, as at the equilibrium.
        implicit: How the linear equations are solved; by default `Implicit()`.

    Returns:
        The state after the steps, or `state` itself if they do not converge; and whether they
        converge. The returned state is a constant to differentiation.

    Raises:
        ValueError: If the network takes no such drive.
    """
    # Example: for F = u^2 - 1 from u = 1.1 the steps are -0.095, -0.0045 and -0.00001: they
    # converge. For F = u^2, whose root is critical, from u = 0.8 they are -0.4, -0.2 and -0.1.
    network, state, drive = map(without_derivatives, (network, state, drive))
    implicit = implicit or Implicit()

    def step(state: Any, _: None) -> tuple[Any, tuple[Scalar, Scalar]]:
        around = linearise(network, state, drive, implicit)
        move = _answer(around, around.symmetrise(force(network, state, drive)))
        largest, size = (
            jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))
            for tree in (move, state)
        )
        return jax.tree.map(jnp.add, state, move), (largest, size)

    after, (moves, sizes) = jax.lax.scan(step, state, length=3)
    is_near = (moves[2] <= moves[1] / 4) | (moves[2] <= 1e-3 * (FLOOR + sizes[2]))
    after = jax.tree.map(lambda new, old: jnp.where(is_near, new, old), after, state)
    return jax.lax.stop_gradient(after), is_near


@eqx.filter_custom_jvp
def at_rest(
    state: Any, network: AbstractContinuousNetwork, drive: Any, rested: Bool[Array, ""], **options
) -> Any:
    """Returns `state`, which differentiates as the equilibrium of `network` with `drive`.

    Its derivatives are with respect to the arrays of `network` and `drive`. The steps that led to
    `state` are not differentiated.

    If JAX differentiates this function, it returns the state of `nearer` instead of `state`, so
    that the value of a loss and its derivatives belong to one state. The derivatives are NaN unless
    `rested` is True and the Newton steps of `nearer` converge.

    Args:
        state: One sample's state at rest.
        network: Any continuous network.
        drive: Constant inputs, as at the equilibrium.
        rested: Whether `state` came to rest.
        **options: `implicit`, how the linear equations are solved.
    """
    return state


@at_rest.def_jvp
@full
def _(primals: Any, tangents: Any, implicit: Implicit) -> tuple[Any, Any]:
    state, network, drive, rested = primals
    _, network_tangent, drive_tangent, _ = tangents
    state, is_near = nearer(network, state, drive=drive, implicit=implicit)
    state = at_rest(state, network, drive, rested, implicit=implicit)

    def at_state(network: AbstractContinuousNetwork, drive: Any) -> Any:
        return force(network, state, drive)

    _, push = eqx.filter_jvp(at_state, (network, drive), (network_tangent, drive_tangent))
    around = linearise(network, state, drive, implicit)
    moved = _answer(around, around.symmetrise(_filled(push, state)))
    # NaN comes in by a factor, because the transpose of `where` would turn it into 0.
    valid = jnp.where(rested & is_near, 1.0, jnp.nan)
    return state, jax.tree.map(lambda leaf: valid.astype(leaf.dtype) * leaf, moved)


def _answer(around: Around, push: Any) -> Any:
    """Returns J^-1 push: how far the equilibrium moves under a symmetrised force `push`."""
    y = _inverse_of(around, around.hessian(push))
    rest = jax.tree.map(jnp.subtract, push, around.jacobian(y))
    return around.symmetrise(jax.tree.map(jnp.add, y, around.relax(rest)))


def _inverse_of(around: Around, right: Any) -> Any:
    """Returns the differentiable solution y of `equation` y = `right`; NaN if the solve fails.

    JAX's rules differentiate the solve. Lineax's own rules raise an error if a solve behind a
    derivative fails, so that one bad sample would end the whole batch.
    """

    def solve(equation: Map, right: Any) -> Any:
        return around.solve(equation, right, transpose=False)[0]

    return jax.lax.custom_linear_solve(
        around.equation, right, solve, solve, symmetric=around.is_symmetric
    )


def without_derivatives(tree: Any) -> Any:
    """Returns `tree` with float arrays that are constants to differentiation."""
    arrays, rest = eqx.partition(tree, eqx.is_inexact_array)
    return eqx.combine(jax.lax.stop_gradient(arrays), rest)


def _filled(tangent: Any, state: Any) -> Any:
    """Returns `tangent` with zeros in place of None, which stands for a layer without a tangent.

    JAX can transpose a linear solve only if each layer of its right side depends on a tangent. So
    the zeros are computed from the layers that have tangents: as 0 times the sum of their entries.

    Args:
        tangent: A tree like `state`, with None for some layers.
        state: The state, which gives the shapes of the zeros.
    """
    leaves = jax.tree.leaves(tangent, is_leaf=lambda leaf: leaf is None)
    zero = 0 * sum(jnp.sum(leaf) for leaf in leaves if leaf is not None)
    pairs = zip(leaves, jax.tree.leaves(state), strict=True)
    filled = [jnp.broadcast_to(zero, u.shape) if v is None else v + zero for v, u in pairs]
    return jax.tree.unflatten(jax.tree.structure(state), filled)


def _outcome(result: lx.RESULTS) -> RESULTS:
    """Returns our result for Lineax's: every failure but `breakdown` is `adjoint_limit`."""
    ending = RESULTS.where(
        result == lx.RESULTS.successful, RESULTS.converged, RESULTS.adjoint_limit
    )
    return RESULTS.where(result == lx.RESULTS.breakdown, RESULTS.not_stable, ending)
