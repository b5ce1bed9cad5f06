"""`retrieve`: recalls a pattern from a damaged cue, with any network."""

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
        pattern: The readout of `state`, graded; its signs are the recalled bits. (N,), or (M,) for
            a feedforward network whose answers have M entries.
        state: The last state; at rest if `result` is `converged`.
        steps: Number of solver steps, updates of all neurons, or passes.
        time: The time that recall took, in the unit of the time constants; equal to `steps` for
            discrete and feedforward networks.
        energy: Energy of `state`; NaN if the network has no energy.
        activity: Mean |pattern|.
        known: Whether the cue was recognised, that is, `activity` is at least `silence`. With leak
            gating the activity decays after an unknown cue, so that the network becomes silent.
            Networks whose neurons fire at rest, such as a `DendriticMemory`, are never silent.
        residual: How far `state` is from rest; see [`nam_jax.solve.Equilibrium`][].
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
    """Returns the pattern that a network recalls from a cue.

    Recall starts at `network.initial_state(cue)`, goes on as in [`nam_jax.settle`][], and ends with
    `network.readout`.

    Args:
        network: Any network.
        cue: (N,) finite numbers, converted to the network's dtype; batch with
            `jax.vmap(lambda cue: retrieve(network, cue))`.
        drive: Constant inputs to the network; None for no inputs.
        rest: Residual at which the state counts as an equilibrium.
        silence: Activity below which the network counts as silent and the cue as unknown.
        max_time: Time after which recall gives up, in the unit of the time constants.
        solver: Any Diffrax solver; by default Bogacki-Shampine, see `Unrolled`.
        rtol: Relative tolerance of each step; keep it a tenth of `rest` or less.
        atol: Absolute tolerance of each step.
        step: A fixed step size to use instead of the tolerances.
        max_steps: Steps after which recall gives up.
        adjoint: How the recalled state is differentiated; as for [`nam_jax.settle`][].
        updates: In which order a discrete network updates its neurons: `Synchronous()`, all at
            once, or `Asynchronous(key)`, one by one. Other networks make no use of it.
        throw: Whether to raise an error unless the result is `converged` or `passed`.

    Returns:
        A [`Retrieval`][]. In a batch, a cue that holds NaN gives the result `non_finite` and does
        not change the results of other cues.

    Raises:
        ValueError: If `cue` has the wrong length, holds complex numbers, or is not batched and not
            finite; or if the network takes no such drive.
        RuntimeError: If `throw` is True and the result is neither `converged` nor `passed`.
    """
    equilibrium = settle(
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
        energy = network.energy(equilibrium.state, drive, equilibrium.time)
    else:
        energy = jnp.full_like(equilibrium.time, jnp.nan)
    activity = Activity()(network, equilibrium.time, equilibrium.state, drive)
    return Retrieval(
        network.readout(equilibrium.state),
        equilibrium.state,
        equilibrium.steps,
        equilibrium.time,
        energy,
        activity,
        activity >= silence,
        equilibrium.residual,
        equilibrium.result,
    )
