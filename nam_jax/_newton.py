"""Newton's method with shortened steps, and conjugate gradients that report a saddle."""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import lineax as lx
import optax
from jaxtyping import Array, Float

from nam_jax._misc import argument_error
from nam_jax._precision import full

_MOST_STEPS, _MOST_HALVINGS = 50, 20


@full
def newton(
    step_at: Callable[[Array], Array],
    residual: Callable[[Array], Array],
    start: Float[Array, "..."],
    *,
    tolerance: float,
    rounding: Float[Array, ""],
) -> Float[Array, "..."]:
    """Returns the point at which Newton steps become small, or the point after 50 steps.

    A step is halved, at most 20 times, until it does not make the norm of the residual larger.

    Args:
        step_at: Returns the Newton step at a point: minus the inverse Jacobian times the residual.
        residual: The function whose root is sought; it returns an array of its argument's shape.
        start: The first point.
        tolerance: A step is small if its largest |entry| is at most `tolerance` max |x|.
        rounding: How much the norm of the residual may rise in a step, in absolute terms. Give the
            size of the residual's round-off, so that round-off causes no halvings at the root.

    Returns:
        The last point. The caller checks whether it is a root.
    """
    # Example: arctan(x) = 0 has the Newton step -(1 + x^2) arctan(x). At x = 2 the whole step is
    # -5.5 and leads to x = -3.5, where |arctan| is larger than before (1.3, not 1.1); whole steps
    # diverge. Half the step leads to x = -0.8, where |arctan| is 0.7. From there whole steps
    # converge.

    def unfinished(carry: tuple[Array, Array, Array]) -> Array:
        x, step, count = carry
        large = jnp.max(jnp.abs(step)) > tolerance * jnp.max(jnp.abs(x))
        return large & (count < _MOST_STEPS)

    def advance(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, _, count = carry
        step = _shortened(residual, x, step_at(x), rounding)
        return x + step, step, count + 1

    carry = (start, jnp.full_like(start, jnp.inf), jnp.asarray(0))
    return jax.lax.while_loop(unfinished, advance, carry)[0]


def _shortened(
    residual: Callable[[Array], Array], x: Array, step: Array, rounding: Float[Array, ""]
) -> Array:
    """Returns `step`, halved until the norm of the residual after it is not larger than before.

    A step that does not make the residual larger is returned whole.
    """
    limit = jnp.linalg.norm(residual(x)) + rounding

    def too_long(carry: tuple[Array, Array]) -> Array:
        step, count = carry
        return (jnp.linalg.norm(residual(x + step)) > limit) & (count < _MOST_HALVINGS)

    return jax.lax.while_loop(too_long, lambda c: (c[0] / 2, c[1] + 1), (step, jnp.asarray(0)))[0]


class ConjugateGradients(lx.AbstractLinearSolver):
    """Preconditioned conjugate gradients for A y = b, with A symmetric positive semidefinite.

    Use it instead of `lineax.CG`, which has two faults here. It continues when p.A p is negative
    for a search direction p, although a negative p.A p shows that the equilibrium is a saddle. And
    its guard against singular operators compares with 100 eps times the number of unknowns, which
    in float32 refuses every state of N x N numbers.

    If A maps an entry or a direction to zero and b is zero there, y stays zero there.

    Attributes:
        rtol: The solve stops when the residual b - A y is at most `rtol` times b, both in the norm
            of the preconditioner.
        max_steps: Iterations after which the solve gives up.
    """

    # Example: A = [[2, 1], [1, 2]], b = (1, 0), no preconditioner. The first direction p is b, with
    # p.A p = 2; the step 1/2 gives y = (1/2, 0) and the residual (0, -1/2). The next direction is
    # (1/4, -1/2), with p.A p = 3/8; the step 2/3 gives y = (2/3, -1/3), the solution. With
    # A = diag(1, -1) and b = (1, 2), p.A p = -3 in the first iteration: the result is `breakdown`.

    rtol: float
    max_steps: int

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]) -> Any:
        """Returns the linearised operator and its preconditioner, by default the identity.

        Args:
            operator: A, tagged `lineax.positive_semidefinite_tag`.
            options: May hold a `preconditioner`, an operator that approximates the inverse of A.

        Raises:
            ValueError: If `operator` has no such tag.
        """
        if not lx.is_positive_semidefinite(operator):
            requirement = "be tagged lineax.positive_semidefinite_tag"
            raise argument_error("operator", requirement, "no such tag")
        identity = lx.IdentityLinearOperator(operator.in_structure())
        return lx.linearise(operator), options.get("preconditioner", identity)

    @full
    def compute(
        self, state: Any, vector: Any, options: dict[str, Any]
    ) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
        """Returns y, how the solve ended, and its counts, as Lineax asks of a solver.

        Args:
            state: As from `init`.
            vector: b.
            options: As for `init`; not used again.

        Returns:
            y; the result; and a dictionary of `num_steps` and `least_curvature`, the smallest ratio
            p.A p / p.B p of all directions p, where B is the inverse of the preconditioner. The
            result is `breakdown` if `least_curvature` is not above 100 eps.
        """
        operator, preconditioner = state
        dot: Callable[..., Array] = cast(Any, optax.tree.vdot)
        add = optax.tree.add_scale
        z = preconditioner.mv(vector)
        size_of_b = dot(vector, z)
        tiny = 100 * jnp.finfo(size_of_b.dtype).eps

        def unfinished(carry: Any) -> Array:
            _, _, _, _, size, least, count = carry
            return (size > self.rtol**2 * size_of_b) & (least > tiny) & (count < self.max_steps)

        def advance(carry: Any) -> Any:
            y, r, p, scale, size, least, count = carry
            image = operator.mv(p)
            curvature = dot(p, image)
            # `scale` is p.B p, where B is the inverse of the preconditioner.
            least = jnp.minimum(least, curvature / scale)
            step = jnp.where(curvature > 0, size / curvature, 0)
            y, r = add(y, step, p), add(r, -step, image)
            z = preconditioner.mv(r)
            new_size = dot(r, z)
            ratio = new_size / size
            # z.B p = r.p = 0, so the next p.B p is a sum of two squares.
            next_scale = new_size + ratio**2 * scale
            return y, r, add(z, ratio, p), next_scale, new_size, least, count + 1

        zeros = jax.tree.map(jnp.zeros_like, vector)
        no_curvature = jnp.full_like(size_of_b, jnp.inf)
        start = (zeros, vector, z, size_of_b, size_of_b, no_curvature, jnp.asarray(0))
        y, _, _, _, size, least, count = jax.lax.while_loop(unfinished, advance, start)
        result = lx.RESULTS.where(
            size <= self.rtol**2 * size_of_b, lx.RESULTS.successful, lx.RESULTS.max_steps_reached
        )
        result = lx.RESULTS.where(least > tiny, result, lx.RESULTS.breakdown)
        return y, result, {"num_steps": count, "least_curvature": least}

    def transpose(self, state: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Returns `state` and `options` unchanged: operator and preconditioner are symmetric."""
        return state, options

    def conj(self, state: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Returns `state` and `options` unchanged: operator and preconditioner are real."""
        return state, options

    def assume_full_rank(self) -> bool:
        """Returns True: an operator that is singular only where b is zero still has a solution."""
        return True
