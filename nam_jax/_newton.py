"""Newton's method with shortened steps, and conjugate gradients that notice saddles."""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import lineax as lx
import optax
from jaxtyping import Array, Float

from nam_jax._misc import argument_error

_MOST_STEPS, _MOST_HALVINGS = 50, 20


def newton(
    step_at: Callable[[Array], Array],
    residual: Callable[[Array], Array],
    start: Float[Array, "..."],
    *,
    tolerance: float,
    rounding: Float[Array, ""],
) -> Float[Array, "..."]:
    """Follows Newton steps until a step is small, for at most 50 steps.

    For example, arctan(x) = 0 has the Newton step -(1 + x^2) arctan(x). From x = 2 the whole step
    is -5.5, to x = -3.5, where |arctan| is larger than before: whole steps go further and further
    away. Half the step leads to x = -0.8, where it is smaller, and from there whole steps converge.

    Args:
        step_at: The Newton step at a point: minus the inverse Jacobian times the residual.
        residual: The function whose root is sought, of the shape of its argument.
        start: The first point.
        tolerance: A step is small if its largest entry is at most this times 1 + max |x|.
        rounding: By how much the norm of the residual may rise in a step, in absolute terms: the
            size of its round-off, which must not cost halvings at the root.

    Returns:
        The last point. Whether it is a root is for the caller to check.
    """

    def unfinished(carry: tuple[Array, Array, Array]) -> Array:
        x, step, count = carry
        large = jnp.max(jnp.abs(step)) > tolerance * (1 + jnp.max(jnp.abs(x)))
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
    """`step`, halved until the residual after it is not larger than before; often not at all."""
    enough = jnp.linalg.norm(residual(x)) + rounding

    def too_long(carry: tuple[Array, Array]) -> Array:
        step, count = carry
        return (jnp.linalg.norm(residual(x + step)) > enough) & (count < _MOST_HALVINGS)

    return jax.lax.while_loop(too_long, lambda c: (c[0] / 2, c[1] + 1), (step, jnp.asarray(0)))[0]


class ConjugateGradients(lx.AbstractLinearSolver):
    """Preconditioned conjugate gradients for A y = b, with A symmetric positive semidefinite.

    Not `lineax.CG`: that goes on where p.A p is negative, which is how a saddle shows, and its
    guard against singular operators compares with 100 eps times the number of unknowns, which in
    float32 refuses every state of N x N numbers. An entry or direction that A maps to zero is left
    at zero if b has nothing there.

    Attributes:
        rtol: Where to stop: the residual over b, both in the norm of the preconditioner.
        max_steps: Iterations after which to give up.
    """

    rtol: float
    max_steps: int

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]) -> Any:
        """The linearised operator and its preconditioner, by default the identity."""
        if not lx.is_positive_semidefinite(operator):
            requirement = "be tagged lineax.positive_semidefinite_tag"
            raise argument_error("operator", requirement, "no such tag")
        identity = lx.IdentityLinearOperator(operator.in_structure())
        return lx.linearise(operator), options.get("preconditioner", identity)

    def compute(
        self, state: Any, vector: Any, options: dict[str, Any]
    ) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
        """Solves; the result is `breakdown` where A is not positive semidefinite."""
        operator, preconditioner = state
        dot: Callable[..., Array] = cast(Any, optax.tree.vdot)
        add = optax.tree.add_scale
        z = preconditioner.mv(vector)
        whole = dot(vector, z)
        tiny = 100 * jnp.finfo(whole.dtype).eps

        def unfinished(carry: Any) -> Array:
            _, _, _, _, size, least, count = carry
            return (size > self.rtol**2 * whole) & (least > tiny) & (count < self.max_steps)

        def advance(carry: Any) -> Any:
            y, r, p, scale, size, least, count = carry
            image = operator.mv(p)
            bend = dot(p, image)
            # Relative to the preconditioner's inverse, in which p has the squared size `scale`.
            least = jnp.minimum(least, bend / scale)
            step = jnp.where(bend > 0, size / bend, 0)
            y, r = add(y, step, p), add(r, -step, image)
            z = preconditioner.mv(r)
            after = dot(r, z)
            turn = after / size
            # z is orthogonal to the last direction there.
            return y, r, add(z, turn, p), after + turn**2 * scale, after, least, count + 1

        zeros = jax.tree.map(jnp.zeros_like, vector)
        start = (zeros, vector, z, whole, whole, jnp.full_like(whole, jnp.inf), jnp.asarray(0))
        y, _, _, _, size, least, count = jax.lax.while_loop(unfinished, advance, start)
        result = lx.RESULTS.where(
            size <= self.rtol**2 * whole, lx.RESULTS.successful, lx.RESULTS.max_steps_reached
        )
        result = lx.RESULTS.where(least > tiny, result, lx.RESULTS.breakdown)
        return y, result, {"num_steps": count, "least_curvature": least}

    def transpose(self, state: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The same: operator and preconditioner are symmetric."""
        return state, options

    def conj(self, state: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The same: both are real."""
        return state, options

    def assume_full_rank(self) -> bool:
        """True: an operator that is singular where b has nothing is as good as regular."""
        return True
