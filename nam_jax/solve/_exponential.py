"""Exponential Euler: exact for a leak towards a target that stands still."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax as dfx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from nam_jax._types import Scalar


class ExponentialEuler(dfx.AbstractSolver):
    """y <- y + (1 - exp(-h / tau)) tau f(y): one vector field a step, of order 1.

    For du/dt = (target - u) / tau, as rates and membranes have it, every layer with its own tau.
    Where the target stands still a step is exact, however long, so that near rest only the slow
    change of the targets limits the step. It has no error estimate: give `simulate`, `settle` or
    `retrieve` a fixed `step`. For a network of one layer see Hochbruck & Ostermann 2010, Acta
    Numerica 19, 209, eq 1.3 with the linear part -1/tau.

    Attributes:
        time_scales: tau of each layer, as from `network.time_scales()`.
    """

    time_scales: PyTree[Scalar]
    term_structure: ClassVar = dfx.AbstractTerm
    interpolation_cls: ClassVar[Callable[..., Any]] = dfx.LocalLinearInterpolation

    def order(self, terms: Any) -> int:
        """1, unless targets stand still."""
        return 1

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> None:
        """No state is kept."""
        return None

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, solver_state: None, made_jump: Any
    ) -> tuple[Any, None, dict[str, Any], None, dfx.RESULTS]:
        """One step from t0 to t1."""

        def advance(y: Any, flow: Any, tau: Scalar) -> Any:
            tau = tau.astype(y.dtype)
            return y - jnp.expm1(-(t1 - t0).astype(y.dtype) / tau) * tau * flow

        y1 = jax.tree.map(advance, y0, terms.vf(t0, y0, args), self.time_scales)
        return y1, None, {"y0": y0, "y1": y1}, None, dfx.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        """The vector field."""
        return terms.vf(t0, y0, args)
