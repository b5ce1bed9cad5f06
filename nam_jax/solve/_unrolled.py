"""Explicit Runge-Kutta methods written out stage by stage, for states of N x N numbers."""

from collections.abc import Callable
from typing import Any, ClassVar, cast

import diffrax as dfx
import jax
import numpy as np

from nam_jax._misc import argument_error


class Unrolled(dfx.AbstractAdaptiveSolver):
    """An explicit Runge-Kutta method of Diffrax with its stages written out.

    The same tableau gives the same steps. Diffrax keeps all stages in one buffer and sums the
    whole of it at each stage; written out, each sum is one pass over the stages there are, which
    on N x N states halves the time around the vector fields, and needs half the memory. Between
    two steps states are cubic Hermite polynomials. Not for vector fields that jump in time
    (Diffrax's `jump_ts`), of which it does not hear.

    Attributes:
        method: A method of Diffrax whose last stage is its solution ("first same as last"):
            `Tsit5`, `Dopri5` or `Bosh3`.
    """

    method: dfx.AbstractERK = dfx.Tsit5()
    term_structure: ClassVar = dfx.AbstractTerm
    interpolation_cls: ClassVar[Callable[..., Any]] = dfx.ThirdOrderHermitePolynomialInterpolation

    def __check_init__(self):
        if not np.array_equal(self._tableau.a_lower[-1], self._tableau.b_sol[:-1]):
            requirement = "end in a stage at its solution, as Tsit5, Dopri5 and Bosh3 do"
            raise argument_error("method", requirement, type(self.method).__name__)

    @property
    def _tableau(self) -> dfx.ButcherTableau:
        return cast(dfx.ButcherTableau, self.method.tableau)

    def order(self, terms: Any) -> int | None:
        """Order of the method."""
        return self.method.order(terms)

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> Any:
        """The vector field at the start, which is the first stage of the first step."""
        return terms.vf(t0, y0, args)

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, solver_state: Any, made_jump: Any
    ) -> tuple[Any, Any, dict[str, Any], Any, dfx.RESULTS]:
        """One step; its last stage is the first of the next."""
        tableau, size = self._tableau, terms.contr(t0, t1)
        stages = [solver_state]
        y1 = y0
        for row, at in zip(tableau.a_lower, tableau.c, strict=True):
            y1 = jax.tree.map(lambda y, *ks, row=row: y + size * _sum(row, ks), y0, *stages)
            stages.append(terms.vf(t0 + float(at) * size, y1, args))
        error = jax.tree.map(lambda *ks: size * _sum(tableau.b_error, ks), *stages)
        k0, k1 = (jax.tree.map(lambda k: size * k, stages[place]) for place in (0, -1))
        between = {"y0": y0, "y1": y1, "k0": k0, "k1": k1}
        return y1, error, between, stages[-1], dfx.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        """The vector field."""
        return terms.vf(t0, y0, args)


def _sum(coefficients: np.ndarray, stages: tuple[Any, ...]) -> Any:
    pairs = zip(coefficients, stages, strict=True)
    return sum(float(coefficient) * stage for coefficient, stage in pairs if coefficient != 0)
