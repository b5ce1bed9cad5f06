"""Gradient routes: ways to differentiate a loss of a recall by the numbers of the network."""

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
from nam_jax._precision import AbstractPrecise
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractNetwork, Clamped, Drive
from nam_jax.solve import RESULTS, Flow


class Sample(eqx.Module):
    """One training sample; a batch has a leading axis on every array.

    Attributes:
        cue: (N,), the pattern that recall starts from, or the tokens of a sequence.
        target: The pattern, label or tokens that the loss compares the readout with, any shape.
        drive: Constant inputs during recall, of the network's `drive_type`, such as a
            [`nam_jax.network.Drive`][]; None for none.
        asked: (N,), true at the neurons that are to be recalled; None for all. Visible neurons of a
            pattern that is to be completed are given, and say nothing about recall.
    """

    cue: Float[Array, "*batch N"] | Int[Array, "*batch N"]
    target: Float[Array, "..."] | Int[Array, "..."]
    drive: Any = None
    asked: Bool[Array, "*batch N"] | None = None


Cost = Callable[[Float[Array, "..."], Sample], Scalar]
"""`cost(readout, sample)`, one number for one sample, whose readout is (N,) for most networks."""


class Info(eqx.Module):
    """How the recall of one sample and the equation of its gradient ended.

    Attributes:
        settled: Whether the network came to rest.
        result: How the equation of the gradient ended; `converged` where none is solved.
        residual: Relative residual of that equation; 0 where none is solved.
        iterations: Iterations of that equation; for equilibrium propagation, solver steps of the
            nudged phases.
    """

    settled: Bool[Array, ""]
    result: RESULTS
    residual: Scalar
    iterations: Array

    @classmethod
    def without_equation(cls, settled: Bool[Array, ""]) -> "Info":
        """The report of a route that solves no equation."""
        return cls(settled, RESULTS.converged, jnp.zeros(()), jnp.asarray(0))


Outcome = tuple[tuple[Scalar, Float[Array, "..."], Info], Any]
"""What `AbstractRoute.value_and_grad` returns: (cost, readout, info), gradient."""


def check_how(how: Flow) -> None:
    """Raises a `ValueError` if `how` names an adjoint, as a route differentiates by itself."""
    if how.adjoint is not None:
        given = f"the type {type(how.adjoint).__name__}"
        raise argument_error("adjoint", "be None, as the route differentiates", given)


def at_rest_from(
    network: AbstractNetwork, state: Any, drive: Drive | None, how: Flow
) -> solve.Equilibrium:
    """Returns the equilibrium from `state`; `how` matters to networks that flow in time.

    Raises:
        ValueError: If `drive` is not constant, as derivatives are taken at one time.
    """
    if any(map(callable, jax.tree.leaves(drive, is_leaf=callable))):
        raise argument_error("drive", "be constant during training", "a function of time")
    settings = network.by_kind(flows=lambda _: how, updates=lambda _: None, passes=lambda _: None)
    return solve.settle(network, state, how=settings, drive=drive)


class AbstractRoute(AbstractPrecise):
    """A way from a cost of the readout to its gradient by the network's floating-point arrays."""

    @abc.abstractmethod
    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """The cost of recalling one sample, and its gradient.

        Args:
            cost: `cost(readout, sample)`, with a readout of shape (N,).
            network: The network that recalls.
            sample: One sample; batch with `equinox.filter_vmap`.

        Returns:
            `(cost, readout, info), gradient`: the cost, one number; the readout, (N,); an
            [`nam_jax.train.Info`][]; and the gradient, with the structure of
            `equinox.filter(network, equinox.is_inexact_array)`.
        """


class ImplicitRoute(AbstractRoute):
    """Recurrent backpropagation: one linear equation at the equilibrium (Almeida, Pineda 1987).

    At an equilibrium u the force F(u, theta) is 0, so that du/dtheta = J^-1 dF/dtheta with
    J = -dF/du. The gradient of a cost C(u, theta) is therefore

        dC/dtheta + d(mu . F)/dtheta,   J^T mu = dC/du,

    with u and mu fixed in both derivatives. Memory does not grow with the length of the recall.

    Attributes:
        implicit: How the equation for mu is solved.
        how: How the network is brought to rest; its `adjoint` must be None.
    """

    implicit: solve.Implicit = solve.Implicit()
    how: Flow = Flow()

    def __check_init__(self):
        check_how(self.how)

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][].

        The gradient is NaN, and the result `not_stable`, if Newton steps from the state at rest do
        not converge to an equilibrium.
        """
        continuous = network.flowing()
        arrays, fixed = eqx.partition(network, eqx.is_inexact_array)
        rested = at_rest_from(network, network.initial_state(sample.cue), sample.drive, self.how)
        state, is_near = solve.nearer(
            continuous, rested.state, drive=sample.drive, implicit=self.implicit
        )

        def read(arrays: Any, state: Any) -> tuple[Scalar, Pattern]:
            readout = eqx.combine(arrays, fixed).readout(state)
            return cost(readout, sample), readout

        loss, pull, readout = jax.vjp(read, arrays, state, has_aux=True)
        direct, cotangent = pull(jnp.ones_like(loss))
        solved = solve.adjoint(
            continuous, state, cotangent, drive=sample.drive, implicit=self.implicit
        )

        def work(arrays: Any) -> Array:
            force = solve.force(eqx.combine(arrays, fixed), state, sample.drive)
            return _dot(solved.force, force)

        gradient = jax.tree.map(jnp.add, direct, jax.grad(work)(arrays))
        valid = jnp.where(is_near, 1.0, jnp.nan)
        gradient = jax.tree.map(lambda leaf: valid.astype(leaf.dtype) * leaf, gradient)
        far = (solved.result == RESULTS.converged) & ~is_near
        result = RESULTS.where(far, RESULTS.not_stable, solved.result)
        settled = rested.result == RESULTS.converged
        info = Info(settled, result, solved.residual, solved.iterations)
        return (loss, readout, info), gradient


class ThroughSolver(AbstractRoute):
    """Differentiates every step of the solver, with recursive checkpoints.

    The gradient is that of the state which the solver reached, whether or not it is at rest.

    Attributes:
        how: How the network is brought to rest; its `adjoint` must be None.
    """

    how: Flow = Flow()

    def __check_init__(self):
        check_how(self.how)

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]."""

        def rest(network: AbstractNetwork, state: Any) -> solve.Equilibrium:
            adjoint = dfx.RecursiveCheckpointAdjoint()
            how = eqx.tree_at(lambda h: h.adjoint, self.how, adjoint, is_leaf=lambda x: x is None)
            return at_rest_from(network, state, sample.drive, how)

        return _differentiate(rest, cost, network, sample)


