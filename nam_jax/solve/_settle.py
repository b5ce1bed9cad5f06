"""`settle`: brings a network to rest and checks that it is at rest."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from nam_jax._misc import argument_error, lines, on_mesh_of
from nam_jax._precision import full
from nam_jax._types import Scalar
from nam_jax.network import (
    AbstractContinuousNetwork,
    AbstractDiscreteNetwork,
    AbstractFeedforwardNetwork,
    AbstractNetwork,
    frozen,
    jump_times,
)
from nam_jax.solve._doors import as_network, as_state, prepared, raise_unless, refuse_traced
from nam_jax.solve._how import REST, AbstractHow, Flow, Passes
from nam_jax.solve._implicit import at_rest, without_derivatives
from nam_jax.solve._integrate import Ended, integrate
from nam_jax.solve._linearised import Implicit
from nam_jax.solve._result import RESULTS, all_finite, brief_result
from nam_jax.solve._updates import AbstractUpdates, Ending

IMPLICIT = Implicit()


class Equilibrium(eqx.Module):
    """The state at which a solve ended; it is at rest if `result` is `converged`.

    Attributes:
        state: The last state.
        residual: How far `state` is from rest. For a continuous network it is
            [`nam_jax.solve.residual`][] at `state`. For a discrete network it is the fraction of
            neurons that one more update of all neurons at once would flip. For a feedforward
            network it is max |y - x| / max |y|, where the last pass turned x into y; NaN if x and y
            have different shapes.
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

    def __repr__(self) -> str:
        return lines(self, brief_result)


@full
def settle(
    network: AbstractNetwork,
    state: Any,
    *,
    how: AbstractHow | None = None,
    drive: Any = None,
    throw: bool = False,
) -> Equilibrium:
    """Returns the state in which `network`, started from `state`, comes to rest.

    A continuous network is integrated until its residual is at most `rest`. A discrete network is
    updated until no neuron flips. A feedforward network makes its passes, with the result `passed`.

    Derivatives of an equilibrium by `state` are zero, as it does not depend on it. To follow how a
    start decides between equilibria, differentiate the steps: `Flow(adjoint=...)` with a Diffrax
    adjoint. Derivatives of a discrete network are zero too, as signs are flat.

    By default derivatives by `network` and `drive` come from the equations at rest. Under
    differentiation three Newton steps bring the returned state nearer to the
    equilibrium. Derivatives are NaN if the network did not come to rest, a linear solve failed, or
    those steps failed; [`nam_jax.solve.adjoint`][] reports the reason.

    Args:
        network: Any network.
        state: One sample's initial state; it is converted to the network's dtype. Batch with
            `jax.vmap`.
        how: The settings for the kind of network: [`nam_jax.solve.Flow`][] if it flows in time,
            [`nam_jax.solve.Synchronous`][] or [`nam_jax.solve.Asynchronous`][] if it is updated in
            steps, [`nam_jax.solve.Passes`][] if it makes passes. None for the defaults.
        drive: Constant inputs to the network; None for no inputs. If it jumps in time, the network
            is at rest only after the last jump.
        throw: Whether to raise an error unless the result is `converged` or `passed`.

    Returns:
        An `Equilibrium`. Its `result` is `energy_rose` if the state at rest has more energy
        than the first state, by more than rounding.

    Raises:
        ValueError: If `state` does not have the layers of the network, the network takes no such
            drive, or it is a function of time without declared jumps, `how` is for networks of
            another kind, or `throw` is True under jit, vmap or grad.
        RuntimeError: If `throw` is True and the result is neither `converged` nor `passed`.
    """
    refuse_traced(throw, network, state, drive, how)
    drive, settings = prepared(as_network(network), drive, how)
    with on_mesh_of(state, network, drive):
        equilibrium = _settled(network, as_state(network, state), drive, settings)
    if throw:
        raise_unless(equilibrium.result, RESULTS.converged, RESULTS.passed)
    return equilibrium


def settled(network: AbstractNetwork, state: Any, drive: Any, how: Any) -> Equilibrium:
    """Returns what `settle` returns, for checked arguments."""
    return network.by_kind(
        flows=lambda network: rested(network, state, drive, how)[0],
        updates=lambda network: _updated(network, state, how),
        passes=lambda network: _answered(network, state, how),
    )


_settled = eqx.filter_jit(settled)


def _updated(network: AbstractDiscreteNetwork, state: Any, updates: AbstractUpdates) -> Equilibrium:
    """Returns the state in which no neuron flips, or the state at which the updates ended."""
    return of_updates(updates(network, state))


def of_updates(ending: Ending) -> Equilibrium:
    """Returns the equilibrium at the end of updates."""
    final, distance, steps, result = ending
    return Equilibrium(final, distance, steps.astype(distance.dtype), steps, result)


