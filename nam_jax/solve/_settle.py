"""`settle`: brings a network to rest and checks that it is at rest."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from nam_jax._types import Scalar
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractFeedforwardNetwork,
    AbstractNetwork,
)
from nam_jax.solve._implicit import at_rest, without_derivatives
from nam_jax.solve._integrate import DEFAULT_SOLVER, FORWARD, in_dtype_of, integrate
from nam_jax.solve._linearised import Implicit
from nam_jax.solve._result import RESULTS, all_finite, raise_unless, residual
from nam_jax.solve._simulate import ending
from nam_jax.solve._updates import SYNCHRONOUS, AbstractUpdates

IMPLICIT = Implicit()


class Equilibrium(eqx.Module):
    """The state at which a solve ended; it is at rest if `result` is `converged`.

    Attributes:
        state: The last state.
        residual: How far `state` is from rest. For a continuous network it is
            [`nam_jax.solve.residual`][] at `state`. For a discrete network it is the fraction of
            neurons that one more update of all neurons at once would flip. For a feedforward
            network it is max |y - x| / (1 + max |y|), where the last pass turned x into y; NaN if x
            and y have different shapes.
        time: Simulated time until the solve ended, in the unit of the time constants; for discrete
            and feedforward networks equal to `steps`.
        steps: For a continuous network, the number of solver steps. For a discrete network, the
            number of updates of all neurons, without those in which no neuron changed. For a
            feedforward network, the number of passes.
        result: How the solve ended.
    """

    state: Any
    residual: Scalar
    time: Scalar
    steps: Array
    result: RESULTS


def settle(
    network: AbstractNetwork,
    state: Any,
    *,
    drive: Any = None,
    rest: float = 1e-3,
    max_time: float | Scalar = float("inf"),
    solver: dfx.AbstractSolver = DEFAULT_SOLVER,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    step: float | None = None,
    max_steps: int = 4096,
    adjoint: Implicit | dfx.AbstractAdjoint = IMPLICIT,
    updates: AbstractUpdates = SYNCHRONOUS,
    throw: bool = False,
) -> Equilibrium:
    """Returns the state in which `network`, started from `state`, comes to rest.

    A continuous network is integrated until its residual is at most `rest`. A discrete network is
    updated until no neuron flips; only `max_steps`, `updates` and `throw` matter to it. A
    feedforward network makes its passes, with the result `passed`; only `throw` matters to it.

    Args:
        network: Any network.
        state: One sample's initial state; it is converted to the network's dtype. Batch with
            `jax.vmap`.
        drive: Constant inputs to the network; None for no inputs.
        rest: Residual at which the state counts as an equilibrium.
        max_time: Time after which the solve gives up, in the unit of the time constants.
        solver: Any Diffrax solver; by default Bogacki-Shampine, see `Unrolled`.
        rtol: Relative tolerance of each step; keep it a tenth of `rest` or less.
        atol: Absolute tolerance of each step.
        step: A fixed step size to use instead of the tolerances.
        max_steps: Steps after which the solve gives up.
        adjoint: How the equilibrium is differentiated by the leaves of `network` and `drive`. The
            default, [`nam_jax.solve.Implicit`][], solves the equations at rest. It gives forward
            and reverse mode and any order. Derivatives by `state` are zero, as an equilibrium does
            not depend on it. Under differentiation three Newton steps bring the returned state
            [`nam_jax.solve.nearer`][] to the equilibrium. Derivatives are NaN if the network did
            not come to rest, a linear solve failed, or those steps failed;
            [`nam_jax.solve.adjoint`][] reports the reason. A Diffrax adjoint instead differentiates
            the steps: `RecursiveCheckpointAdjoint()` in reverse mode, `ForwardMode()` in forward
            mode.
        updates: In which order a discrete network updates its neurons: `Synchronous()`, all at
            once, or `Asynchronous(key)`, one by one. Other networks make no use of it.
        throw: Whether to raise an error unless the result is `converged` or `passed`.

    Returns:
        An [`Equilibrium`][]. Its `result` is `energy_rose` if the state at rest has more energy
        than the first state, by more than rounding.

    Raises:
        ValueError: If the network takes no such drive.
        RuntimeError: If `throw` is True and the result is neither `converged` nor `passed`.
    """
    network.as_drive(drive)
    state = in_dtype_of(network, state)

    def flow(network: AbstractContinuousNetwork) -> Equilibrium:
        settings = {
            "solver": solver, "rtol": rtol, "atol": atol, "rest": rest, "max_steps": max_steps,
            "step": step,
        }  # fmt: skip
        return _rested(network, state, drive, max_time, adjoint, settings)

    equilibrium = network.by_kind(
        flows=flow,
        updates=lambda network: _updated(network, state, updates, max_steps),
        passes=lambda network: _answered(network, state),
    )
    if throw:
        accepted = (RESULTS.converged, RESULTS.passed)
        final = raise_unless(equilibrium.result, accepted, equilibrium.state)
        equilibrium = eqx.tree_at(lambda e: e.state, equilibrium, final)
    return equilibrium


def _updated(
    network: AbstractDiscreteNetwork, state: Any, updates: AbstractUpdates, max_steps: int
) -> Equilibrium:
    """Returns the state in which no neuron flips, or the state at which the updates ended."""
    final, distance, steps, result = updates(network, state, max_steps)
    return Equilibrium(final, distance, steps.astype(distance.dtype), steps, result)


def _answered(network: AbstractFeedforwardNetwork, state: Any) -> Equilibrium:
    """Returns the answer after all passes; the residual is the change by the last pass."""
    before, answer = state, network.respond(state)
    if network.passes > 1:

        def respond_again(last_two: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], None]:
            return (last_two[1], network.respond(last_two[1])), None

        (before, answer), _ = jax.lax.scan(
            respond_again, (state, answer), length=network.passes - 1
        )
    if before.shape == answer.shape:
        change = jnp.max(jnp.abs(answer - before)) / (1 + jnp.max(jnp.abs(answer)))
    else:
        change = jnp.asarray(jnp.nan, answer.dtype)  # the answer cannot be a cue
    passes = jnp.asarray(network.passes)
    result = RESULTS.where(all_finite(answer), RESULTS.passed, RESULTS.non_finite)
    return Equilibrium(answer, change, passes.astype(answer.dtype), passes, result)


def _rested(
    network: AbstractContinuousNetwork,
    state: Any,
    drive: Any,
    max_time: float | Scalar,
    adjoint: Implicit | dfx.AbstractAdjoint,
    settings: dict[str, Any],
) -> Equilibrium:
    """Returns the equilibrium by integration, differentiated as `adjoint` says."""
    if not isinstance(adjoint, Implicit):
        return _follow(network, state, drive, max_time, settings | {"adjoint": adjoint})
    # An implicit derivative does not depend on the steps that led to the equilibrium.
    fixed, start, constant = map(without_derivatives, (network, state, drive))
    equilibrium = _follow(fixed, start, constant, max_time, settings | {"adjoint": FORWARD})
    rested = equilibrium.result == RESULTS.converged
    final = at_rest(equilibrium.state, network, drive, rested, implicit=adjoint)
    return eqx.tree_at(lambda e: e.state, equilibrium, final)


def _follow(
    network: AbstractContinuousNetwork,
    state: Any,
    drive: Any,
    max_time: float | Scalar,
    settings: dict[str, Any],
) -> Equilibrium:
    """Returns the equilibrium by integration, with its residual and its result."""
    save = dfx.SaveAt(t1=True)
    solution = integrate(network, state, (0.0, max_time), drive, save, **settings)
    final, time = jax.tree.map(lambda leaf: leaf[0], (solution.ys, solution.ts))
    distance, steps = residual(network, final, drive), solution.stats["num_steps"]
    result = ending(solution, final, RESULTS.time_reached)
    # The residual of the returned state decides, not Diffrax's event.
    not_at_rest = (result == RESULTS.converged) & ~(distance <= settings["rest"])
    result = RESULTS.where(not_at_rest, RESULTS.time_reached, result)
    rose = _energy_rose(network, state, final, drive) & (result == RESULTS.converged)
    result = RESULTS.where(rose, RESULTS.energy_rose, result)
    return Equilibrium(final, distance, time, steps, result)


def _energy_rose(
    network: AbstractContinuousNetwork, first: Any, final: Any, drive: Any
) -> Bool[Array, ""] | bool:
    """Returns whether the energy rose by more than rounding; False without an energy."""
    if not network.has_energy:
        return jnp.asarray(False)
    before, after = network.energy(first, drive), network.energy(final, drive)
    terms = jnp.stack(jax.tree.leaves(network.energy_terms(final, drive)))
    rounding = 100 * jnp.finfo(after.dtype).eps * jnp.max(jnp.abs(terms))
    return after - before > rounding
