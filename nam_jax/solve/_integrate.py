"""Integration in time, by the stepping loop or, where steps are differentiated, by Diffrax."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, ArrayLike, Float, PyTree

from nam_jax._misc import argument_error
from nam_jax._precision import of_flow
from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork, AbstractNetwork, jump_times
from nam_jax.solve._controller import Foresight
from nam_jax.solve._how import Flow
from nam_jax.solve._loop import Course, Integration, advance, begin, ending
from nam_jax.solve._result import RESULTS, all_finite, residual

STATS: tuple[str, ...] = ("num_steps", "num_accepted_steps", "num_rejected_steps")
# Diffrax's sign that a root finder takes the tolerances of the step-size controller.
_TOLERANCES_OF_STEPS = cast(Any, dfx.with_stepsize_controller_tols(optx.Chord)()).rtol

# With larger coefficients recalls need up to a tenth fewer vector fields (`python -m benchmarks
# steps`). But near rest, at the stability limit, their steps then depend on rounding, so that a
# recall in a batch takes some steps more or less than alone.
PROPORTIONAL, INTEGRAL = 0.3, 0.4
CHECKPOINTED = dfx.RecursiveCheckpointAdjoint()

Observables = Mapping[str, Callable[[AbstractContinuousNetwork, Scalar, Any, Any], Any]]


class Ended(NamedTuple):
    """The end of an integration.

    Attributes:
        state: The last state.
        time: Its time.
        residual: Its residual; NaN if it was not needed.
        stats: `num_steps`, `num_accepted_steps` and `num_rejected_steps`.
        result: How the integration ended.
        ts: (T,) saved times; infinite where none was reached.
        rows: The saved values by name, with the leading axis T; at times that were not reached, the
            values of the last state, or infinite if every step was saved.
    """

    state: Any
    time: Scalar
    residual: Scalar
    stats: dict[str, Array]
    result: RESULTS
    ts: Float[Array, " T"]
    rows: dict[str, PyTree[Array]]


def layer_norm(error: Any) -> Scalar:
    """Returns the largest root mean square of any layer.

    A mean over all layers would hide the error of N neurons behind that of N^2 synapses.
    """
    return jnp.max(jnp.stack([optx.rms_norm(leaf) for leaf in jax.tree.leaves(error)]))


def in_dtype_of(network: AbstractNetwork, state: Any) -> Any:
    """Returns `state` in the float dtype in which `network` computes."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, network.dtype), state)


def integrate(
    network: AbstractContinuousNetwork,
    state: Any,
    span: tuple[ArrayLike, ArrayLike],
    drive: Any,
    how: Flow,
    *,
    rest: Any,
    save: Observables,
    times: Float[Array, " T"] | None,
    num_rows: int,
    jumps: Float[Array, " J"] | None = None,
) -> Ended:
    """Returns the end of the integration of `network` over `span`.

    It ends early if the state is not finite, or if its residual is at most `rest`. Failures are
    reported as results and none is raised, so that a bad sample does not end its batch.

    Args:
        network: The network.
        state: The first state.
        span: The first and the last time.
        drive: The network's inputs.
        how: The settings; `rest` and `max_time` in them do not matter.
        rest: Residual at which the integration ends early; None to go on.
        save: Observables by name.
        times: (T,) times at which to save; None to save after every step.
        num_rows: T, or if every step is saved, `max_steps` + 1.
        jumps: Times at which the drive jumps, beside those that it declares.
    """
    dtype = jax.tree.leaves(state)[0].dtype
    t0, t1 = (jnp.asarray(t, dtype) for t in span)
    jumps, rest = _all_jumps(drive, jumps, dtype), _number(rest, dtype)

    def observe(t: Scalar, y: Any) -> dict[str, Any]:
        return {name: observable(network, t, y, drive) for name, observable in save.items()}

    if how.follows_steps:
        return _by_diffrax(network, state, (t0, t1), drive, how, rest, observe, times, jumps)
    integration = _integration(network, t1, drive, how, rest, observe, times, jumps)
    course = begin(integration, state, t0, step=_number(how.step, dtype), num_rows=num_rows)
    return ended(integration, advance(integration, course))


