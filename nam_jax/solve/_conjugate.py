"""Conjugate gradients that notice when the equilibrium they belong to is not a minimum."""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import lineax as lx
import optax
from jaxtyping import Array

from nam_jax._misc import argument_error


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
            found = "no such tag"
            raise argument_error("operator", "be tagged lineax.positive_semidefinite_tag", found)
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
