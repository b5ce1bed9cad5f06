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


@eqx.filter_custom_jvp
def at_rest(
    state: Any, network: AbstractContinuousNetwork, drive: Any, rested: Bool[Array, ""], **options
) -> Any:
    """`state`, with the derivatives of the equilibrium that it is; NaN ones unless `rested`."""
    return state


@at_rest.def_jvp
def _(primals: Any, tangents: Any, implicit: Implicit) -> tuple[Any, Any]:
    state, network, drive, rested = primals
    _, of_network, of_drive, _ = tangents
    state = at_rest(*primals, implicit=implicit)

    def at_state(network: AbstractContinuousNetwork, drive: Any) -> Any:
        return force(network, state, drive)

    _, push = eqx.filter_jvp(at_state, (network, drive), (of_network, of_drive))
    around = linearise(network, state, drive, implicit)
    push = around.symmetrise(_filled(push, state))
    y = _inverse_of(around, around.hessian(push))
    rest = jax.tree.map(jnp.subtract, push, around.jacobian(y))
    moved = around.symmetrise(jax.tree.map(jnp.add, y, around.relax(rest)))
    # A factor, because the transpose of `where` would turn NaN into 0.
    valid = jnp.where(rested, 1.0, jnp.nan)
    return state, jax.tree.map(lambda leaf: valid.astype(leaf.dtype) * leaf, moved)


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
    found = RESULTS.where(result == lx.RESULTS.successful, RESULTS.converged, RESULTS.adjoint_limit)
    return RESULTS.where(result == lx.RESULTS.breakdown, RESULTS.not_stable, found)
