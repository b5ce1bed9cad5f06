"""Gradient routes: how a loss of the state at rest is differentiated by the network's numbers."""

import abc
from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from nam_jax import solve
from nam_jax._misc import argument_error
from nam_jax._types import Pattern, Scalar
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractEnergyNetwork,
    AbstractNetwork,
    Drive,
    drive_at,
)
from nam_jax.solve import RESULTS


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


Cost = Callable[[Pattern, Sample], Scalar]
"""`cost(readout, sample)` of one sample, with a readout of shape (N,)."""


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


Outcome = tuple[tuple[Scalar, Pattern, Info], Any]
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
        state = found.state

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
        adjoint = Adjoint(solved.residual, solved.iterations, solved.result)
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


class EquilibriumPropagation(AbstractRoute):
    """The difference that a nudge of the readout towards its target makes to dE/dtheta.

    With F = E + beta C and u_beta its equilibrium the gradient is (dF/dtheta at u_beta - dE/dtheta
    at u_0) / beta, with an error of order beta; centred it is the difference between beta and
    -beta over 2 beta, of order beta^2 (Scellier & Bengio, arXiv 1602.05179; Laborieux et al., arXiv
    2006.03824). No derivative of the dynamics is taken. The network needs an energy and a `Drive`.

    Attributes:
        nudge: The strongest push on a neuron, in units of its restoring force, so that one number
            suits every loss and network: beta times max |dC/dreadout| is `nudge` times inertia over
            time scale times 1 + max |x|. An error of about rest / nudge is added.
        centred: Whether to nudge both ways.
        effort: How hard to look for equilibria; by default a hundred times harder than elsewhere.
    """

    nudge: float | Scalar = 0.01
    centred: bool = eqx.field(default=True, static=True)
    effort: Effort = Effort(rest=1e-5, rtol=1e-6, atol=1e-7)

    def __check_init__(self):
        if not isinstance(self.nudge, jax.Array) and not self.nudge > 0:
            raise argument_error("nudge", "be above 0", f"{self.nudge}")

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]; `info` says how the worse nudged phase went."""
        if not isinstance(network, AbstractEnergyNetwork):
            found = f"a {type(network).__name__}"
            raise argument_error("network", "have an energy for equilibrium propagation", found)
        free = self.effort(network, network.initial_state(sample.cue), sample.drive)
        readout = network.readout(free.state)
        loss = cost(readout, sample)
        arrays, fixed = eqx.partition(network, eqx.is_inexact_array)

        beta = self.nudge * _unit_of_nudge(network, free.state, jax.grad(cost)(readout, sample))

        def slope(phase: solve.Equilibrium, beta: Scalar) -> Any:
            def of(arrays: Any) -> Scalar:
                net = eqx.combine(arrays, fixed)
                nudged = beta * cost(net.readout(phase.state), sample)
                return net.energy(phase.state, sample.drive) + nudged

            return jax.grad(of)(arrays)

        def nudged(beta: Scalar) -> solve.Equilibrium:
            return self.effort(_Nudged(network, cost, sample, beta), free.state, sample.drive)

        ahead = nudged(beta)
        below = -beta if self.centred else jnp.zeros_like(beta)
        behind = nudged(below) if self.centred else free
        slopes = slope(ahead, beta), slope(behind, below)
        gradient = jax.tree.map(lambda a, b: (a - b) / (beta - below).astype(a.dtype), *slopes)
        worse = RESULTS.where(ahead.result == RESULTS.converged, behind.result, ahead.result)
        residual = jnp.maximum(ahead.residual, behind.residual)
        adjoint = Adjoint(residual, ahead.steps + behind.steps, worse)
        return (loss, readout, Info(free.result == RESULTS.converged, adjoint)), gradient


class _Nudged(AbstractContinuousNetwork):
    """A network whose neurons are also driven down beta times a cost of its readout."""

    network: AbstractEnergyNetwork
    cost: Cost
    sample: Sample
    beta: Scalar

    def initial_state(self, cue: Pattern) -> Any:
        return self.network.initial_state(cue)

    def vector_field(self, t: Scalar | float, state: Any, drive: Drive | None = None) -> Any:
        readout = self.network.readout(state)
        drive = Drive() if drive is None else drive
        pull = -self.beta * jax.grad(self.cost)(readout, self.sample)
        neural = drive_at(drive.neural, t, readout) + pull
        return self.network.vector_field(t, state, Drive(neural, drive.synaptic, drive.process))

    def readout(self, state: Any) -> Pattern:
        return self.network.readout(state)

    def time_scales(self) -> Any:
        return self.network.time_scales()


def _unit_of_nudge(network: AbstractEnergyNetwork, state: Any, pull: Pattern) -> Scalar:
    """The beta at which the strongest push equals the restoring force of a neuron; see `nudge`."""
    x, scale = jax.tree.leaves(state)[0], jax.tree.leaves(network.time_scales())[0]
    force = network.layers()[0].inertia / scale * (1 + jnp.max(jnp.abs(x)))
    largest = jnp.max(jnp.abs(pull))
    return (force / jnp.where(largest > 0, largest, 1)).astype(x.dtype)


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


ROUTES: dict[str, AbstractRoute] = {
    "implicit": ImplicitRoute(),
    "through_solver": ThroughSolver(),
    "equilibrium_propagation": EquilibriumPropagation(),
    "truncated": Truncated(),
}
"""The routes that can be asked for by name, with their defaults."""
