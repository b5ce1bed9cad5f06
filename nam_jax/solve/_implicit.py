"""Derivatives of an equilibrium from the equations at rest, not from the way there."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optax
from jaxtyping import Array, Bool, Int

from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork
from nam_jax.solve._linearised import Around, Implicit, Map, force, linearise
from nam_jax.solve._result import RESULTS


class Adjoint(eqx.Module):
    """The solution mu of J^T mu = v: what a cotangent v of the state is worth as a force.

    Attributes:
        force: mu, with the structure of the state; NaN unless solved.
        residual: |J^T mu - v| / |v|, computed anew after the solve.
        iterations: Iterations taken.
        least_curvature: Smallest curvature of the energy met on the way, 1 for a layer without
            interactions and 0 at a critical point; infinite where the network has no energy.
        result: `converged`, `not_stable` or `adjoint_limit`.
    """

    force: Any
    residual: Scalar
    iterations: Int[Array, ""]
    least_curvature: Scalar
    result: RESULTS


def adjoint(
    network: AbstractContinuousNetwork,
    state: Any,
    cotangent: Any,
    *,
    drive: Any = None,
    implicit: Implicit | None = None,
) -> Adjoint:
    """Solves the adjoint equation at an equilibrium, and says how well.

    `jax.grad` of [`nam_jax.settle`][] does the same but has no place for a report: there a failure
    shows as NaN. With mu, d(loss)/d(theta) is the derivative of mu . F(u, theta) by theta.

    Args:
        network: Any continuous network.
        state: One sample's equilibrium.
        cotangent: d(loss)/d(state), with the structure of `state`.
        drive: Constant inputs, as at the equilibrium.
        implicit: How to solve; by default `Implicit()`.
    """
    around = linearise(network, state, drive, implicit or Implicit())
    v = around.symmetrise(cotangent)
    transposed = jax.linear_transpose(around.jacobian, state)
    (pulled,) = transposed(around.relax(v))
    right = jax.tree.map(jnp.subtract, v, pulled)
    y, result, stats = around.solve(around.equation, right, transpose=True)
    mu = around.symmetrise(jax.tree.map(jnp.add, around.relax(v), around.hessian(y)))
    miss = jax.tree.map(jnp.subtract, v, around.symmetrise(transposed(mu)[0]))
    size = optax.tree.norm(v)
    return Adjoint(
        force=mu,
        residual=optax.tree.norm(miss) / jnp.where(size == 0, 1, size),
        iterations=jnp.asarray(stats["num_steps"]),
        least_curvature=jnp.asarray(stats.get("least_curvature", jnp.inf), size.dtype),
        result=_outcome(result),
    )


def nearer(
    network: AbstractContinuousNetwork,
    state: Any,
    *,
    drive: Any = None,
    implicit: Implicit | None = None,
) -> tuple[Any, Bool[Array, ""]]:
    """`state` after three Newton steps towards its equilibrium, and whether they converge.

    Derivatives grow without bound towards a critical point, and a state at rest to 1e-3 can be too
    far from the equilibrium to tell how large they are. Where the last step is not below a quarter
    of the one before (half is what steps do at the critical point), nor below a thousandth of the
    state, nothing is known of the equilibrium, and the state is the
    old one. Takes no derivatives.

    Args:
        network: Any continuous network.
        state: One sample's state near an equilibrium.
        drive: Constant inputs, as at the equilibrium.
        implicit: How the linear equations are solved; by default `Implicit()`.
    """
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
    is_near = (moves[2] <= moves[1] / 4) | (moves[2] <= 1e-3 * (1 + sizes[2]))
    after = jax.tree.map(lambda new, old: jnp.where(is_near, new, old), after, state)
    return jax.lax.stop_gradient(after), is_near


@eqx.filter_custom_jvp
def at_rest(
    state: Any, network: AbstractContinuousNetwork, drive: Any, rested: Bool[Array, ""], **options
) -> Any:
    """`state`, with the derivatives of the equilibrium that it is; NaN ones unless `rested`.

    Where derivatives are taken it is `nearer` to that equilibrium: a loss has its slope there.
    """
    return state


@at_rest.def_jvp
def _(primals: Any, tangents: Any, implicit: Implicit) -> tuple[Any, Any]:
    state, network, drive, rested = primals
    _, of_network, of_drive, _ = tangents
    state, is_near = nearer(network, state, drive=drive, implicit=implicit)
    state = at_rest(state, network, drive, rested, implicit=implicit)

    def at_state(network: AbstractContinuousNetwork, drive: Any) -> Any:
        return force(network, state, drive)

    _, push = eqx.filter_jvp(at_state, (network, drive), (of_network, of_drive))
    around = linearise(network, state, drive, implicit)
    moved = _answer(around, around.symmetrise(_filled(push, state)))
    # A factor, because the transpose of `where` would turn NaN into 0.
    valid = jnp.where(rested & is_near, 1.0, jnp.nan)
    return state, jax.tree.map(lambda leaf: valid.astype(leaf.dtype) * leaf, moved)


def _answer(around: Around, push: Any) -> Any:
    """J^-1 push: how far the equilibrium moves under a symmetrised push."""
    y = _inverse_of(around, around.hessian(push))
    rest = jax.tree.map(jnp.subtract, push, around.jacobian(y))
    return around.symmetrise(jax.tree.map(jnp.add, y, around.relax(rest)))


def _inverse_of(around: Around, right: Any) -> Any:
    """The solution of `equation` y = `right`, differentiable; NaN where it fails.

    Not by Lineax's own rules, which raise when a solve behind a derivative fails, and with it end
    the whole batch.
    """

    def solve(equation: Map, right: Any) -> Any:
        return around.solve(equation, right, transpose=False)[0]

    return jax.lax.custom_linear_solve(
        around.equation, right, solve, solve, symmetric=around.is_symmetric
    )


def without_derivatives(tree: Any) -> Any:
    """`tree` with arrays that are constants to differentiation."""
    arrays, rest = eqx.partition(tree, eqx.is_inexact_array)
    return eqx.combine(jax.lax.stop_gradient(arrays), rest)


def _filled(tangent: Any, state: Any) -> Any:
    """`tangent` with zeros where a layer has none.

    They hang on a layer that has one, because JAX transposes a linear solve only if every part of
    its right side is a tangent.
    """
    leaves = jax.tree.leaves(tangent, is_leaf=lambda leaf: leaf is None)
    nothing = 0 * sum(jnp.sum(leaf) for leaf in leaves if leaf is not None)
    pairs = zip(leaves, jax.tree.leaves(state), strict=True)
    filled = [jnp.broadcast_to(nothing, u.shape) if v is None else v + nothing for v, u in pairs]
    return jax.tree.unflatten(jax.tree.structure(state), filled)


def _outcome(result: lx.RESULTS) -> RESULTS:
    ending = RESULTS.where(
        result == lx.RESULTS.successful, RESULTS.converged, RESULTS.adjoint_limit
    )
    return RESULTS.where(result == lx.RESULTS.breakdown, RESULTS.not_stable, ending)
