"""The control of the step size: Diffrax's, which also shortens steps before one is rejected."""

from collections.abc import Callable
from typing import Any, cast

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp


class Foresight(dfx.AbstractAdaptiveStepSizeController[Any, Any]):
    """`diffrax.PIDController`, except that it may shorten the step after an accepted step.

    Diffrax's controller never shortens a step after an accepted one. Where the flow speeds up, it
    then rejects every second step. This controller takes the size that the formula of Diffrax's
    asks for. With a proportional part p, an integral part i and no derivative part it is

        new size / size = safety * e^(-(p + i) / k) * e_before^(p / k)

    with the errors e of the step and of the step before in units of the tolerance, and the order k
    of the error.

    Attributes:
        pid: Diffrax's controller, with `dtmin`.
        rtol, atol, norm: Those of `pid`.
    """

    # Example: e = 0.9 after e_before = 0.3, with k = 5, p = 0.3, i = 0.4 and the safety 0.9: the
    # factor is 0.9 * 0.9^(-0.7/5) * 0.3^(0.3/5) = 0.85, so the next step is shorter by a seventh.
    # Diffrax's controller would keep the size, and reject the next step as the error grows again.

    pid: dfx.PIDController
    rtol: Any
    atol: Any
    norm: Callable[[Any], Any] = eqx.field(static=True)

    def __init__(self, pid: dfx.PIDController):
        """Wraps a controller."""
        self.pid, self.rtol, self.atol, self.norm = pid, pid.rtol, pid.atol, pid.norm

    def wrap(self, direction: Any) -> "Foresight":
        return Foresight(self.pid.wrap(direction))

    def init(
        self, terms: Any, t0: Any, t1: Any, y0: Any, dt0: Any, args: Any, func: Any,
        error_order: Any,
    ) -> tuple[Any, Any]:  # fmt: skip
        return self.pid.init(terms, t0, t1, y0, dt0, args, func, error_order)

    def adapt_step_size(
        self, t0: Any, t1: Any, y0: Any, y1_candidate: Any, args: Any, y_error: Any,
        error_order: Any, controller_state: Any,
    ) -> tuple[Any, Any, Any, Any, Any, Any]:  # fmt: skip
        keep, next_t0, next_t1, made_jump, after, result = self.pid.adapt_step_size(
            t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state
        )
        # The state of Diffrax's controller starts with 1 / e of the last two accepted steps.
        p, i, d = self.pid.pcoeff, self.pid.icoeff, self.pid.dcoeff
        inverse = (after[0], *controller_state[:2])
        powers = (p + i + d, -(p + 2 * d), d)
        factor = self.pid.safety
        for e, power in zip(inverse, powers, strict=True):
            factor = factor * e ** (power / cast(float, error_order))
        factor = jax.lax.stop_gradient(jnp.maximum(factor, self.pid.factormin))
        shorter = next_t0 + jnp.maximum((t1 - t0) * factor, cast(Any, self.pid.dtmin))
        # For e = 0 that state holds 1 in place of 1 / e, and Diffrax's step is ten times as long.
        grows = next_t1 - next_t0 > 2 * (t1 - t0)
        next_t1 = jnp.where(keep & (factor < 1) & ~grows, shorter, next_t1)
        return keep, next_t0, next_t1, made_jump, after, result
