"""`simulate`: integrates a network in time and saves chosen observables."""

from collections.abc import Mapping
from typing import Any, cast

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from nam_jax._misc import argument_error, is_concrete
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractContinuousNetwork, AbstractNetwork
from nam_jax.solve._integrate import CHECKPOINTED, DEFAULT_SOLVER, in_dtype_of, integrate
from nam_jax.solve._observe import AbstractObservable, Activity, Energy, Overlap
from nam_jax.solve._result import RESULTS, all_finite, raise_unless


class Trajectory(eqx.Module):
    """The saved observables of a simulation, and how it ended.

    Attributes:
        ts: (T,) saved times. If every step was saved, times past the last step are infinite.
        observables: The saved values by name, with the leading axis T. After an early end, values
            at later times are those of the last state; if every step was saved, values past the
            last step are infinite.
        state: The last state.
        stop: The time at which the simulation ended.
        stats: Diffrax's counts: `num_steps`, `num_accepted_steps`, `num_rejected_steps`.
        result: How the simulation ended.
    """

    ts: Float[Array, " T"]
    observables: dict[str, PyTree[Float[Array, "T ..."]]]
    state: Any
    stop: Scalar
    stats: dict[str, Any]
    result: RESULTS

    @property
    def energy(self) -> Float[Array, " T"]:
        """The saved energies.

        Raises:
            ValueError: If no observable `energy` was saved. By default it is saved for every
                network that has an energy.
        """
        if "energy" not in self.observables:
            raise argument_error("save", "hold an `energy`", f"only {sorted(self.observables)}")
        return self.observables["energy"]


def simulate(
    network: AbstractNetwork,
    state: Any,
    t1: float | Scalar,
    *,
    t0: float | Scalar = 0.0,
    drive: Any = None,
    save: Mapping[str, AbstractObservable] | None = None,
    times: int | Float[Array, " T"] | None = 101,
    target: Pattern | None = None,
    solver: dfx.AbstractSolver = DEFAULT_SOLVER,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    step: float | None = None,
    rest: float | None = None,
    energy_tolerance: float | None = None,
    max_steps: int = 4096,
    adjoint: dfx.AbstractAdjoint = CHECKPOINTED,
    throw: bool = False,
) -> Trajectory:
    """Returns the trajectory of `network` from `state` over the times [t0, t1].

    Args:
        network: Any continuous network.
        state: One sample's initial state; it is converted to the network's dtype. Batch with
            `jax.vmap`.
        t1: End time, in the unit of the time constants.
        t0: Start time.
        drive: The network's inputs, constant or functions of time; None for no inputs.
        save: Observables by name. By default `energy`, if the network has an energy, `activity`,
            and `overlap` with `target`. To save whole states, give `FullState()`.
        times: The number of evenly spaced times at which to save, at least 2; or the times
            themselves; or None for every step of the solver (arrays then have `max_steps` + 1
            rows).
        target: (N,) pattern for the default overlap; by default the readout of `state`.
        solver: Any Diffrax solver; by default Bogacki-Shampine, see `Unrolled`.
        rtol: Relative tolerance of each step. Saved energies are interpolated between steps and may
            seem to rise by about `rtol`.
        atol: Absolute tolerance of each step.
        step: A fixed step size to use instead of the tolerances.
        rest: Residual at which the simulation ends early; None to continue to t1.
        energy_tolerance: Largest rise of the saved energy from one time to the next, relative to
            the largest |energy|; a larger rise gives the result `energy_rose`. By default rises are
            not judged, as a drive that changes with time may cause them.
        max_steps: Steps after which the simulation gives up.
        adjoint: How Diffrax differentiates the solve. The default gives reverse mode, and is
            slower than `diffrax.ForwardMode()`.
        throw: Whether to raise an error unless the result is `converged` or `time_reached`.

    Returns:
        A [`Trajectory`][].

    Raises:
        ValueError: If t1 is not after t0; if `times` is a number below 2; if `energy_tolerance` is
            given but no `energy` is saved; or if the network does not flow in time, takes no such
            drive, or lacks what an observable needs.
        RuntimeError: If `throw` is True and the result is neither `converged` nor `time_reached`.
    """
    _check_span(t0, t1)
    flow = network.flowing()
    flow.as_drive(drive)
    state = in_dtype_of(flow, state)
    save = _default_observables(flow, state, target) if save is None else dict(save)
    if energy_tolerance is not None and "energy" not in save:
        requirement = "be None where no `energy` is saved"
        raise argument_error("energy_tolerance", requirement, energy_tolerance)

    def observe(t: Scalar, y: Any, args: Any) -> dict[str, Any]:
        return {name: observable(flow, t, y, args) for name, observable in save.items()}

    if times is None:
        saved = dfx.SubSaveAt(t0=True, steps=True, fn=observe)
    else:
        saved = dfx.SubSaveAt(ts=_times(times, t0, t1, state), fn=observe)
    solution = integrate(
        flow,
        state,
        (t0, t1),
        drive,
        dfx.SaveAt(subs=[saved, dfx.SubSaveAt(t1=True)]),
        solver=solver,
        rtol=rtol,
        atol=atol,
        rest=rest,
        max_steps=max_steps,
        adjoint=adjoint,
        step=step,
    )
    (ts, rows), end = zip(*cast(Any, (solution.ts, solution.ys)), strict=True)
    stop, final = jax.tree.map(lambda leaf: leaf[0], end)
    if times is not None:
        last_row = observe(stop, final, drive)
        rows = jax.tree.map(lambda all_rows, last: _hold(ts, all_rows, last), rows, last_row)
        ts = _times(times, t0, t1, state)
    result = _judge(solution, final, rows.get("energy"), energy_tolerance)
    if throw:
        final = raise_unless(result, (RESULTS.converged, RESULTS.time_reached), final)
    return Trajectory(ts, rows, final, stop, solution.stats, result)