def _answered(network: AbstractFeedforwardNetwork, state: Any, how: Passes) -> Equilibrium:
    """Returns the answer after all passes; the residual is the change by the last pass.

    If the cue, or the answer of any pass, is not finite, so is the answer: a choice of the most
    similar row would otherwise make an ordinary pattern of it.
    """
    number = network.passes if how.number is None else how.number
    # NaN in a cue may mark entries that are not known; infinity never does.
    sound = ~jnp.any(jnp.isinf(state) if network.nan_allowed else ~jnp.isfinite(state))
    before, answer = state, network.respond(state)
    sound &= all_finite(answer)
    if number > 1 and before.shape != answer.shape:
        requirement = "be 1, as the answers of this network have another shape than its cues"
        raise argument_error("number", requirement, number)
    if number > 1:

        def respond_again(
            carry: tuple[Any, Any, Any], _: None
        ) -> tuple[tuple[Any, Any, Any], None]:
            _, last, sound = carry
            answer = network.respond(last)
            return (last, answer, sound & all_finite(answer)), None

        carry = (state, answer, sound)
        (before, answer, sound), _ = jax.lax.scan(respond_again, carry, length=number - 1)
    answer = jnp.where(sound, answer, jnp.nan)
    if before.shape == answer.shape:
        change, size = jnp.max(jnp.abs(answer - before)), jnp.max(jnp.abs(answer))
        change = jnp.where(change == 0, 0, change / size)
    else:
        change = jnp.asarray(jnp.nan, answer.dtype)  # the answer cannot be a cue
    passes = jnp.asarray(number)
    result = RESULTS.where(sound, RESULTS.passed, RESULTS.non_finite)
    return Equilibrium(answer, change, passes.astype(answer.dtype), passes, result)


def rested(
    network: AbstractContinuousNetwork,
    state: Any,
    drive: Any,
    how: Flow,
    save: Any = None,
    times: Float[Array, " T"] | None = None,
) -> tuple[Equilibrium, Ended]:
    """Returns the equilibrium by integration, differentiated as `how` says, and the integration.

    Args:
        network: The network.
        state: The first state.
        drive: Its inputs.
        how: The settings.
        save: Observables by name, to save at `times`; None for none. They have no derivatives.
        times: (T,) times at which to save.
    """
    if how.follows_steps:
        return _follow(network, state, drive, how, save, times)
    # An implicit derivative does not depend on the steps that led to the equilibrium.
    fixed, start, constant, how, save = map(without_derivatives, (network, state, drive, how, save))
    equilibrium, ended = _follow(fixed, start, constant, how, save, times)
    converged = equilibrium.result == RESULTS.converged
    implicit = how.adjoint if isinstance(how.adjoint, Implicit) else IMPLICIT
    at_end = frozen(drive, equilibrium.time)
    final = at_rest(equilibrium.state, network, at_end, converged, implicit=implicit)
    return eqx.tree_at(lambda e: e.state, equilibrium, final), ended


def _follow(
    network: AbstractContinuousNetwork,
    state: Any,
    drive: Any,
    how: Flow,
    save: Any,
    times: Float[Array, " T"] | None,
) -> tuple[Equilibrium, Ended]:
    """Returns the equilibrium by integration, with its residual and its result."""
    rest = rest_of(how)
    no_times = jnp.zeros((0,), network.dtype)
    times = no_times if times is None else times
    ended = integrate(
        network, state, (0.0, how.max_time), drive, how,
        rest=rest, save=save or {}, times=times, num_rows=times.size,
    )  # fmt: skip
    return judged(network, drive, rest, first_energy(network, state, drive), ended), ended


def rest_of(how: Flow) -> Any:
    """Returns the residual at or below which a network is at rest."""
    return REST if how.rest is None else how.rest


def first_energy(network: AbstractContinuousNetwork, state: Any, drive: Any) -> Scalar | None:
    """Returns the energy of the first state, above which that of the last one must not lie.

    None without an energy, and for a drive that jumps, which may raise it.
    """
    if not network.has_energy or jump_times(drive):
        return None
    return network.energy(state, drive)


def judged(
    network: AbstractContinuousNetwork, drive: Any, rest: Any, energy: Scalar | None, ended: Ended
) -> Equilibrium:
    """Returns the equilibrium at the end of an integration, with its result.

    Args:
        network: The network.
        drive: Its inputs.
        rest: Residual at or below which it is at rest.
        energy: As from `first_energy`.
        ended: The end of the integration.
    """
    result = ended.result
    # The residual of the returned state decides, not Diffrax's event.
    not_at_rest = (result == RESULTS.converged) & ~(ended.residual <= rest)
    result = RESULTS.where(not_at_rest, RESULTS.time_reached, result)
    if energy is not None:
        rose = _energy_rose(network, energy, ended.state, drive) & (result == RESULTS.converged)
        result = RESULTS.where(rose, RESULTS.energy_rose, result)
    steps = ended.stats["num_steps"]
    return Equilibrium(ended.state, ended.residual, ended.time, steps, result)


def _energy_rose(
    network: AbstractContinuousNetwork, before: Scalar, final: Any, drive: Any
) -> Bool[Array, ""]:
    """Returns whether the energy rose by more than rounding."""
    after = network.energy(final, drive)
    terms = jnp.stack(jax.tree.leaves(network.energy_terms(final, drive)))
    rounding = 100 * jnp.finfo(after.dtype).eps * jnp.max(jnp.abs(terms))
    return after - before > rounding
