"""The linearised equations of a network at rest, and their linear solvers."""

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

    At rest inertia du/dt = F(u, theta) = 0. If the parameters theta change by dtheta, the
    equilibrium u moves by du with J du = (dF/dtheta) dtheta, where J = -dF/du.

    In a network with an energy, J = L - W H with the leaks L, the negative Hessian W of the
    interaction energy by the activations, and the Hessian H of the Lagrangians. H J is the Hessian
    of the energy, symmetric, and positive semidefinite at a stable equilibrium. Conjugate gradients
    solve with H J, preconditioned by 1 / (H L). This is the equation of Almeida and Pineda in the
    variables H^(1/2) du, but no roots are computed. In a network without an energy GMRES solves
    with J. An iteration costs about two flows, and no matrix is stored.

    Attributes:
        tolerance: The solve stops when the norm of the residual is at most `tolerance` times that
            of the right side. None means eps^0.6 of the dtype: 7e-5 in float32, 4e-10 in float64.
        max_steps: Iterations after which the solve gives up; `solver` has its own limit.
        solver: A Lineax solver to use instead. It is given H J, tagged positive semidefinite, if
            the network has an energy and `general` is False, and J otherwise.
        general: Whether to treat a network with an energy as if it had none.
    """

    # Example: a neuron with leak 1, self-coupling 0.5 and slope H = 1 of its activation has
    # J = 1 - 0.5 * 1 = 0.5. If its input grows by 0.1, its equilibrium moves by 0.1 / 0.5 = 0.2.

    tolerance: float | None = None
    max_steps: int = eqx.field(default=500, static=True)
    solver: lx.AbstractLinearSolver | None = None
    general: bool = eqx.field(default=False, static=True)


class Around(NamedTuple):
    """The equations linearised at an equilibrium, as functions of trees like the state.

    Without an energy, or if `Implicit.general`, the solve is with J alone: then `hessian` returns
    its argument, `symmetrise` its argument with zeros at held units, and `relax` returns zeros.

    Attributes:
        jacobian: v -> J v.
        hessian: v -> H v. Entries of H that are only rounding error count as zero.
        equation: v -> H J v; v -> J v without an energy, with 1 in place of the rows and columns of
            held units.
        relax: v -> v / L, and zero where the leak is zero or the unit is held. It corrects y where
            H is zero, and where `equation` therefore says nothing.
        symmetrise: v -> its symmetric part, in layers of symmetric N x N arrays.
        solve: Returns the solution of `equation`, Lineax's result and Lineax's statistics. With an
            energy the right side is first passed through `symmetrise` and set to zero where H
            counts as zero, because every result of `equation` has these properties.
        is_symmetric: Whether `equation` is symmetric.
    """

    jacobian: Map
    hessian: Map
    equation: Map
    relax: Map
    symmetrise: Map
    solve: Callable[..., tuple[Any, lx.RESULTS, dict[str, Any]]]
    is_symmetric: bool


def force(network: AbstractContinuousNetwork, state: Any, drive: Any = None) -> Any:
    """Returns F, which is zero at rest, with the structure of `state`.

    With an energy F is the flow times the inertia of each layer, which is -dE/dy for the
    activations y. Without an energy F is the flow times the time scale of each layer.

    Args:
        network: Any continuous network.
        state: One sample's state.
        drive: The network's inputs, taken at time 0; None for no inputs.

    Raises:
        ValueError: If the network takes no such drive.
    """
    flow, layers = network.vector_field(0.0, state, drive), network.layers()
    if layers is not None:
        leaves, structure = jax.tree.flatten(flow)
        scaled = [
            layer.inertia.astype(v.dtype) * v for layer, v in zip(layers, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, scaled)
    return jax.tree.map(
        lambda v, scale: jnp.asarray(scale, v.dtype) * v, flow, network.time_scales()
    )


def linearise(
    network: AbstractContinuousNetwork, state: Any, drive: Any, implicit: Implicit
) -> Around:
    """Returns the equations around `state`, with the solver that `implicit` describes."""
    _, push = jax.linearize(lambda u: force(network, u, drive), state)

    def jacobian(v: Any) -> Any:
        return jax.tree.map(jnp.negative, push(v))

    layers = network.layers()
    if layers is not None and not implicit.general:
        return _with_energy(layers, state, jacobian, implicit)

    def identity(v: Any) -> Any:
        return v

    moving = _moving(jacobian, state)

    def without_held(v: Any) -> Any:
        return jax.tree.map(jnp.multiply, moving, v)

    def equation(v: Any) -> Any:
        pushed = jacobian(without_held(v))
        return jax.tree.map(lambda m, p, u: jnp.where(m > 0, p, u), moving, pushed, v)

    def solve(
        equation: Map, right: Any, *, transpose: bool
    ) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
        operator = lx.FunctionLinearOperator(equation, jax.eval_shape(identity, state))
        operator = operator.T if transpose else operator
        solver = implicit.solver or lx.GMRES(
            _tolerance(implicit, state), 0.1 * _tolerance(implicit, state),
            max_steps=implicit.max_steps, restart=40, stagnation_iters=40,
        )  # fmt: skip
        return _linear_solve(operator, right, solver, {})

    return Around(jacobian, identity, equation, _zeros, without_held, solve, is_symmetric=False)


def _moving(jacobian: Map, state: Any) -> Any:
    """Returns 1 for each unit that can move, and 0 for held units, with the structure of `state`.

    A unit is held if its force depends on no state, so that its row of J is 0. J then has no
    inverse, but the state of the unit is a constant, and the equations of the other units do.
    """
    leaves, structure = jax.tree.flatten(state)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    probe = [jax.random.normal(key, u.shape, u.dtype) for key, u in zip(keys, leaves, strict=True)]
    pushed = jax.lax.stop_gradient(jacobian(jax.tree.unflatten(structure, probe)))
    return jax.tree.map(lambda p: (p != 0).astype(p.dtype), pushed)


def _zeros(v: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, v)


def _with_energy(
    layers: tuple[Layer, ...], state: Any, jacobian: Map, implicit: Implicit
) -> Around:
    """Returns the equations of a network with an energy."""
    leaves, structure = jax.tree.flatten(state)

    def by_layer(function: Callable, *layer_arguments: Any) -> Map:
        """Returns the map that calls `function(layer, *arguments, v)` for each layer."""

        def apply(v: Any) -> Any:
            mapped = map(function, layers, *layer_arguments, jax.tree.leaves(v))
            return jax.tree.unflatten(structure, list(mapped))

        return apply

    slopes = [layer.slope(u) for layer, u in zip(layers, leaves, strict=True)]
    masks = [layer.moves(slope) for layer, slope in zip(layers, slopes, strict=True)]
    slopes = [_masked(mask, slope) for mask, slope in zip(masks, slopes, strict=True)]
    # The preconditioner changes only the number of iterations, so it needs no derivatives.
    scales = jax.lax.stop_gradient(list(map(_preconditioner, layers, slopes)))

    hessian = by_layer(_bent, leaves, slopes, masks)
    relax = by_layer(lambda layer, v: _free(layer, v) * _inverse(layer.leak_in_energy, v, 0.0))
    symmetrise = by_layer(lambda layer, v: (v + v.mT) / 2 if layer.pairs else v)
    masked = by_layer(lambda layer, mask, v: _masked(mask, v), masks)

    def equation(v: Any) -> Any:
        # Symmetric N x N arrays stay symmetric, and masked entries of the result are zero.
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
    """Returns the solution, Lineax's result, and Lineax's statistics, such as `num_steps`.

    The solution is NaN if the solve failed. The right side is divided by its norm and the solution
    multiplied by it, so that the solver's absolute tolerance is relative to the right side.
    """
    size = optax.tree.norm(right)
    size = jnp.where(size == 0, 1, size)
    unit = jax.tree.map(lambda leaf: leaf / size, right)
    solution = lx.linear_solve(operator, unit, solver, options=options, throw=False)
    scale = jnp.where(solution.result == lx.RESULTS.successful, size, jnp.nan)
    return jax.tree.map(lambda leaf: scale * leaf, solution.value), solution.result, solution.stats


def _bent(layer: Layer, u: Array, slope: Array, mask: Array | None, v: Array) -> Array:
    """Returns H v with masked entries of zero; `slope` is masked already."""
    if layer.lagrangian.additive:
        return slope * v
    return _masked(mask, layer.bend(u, _masked(mask, v)))


def _masked(mask: Bool[Array, "..."] | None, v: Array) -> Array:
    """Returns v with zeros where `mask` is False; None masks nothing."""
    return v if mask is None else jnp.where(mask, v, 0)


def _preconditioner(layer: Layer, slope: Array) -> Array:
    """Returns 1 / (H L), with L taken as 1 where the leak is 0; 0 where H is 0."""
    inverse = jnp.where(slope > 0, 1 / jnp.where(slope > 0, slope, 1), 0)
    return inverse * _inverse(layer.leak_in_energy, slope, 1.0)


def _free(layer: Layer, v: Array) -> Array:
    """Returns v with zeros at held units."""
    return v if layer.held is None else jnp.where(layer.held, 0, v)


def _inverse(leak: Scalar, like: Array, without_leak: float) -> Scalar:
    """Returns 1 / leak in the dtype of `like`, or `without_leak` if the leak is 0."""
    leak = leak.astype(like.dtype)
    return jnp.where(leak > 0, 1 / jnp.where(leak > 0, leak, 1), without_leak)


def _tolerance(implicit: Implicit, state: Any) -> float:
    """Returns the relative tolerance of the solve; by default it depends on the dtype."""
    if implicit.tolerance is not None:
        return implicit.tolerance
    return float(jnp.finfo(jax.tree.leaves(state)[0].dtype).eps) ** 0.6
