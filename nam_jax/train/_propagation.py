"""Equilibrium propagation: a gradient route that takes no derivative of the dynamics."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import ArrayLike

from nam_jax import solve
from nam_jax._misc import argument_error, axes_of, positive_number
from nam_jax._types import Pattern, Patterns, Scalar
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractNetwork,
    Layer,
)
from nam_jax.solve import RESULTS
from nam_jax.train._routes import (
    AbstractRoute,
    Cost,
    Info,
    Outcome,
    Sample,
    at_rest_from,
    check_how,
)


class EquilibriumPropagation(AbstractRoute):
    """Equilibrium propagation: compares dE/dtheta with and without a nudge towards the target.

    The cost C pushes the readout with a strength beta, so that the network comes to rest at a
    minimum u_beta of F = E + beta C. The gradient of C(u_0) by theta is

        (dF/dtheta at u_beta - dE/dtheta at u_0) / beta            one-sided
        (dF/dtheta at u_beta - dF/dtheta at u_-beta) / (2 beta)    centred

    with errors of order beta and beta^2 (Scellier & Bengio, arXiv 1602.05179; Laborieux et al.,
    arXiv 2006.03824). No derivative of the dynamics is taken. The network needs an energy, and a
    layer whose activations are the readout: its neurons are pushed.

    Attributes:
        nudge: The strongest push on a neuron, in units of its restoring force: beta is chosen so
            that beta max |dC/dreadout| = nudge (inertia / time scale) (1 + max |x|). One value then
            suits every loss and network. The gradient has a further error of about rest / nudge.
        centred: Whether to nudge both ways. Only a centred nudge that leaves the basin is noticed
            and reported as `not_stable`, because it moves the state far more than the other nudge.
        how: How the network is brought to rest; its `adjoint` must be None. The states differ by
            little, so that by default `rest` and the tolerances are a hundred times smaller than
            those of `Flow()`.
    """

    nudge: float | Scalar = 0.01
    centred: bool = eqx.field(default=True, static=True)
    how: solve.Flow = solve.Flow(rest=1e-5, rtol=1e-6, atol=1e-7)

    def __check_init__(self):
        positive_number("nudge", self.nudge)
        check_how(self.how)

    def value_and_grad(self, cost: Cost, network: AbstractNetwork, sample: Sample) -> Outcome:
        """See [`nam_jax.train.AbstractRoute`][]; `info` reports the worse of the nudged phases."""
        network = _with_neurons_to_nudge(network)
        free = at_rest_from(network, network.initial_state(sample.cue), sample.drive, self.how)
        readout = network.readout(free.state)
        loss = cost(readout, sample)
        arrays, fixed = eqx.partition(network, eqx.is_inexact_array)

        beta = self.nudge * _unit_of_nudge(network, free.state, jax.grad(cost)(readout, sample))

        def slope(phase: solve.Equilibrium, beta: Scalar) -> Any:
            def nudged_energy(arrays: Any) -> Scalar:
                net = eqx.combine(arrays, fixed)
                nudge = beta * cost(net.readout(phase.state), sample)
                return net.energy(phase.state, sample.drive) + nudge

            return jax.grad(nudged_energy)(arrays)

        def nudged(beta: Scalar) -> solve.Equilibrium:
            nudged = _Nudged(network, cost, sample, beta)
            return at_rest_from(nudged, free.state, sample.drive, self.how)

        ahead = nudged(beta)
        below = -beta if self.centred else jnp.zeros_like(beta)
        behind = nudged(below) if self.centred else free
        slopes = slope(ahead, beta), slope(behind, below)
        gradient = jax.tree.map(lambda a, b: (a - b) / (beta - below).astype(a.dtype), *slopes)
        worse = RESULTS.where(ahead.result == RESULTS.converged, behind.result, ahead.result)
        if self.centred:
            # Both nudges move the state equally far, unless one of them pushes it out of its basin.
            sizes = [_distance(phase.state, free.state) for phase in (ahead, behind)]
            lopsided = jnp.maximum(*sizes) > 3 * jnp.minimum(*sizes)
            lopsided &= worse == RESULTS.converged
            worse = RESULTS.where(lopsided, RESULTS.not_stable, worse)
        residual = jnp.maximum(ahead.residual, behind.residual)
        steps = ahead.steps + behind.steps
        info = Info(free.result == RESULTS.converged, worse, residual, steps)
        return (loss, readout, info), gradient


class _Nudged(AbstractContinuousNetwork):
    """A network whose neurons get the further input -beta dC/dreadout."""

    network: AbstractContinuousNetwork
    cost: Cost
    sample: Sample
    beta: Scalar

    @property
    def dtype(self) -> np.dtype:
        return self.network.dtype

    @property
    def drive_type(self) -> type | None:
        return self.network.drive_type

    def initial_state(self, cue: ArrayLike) -> Any:
        return self.network.initial_state(cue)

    def vector_field(self, t: Scalar | float, state: Any, drive: Any = None) -> Any:
        flow = self.network.vector_field(t, state, drive)
        pull = -self.beta * jax.grad(self.cost)(self.network.readout(state), self.sample)
        layer, speed = _neurons(self.network), self.network.visible(flow)
        push = pull.reshape(speed.shape) / layer.inertia.astype(speed.dtype)
        push = push if layer.held is None else jnp.where(layer.held, 0, push)
        return eqx.tree_at(self.network.visible, flow, speed + push)

    def readout(self, state: Any) -> Pattern:
        return self.network.readout(state)

    def time_scales(self) -> Any:
        return self.network.time_scales()

    def decay_rates(self) -> Any:
        return self.network.decay_rates()

    def visible(self, state: Any) -> Any:
        return self.network.visible(state)

    def layers(self) -> None:
        """None, so that nobody judges whether the energy without the cost falls."""
        return None

    def energy_terms(self, state: Any, drive: Any = None, t: Scalar | float = 0.0) -> None:
        return None

    @property
    def can_be_silent(self) -> bool:
        return self.network.can_be_silent

    def stored_rows(self) -> Patterns | None:
        return self.network.stored_rows()

    def row_axes(self) -> tuple[Any, Any]:
        axes, state = self.network.row_axes()
        return axes_of(self, lambda n: n.network, axes), state


def _with_neurons_to_nudge(network: AbstractNetwork) -> AbstractContinuousNetwork:
    """`network`, if it flows down an energy and has neurons that can be pushed."""
    flow = network.flowing()
    if not flow.has_energy or flow.visible_place() is None:
        requirement = "have an energy, and neurons to push, for equilibrium propagation"
        raise argument_error("network", requirement, f"a {type(network).__name__}")
    return flow


def _neurons(network: AbstractContinuousNetwork) -> Layer:
    """Returns the layer of the neurons, whose activations are the readout."""
    layers, place = network.layers(), network.visible_place()
    assert layers is not None and place is not None
    return layers[place]


def _unit_of_nudge(network: AbstractContinuousNetwork, state: Any, pull: Pattern) -> Scalar:
    """The beta at which the strongest push on a neuron equals its restoring force; see `nudge`."""
    x, scale = network.visible(state), network.visible(network.time_scales())
    inertia = _neurons(network).inertia.astype(x.dtype)
    force = inertia / jnp.asarray(scale, x.dtype) * (1 + jnp.max(jnp.abs(x)))
    largest = jnp.max(jnp.abs(pull))
    return force / jnp.where(largest > 0, largest, 1).astype(x.dtype)


def _distance(a: Any, b: Any) -> Scalar:
    return optax.tree.norm(jax.tree.map(jnp.subtract, a, b))