def begin_to_rest(
    network: AbstractContinuousNetwork, state: Any, drive: Any, how: Flow, rest: Any
) -> Course:
    """Returns the course of `integrate` to `rest` before its first step; nothing is saved."""
    t0 = jnp.zeros((), network.dtype)
    step = _number(how.step, network.dtype)
    return begin(integration_to_rest(network, drive, how, rest), state, t0, step=step, num_rows=0)


def integration_to_rest(
    network: AbstractContinuousNetwork, drive: Any, how: Flow, rest: Any
) -> Integration:
    """Returns the equation from time 0 to `max_time`; its steps cannot be differentiated."""
    dtype = network.dtype
    stop, no_times = jnp.asarray(how.max_time, dtype), jnp.zeros((0,), dtype)
    jumps = _all_jumps(drive, None, dtype)
    rest = _number(rest, dtype)
    return _integration(network, stop, drive, how, rest, lambda t, y: {}, no_times, jumps)


def _integration(
    network: AbstractContinuousNetwork,
    stop: Scalar,
    drive: Any,
    how: Flow,
    rest: Any,
    observe: Callable[[Scalar, Any], dict[str, Any]],
    times: Float[Array, " T"] | None,
    jumps: Float[Array, " J"] | None,
) -> Integration:
    """Returns the equation with the solver and the step control of `how`."""
    dtype = stop.dtype
    return Integration(
        network, drive, _with_tolerances(how, dtype), _controller(network, how, dtype), stop,
        rest, how.floor(dtype), jnp.asarray(how.max_steps, jnp.int32), jumps, observe, times,
        of_flow(how.precision),
    )  # fmt: skip


def ended(integration: Integration, course: Course) -> Ended:
    """Returns the end of a course of the stepping loop."""
    rejected = course.num_steps - course.num_accepted
    stats = dict(zip(STATS, (course.num_steps, course.num_accepted, rejected), strict=True))
    rows = course.rows
    if integration.times is not None:
        last = lambda: integration.observe(course.time, course.state)  # noqa: E731
        rows = _filled(course.ts, rows, last)
    result = ending(integration, course)
    return Ended(course.state, course.time, course.residual, stats, result, course.ts, rows)


def _by_diffrax(
    network: AbstractContinuousNetwork,
    state: Any,
    span: tuple[Scalar, Scalar],
    drive: Any,
    how: Flow,
    rest: Any,
    observe: Callable[[Scalar, Any], dict[str, Any]],
    times: Float[Array, " T"] | None,
    jumps: Float[Array, " J"] | None,
) -> Ended:
    """Returns the same as `integrate`, by `diffrax.diffeqsolve`, which differentiates the steps."""
    dtype = span[0].dtype

    def stop(t: Any, y: Any, args: Any, **_: Any) -> Array:
        # Without the first test a sample that is not finite would take `max_steps` steps while the
        # other samples of its batch wait.
        lost = ~all_finite(y)
        if rest is None:
            return lost
        at_rest = residual(network, y, args, t, floor=how.floor(dtype)) <= rest
        if jumps is not None:
            at_rest &= ~jnp.any((jumps > t) & (jumps < span[1]))
        return lost | at_rest

    solution = dfx.diffeqsolve(
        dfx.ODETerm(cast(Any, network.vector_field)),
        _with_tolerances(how, dtype),
        *span,
        _number(how.step, dtype),
        state,
        args=drive,
        saveat=dfx.SaveAt(subs=[_rows(observe, times), dfx.SubSaveAt(t1=True)]),
        stepsize_controller=_landing(_controller(network, how, dtype), how, jumps),
        event=dfx.Event(stop),
        adjoint=cast(dfx.AbstractAdjoint, how.adjoint),
        max_steps=cast(int, how.max_steps),
        throw=False,
    )
    (ts, rows), end = zip(*cast(Any, (solution.ts, solution.ys)), strict=True)
    time, final = jax.tree.map(lambda leaf: leaf[0], end)
    distance = residual(network, final, drive, time, floor=how.floor(dtype))
    if times is not None:
        rows = _filled(ts, rows, lambda: observe(time, final))
    stats = {name: solution.stats[name] for name in STATS}
    return Ended(final, time, distance, stats, _judged(solution, final), ts, rows)


