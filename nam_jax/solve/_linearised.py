"""The equations of a network at rest, linearised, and how they are solved."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optax
from jaxtyping import Array, Bool

from nam_jax._newton import ConjugateGradients
from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork, Layer

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


class Around(NamedTuple):
    """The equations linearised at an equilibrium.

    `hessian` is H, the identity in a network without an energy, and zero where H is so small that
    it is rounding. `equation` is H J, or J, and `solve` solves it for the part of a right side that
    it can have, with a report. `relax` divides by the leaks; with it y need only be right where H
    is not zero.
    """

    jacobian: Map
    hessian: Map
    equation: Map
    relax: Map
    symmetrise: Map
    solve: Callable[..., tuple[Any, lx.RESULTS, dict[str, Any]]]
    is_symmetric: bool


def force(network: AbstractContinuousNetwork, state: Any, drive: Any = None) -> Any:
    """F: the flow times the inertia of each layer, or without an energy times its time scale.

    For a network with an energy it is -dE/dy, y the activations. Has the structure of `state`.
    """
    flow, layers = network.vector_field(0.0, state, drive), network.layers()
    if layers is not None:
        leaves, structure = jax.tree.flatten(flow)
        scaled = [
            layer.inertia.astype(v.dtype) * v for layer, v in zip(layers, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, scaled)
    return jax.tree.map(lambda v, scale: scale.astype(v.dtype) * v, flow, network.time_scales())


def linearise(
    network: AbstractContinuousNetwork, state: Any, drive: Any, implicit: Implicit
) -> Around:
    """The equations around `state`, as `implicit` says."""
    _, push = jax.linearize(lambda u: force(network, u, drive), state)

    def jacobian(v: Any) -> Any:
        return jax.tree.map(jnp.negative, push(v))

    layers = network.layers()
    if layers is not None and not implicit.general:
        return _with_energy(layers, state, jacobian, implicit)

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

    return Around(jacobian, same, jacobian, _zeros, same, solve, is_symmetric=False)


def _zeros(v: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, v)


def _with_energy(
    layers: tuple[Layer, ...], state: Any, jacobian: Map, implicit: Implicit
) -> Around:
    leaves, structure = jax.tree.flatten(state)

    def by_layer(function: Callable, *of_layers: Any) -> Map:
        def apply(v: Any) -> Any:
            mapped = map(function, layers, *of_layers, jax.tree.leaves(v))
            return jax.tree.unflatten(structure, list(mapped))

        return apply

    slopes = [layer.slope(u) for layer, u in zip(layers, leaves, strict=True)]
    masks = [layer.moves(slope) for layer, slope in zip(layers, slopes, strict=True)]
    slopes = [_masked(mask, slope) for mask, slope in zip(masks, slopes, strict=True)]
    # Only a preconditioner, of which no derivatives are wanted.
    scales = jax.lax.stop_gradient(list(map(_preconditioner, layers, slopes)))

    hessian = by_layer(_bent, leaves, slopes, masks)
    relax = by_layer(lambda layer, v: _free(layer, v) * _inverse(layer.leak, v, 0.0))
    symmetrise = by_layer(lambda layer, v: (v + v.mT) / 2 if layer.symmetric else v)
    masked = by_layer(lambda layer, mask, v: _masked(mask, v), masks)

    def equation(v: Any) -> Any:
        # Symmetric arrays of pairs stay symmetric, and what is masked in v stays so in the result.
        return hessian(jacobian(v))

    def solve(
        equation: Map, right: Any, *, transpose: bool
    ) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
        del transpose  # the operator is symmetric
        shape, tag = jax.eval_shape(lambda: state), lx.positive_semidefinite_tag
        operator = lx.FunctionLinearOperator(equation, shape, tag)
        scale = by_layer(lambda layer, scale, v: scale * v, scales)
        solver = implicit.solver or ConjugateGradients(
            _tolerance(implicit, state), implicit.max_steps
        )
        options = {"preconditioner": lx.FunctionLinearOperator(scale, shape, tag)}
        y, result, stats = _linear_solve(operator, masked(symmetrise(right)), solver, options)
        return symmetrise(y), result, stats

    return Around(jacobian, hessian, equation, relax, symmetrise, solve, is_symmetric=True)


def _linear_solve(
    operator: lx.AbstractLinearOperator, right: Any, solver: lx.AbstractLinearSolver, options: Any
) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
    """The solution for a right side scaled to size 1, so that absolute tolerances mean something.

    Where the solve failed the solution is NaN.
    """
    size = optax.tree.norm(right)
    size = jnp.where(size == 0, 1, size)
    unit = jax.tree.map(lambda leaf: leaf / size, right)
    solution = lx.linear_solve(operator, unit, solver, options=options, throw=False)
    scale = jnp.where(solution.result == lx.RESULTS.successful, size, jnp.nan)
    return jax.tree.map(lambda leaf: scale * leaf, solution.value), solution.result, solution.stats


def _bent(layer: Layer, u: Array, slope: Array, mask: Array | None, v: Array) -> Array:
    """H v; `slope` is masked already."""
    if layer.lagrangian.additive:
        return slope * v
    return _masked(mask, layer.bend(u, _masked(mask, v)))


def _masked(mask: Bool[Array, "..."] | None, v: Array) -> Array:
    return v if mask is None else jnp.where(mask, v, 0)


def _preconditioner(layer: Layer, slope: Array) -> Array:
    """1 / (H L), and 0 where a unit does not move."""
    inverse = jnp.where(slope > 0, 1 / jnp.where(slope > 0, slope, 1), 0)
    return inverse * _inverse(layer.leak, slope, 1.0)


def _free(layer: Layer, v: Array) -> Array:
    return v if layer.held is None else jnp.where(layer.held, 0, v)


def _inverse(leak: Scalar, like: Array, otherwise: float) -> Scalar:
    leak = leak.astype(like.dtype)
    return jnp.where(leak > 0, 1 / jnp.where(leak > 0, leak, 1), otherwise)


def _tolerance(implicit: Implicit, state: Any) -> float:
    if implicit.tolerance is not None:
        return implicit.tolerance
    return float(jnp.finfo(jax.tree.leaves(state)[0].dtype).eps) ** 0.6
