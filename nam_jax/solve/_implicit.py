"""Derivatives of an equilibrium from the equations at rest, not from the way there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optax
from jaxtyping import Array, Bool, Int

from nam_jax._types import Scalar
from nam_jax.lagrangian import AbstractLagrangian
from nam_jax.network import AbstractContinuousNetwork, AbstractEnergyNetwork, Layer, curvature
from nam_jax.solve._conjugate import ConjugateGradients
from nam_jax.solve._result import RESULTS

Map = Callable[[Any], Any]


class Implicit(eqx.Module):
    """How the linear equation behind a derivative is solved (recurrent backpropagation).

    At rest inertia du/dt = F(u, theta) = 0, so that J du = (dF/dtheta) dtheta with J = -dF/du. In a
    network with an energy J = L - W H: leaks, Hessian of the interactions, Hessian of the
    Lagrangians. H J is the Hessian of the energy, symmetric and positive semidefinite at a stable
    equilibrium: conjugate gradients with the preconditioner 1 / (H L), which is Almeida and
    Pineda's equation in the variables H^(1/2) du, without roots. A network without an energy takes
    GMRES on J. An iteration costs about two flows; nothing is materialised.

    Attributes:
        tolerance: Residual over right side at which to stop; None for eps^0.6 of the dtype, 7e-5 in
            float32 and 4e-10 in float64.
        max_steps: Iterations after which to give up.
        solver: Another Lineax solver instead; it meets `H J` (tagged positive semidefinite) in a
            network with an energy unless `general`, else J.
        general: Whether to treat a network with an energy as if it had none.
    """

    tolerance: float | None = None
    max_steps: int = eqx.field(default=500, static=True)
    solver: lx.AbstractLinearSolver | None = None
    general: bool = eqx.field(default=False, static=True)


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
    around = _linearise(network, state, drive, implicit or Implicit())
    v = around.symmetrise(cotangent)
    transposed = jax.linear_transpose(around.jacobian, state)
    (pulled,) = transposed(around.relax(v))
    right = around.hessian_mask(jax.tree.map(jnp.subtract, v, pulled))
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
    around = _linearise(network, state, drive, implicit)
    push = around.symmetrise(_filled(push, state))
    y = _inverse_of(around, around.hessian(push))
    rest = jax.tree.map(jnp.subtract, push, around.jacobian(y))
    moved = around.symmetrise(jax.tree.map(jnp.add, y, around.relax(rest)))
    # A factor, because the transpose of `where` would turn NaN into 0.
    valid = jnp.where(rested, 1.0, jnp.nan)
    return state, jax.tree.map(lambda leaf: valid.astype(leaf.dtype) * leaf, moved)


class _Around(NamedTuple):
    """The equations linearised at an equilibrium.

    `hessian` is H, the identity in a network without an energy, and zero where H is so small that
    it is rounding (`hessian_mask` is 0 there and 1 elsewhere). `equation` is H J, or J, and `solve`
    solves it, with a report. `relax` divides by the leaks; with it y need only be right where H is
    not zero.
    """

    jacobian: Map
    hessian: Map
    hessian_mask: Map
    equation: Map
    relax: Map
    symmetrise: Map
    solve: Callable[..., tuple[Any, lx.RESULTS, dict[str, Any]]]
    is_symmetric: bool


def _inverse_of(around: _Around, right: Any) -> Any:
    """The solution of `equation` y = `right`, differentiable; NaN where it fails.

    Not by Lineax's own rules, which raise when a solve behind a derivative fails, and with it end
    the whole batch.
    """

    def solve(equation: Map, right: Any) -> Any:
        return around.solve(equation, right, transpose=False)[0]

    def transpose_solve(equation: Map, right: Any) -> Any:
        return around.solve(equation, right, transpose=False)[0]

    return jax.lax.custom_linear_solve(
        around.equation, right, solve, transpose_solve, symmetric=around.is_symmetric
    )


def force(network: AbstractContinuousNetwork, state: Any, drive: Any = None) -> Any:
    """F: the flow times the inertia of each layer, or without an energy times its time scale.

    For a network with an energy it is -dE/dy, y the activations. Has the structure of `state`.
    """
    flow = network.vector_field(0.0, state, drive)
    if isinstance(network, AbstractEnergyNetwork):
        leaves, structure = jax.tree.flatten(flow)
        scaled = [
            layer.inertia.astype(v.dtype) * v
            for layer, v in zip(network.layers(), leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, scaled)
    return jax.tree.map(lambda v, scale: scale.astype(v.dtype) * v, flow, network.time_scales())


def _linearise(
    network: AbstractContinuousNetwork, state: Any, drive: Any, implicit: Implicit
) -> _Around:
    _, push = jax.linearize(lambda u: force(network, u, drive), state)

    def jacobian(v: Any) -> Any:
        return jax.tree.map(jnp.negative, push(v))

    if isinstance(network, AbstractEnergyNetwork) and not implicit.general:
        return _with_energy(network, state, jacobian, implicit)

    def same(v: Any) -> Any:
        return v

    def solve(
        equation: Map, right: Any, *, transpose: bool
    ) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
        operator = lx.FunctionLinearOperator(equation, jax.eval_shape(same, state))
        operator = operator.T if transpose else operator
        solver = implicit.solver or lx.GMRES(
            _tolerance(implicit, state), 0.1 * _tolerance(implicit, state),
            max_steps=implicit.max_steps, restart=40, stagnation_iters=40,
        )  # fmt: skip
        return _linear_solve(operator, right, solver, {})

    return _Around(jacobian, same, same, jacobian, _zeros, same, solve, is_symmetric=False)


def _zeros(v: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, v)


def _with_energy(
    network: AbstractEnergyNetwork, state: Any, jacobian: Map, implicit: Implicit
) -> _Around:
    leaves, structure = jax.tree.flatten(state)
    layers = network.layers()

    def by_layer(function: Callable) -> Map:
        def apply(v: Any) -> Any:
            values = jax.tree.leaves(v)
            mapped = map(function, layers, leaves, values)
            return jax.tree.unflatten(structure, list(mapped))

        return apply

    ones = jax.tree.map(jnp.ones_like, state)
    slopes = by_layer(lambda layer, u, v: _slope(layer.lagrangian, u))(ones)
    mask = by_layer(_moves)(slopes)

    def masked(v: Any) -> Any:
        return jax.tree.map(lambda keep, leaf: jnp.where(keep, leaf, 0), mask, v)

    bend = by_layer(lambda layer, u, v: curvature(layer.lagrangian, u, v))
    relax = by_layer(lambda layer, u, v: _free(layer, v) * _inverse(layer.leak, v, 0.0))
    weight = by_layer(lambda layer, u, v: v * _inverse(layer.leak, v, 1.0))
    # Only a preconditioner, of which no derivatives are wanted.
    scales = jax.lax.stop_gradient(
        weight(jax.tree.map(lambda s: jnp.where(s > 0, 1 / s, 0), masked(slopes)))
    )

    symmetrise = by_layer(lambda layer, u, v: (v + v.mT) / 2 if layer.symmetric else v)

    def hessian(v: Any) -> Any:
        return masked(bend(masked(v)))

    def equation(v: Any) -> Any:
        return symmetrise(hessian(jacobian(masked(symmetrise(v)))))

    def solve(
        equation: Map, right: Any, *, transpose: bool
    ) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
        del transpose  # the operator is symmetric
        shape, tag = jax.eval_shape(lambda: state), lx.positive_semidefinite_tag
        operator = lx.FunctionLinearOperator(equation, shape, tag)
        scale = lx.FunctionLinearOperator(
            lambda v: jax.tree.map(jnp.multiply, scales, v), shape, tag
        )
        solver = implicit.solver or ConjugateGradients(
            _tolerance(implicit, state), implicit.max_steps
        )
        options = {"preconditioner": scale}
        y, result, stats = _linear_solve(operator, symmetrise(right), solver, options)
        return symmetrise(y), result, stats

    return _Around(jacobian, hessian, masked, equation, relax, symmetrise, solve, is_symmetric=True)


def _linear_solve(
    operator: lx.AbstractLinearOperator, right: Any, solver: lx.AbstractLinearSolver, options: Any
) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
    """The solution for a right side scaled to size 1, so that absolute tolerances mean something.

    Where the solve failed the solution is NaN.
    """
    size = optax.tree.norm(right)
    size = jnp.where(size == 0, 1, size)
    unit = jax.tree.map(lambda leaf: leaf / size, right)
    found = lx.linear_solve(operator, unit, solver, options=options, throw=False)
    scale = jnp.where(found.result == lx.RESULTS.successful, size, jnp.nan)
    return jax.tree.map(lambda leaf: scale * leaf, found.value), found.result, found.stats


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


def _slope(lagrangian: AbstractLagrangian, u: Array) -> Array:
    """The Hessian's diagonal for an additive Lagrangian, its size for one that couples entries."""
    if lagrangian.additive:
        return curvature(lagrangian, u, jnp.ones_like(u))
    probe = jax.random.normal(jax.random.key(0), u.shape, u.dtype)
    size = jnp.linalg.norm(curvature(lagrangian, u, probe)) / jnp.linalg.norm(probe)
    return jnp.full_like(u, size)


