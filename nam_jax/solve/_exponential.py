"""Exponential Euler: exact for a state that relaxes to a constant target."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax as dfx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from nam_jax._types import Scalar


class ExponentialEuler(dfx.AbstractSolver):
    """The method y <- y + (1 - exp(-h / tau)) tau f(y), with step h and vector field f.

    It is made for du/dt = (target - u) / tau, the equation of rates and membranes; each layer has
    its own tau. It evaluates f once a step and has order 1. If the target is constant, a step of
    any length is exact. Near rest the targets change slowly, so steps can be long there.

    It has no error estimate: give `simulate`, `settle` or `retrieve` a fixed `step`. For a network
    of one layer see Hochbruck & Ostermann 2010, Acta Numerica 19, 209, eq 1.3 with the linear part
    -1/tau.

    Attributes:
        time_scales: tau of each layer, as from `network.time_scales()`.
    """

    # Example: tau = 2, target 1, start u = 0, h = 2. Then f = (1 - 0) / 2 = 0.5, and the step gives
    # (1 - exp(-1)) * 2 * 0.5 = 0.632, the exact value of 1 - exp(-t / 2) at t = 2. Euler gives 1.
    time_scales: PyTree[Scalar | float]
    term_structure: ClassVar = dfx.AbstractTerm
    interpolation_cls: ClassVar[Callable[..., Any]] = dfx.LocalLinearInterpolation

    def order(self, terms: Any) -> int:
        """Returns 1."""
        return 1

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> None:
        """Returns None: the method keeps no state between steps."""
        return None

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, solver_state: None, made_jump: Any
    ) -> tuple[Any, None, dict[str, Any], None, dfx.RESULTS]:
        """Takes a step from t0 to t1 and returns what Diffrax asks of a solver."""

        def advance(y: Any, flow: Any, tau: Scalar | float) -> Any:
            tau = jnp.asarray(tau, y.dtype)
            return y - jnp.expm1(-(t1 - t0).astype(y.dtype) / tau) * tau * flow

        y1 = jax.tree.map(advance, y0, terms.vf(t0, y0, args), self.time_scales)
        return y1, None, {"y0": y0, "y1": y1}, None, dfx.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        """Returns the vector field at t0 and y0."""
        return terms.vf(t0, y0, args)
