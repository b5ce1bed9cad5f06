"""`retrieve`: one verb for every network, from a damaged cue to the recalled pattern."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool

from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractNetwork
from nam_jax.solve._integrate import DEFAULT_SOLVER
from nam_jax.solve._linearised import Implicit
from nam_jax.solve._observe import Activity
from nam_jax.solve._result import RESULTS
from nam_jax.solve._settle import IMPLICIT, settle
from nam_jax.solve._updates import SYNCHRONOUS, AbstractUpdates


class Retrieval(eqx.Module):
    """A recalled pattern.

    Attributes:
        pattern: (N,) read-out at rest, graded; its signs are the recalled bits.
        state: The state at rest.
        steps: Solver steps taken.
        time: The time recall took, in the unit of the time constants.
        energy: Energy at the end; NaN for a network without one.
        activity: Mean |pattern|.
        known: Whether the cue was recognised: the network is active (its activity is at least
            `silence`) rather than silent, where leak gating lets unknown cues decay. Networks
            whose neurons fire at rest, such as a `DendriticMemory`, are never silent.
        residual: How far the state is from rest.
        result: How recall ended.
    """

    pattern: Pattern
    state: Any
    steps: Array
    time: Scalar
    energy: Scalar
    activity: Scalar
    known: Bool[Array, ""]
    residual: Scalar
    result: RESULTS


def retrieve(
    network: AbstractNetwork,
    cue: ArrayLike,
    *,
    drive: Any = None,
    rest: float = 1e-2,
    silence: float = 0.5,
    max_time: float | Scalar = float("inf"),
    solver: dfx.AbstractSolver = DEFAULT_SOLVER,
    rtol: float = 1e-3,
    atol: float = 1e-4,
    step: float | None = None,
    max_steps: int = 4096,
    adjoint: Implicit | dfx.AbstractAdjoint = IMPLICIT,
    updates: AbstractUpdates = SYNCHRONOUS,
    throw: bool = False,
) -> Retrieval:
    """Recalls a pattern: `network.initial_state(cue)`, followed to rest and read out.

    Args:
        network: Any network.
        cue: (N,) finite numbers, converted to the network's dtype; batch with
            `jax.vmap(lambda cue: retrieve(network, cue))`.
        drive: Constant inputs (see `network.vector_field`).
        rest: Residual at which the state counts as an equilibrium.
        silence: Activity below which the network counts as silent and the cue as unknown.
        max_time: Time after which to give up, in the unit of the time constants.
        solver: Any Diffrax solver; by default Bogacki-Shampine, see `Unrolled`.
        rtol: Relative tolerance of each step; keep it a tenth of `rest` or less.
        atol: Absolute tolerance of each step.
        step: A fixed step size instead of tolerances.
        max_steps: Steps after which to give up.
        adjoint: How the recalled state is differentiated; as for [`nam_jax.settle`][].
        updates: In which order a discrete network updates its neurons: `Synchronous()`, all at
            once, or `Asynchronous(key)`, one by one. Continuous networks make no use of it.
        throw: Raise unless the network came to rest.

    Returns:
        A [`Retrieval`][]. A cue that holds NaN inside a batch gives the result `non_finite` and
        leaves the others alone.

    Raises:
        ValueError: If `cue` has the wrong length, or is not batched and not finite; or if the
            network takes no such drive.
        RuntimeError: If `throw` and the network did not come to rest.
    """
    rested = settle(
        network,
        network.initial_state(cue),
        drive=drive,
        rest=rest,
        max_time=max_time,
        solver=solver,
        rtol=rtol,
        atol=atol,
        step=step,
        max_steps=max_steps,
        adjoint=adjoint,
        updates=updates,
        throw=throw,
    )
    if network.has_energy:
        energy = network.energy(rested.state, drive, rested.time)
    else:
        energy = jnp.full_like(rested.time, jnp.nan)
    activity = Activity()(network, rested.time, rested.state, drive)
    return Retrieval(
        network.readout(rested.state),
        rested.state,
        rested.steps,
        rested.time,
        energy,
        activity,
        activity >= silence,
        rested.residual,
        rested.result,
    )