def _moves(layer: Layer, u: Array, slope: Array) -> Bool[Array, "..."]:
    """Where an activation can change: not where a unit is held, nor where its slope is rounding.

    The latter because 1 - tanh(u)^2 is a difference of numbers near 1.
    """
    moves = jnp.ones_like(slope, bool) if layer.held is None else ~layer.held
    if not layer.lagrangian.additive:
        return moves
    bound = layer.lagrangian.slope_bound.astype(slope.dtype)
    bound = jnp.where(jnp.isfinite(bound), bound, jnp.max(slope))
    return moves & (slope > 100 * jnp.finfo(slope.dtype).eps * bound)


def _free(layer: Layer, v: Array) -> Array:
    return v if layer.held is None else jnp.where(layer.held, 0, v)


def _inverse(leak: Scalar, like: Array, otherwise: float) -> Scalar:
    leak = leak.astype(like.dtype)
    return jnp.where(leak > 0, 1 / jnp.where(leak > 0, leak, 1), otherwise)


def _tolerance(implicit: Implicit, state: Any) -> float:
    if implicit.tolerance is not None:
        return implicit.tolerance
    return float(jnp.finfo(jax.tree.leaves(state)[0].dtype).eps) ** 0.6


def _outcome(result: lx.RESULTS) -> RESULTS:
    found = RESULTS.where(result == lx.RESULTS.successful, RESULTS.converged, RESULTS.adjoint_limit)
    return RESULTS.where(result == lx.RESULTS.breakdown, RESULTS.not_stable, found)