class Truncated(AbstractRoute):
    """Differentiates a few Euler steps that start at the equilibrium.

    Each step moves a layer by half its time scale. At the equilibrium the steps leave the state
    where it is; their derivative is the sum of the first `steps` terms of the Neumann series of the
    adjoint equation. The states of all steps are kept in memory.

    Attributes:
        steps: Number of steps.
        how: How the network is brought to rest; its `adjoint` must be None.
    """

    steps: int = eqx.field(default=20, static=True)
    how: Flow = Flow()

    def __check_init__(self):
        check_how(self.how)
        if self.steps < 1:
            raise argument_error("steps", "be at least 1", f"{self.steps}")

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]."""

        def rest(network: AbstractNetwork, state: Any) -> solve.Equilibrium:
            rested = jax.lax.stop_gradient(at_rest_from(network, state, sample.drive, self.how))
            continuous = network.flowing()

            def advance(state: Any, _: None) -> tuple[Any, None]:
                flow = continuous.vector_field(0.0, state, sample.drive)
                scales = jax.lax.stop_gradient(continuous.time_scales())
                return jax.tree.map(
                    lambda u, v, scale: u + jnp.asarray(scale, u.dtype) * v / 2, state, flow, scales
                ), None

            state, _ = jax.lax.scan(advance, rested.state, length=self.steps)
            return eqx.tree_at(lambda equilibrium: equilibrium.state, rested, state)

        return _differentiate(rest, cost, network, sample)


class Direct(AbstractRoute):
    """Backpropagation through a function of the cue, such as a Transformer.

    The readout is `network(cue)`, of any shape, and always counts as at rest.
    """

    def value_and_grad(self, cost: Cost, network: Any, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]; `network` is a function of the cue.

        Raises:
            ValueError: If the sample has a drive, which a function of the cue cannot take.
        """
        if sample.drive is not None:
            raise argument_error("drive", "be None for the route `Direct`", "inputs")

        def answer(network: Any) -> tuple[Scalar, Array]:
            readout = network(sample.cue)
            return cost(readout, sample), readout

        (loss, readout), gradient = eqx.filter_value_and_grad(answer, has_aux=True)(network)
        return (loss, readout, Info.without_equation(jnp.asarray(True))), gradient


class ClampedRoute(AbstractRoute):
    """Another route, through the network with visible neurons held at the cue.

    Attributes:
        route: The other route.
        visible: (N,), true where a neuron is held.
    """

    route: AbstractRoute
    visible: Bool[Array, " N"]

    def value_and_grad(self, cost: Cost, network: Any, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]."""
        clamped = Clamped.at_cue(network, self.visible, sample.cue)
        outcome, gradient = self.route.value_and_grad(cost, clamped, sample)
        return outcome, gradient.base


def _differentiate(
    rest: Callable[[AbstractNetwork, Any], solve.Equilibrium],
    cost: Cost,
    network: AbstractNetwork,
    sample: Sample,
) -> Outcome:
    """Cost, readout, info and gradient of a recall by `rest`, differentiated by JAX.

    Args:
        rest: Function of a network and a state that gives an equilibrium; JAX differentiates it.
        cost: `cost(readout, sample)`.
        network: The network that recalls.
        sample: One sample.
    """
    arrays, fixed = eqx.partition(network, eqx.is_inexact_array)

    def recall(arrays: Any) -> tuple[Scalar, tuple[Pattern, Bool[Array, ""]]]:
        network = eqx.combine(arrays, fixed)
        rested = rest(network, network.initial_state(sample.cue))
        readout = network.readout(rested.state)
        return cost(readout, sample), (readout, rested.result == RESULTS.converged)

    (loss, (readout, settled)), gradient = jax.value_and_grad(recall, has_aux=True)(arrays)
    return (loss, readout, Info.without_equation(settled)), gradient


def _dot(a: Any, b: Any) -> Array:
    return jnp.asarray(optax.tree.vdot(a, b))