def _check_span(t0: float | Scalar, t1: float | Scalar) -> None:
    if is_concrete(t0) and is_concrete(t1) and not np.asarray(t1) > np.asarray(t0):
        raise argument_error("t1", f"be after t0 = {float(t0):.3g}", f"{float(t1):.3g}")


def _times(
    times: int | Float[Array, " T"], t0: float | Scalar, t1: float | Scalar, state: Any
) -> Float[Array, " T"]:
    """Returns the times at which to save, in the dtype of the state."""
    dtype = jax.tree.leaves(state)[0].dtype
    if not isinstance(times, int):
        return jnp.asarray(times, dtype)
    if times < 2:
        raise argument_error("times", "be at least 2", times)
    return jnp.linspace(jnp.asarray(t0, dtype), jnp.asarray(t1, dtype), times)


def _default_observables(
    network: AbstractContinuousNetwork, state: Any, target: Pattern | None
) -> dict[str, AbstractObservable]:
    pattern = network.readout(state) if target is None else target
    energy: dict[str, AbstractObservable] = {"energy": Energy()} if network.has_energy else {}
    return energy | {"activity": Activity(), "overlap": Overlap(pattern)}


def _hold(ts: Array, rows: Array, last: Array) -> Array:
    """Returns `rows` with the value `last` at times that were not reached, which are infinite."""
    reached = jnp.isfinite(ts).reshape(-1, *[1] * (rows.ndim - 1))
    return jnp.where(reached, rows, jnp.broadcast_to(last[None], rows.shape))


def _judge(
    solution: dfx.Solution, final: Any, energy: Array | None, tolerance: float | None
) -> RESULTS:
    """Returns the result of a simulation, with `energy_rose` for a rise beyond the tolerance."""
    result = ending(solution, final, RESULTS.time_reached)
    if energy is None or tolerance is None:
        return result
    known = jnp.isfinite(energy)
    rise = jnp.where(known[1:] & known[:-1], jnp.diff(energy), 0)
    limit = tolerance * jnp.max(jnp.where(known, jnp.abs(energy), 0))
    rose = (jnp.max(rise) > limit) & (result != RESULTS.non_finite)
    return RESULTS.where(rose, RESULTS.energy_rose, result)


def ending(solution: dfx.Solution, final: Any, without_event: RESULTS) -> RESULTS:
    """Returns the member of `RESULTS` that tells how an integration by Diffrax ended.

    It is `non_finite` if the last state is not finite. Otherwise it is `converged` if an event
    ended the integration, `without_event` if the end time was reached, `step_limit` after too many
    steps, and `non_finite` for every other failure of Diffrax.

    Args:
        solution: Diffrax's solution. Its event is that the state came to rest or is not finite.
        final: The last state.
        without_event: The result to return if Diffrax succeeded without an event.
    """
    result = RESULTS.where(
        solution.result == dfx.RESULTS.event_occurred, RESULTS.converged, RESULTS.non_finite
    )
    no_event = solution.result == dfx.RESULTS.successful
    result = RESULTS.where(no_event, without_event, result)
    limited = solution.result == dfx.RESULTS.max_steps_reached
    result = RESULTS.where(limited, RESULTS.step_limit, result)
    return RESULTS.where(all_finite(final), result, RESULTS.non_finite)
