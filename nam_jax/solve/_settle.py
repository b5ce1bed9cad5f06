"""`settle`: bring a network to an equilibrium and check that it is one."""

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
    """A state at rest, if `result` says so.

    Attributes:
        state: The last state.
        residual: How far it is from rest, computed anew after the solve (see `residual`); for a
            discrete network the fraction of neurons that their fields would flip.
        time: The time it took, in the unit of the time constants; for a discrete network steps.
        steps: Solver steps taken, or updates of all neurons that changed something.
        result: How it ended.
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
    """Follows `network` from `state` until it is at rest.

    A discrete network is updated until nothing flips; of the arguments below only `max_steps`,
    `updates` and `throw` then count. A feedforward network makes its passes, with the result
    `passed`; only `throw` counts.

    Args:
        network: Any network.
        state: One sample's initial state, in the network's dtype or to be converted to it; batch
            with `jax.vmap`.
        drive: Constant inputs (see `network.vector_field`).
        rest: Residual at which the state counts as an equilibrium.
        max_time: Time after which to give up, in the unit of the time constants.
        solver: Any Diffrax solver; by default Bogacki-Shampine, see `Unrolled`.
        rtol: Relative tolerance of each step; keep it a tenth of `rest` or less.
        atol: Absolute tolerance of each step.
        step: A fixed step size instead of tolerances.
        max_steps: Steps after which to give up.
        adjoint: How the equilibrium is differentiated, by any leaf of `network` and `drive`. With
            the default, [`nam_jax.solve.Implicit`][], from the equations at rest: forward and
            reverse mode, any order, and none by `state`, on which an equilibrium does not depend.
            The state is then [`nam_jax.solve.nearer`][] to the equilibrium by three Newton steps.
            Where the network did not come to rest, or a linear solve or those steps fail,
            derivatives are NaN; [`nam_jax.solve.adjoint`][] says why. A Diffrax adjoint instead
            differentiates the steps: `RecursiveCheckpointAdjoint()` in reverse mode,
            `ForwardMode()` in forward mode.
        updates: In which order a discrete network updates its neurons: `Synchronous()`, all at
            once, or `Asynchronous(key)`, one by one. Continuous networks make no use of it.
        throw: Raise unless the result is `converged`.

    Returns:
        An [`Equilibrium`][]; its `result` is `energy_rose` when the state at rest has more energy
        than the first one, by more than rounding.

    Raises:
        ValueError: If the network takes no such drive.
        RuntimeError: If `throw` and the network did not come to rest.
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
    """Returns the state after which nothing flips, or the last one."""
    final, distance, steps, result = updates(network, state, max_steps)
    return Equilibrium(final, distance, steps.astype(distance.dtype), steps, result)


def _answered(network: AbstractFeedforwardNetwork, state: Any) -> Equilibrium:
    """The answer after the network's passes; the residual is how much the last one changed."""
    before, answer = state, network.respond(state)
    if network.passes > 1:

        def again(both: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], None]:
            return (both[1], network.respond(both[1])), None

        (before, answer), _ = jax.lax.scan(again, (state, answer), length=network.passes - 1)
    if before.shape == answer.shape:
        change = jnp.max(jnp.abs(answer - before)) / (1 + jnp.max(jnp.abs(answer)))
    else:
        change = jnp.asarray(jnp.nan, answer.dtype)  # an answer that is no cue
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
    # An implicit derivative knows nothing of the way to the equilibrium.
    still, start, constant = map(without_derivatives, (network, state, drive))
    equilibrium = _follow(still, start, constant, max_time, settings | {"adjoint": FORWARD})
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
    """The equilibrium by integration, with the judgement on it."""
    save = dfx.SaveAt(t1=True)
    solution = integrate(network, state, (0.0, max_time), drive, save, **settings)
    final, time = jax.tree.map(lambda leaf: leaf[0], (solution.ys, solution.ts))
    distance, steps = residual(network, final, drive), solution.stats["num_steps"]
    result = ending(solution, final, RESULTS.time_reached)
    # The event's word is not taken: the residual of the state that is returned decides.
    claimed = (result == RESULTS.converged) & ~(distance <= settings["rest"])
    result = RESULTS.where(claimed, RESULTS.time_reached, result)
    rose = _energy_rose(network, state, final, drive) & (result == RESULTS.converged)
    result = RESULTS.where(rose, RESULTS.energy_rose, result)
    return Equilibrium(final, distance, time, steps, result)


def _energy_rose(
    network: AbstractContinuousNetwork, first: Any, final: Any, drive: Any
) -> Bool[Array, ""] | bool:
    if not network.has_energy:
        return jnp.asarray(False)
    before, after = network.energy(first, drive), network.energy(final, drive)
    terms = jnp.stack(jax.tree.leaves(network.energy_terms(final, drive)))
    rounding = 100 * jnp.finfo(after.dtype).eps * jnp.max(jnp.abs(terms))
    return after - before > rounding