def _rows(
    observe: Callable[[Scalar, Any], dict[str, Any]], times: Float[Array, " T"] | None
) -> dfx.SubSaveAt:
    """Returns what Diffrax saves: rows at `times`, or after every step if it is None."""

    def row(t: Any, y: Any, args: Any) -> dict[str, Any]:
        return observe(t, y)

    if times is None:
        return dfx.SubSaveAt(t0=True, steps=True, fn=row)
    return dfx.SubSaveAt(ts=times, fn=row) if times.size else dfx.SubSaveAt(t0=True, fn=row)


def _landing(
    controller: dfx.AbstractStepSizeController, how: Flow, jumps: Float[Array, " J"] | None
) -> dfx.AbstractStepSizeController:
    """Returns a controller that ends a step just before each jump."""
    if jumps is None:
        return controller
    if how.step is not None:
        requirement = "be None where a drive jumps and a Diffrax adjoint differentiates the steps"
        raise argument_error("step", requirement, how.step)
    return dfx.ClipStepSizeController(cast(Any, controller), jump_ts=jumps)


def _judged(solution: dfx.Solution, final: Any) -> RESULTS:
    """Returns the member of `RESULTS` that tells how an integration by Diffrax ended.

    Its event is that the state came to rest or is not finite.
    """
    result = RESULTS.where(
        solution.result == dfx.RESULTS.event_occurred, RESULTS.converged, RESULTS.non_finite
    )
    no_event = solution.result == dfx.RESULTS.successful
    result = RESULTS.where(no_event, RESULTS.time_reached, result)
    limited = solution.result == dfx.RESULTS.max_steps_reached
    result = RESULTS.where(limited, RESULTS.step_limit, result)
    return RESULTS.where(all_finite(final), result, RESULTS.non_finite)


def _number(value: Any, dtype: Any) -> Scalar | None:
    return None if value is None else jnp.asarray(value, dtype)


def _with_tolerances(how: Flow, dtype: Any) -> dfx.AbstractSolver:
    """Returns the solver; an implicit one solves its equations with the tolerances of the steps."""
    if not isinstance(how.solver, dfx.AbstractImplicitSolver):
        return how.solver
    finder = how.solver.root_finder
    rtol, atol = how.tolerances(dtype)
    # Equations cannot be solved below the rounding of their terms; trying would shorten the steps.
    atol = jnp.maximum(atol, 100 * jnp.finfo(dtype).eps)
    given = {"rtol": rtol, "atol": atol, "norm": layer_norm}
    names = [name for name in given if getattr(finder, name, None) is _TOLERANCES_OF_STEPS]
    if not names:
        return how.solver
    return eqx.tree_at(
        lambda solver: [getattr(solver.root_finder, name) for name in names],
        how.solver,
        [given[name] for name in names],
    )


def _controller(
    network: AbstractContinuousNetwork, how: Flow, dtype: Any
) -> dfx.AbstractStepSizeController:
    """Returns the step-size controller of Diffrax: error control, or a constant step."""
    if how.step is not None:
        return dfx.ConstantStepSize()
    rtol, atol = how.tolerances(dtype)
    scales = [jnp.asarray(scale, dtype) for scale in jax.tree.leaves(network.time_scales())]
    return Foresight(
        dfx.PIDController(
            rtol=rtol, atol=atol, pcoeff=PROPORTIONAL, icoeff=INTEGRAL,
            norm=layer_norm, dtmin=1e-9 * jnp.min(jnp.stack(scales)),
        )
    )  # fmt: skip


def _all_jumps(drive: Any, more: Any, dtype: Any) -> Float[Array, " J"] | None:
    """Returns all times at which the drive jumps; None if there are none."""
    declared = jump_times(drive)
    parts = [jnp.ravel(jnp.asarray(part, dtype)) for part in declared]
    if more is not None:
        parts.append(jnp.ravel(jnp.asarray(more, dtype)))
    return jax.lax.stop_gradient(jnp.concatenate(parts)) if parts else None


def _filled(ts: Array, rows: Any, last: Callable[[], Any]) -> Any:
    """Returns `rows` with the values of the last state at times that were not reached."""
    if not jax.tree.leaves(rows):
        return rows

    def hold(all_rows: Array, last_row: Array) -> Array:
        reached = jnp.isfinite(ts).reshape(-1, *[1] * (all_rows.ndim - 1))
        return jnp.where(reached, all_rows, jnp.broadcast_to(last_row[None], all_rows.shape))

    return jax.tree.map(hold, rows, last())
