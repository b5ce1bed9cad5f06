"""How a network is solved: the settings that belong to its kind."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import ArrayLike

from nam_jax._misc import argument_error, as_float, check_whole, in_range, is_concrete
from nam_jax._precision import FULL
from nam_jax._types import Scalar
from nam_jax.solve._linearised import Implicit
from nam_jax.solve._result import FLOOR
from nam_jax.solve._unrolled import Unrolled

# Near rest the fast layers of a certified network limit the step of an explicit method, whatever
# its order, so a method of few stages needs the fewest vector fields. Without such layers, or with
# released parameters, Tsit5 needs fewer (`python -m benchmarks profile`).
DEFAULT_SOLVER = Unrolled(dfx.Bosh3())

REST = 1e-3
"""Residual at which `settle` and `retrieve` take a state for an equilibrium, unless told."""


class AbstractHow(eqx.Module):
    """The settings of a solve. Networks of each of the three kinds have settings of their own."""


class Flow(AbstractHow):
    """How a continuous network is integrated.

    Attributes:
        solver: Any Diffrax solver; by default Bogacki-Shampine, see `Unrolled`.
        rtol: Relative tolerance of each step; keep it a tenth of `rest` or less.
        atol: Absolute tolerance of each step; None for 1e-3 times `rtol`. Layers much smaller than
            atol / rtol are followed, and judged to be at rest, by absolute size: lower `atol` for
            them.
        step: A fixed step size to use instead of the tolerances, in the unit of the time constants;
            the last step may be shorter. Where a drive jumps and the steps are differentiated,
            steps cannot be fixed.
        rest: Residual (see [`nam_jax.solve.residual`][]) at which the state counts as an
            equilibrium, which ends the solve. None: 1e-3 for `settle` and `retrieve`; `simulate`
            goes on to its end time.
        max_time: Time after which `settle` and `retrieve` give up, in the unit of the time
            constants; `simulate` has its end time instead.
        max_steps: Steps after which the solve gives up.
        adjoint: How the result is differentiated. None: the equilibrium of `settle` and `retrieve`
            by [`nam_jax.solve.Implicit`][], from the equations at rest, in forward and reverse
            mode; the trajectory of `simulate` in reverse mode, as by
            `diffrax.RecursiveCheckpointAdjoint()`. A Diffrax adjoint differentiates the steps:
            `diffrax.ForwardMode()` in forward mode.
        precision: Precision of the products in the vector field, a `jax.lax.Precision`: HIGHEST is
            in full; HIGH is TF32 on GPUs and three products of bfloat16 on TPUs; DEFAULT is TF32 on
            GPUs and bfloat16 on TPUs. None: in full. CPUs compute in full in any case. All other
            products, those of the residual among them, are in full, and so are steps that Diffrax
            differentiates.

    Raises:
        ValueError: If a number is not in its range, if `solver` has no error estimate and `step` is
            None, or if `precision` is no `jax.lax.Precision`, or neither None nor HIGHEST with an
            adjoint of Diffrax.
    """

    solver: dfx.AbstractSolver = DEFAULT_SOLVER
    rtol: ArrayLike = 1e-4
    atol: ArrayLike | None = None
    step: ArrayLike | None = None
    rest: ArrayLike | None = None
    max_time: ArrayLike = float("inf")
    max_steps: ArrayLike = 4096
    adjoint: Implicit | dfx.AbstractAdjoint | None = None
    precision: Precision | None = eqx.field(default=None, static=True)

    def __init__(
        self,
        *,
        solver: dfx.AbstractSolver = DEFAULT_SOLVER,
        rtol: ArrayLike = 1e-4,
        atol: ArrayLike | None = None,
        step: ArrayLike | None = None,
        rest: ArrayLike | None = None,
        max_time: ArrayLike = float("inf"),
        max_steps: ArrayLike = 4096,
        adjoint: Implicit | dfx.AbstractAdjoint | None = None,
        precision: Precision | None = None,
    ):
        """Checks the settings; see the attributes."""
        for name, value, zero_allowed in (
            ("rtol", rtol, True), ("atol", atol, True), ("step", step, False), ("rest", rest, True),
        ):  # fmt: skip
            if value is not None and not in_range(_number(value), zero_allowed):
                requirement = "be finite and " + ("at least 0" if zero_allowed else "above 0")
                raise argument_error(name, requirement, value)
        if is_concrete(max_time) and not np.all(np.asarray(max_time) > 0):
            raise argument_error("max_time", "be above 0", max_time)
        check_whole("max_steps", max_steps)
        if step is None and not isinstance(solver, dfx.AbstractAdaptiveSolver):
            requirement = f"be given, as {type(solver).__name__} has no error estimate"
            raise argument_error("step", requirement, step)
        if precision is not None and not isinstance(precision, Precision):
            requirement = "be None or one of jax.lax.Precision, such as jax.lax.Precision.HIGH"
            raise argument_error("precision", requirement, repr(precision))
        if precision not in (None, FULL) and isinstance(adjoint, dfx.AbstractAdjoint):
            requirement = "be None or HIGHEST where a Diffrax adjoint differentiates the steps"
            raise argument_error("precision", requirement, precision.name)
        self.solver, self.rtol, self.atol, self.step = solver, rtol, atol, step
        self.rest, self.max_time = rest, max_time
        is_number = is_concrete(max_steps) and np.ndim(max_steps) == 0
        self.max_steps = int(np.asarray(max_steps)) if is_number else max_steps
        self.adjoint = adjoint
        self.precision = precision

    def tolerances(self, dtype: Any) -> tuple[Scalar, Scalar]:
        """Returns rtol and atol."""
        rtol = jnp.asarray(self.rtol, dtype)
        return rtol, FLOOR * rtol if self.atol is None else jnp.asarray(self.atol, dtype)

    def floor(self, dtype: Any) -> Scalar:
        """Returns atol / rtol, the size of a layer below which rest is judged absolutely.

        It is 0 without a relative tolerance, so that rest is judged by the layer's size alone.
        """
        rtol, atol = self.tolerances(dtype)
        return jnp.where(rtol > 0, atol / jnp.where(rtol > 0, rtol, 1), 0)

    @property
    def follows_steps(self) -> bool:
        """Whether Diffrax differentiates the steps."""
        return isinstance(self.adjoint, dfx.AbstractAdjoint)


class Passes(AbstractHow):
    """How often a feedforward network is passed through.

    Attributes:
        number: Number of passes, at least 1; None for `passes` of the network.

    Raises:
        ValueError: If `number` is below 1.
    """

    number: int | None = eqx.field(default=None, static=True)

    def __check_init__(self):
        if self.number is not None:
            check_whole("number", self.number)


def _number(value: ArrayLike) -> Any:
    """Returns `value` as a float array, without JAX where JAX has not made it.

    Default settings are made on import, and JAX must not start then: `start_processes` and the
    choice of devices come before its start.
    """
    made = isinstance(value, jax.Array)
    return as_float(value) if made else np.asarray(value, jax.dtypes.canonicalize_dtype(float))
