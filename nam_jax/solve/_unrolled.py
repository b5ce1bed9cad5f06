"""Explicit Runge-Kutta methods computed stage by stage, for states of N x N numbers."""

from collections.abc import Callable
from typing import Any, ClassVar, cast

import diffrax as dfx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np

from nam_jax._misc import argument_error


class Hermite(dfx.AbstractLocalInterpolation):
    """The cubic polynomial with given states and vector fields at both ends of a step.

    Diffrax's `ThirdOrderHermitePolynomialInterpolation` is given vector fields times the size of
    the step, which costs two passes over the state at each step, whether or not it is evaluated.

    Attributes:
        t0: The start of the step.
        t1: The end of the step.
        y0: The state at t0.
        y1: The state at t1.
        f0: The vector field at t0 and y0.
        f1: The vector field at t1 and y1.
    """

    t0: Any
    t1: Any
    y0: Any
    y1: Any
    f0: Any
    f1: Any

    def evaluate(self, t0: Any, t1: Any = None, left: bool = True) -> Any:
        """Returns the state at t0; if t1 is given, the state at t1 minus that at t0."""
        del left
        if t1 is not None:
            return jax.tree.map(lambda a, b: b - a, self.evaluate(t0), self.evaluate(t1))
        size = self.t1 - self.t0
        u = (t0 - self.t0) / size
        v = 1 - u

        def at(y0: Any, y1: Any, f0: Any, f1: Any) -> Any:
            weights = v * v * (1 + 2 * u), u * u * (1 + 2 * v), u * v * v * size, -u * u * v * size
            w0, w1, of_f0, of_f1 = (jnp.asarray(weight, y0.dtype) for weight in weights)
            return w0 * y0 + w1 * y1 + of_f0 * f0 + of_f1 * f1

        return jax.tree.map(at, self.y0, self.y1, self.f0, self.f1)


class Unrolled(dfx.AbstractAdaptiveSolver):
    """An explicit Runge-Kutta method of Diffrax, computed stage by stage.

    It uses the method's own tableau and takes the same steps. Diffrax keeps all stages in one
    buffer and sums the whole buffer at each stage. This class sums only the stages computed so far,
    in one pass. On N x N states that halves the time spent outside the vector fields, and needs
    half the memory.

    Between two steps the state is interpolated by a cubic Hermite polynomial.

    Attributes:
        method: A method of Diffrax whose last stage is evaluated at its solution ("first same as
            last"): `Tsit5`, `Dopri5` or `Bosh3`.
        term_structure: The structure of the terms that the method takes, for Diffrax.
        interpolation_cls: The interpolation between two steps, for Diffrax.

    Raises:
        ValueError: If the last stage of `method` is not evaluated at its solution.
    """

    # Example: a step of Bosh3 for dy/dt = -y from y = 1 with h = 0.3. Stages: k1 = -1; at
    # 1 + h k1 / 2 = 0.85, k2 = -0.85; at 1 + 3 h k2 / 4 = 0.80875, k3 = -0.80875. The solution is
    # 1 + h (2 k1 + 3 k2 + 4 k3) / 9 = 0.7405 (exact: 0.7408). The last stage is k4 = -0.7405 there,
    # and is k1 of the next step.

    method: dfx.AbstractERK = dfx.Tsit5()
    term_structure: ClassVar = dfx.AbstractTerm
    interpolation_cls: ClassVar[Callable[..., Any]] = Hermite

    def __check_init__(self):
        if not np.array_equal(self._tableau.a_lower[-1], self._tableau.b_sol[:-1]):
            requirement = "end in a stage at its solution, as Tsit5, Dopri5 and Bosh3 do"
            raise argument_error("method", requirement, type(self.method).__name__)

    @property
    def _tableau(self) -> dfx.ButcherTableau:
        return cast(dfx.ButcherTableau, self.method.tableau)

    def order(self, terms: Any) -> int | None:
        """Returns the order of the method."""
        return self.method.order(terms)

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> Any:
        """Returns the vector field at the start, which is the first stage of the first step."""
        return terms.vf(t0, y0, args)

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, solver_state: Any, made_jump: Any
    ) -> tuple[Any, Any, dict[str, Any], Any, dfx.RESULTS]:
        """Takes a step; its last stage, the new solver state, is the first stage of the next."""
        tableau, size = self._tableau, terms.contr(t0, t1)
        stages = [self._first_stage(terms, t0, y0, args, solver_state, made_jump)]
        y1 = y0
        for row, node in zip(tableau.a_lower, tableau.c, strict=True):
            y1 = jax.tree.map(lambda y, *ks, row=row: y + size * _sum(row, ks), y0, *stages)
            # t0 + (t1 - t0) may round to a number after t1, where the vector field may have jumped.
            t = t1 if node == 1 else t0 + float(node) * size
            stages.append(terms.vf(t, y1, args))
        error = jax.tree.map(lambda *ks: size * _sum(tableau.b_error, ks), *stages)
        interpolation = {"y0": y0, "y1": y1, "f0": stages[0], "f1": stages[-1]}
        return y1, error, interpolation, stages[-1], dfx.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        """Returns the vector field at t0 and y0."""
        return terms.vf(t0, y0, args)

    def _first_stage(
        self, terms: Any, t0: Any, y0: Any, args: Any, last_stage: Any, made_jump: Any
    ) -> Any:
        """Returns the last stage of the step before, or a new one if the vector field jumped."""
        if made_jump is False:
            return last_stage

        def renewed() -> Any:
            return jax.tree.map(
                lambda new, old: jnp.where(made_jump, new, old), terms.vf(t0, y0, args), last_stage
            )

        # In a batch the flow is computed only in steps in which the drive of a sample jumps.
        return jax.lax.cond(eqxi.unvmap_any(made_jump), renewed, lambda: last_stage)


def _sum(coefficients: np.ndarray, stages: tuple[Any, ...]) -> Any:
    """Returns the sum of coefficient times stage, without terms whose coefficient is 0."""
    pairs = zip(coefficients, stages, strict=True)
    return sum(float(coefficient) * stage for coefficient, stage in pairs if coefficient != 0)
