"""Gradient routes: how a loss of the state at rest is differentiated by the network's numbers."""

import abc
from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from nam_jax import solve
from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractNetwork,
    Drive,
)
from nam_jax.solve import RESULTS


class Sample(eqx.Module):
    """One training sample; a batch has a leading axis on every array.

    Attributes:
        cue: (N,), what recall starts from; or the tokens of a sequence.
        target: What the loss compares with, any shape.
        drive: Constant inputs, or None for none.
    """

    cue: Float[Array, "*batch N"] | Int[Array, "*batch N"]
    target: Float[Array, "..."] | Int[Array, "..."]
    drive: Drive | None = None


Cost = Callable[[Float[Array, "..."], Sample], Scalar]
"""`cost(readout, sample)` of one sample, with a readout of shape (N,), or as the network has it."""


class Adjoint(eqx.Module):
    """How the equation of the gradient was solved, for one sample.

    Attributes:
        residual: Relative residual of the adjoint equation; 0 where none is solved.
        iterations: Iterations it took; solver steps of the nudged phases for equilibrium
            propagation.
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


class Effort(eqx.Module):
    """How hard to look for an equilibrium; each as for [`nam_jax.settle`][]."""

    rest: float = 1e-3
    rtol: float = 1e-4
    atol: float = 1e-5
    max_time: float = float("inf")
    max_steps: int = 4096

    def __call__(
        self, network: AbstractNetwork, state: Any, drive: Drive | None, **options: Any
    ) -> solve.Equilibrium:
        """`settle` with this effort."""
        return solve.settle(
            network,
            state,
            drive=drive,
            rest=self.rest,
            rtol=self.rtol,
            atol=self.atol,
            max_time=self.max_time,
            max_steps=self.max_steps,
            **options,
        )


Outcome = tuple[tuple[Scalar, Float[Array, "..."], Info], Any]
"""As from `AbstractRoute.value_and_grad`: cost, readout and report; and the gradient."""


class AbstractRoute(eqx.Module):
    """A way from a cost of the readout to its gradient by the network's floating-point arrays."""

    @abc.abstractmethod
    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """The cost of recalling one sample, and its gradient.

        Args:
            cost: `cost(readout, sample)`, with a readout of shape (N,).
            network: The network that recalls.
            sample: One sample; batch with `equinox.filter_vmap`.

        Returns:
            The cost, the readout and how the solve went; and the gradient, with the structure of
            `equinox.filter(network, equinox.is_inexact_array)`.
        """


class ImplicitRoute(AbstractRoute):
    """Recurrent backpropagation: one linear equation at the equilibrium (Almeida, Pineda 1987).

    Attributes:
        implicit: How the equation is solved.
        effort: How hard to look for the equilibrium.
    """

    implicit: solve.Implicit = solve.Implicit()
    effort: Effort = Effort()

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]; `info` says how well the equation was solved."""
        continuous = _continuous(network)
        arrays, fixed = eqx.partition(network, eqx.is_inexact_array)
        found = self.effort(network, network.initial_state(sample.cue), sample.drive)
        state, is_near = solve.nearer(
            continuous, found.state, drive=sample.drive, implicit=self.implicit
        )

        def of(arrays: Any, state: Any) -> tuple[Scalar, Pattern]:
            readout = eqx.combine(arrays, fixed).readout(state)
            return cost(readout, sample), readout

        loss, pull, readout = jax.vjp(of, arrays, state, has_aux=True)
        direct, cotangent = pull(jnp.ones_like(loss))
        solved = solve.adjoint(
            continuous, state, cotangent, drive=sample.drive, implicit=self.implicit
        )

        def work(arrays: Any) -> Array:
            force = solve.force(eqx.combine(arrays, fixed), state, sample.drive)
            return _dot(solved.force, force)

        gradient = jax.tree.map(jnp.add, direct, jax.grad(work)(arrays))
        known = jnp.where(is_near, 1.0, jnp.nan)
        gradient = jax.tree.map(lambda leaf: known.astype(leaf.dtype) * leaf, gradient)
        far = (solved.result == RESULTS.converged) & ~is_near
        result = RESULTS.where(far, RESULTS.not_stable, solved.result)
        adjoint = Adjoint(solved.residual, solved.iterations, result)
        return (loss, readout, Info(found.result == RESULTS.converged, adjoint)), gradient


class ThroughSolver(AbstractRoute):
    """Differentiates every step of the solver, with recursive checkpoints.

    The gradient of what the solver computed, whether or not that is at rest.

    Attributes:
        effort: How hard to look for the equilibrium.
    """

    effort: Effort = Effort()

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]."""

        def rest(network: AbstractNetwork, state: Any) -> solve.Equilibrium:
            adjoint = dfx.RecursiveCheckpointAdjoint()
            return self.effort(network, state, sample.drive, adjoint=adjoint)

        return _differentiate(rest, cost, network, sample)


