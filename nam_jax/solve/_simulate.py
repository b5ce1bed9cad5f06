"""`simulate`: integrates a network in time and saves chosen observables."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from nam_jax._misc import argument_error, is_concrete, lines, on_mesh_of
from nam_jax._precision import full
from nam_jax._types import Pattern, Scalar
from nam_jax.network import AbstractContinuousNetwork, AbstractNetwork
from nam_jax.solve._doors import (
    as_network,
    as_state,
    how_for,
    numbers_as_arrays,
    raise_unless,
    refuse_traced,
    with_arrays,
)
from nam_jax.solve._how import AbstractHow, Flow
from nam_jax.solve._integrate import CHECKPOINTED, Ended, integrate
from nam_jax.solve._linearised import Implicit
from nam_jax.solve._observe import (
    AbstractObservable,
    Activity,
    Energy,
    Overlap,
    Save,
    as_observables,
)
from nam_jax.solve._result import RESULTS, brief_result


class Trajectory(eqx.Module):
    """The saved observables of a simulation, and how it ended.

    Attributes:
        ts: (T,) saved times. If every step was saved, times past the last step are infinite.
        observables: The saved values by name, with the leading axis T. After an early end, values
            at later times are those of the last state; if every step was saved, values past the
            last step are infinite.
        state: The last state.
        stop: The time at which the simulation ended.
        stats: Counts: `num_steps`, `num_accepted_steps`, `num_rejected_steps`.
        result: How the simulation ended.
    """

    ts: Float[Array, " T"]
    observables: dict[str, PyTree[Float[Array, "T ..."]]]
    state: Any
    stop: Scalar
    stats: dict[str, Any]
    result: RESULTS

    def __repr__(self) -> str:
        return lines(self, brief_result)

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


@full
def simulate(
    network: AbstractNetwork,
    state: Any,
    t1: ArrayLike,
    *,
    how: AbstractHow | None = None,
    t0: ArrayLike = 0.0,
    drive: Any = None,
    jumps: ArrayLike | Sequence[float] | None = None,
    save: Save | None = None,
    times: int | ArrayLike | Sequence[float] | None = 101,
    target: ArrayLike | None = None,
    energy_tolerance: ArrayLike | None = None,
    throw: bool = False,
) -> Trajectory:
    """Returns the trajectory of `network` from `state` over the times [t0, t1].

    It has derivatives by `network`, `drive`, `state` and times in reverse mode: the pass back
    integrates anew, by Diffrax with the same solver and tolerances, and differentiates those steps.
    `Flow(adjoint=diffrax.ForwardMode())` gives forward mode. Derivatives by numbers that a function
    in `drive` or `save` closes over need `Flow(adjoint=diffrax.RecursiveCheckpointAdjoint())`.
    Derivatives by the times of jumps are zero.

    Args:
        network: Any continuous network.
        state: One sample's initial state; it is converted to the network's dtype. Batch with
            `jax.vmap`.
        t1: End time, in the unit of the time constants.
        how: A [`nam_jax.solve.Flow`][]; None for its defaults. With its `rest` the simulation ends
            early, when the network is at rest. Saved energies are interpolated between steps and
            may seem to rise by about its `rtol`.
        t0: Start time.
        drive: The network's inputs, constant or functions of time; None for no inputs.
        jumps: Times at which a function of time in `drive` jumps. Without them a short pulse may be
            stepped over. [`nam_jax.network.Pulse`][] and [`nam_jax.network.Steps`][] declare
            theirs.
        save: Observables by name, or functions of the state. By default `energy`, if the network
            has an energy, `activity`, and `overlap` with `target`. To save whole states, give
            `FullState()`.
        times: The number of evenly spaced times at which to save, at least 2; or the times
            themselves, ascending, from t0 to t1; or None for every step of the solver (arrays then
            have `max_steps` + 1 rows).
        target: (N,) pattern for the default overlap, or (K, N) for overlaps with K patterns; by
            default the readout of `state`.
        energy_tolerance: Largest rise of the saved energy from one time to the next, relative to
            the largest |energy|; a larger rise gives the result `energy_rose`. By default rises are
            not judged, as a drive that changes with time may cause them.
        throw: Whether to raise an error unless the result is `converged` or `time_reached`.

    Returns:
        A `Trajectory`.

    Raises:
        ValueError: If `state` does not have the layers of the network; if t1 is not after t0; if
            `times` is a number below 2, or times that do not ascend or lie outside [t0, t1]; if
            `energy_tolerance` is given but no `energy` is saved; if `target` is given with `save`;
            if `how` has a finite `max_time` or an `Implicit` adjoint; if `throw` is True under jit,
            vmap or grad; or if the network does not flow in time, takes no such drive, or lacks
            what an observable needs.
        RuntimeError: If `throw` is True and the result is neither `converged` nor `time_reached`.
    """
    refuse_traced(throw, network, state, t0, t1, drive, how)
    flow = as_network(network).flowing()
    _check_span(t0, t1, flow.dtype)
    flow.as_drive(drive)
    settings = _checked(how_for(flow, how))
    state = as_state(flow, state)
    if save is None:
        observables = _default_observables(flow, state, target)
    elif target is not None:
        raise argument_error("target", "be None where `save` is given", "both")
    else:
        observables = as_observables(save)
    if energy_tolerance is not None and "energy" not in observables:
        requirement = "be None where no `energy` is saved"
        raise argument_error("energy_tolerance", requirement, energy_tolerance)
    if times is None:
        saved_times, num_rows = None, _num_rows(settings)
    else:
        saved_times = saved_at(times, t0, t1, flow.dtype)
        num_rows = saved_times.size
    with on_mesh_of(state, flow, drive):
        trajectory = _simulated(
            flow,
            state,
            (_as_time(t0, flow.dtype), _as_time(t1, flow.dtype)),
            numbers_as_arrays(drive, flow.dtype),
            with_arrays(settings, flow.dtype, fixed_steps=True),
            observables,
            saved_times,
            num_rows,
            None if jumps is None else jnp.asarray(jumps, flow.dtype),
            numbers_as_arrays(energy_tolerance, flow.dtype),
        )
    if throw:
        raise_unless(trajectory.result, RESULTS.converged, RESULTS.time_reached)
    return trajectory


@eqx.filter_jit
def _simulated(
    network: AbstractContinuousNetwork,
    state: Any,
    span: tuple[Any, Any],
    drive: Any,
    how: Flow,
    save: dict[str, AbstractObservable],
    times: Any,
    num_rows: int,
    jumps: Any,
    energy_tolerance: Any,
) -> Trajectory:
    """Returns the trajectory; compiled once for arguments of equal shapes and structure."""
    arguments = (network, state, span, drive, how, save, times, jumps)
    if how.adjoint is None:
        ended = _reversible(arguments, num_rows)
    else:
        ended = _follow(arguments, num_rows)
    rows = ended.rows
    result = _judge(ended.result, rows.get("energy"), energy_tolerance)
    ts = ended.ts if times is None else times
    return Trajectory(ts, rows, ended.state, ended.time, ended.stats, result)


def _follow(arguments: tuple[Any, ...], num_rows: int) -> Ended:
    """Returns the end of the integration that the arguments of `_simulated` describe."""
    network, state, span, drive, how, save, times, jumps = arguments
    return integrate(
        network, state, span, drive, how,
        rest=how.rest, save=save, times=times, num_rows=num_rows, jumps=jumps,
    )  # fmt: skip


@eqx.filter_custom_vjp
def _reversible(arguments: tuple[Any, ...], num_rows: int) -> Ended:
    """Returns the same as `_follow`, and has derivatives in reverse mode.

    The stepping loop is a while loop, which JAX does not differentiate in reverse mode. So the
    pass back integrates anew, by Diffrax with checkpoints.
    """
    return _follow(arguments, num_rows)


@_reversible.def_fwd
def _(perturbed: Any, arguments: tuple[Any, ...], num_rows: int) -> tuple[Ended, None]:
    return _follow(arguments, num_rows), None


@_reversible.def_bwd
@full
def _(
    residuals: None, cotangent: Any, perturbed: Any, arguments: tuple[Any, ...], num_rows: int
) -> Any:
    def by_diffrax(arguments: tuple[Any, ...]) -> Ended:
        network, state, span, drive, how, *others = arguments
        how = eqx.tree_at(lambda h: h.adjoint, how, CHECKPOINTED, is_leaf=lambda x: x is None)
        return _follow((network, state, span, drive, how, *others), num_rows)

    ended, pull = eqx.filter_vjp(by_diffrax, arguments)
    outputs, structure = jax.tree.flatten(eqx.filter(ended, eqx.is_inexact_array))
    given = structure.flatten_up_to(cotangent)
    zeros = [jnp.zeros_like(a) if b is None else b for a, b in zip(outputs, given, strict=True)]
    cotangent = jax.tree.unflatten(structure, zeros)
    (gradient,) = pull(cotangent)
    return gradient


def _check_span(t0: ArrayLike, t1: ArrayLike, dtype: Any) -> None:
    if is_concrete(t0) and is_concrete(t1) and not np.asarray(t1, dtype) > np.asarray(t0, dtype):
        raise argument_error("t1", f"be after t0 = {np.asarray(t0):.3g}", f"{np.asarray(t1):.3g}")


def _checked(how: Flow) -> Flow:
    """Returns `how`; refuses settings that `simulate` has no use for."""
    if is_concrete(how.max_time) and np.any(np.isfinite(np.asarray(how.max_time))):
        requirement = "be left out of the `Flow` of `simulate`, whose end time is t1"
        raise argument_error("max_time", requirement, how.max_time)
    if isinstance(how.adjoint, Implicit):
        requirement = "be None or an adjoint of Diffrax, as a trajectory has no equation at rest"
        raise argument_error("adjoint", requirement, "the type Implicit")
    return how


def _num_rows(how: Flow) -> int:
    if not isinstance(how.max_steps, int):
        raise argument_error("max_steps", "be a Python number where `times` is None", "an array")
    return how.max_steps + 1


def _as_time(t: ArrayLike, dtype: Any) -> Any:
    return np.asarray(t, dtype) if is_concrete(t) else t


def saved_at(
    times: int | ArrayLike | Sequence[float],
    t0: ArrayLike,
    t1: ArrayLike,
    dtype: Any,
    names: tuple[str, str] = ("t0", "t1"),
) -> Float[Array, " T"]:
    """Returns the times at which to save, in `dtype`.

    Args:
        times: Their number, or themselves.
        t0: The first time that is allowed.
        t1: The last time that is allowed.
        dtype: Dtype of the result.
        names: What the caller calls t0 and t1, for the errors.

    Raises:
        ValueError: If `times` is a number below 2 or t1 is infinite then, or if `times` do not
            ascend or are not in [t0, t1]. Traced times are not checked.
    """
    if isinstance(times, int | np.integer):
        if times < 2:
            raise argument_error("times", "be at least 2", times)
        if is_concrete(t1) and not np.isfinite(np.asarray(t1)):
            requirement = f"be an array of times where {names[1]} is infinite"
            raise argument_error("times", requirement, times)
        return jnp.linspace(jnp.asarray(t0, dtype), jnp.asarray(t1, dtype), int(times))
    array = jnp.asarray(times, dtype)
    if array.ndim != 1 or not array.size:
        raise argument_error("times", "be a number, None, or a row of times", f"{times!r}")
    if all(map(is_concrete, (array, t0, t1))):
        row, first, last = np.asarray(array), *(np.asarray(t, dtype) for t in (t0, t1))
        if not (np.all(np.diff(row) >= 0) and first <= row[0] and row[-1] <= last):
            ends = f"{names[0]} = {first:.3g} to at most {names[1]} = {last:.3g}"
            requirement = f"ascend from at least {ends}"
            raise argument_error("times", requirement, f"{row}")
    return array


def _default_observables(
    network: AbstractContinuousNetwork, state: Any, target: ArrayLike | None
) -> dict[str, AbstractObservable]:
    readout = _readout(network, state)
    pattern = readout if target is None else jnp.asarray(target, network.dtype)
    if pattern.ndim not in (1, 2) or pattern.shape[-1:] != readout.shape:
        requirement = f"have shape {readout.shape}, that of the readout, or such rows"
        raise argument_error("target", requirement, f"shape {pattern.shape}")
    energy: dict[str, AbstractObservable] = {"energy": Energy()} if network.has_energy else {}
    return energy | {"activity": Activity(), "overlap": Overlap(pattern)}


@eqx.filter_jit
def _readout(network: AbstractContinuousNetwork, state: Any) -> Pattern:
    return network.readout(state)


def _judge(result: RESULTS, energy: Array | None, tolerance: Any) -> RESULTS:
    """Returns the result of a simulation, with `energy_rose` for a rise beyond the tolerance."""
    if energy is None or tolerance is None:
        return result
    known = jnp.isfinite(energy)
    rise = jnp.where(known[1:] & known[:-1], jnp.diff(energy), 0)
    limit = tolerance * jnp.max(jnp.where(known, jnp.abs(energy), 0))
    rose = (jnp.max(rise) > limit) & (result != RESULTS.non_finite)
    return RESULTS.where(rose, RESULTS.energy_rose, result)
