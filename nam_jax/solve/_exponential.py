"""Exponential Euler: exact for a state that decays by a leak and has a constant input."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax as dfx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from nam_jax._misc import argument_error
from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork, AbstractNetwork


class ExponentialEuler(dfx.AbstractSolver):
    """The method u <- u + (1 - exp(-r h)) / r f(u), with step h and vector field f.

    It is made for tau du/dt = -leak u + input, the equation of all layers of networks that flow in
    time; r = leak / tau is the decay rate of the layer, as `network.decay_rates()` returns it. The
    method evaluates f once a step and has order 1. If the input of a layer is constant, a step of
    any length is exact for that layer, whatever its leak and time constant; with a leak of 0 the
    factor is h, and the step is one of Euler's method. Near rest the inputs change slowly, so steps
    can be long there.

    It has no error estimate: give `simulate`, `settle` or `retrieve` a fixed `step`. For a network
    of one layer see Hochbruck & Ostermann 2010, Acta Numerica 19, 209, eq 1.3 with the linear part
    -r.

    Attributes:
        decay_rates: r of each layer, with the structure of the state.
        term_structure: The structure of the terms that the method takes, for Diffrax.
        interpolation_cls: The interpolation between two steps, for Diffrax.
    """

    # Example: leak 0.5, tau = 1, input 0.5, start u = 0, h = 2. Then r = 0.5 and f = 0.5, and the
    # step gives (1 - exp(-1)) / 0.5 * 0.5 = 0.632, the exact value of 1 - exp(-t / 2) at t = 2.
    # Euler gives 1.
    decay_rates: PyTree[Scalar | float]
    term_structure: ClassVar = dfx.AbstractTerm
    interpolation_cls: ClassVar[Callable[..., Any]] = dfx.LocalLinearInterpolation

    def __init__(self, network: AbstractContinuousNetwork):
        """Makes a solver with the decay rates of `network`.

        Args:
            network: The network that is solved; the rates are constants of the solver.

        Raises:
            ValueError: If `network` is no network that flows in time.
        """
        if not isinstance(network, AbstractNetwork):
            requirement = "be the network itself, which knows its leaks and time constants"
            raise argument_error("network", requirement, f"the type {type(network).__name__}")
        self.decay_rates = network.flowing().decay_rates()

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

        def advance(y: Any, flow: Any, rate: Scalar | float) -> Any:
            h, rate = (t1 - t0).astype(y.dtype), jnp.asarray(rate, y.dtype)
            decays = rate > 0
            safe = jnp.where(decays, rate, 1)
            return y + jnp.where(decays, -jnp.expm1(-h * safe) / safe, h) * flow

        y1 = jax.tree.map(advance, y0, terms.vf(t0, y0, args), self.decay_rates)
        return y1, None, {"y0": y0, "y1": y1}, None, dfx.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        """Returns the vector field at t0 and y0."""
        return terms.vf(t0, y0, args)