class Truncated(AbstractRoute):
    """Differentiates the last few relaxation steps only, each layer at half its time scale.

    The steps start at the equilibrium, so that they change nothing but the gradient: the first
    terms of the Neumann series of the adjoint equation. Their states are kept.

    Attributes:
        steps: How many.
        effort: How hard to look for the equilibrium.
    """

    steps: int = eqx.field(default=20, static=True)
    effort: Effort = Effort()

    def __check_init__(self):
        if self.steps < 1:
            raise argument_error("steps", "be at least 1", f"{self.steps}")

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]."""

        def rest(network: AbstractNetwork, state: Any) -> solve.Equilibrium:
            found = jax.lax.stop_gradient(self.effort(network, state, sample.drive))
            continuous = _continuous(network)

            def advance(state: Any, _: None) -> tuple[Any, None]:
                flow = continuous.vector_field(0.0, state, sample.drive)
                scales = jax.lax.stop_gradient(continuous.time_scales())
                return jax.tree.map(
                    lambda u, v, scale: u + scale.astype(u.dtype) * v / 2, state, flow, scales
                ), None

            state, _ = jax.lax.scan(advance, found.state, length=self.steps)
            return eqx.tree_at(lambda equilibrium: equilibrium.state, found, state)

        return _differentiate(rest, cost, network, sample)


class Direct(AbstractRoute):
    """The gradient of a function that is its own answer, such as a Transformer: backpropagation.

    The readout is `network(cue)`, of any shape, and always counts as at rest.
    """

    def value_and_grad(self, cost: Cost, network: Any, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]; `network` is a function and takes no drive."""

        def of(network: Any) -> tuple[Scalar, Array]:
            readout = network(sample.cue)
            return cost(readout, sample), readout

        (loss, readout), gradient = eqx.filter_value_and_grad(of, has_aux=True)(network)
        adjoint = Adjoint(jnp.zeros_like(loss), jnp.asarray(0), RESULTS.converged)
        return (loss, readout, Info(jnp.asarray(True), adjoint)), gradient


def _differentiate(
    rest: Callable[[AbstractNetwork, Any], solve.Equilibrium],
    cost: Cost,
    network: AbstractNetwork,
    sample: Sample,
) -> Outcome:
    """The cost after `rest`, which JAX can differentiate, and its gradient."""
    arrays, fixed = eqx.partition(network, eqx.is_inexact_array)

    def of(arrays: Any) -> tuple[Scalar, tuple[Pattern, Bool[Array, ""]]]:
        network = eqx.combine(arrays, fixed)
        found = rest(network, network.initial_state(sample.cue))
        readout = network.readout(found.state)
        return cost(readout, sample), (readout, found.result == RESULTS.converged)

    (loss, (readout, settled)), gradient = jax.value_and_grad(of, has_aux=True)(arrays)
    adjoint = Adjoint(jnp.zeros_like(loss), jnp.asarray(0), RESULTS.converged)
    return (loss, readout, Info(settled, adjoint)), gradient


def _continuous(network: AbstractNetwork) -> AbstractContinuousNetwork:
    if not isinstance(network, AbstractContinuousNetwork):
        raise argument_error("network", "flow in time", f"a {type(network).__name__}")
    return network


def _dot(a: Any, b: Any) -> Array:
    return jnp.asarray(optax.tree.vdot(a, b))
