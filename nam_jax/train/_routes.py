"""Gradient routes: how a loss of the state at rest is differentiated by the network's numbers."""

import abc
from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractNetwork, Drive
from nam_jax.solve import RESULTS, settle


class Adjoint(eqx.Module):
    """How the equation of the gradient was solved, for one sample.

    Attributes:
        residual: Relative residual of the adjoint equation; 0 where none is solved.
        iterations: Iterations it took.
        result: How it ended.
    """

    residual: Scalar
    iterations: Array
    result: RESULTS


class Info(eqx.Module):
    """What a route tells about one sample besides loss, readout and gradient.

    Attributes:
        settled: Whether the network came to rest.
        adjoint: How the equation of the gradient was solved.
    """

    settled: Bool[Array, ""]
    adjoint: Adjoint


class Sample(eqx.Module):
    """One training sample; a batch has a leading axis on every array.

    Attributes:
        cue: (N,), what recall starts from.
        target: What the loss compares with, any shape.
        drive: Constant inputs, or None for none.
    """

    cue: Float[Array, "*batch N"]
    target: Float[Array, "..."]
    drive: Drive | None = None


class AbstractRoute(eqx.Module):
    """A way from a cost of the readout to its gradient by the network's floating-point arrays."""

    @abc.abstractmethod
    def value_and_grad(
        self, cost: Callable[[Pattern, Sample], Scalar], network: AbstractNetwork, sample: Sample
    ) -> tuple[tuple[Scalar, Pattern, Info], Any]:
        """The cost of recalling one sample, and its gradient.

        Args:
            cost: `cost(readout, sample)`, with a readout of shape (N,).
            network: The network that recalls.
            sample: One sample; batch with `equinox.filter_vmap`.

        Returns:
            The cost, the readout and how the solve went; and the gradient, with the structure of
            `equinox.filter(network, equinox.is_inexact_array)`.
        """


class ThroughSolver(AbstractRoute):
    """Differentiates every step of the solver, with recursive checkpoints.

    The gradient of what the solver computed, whether or not that is at rest.

    Attributes:
        rest: As for [`nam_jax.settle`][], and so are the others.
        rtol: Relative tolerance of each step.
        atol: Absolute tolerance of each step.
        max_time: Time after which to give up, in the unit of the time constants.
        max_steps: Steps after which to give up.
    """

    rest: float = 1e-3
    rtol: float = 1e-4
    atol: float = 1e-5
    max_time: float = float("inf")
    max_steps: int = 4096

    def value_and_grad(
        self, cost: Callable[[Pattern, Sample], Scalar], network: AbstractNetwork, sample: Sample
    ) -> tuple[tuple[Scalar, Pattern, Info], Any]:
        arrays, fixed = eqx.partition(network, eqx.is_inexact_array)

        def of(arrays: Any) -> tuple[Scalar, tuple[Pattern, Bool[Array, ""]]]:
            network = eqx.combine(arrays, fixed)
            rested = settle(
                network,
                network.initial_state(sample.cue),
                drive=sample.drive,
                rest=self.rest,
                rtol=self.rtol,
                atol=self.atol,
                max_time=self.max_time,
                max_steps=self.max_steps,
                adjoint=dfx.RecursiveCheckpointAdjoint(),
            )
            readout = network.readout(rested.state)
            return cost(readout, sample), (readout, rested.result == RESULTS.converged)

        (loss, (readout, settled)), gradient = jax.value_and_grad(of, has_aux=True)(arrays)
        adjoint = Adjoint(jnp.zeros_like(loss), jnp.asarray(0), RESULTS.converged)
        return (loss, readout, Info(settled, adjoint)), gradient


ROUTES: dict[str, AbstractRoute] = {"through_solver": ThroughSolver()}
"""The routes that can be asked for by name."""
