"""The stepping loop: integrates a network step by step, and can stop after any step and go on.

It uses `step` of a Diffrax solver and `adapt_step_size` of a Diffrax step-size controller. Unlike
`diffrax.diffeqsolve` it keeps the size of the next step and the last stage of the solver in a
`Course`, so that a course which was stopped goes on with the same bits.
"""

# Example: du/dt = -u from u = 1 at t = 0, with fixed steps of 0.5, saved at t = 0 and 0.7, up to
# t1 = 1. `begin` returns a course at t = 0 with the next step to 0.5. `advance` takes the step to
# 0.5 and writes row 0 on the way, as the saved time 0 lies at or before 0.5. The step to 1.0 passes
# the time 0.7: its row is interpolated between the states at 0.5 and 1.0. Then t = t1 and the
# course ends. `advance(..., most_steps=1)` twice does the same.

from collections.abc import Callable
from typing import Any, cast

import diffrax as dfx
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float, Int, PyTree

from nam_jax._misc import off_mesh, varying_like
from nam_jax._precision import FULL, in_precision
from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork
from nam_jax.solve._controller import Foresight
from nam_jax.solve._result import RESULTS, all_finite, speed
from nam_jax.solve._unrolled import Unrolled

Observe = Callable[[Scalar, Any], PyTree[Array]]
"""Returns what is saved of the state at a time: (time, state) -> tree of arrays."""


class Field(eqx.Module):
    """The vector field of a network, with its products in one precision."""

    network: AbstractContinuousNetwork
    precision: Precision = eqx.field(static=True)

    def __call__(self, t: Scalar, state: Any, drive: Any) -> Any:
        with in_precision(self.precision):
            return self.network.vector_field(t, state, drive)


class Integration(eqx.Module):
    """The equation to integrate, and when to stop.

    Attributes:
        network: The network.
        drive: Its inputs.
        solver: Any Diffrax solver.
        controller: `Foresight`, or Diffrax's `ConstantStepSize`.
        stop: Time at which to end.
        rest: Residual at or below which the state is at rest, which ends the course; None to go on.
        floor: Size of a layer below which its residual is absolute.
        max_steps: Number of steps, rejected ones included, after which to give up.
        jumps: (J,) times at which the drive jumps; None without jumps. A step ends just before each
            of them and the next one starts just after it. The state counts as at rest only after
            the last of them that lies before `stop`.
        observe: Returns what is saved of a state.
        times: (T,) ascending times at which to save; None to save after every step.
        precision: Precision of the products in the steps; residuals and saved values are in full.
    """

    network: AbstractContinuousNetwork
    drive: Any
    solver: dfx.AbstractSolver
    controller: dfx.AbstractStepSizeController
    stop: Scalar
    rest: Scalar | None
    floor: Scalar
    max_steps: Int[Array, ""]
    jumps: Float[Array, " J"] | None
    observe: Observe
    times: Float[Array, " T"] | None
    precision: Precision = eqx.field(default=FULL, static=True)

    @property
    def terms(self) -> dfx.ODETerm:
        """The vector field as Diffrax takes it."""
        return dfx.ODETerm(cast(Any, Field(self.network, self.precision)))

    def residual_and_finite(
        self, t: Scalar, state: Any, solver_state: Any
    ) -> tuple[Scalar, Bool[Array, ""]]:
        """Returns the residual of an accepted state, and whether the state is finite.

        The vector field at the state is the last stage of an [`nam_jax.solve.Unrolled`][] solver,
        in full. For other solvers and precisions it is computed, unless `rest` is None; the
        residual is then NaN.
        """
        if isinstance(self.solver, Unrolled) and self.precision == FULL:
            velocity = solver_state
        elif self.rest is None:
            return jnp.full((), jnp.nan, t.dtype), all_finite(state)
        else:
            velocity = self.network.vector_field(t, state, self.drive)
        residual, largest = speed(state, velocity, self.network.time_scales(), self.floor)
        return residual, jnp.isfinite(residual) & jnp.isfinite(largest)


class Course(eqx.Module):
    """Where an integration stands after some steps.

    Attributes:
        time: Time of `state`.
        target: End of the next step as the step-size controller wants it.
        next_time: End of the next step, at `target` or just before a jump.
        state: The last accepted state.
        solver_state: What the solver keeps between steps, such as its last stage.
        controller_state: What the step-size controller keeps between steps.
        made_jump: Whether the drive jumped since the last stage of the solver.
        residual: The residual of `state`; NaN if it is not needed.
        finite: Whether `state` is finite.
        num_steps: Number of steps.
        num_accepted: Number of accepted steps.
        num_saved: Number of rows that are written.
        ts: (T,) times of the rows; infinite where none is written.
        rows: The saved values, with the leading axis T.
    """

    time: Scalar
    target: Scalar
    next_time: Scalar
    state: Any
    solver_state: Any
    controller_state: Any
    made_jump: Bool[Array, ""]
    residual: Scalar
    finite: Bool[Array, ""]
    num_steps: Int[Array, ""]
    num_accepted: Int[Array, ""]
    num_saved: Int[Array, ""]
    ts: Float[Array, " T"]
    rows: PyTree[Array]


def begin(
    integration: Integration,
    state: Any,
    t0: Scalar,
    *,
    step: Scalar | None,
    num_rows: int,
) -> Course:
    """Returns the course before its first step.

    Args:
        integration: The equation.
        state: The first state.
        t0: Time of `state`.
        step: The size of every step, for a controller of constant steps; None to choose the first.
        num_rows: T, the number of rows to make room for.
    """
    terms, solver, drive = integration.terms, integration.solver, integration.drive
    size = _first_step(integration, state, t0) if step is None else step
    solver_state = solver.init(terms, t0, t0 + size, state, drive)
    # Without an end Diffrax takes constant steps of this very size; with one it divides the span.
    constant = isinstance(integration.controller, dfx.ConstantStepSize)
    end = jnp.full_like(t0, jnp.inf) if constant else integration.stop
    target, controller_state = integration.controller.init(
        terms, t0, end, state, size, drive, solver.func, solver.error_order(terms)
    )
    residual, finite = integration.residual_and_finite(t0, state, solver_state)
    shapes = jax.eval_shape(integration.observe, t0, state)
    rows = jax.tree.map(lambda row: jnp.full((num_rows, *row.shape), jnp.inf, row.dtype), shapes)
    ts = jnp.full((num_rows,), jnp.inf, t0.dtype)
    zero = jnp.zeros((), jnp.int32)
    target = _up_to_stop(integration, jnp.asarray(target))
    course = Course(
        t0, target, _up_to_jump(integration, t0, target), state, solver_state, controller_state,
        jnp.asarray(False), residual, finite, zero, zero, zero, ts, rows,
    )  # fmt: skip
    course = jax.tree.map(lambda leaf: jnp.asarray(leaf) if _is_number(leaf) else leaf, course)
    course = varying_like(course, jax.tree.leaves(state)[0])
    if integration.times is not None:
        return course
    return _write(integration, course, t0, state, jnp.asarray(True))


def advance(
    integration: Integration, course: Course, most_steps: int | Int[Array, ""] | None = None
) -> Course:
    """Returns the course after at most `most_steps` more steps; None takes steps until it ends."""
    dynamic, static = eqx.partition(course, eqx.is_array)
    end = None if most_steps is None else course.num_steps + most_steps

    def goes_on(dynamic: Any) -> Bool[Array, ""]:
        here = eqx.combine(dynamic, static)
        going = is_going(integration, here)
        return going if end is None else going & (here.num_steps < end)

    def unfinished(dynamic: Any) -> Bool[Array, ""]:
        # True for every sample of a batch until all of them have ended. `_step` leaves samples that
        # have ended unchanged. So the loop need not choose between old and new arrays once more.
        return eqxi.unvmap_any(goes_on(dynamic))

    def step(dynamic: Any) -> Any:
        after = _step(integration, eqx.combine(dynamic, static), goes_on(dynamic))
        return eqx.filter(after, eqx.is_array)

    return eqx.combine(jax.lax.while_loop(unfinished, step, dynamic), static)


def step_of(integration: Integration, course: Course) -> Course:
    """Returns the course after one more step, or unchanged if it has ended."""
    return _step(integration, course, is_going(integration, course))


def is_going(integration: Integration, course: Course) -> Bool[Array, ""]:
    """Returns whether the course has not ended; False for a course of zeros."""
    going = (course.time < integration.stop) & course.finite
    return going & ~_at_rest(integration, course) & (course.num_steps < integration.max_steps)


def ending(integration: Integration, course: Course) -> RESULTS:
    """Returns how the course ended."""
    result = RESULTS.where(course.time < integration.stop, RESULTS.step_limit, RESULTS.time_reached)
    result = RESULTS.where(_at_rest(integration, course), RESULTS.converged, result)
    return RESULTS.where(course.finite, result, RESULTS.non_finite)


def _first_step(integration: Integration, state: Any, t0: Scalar) -> Scalar:
    """Returns a size for the first step.

    It follows Hairer, Norsett & Wanner 1993, Solving Ordinary Differential Equations I, II.4: an
    Euler step of 1 % of the state over the flow shows how fast the flow changes.
    """
    terms, steps = integration.terms, cast(Foresight, integration.controller)
    weights = jax.tree.map(lambda y: 1 / (steps.atol + steps.rtol * jnp.abs(y)), state)

    def size(tree: Any) -> Scalar:
        return jnp.asarray(steps.norm(jax.tree.map(jnp.multiply, tree, weights)))

    flow = terms.vf(t0, state, integration.drive)
    state_size, flow_size = size(state), size(flow)
    small = (state_size < 1e-5) | (flow_size < 1e-5)
    trial = jnp.where(small, 1e-6, 0.01 * state_size / jnp.where(small, 1, flow_size))
    ahead = jax.tree.map(lambda y, v: y + trial * v, state, flow)
    later = terms.vf(t0 + trial, ahead, integration.drive)
    change = size(jax.tree.map(jnp.subtract, later, flow)) / trial
    largest = jnp.maximum(flow_size, change)
    order = integration.solver.error_order(terms)
    power = (0.01 / jnp.maximum(largest, 1e-15)) ** (1 / cast(float, order))
    chosen = jnp.where(largest <= 1e-15, jnp.maximum(1e-6, 1e-3 * trial), power)
    return jax.lax.stop_gradient(jnp.minimum(100 * trial, chosen)).astype(t0.dtype)


def _at_rest(integration: Integration, course: Course) -> Bool[Array, ""]:
    """Returns whether the state is at rest and no jump is to come; False if `rest` is None."""
    if integration.rest is None:
        return jnp.asarray(False)
    at_rest = course.residual <= integration.rest
    if integration.jumps is not None:
        to_come = (integration.jumps > course.time) & (integration.jumps < integration.stop)
        at_rest &= ~jnp.any(to_come) & ~course.made_jump
    return at_rest


def _step(integration: Integration, course: Course, goes_on: Bool[Array, ""]) -> Course:
    """Returns the course after one step; unchanged unless `goes_on`."""
    solver, terms = integration.solver, integration.terms
    after, error, dense, solver_state, outcome = solver.step(
        terms, course.time, course.next_time, course.state, integration.drive,
        course.solver_state, False if integration.jumps is None else course.made_jump,
    )  # fmt: skip
    # After an infinite error the next step is shorter. After NaN its size would be NaN.
    error = jax.tree.map(lambda leaf: jnp.where(jnp.isnan(leaf), jnp.inf, leaf), error)
    keep, time, target, _, controller_state, _ = integration.controller.adapt_step_size(
        course.time, course.next_time, course.state, after, integration.drive, error,
        cast(float, solver.error_order(terms)), course.controller_state,
    )  # fmt: skip
    keep, time = jnp.asarray(keep) & goes_on, jnp.asarray(time)
    made_jump = landed = jnp.asarray(False)
    if integration.jumps is not None:
        jump = _next_jump(integration, course.time)
        landed = course.next_time == eqxi.prevbefore(jump)
        if isinstance(integration.controller, dfx.ConstantStepSize):
            # The rest of the fixed step follows after the jump.
            target = jnp.where(landed, course.target, target)
        made_jump = keep & landed
        time = jnp.where(made_jump, jnp.minimum(eqxi.nextafter(jump), integration.stop), time)
        target = jnp.maximum(target, eqxi.nextafter(time))
    # After a rejection the target is not moved to the end time: the same step would be repeated.
    target = jnp.where(
        keep, _up_to_stop(integration, cast(Scalar, target)), jnp.minimum(target, integration.stop)
    )
    residual, finite = integration.residual_and_finite(course.next_time, after, solver_state)
    with off_mesh():
        succeeded = dfx.is_successful(outcome)
    finite &= succeeded
    # Far from 0 a very short step is lost to rounding, and time would stand still.
    stuck = goes_on & (course.next_time <= course.time) & ~landed

    def chosen(condition: Array, new: Any, old: Any) -> Any:
        return jax.tree.map(
            lambda a, b: jnp.where(condition, a, b) if eqx.is_array(b) else b, new, old
        )

    state, solver_state, residual, finite, made_jump = chosen(
        keep,
        (after, solver_state, residual, finite, made_jump),
        (course.state, course.solver_state, course.residual, course.finite, course.made_jump),
    )
    finite &= ~stuck
    time, target, next_time, controller_state = chosen(
        goes_on,
        (time, target, _up_to_jump(integration, time, target), controller_state),
        (course.time, course.target, course.next_time, course.controller_state),
    )
    going = Course(
        time, target, next_time, state, solver_state, controller_state, made_jump, residual,
        finite, course.num_steps + goes_on.astype(jnp.int32),
        course.num_accepted + keep.astype(jnp.int32), course.num_saved, course.ts, course.rows,
    )  # fmt: skip
    if integration.times is None:
        return _write(integration, going, course.next_time, after, keep)
    path = solver.interpolation_cls(t0=course.time, t1=course.next_time, **dense)
    reached = jnp.where(keep, course.next_time, -jnp.inf)
    return _write_passed(integration, going, path, reached)


def _write_passed(
    integration: Integration, course: Course, path: dfx.AbstractPath, reached: Scalar
) -> Course:
    """Returns the course with a row for each saved time up to `reached`, read from `path`."""
    times = cast(Array, integration.times)
    if not times.size or not jax.tree.leaves(course.rows):
        return course

    def next_saved(num_saved: Array) -> Scalar:
        return times[jnp.minimum(num_saved, times.size - 1)]

    def is_due(num_saved: Array) -> Bool[Array, ""]:
        return (num_saved < times.size) & (next_saved(num_saved) <= reached)

    def write(written: tuple[Any, ...]) -> tuple[Any, ...]:
        here = eqx.tree_at(lambda c: (c.num_saved, c.ts, c.rows), course, written)
        t = next_saved(here.num_saved)
        saved = _write(integration, here, t, path.evaluate(t), is_due(here.num_saved))
        return saved.num_saved, saved.ts, saved.rows

    start = (course.num_saved, course.ts, course.rows)
    written = jax.lax.while_loop(lambda w: eqxi.unvmap_any(is_due(w[0])), write, start)
    return eqx.tree_at(lambda c: (c.num_saved, c.ts, c.rows), course, written)


def _write(
    integration: Integration, course: Course, t: Scalar, state: Any, is_due: Bool[Array, ""]
) -> Course:
    """Returns the course with one more row if `is_due`."""
    row = integration.observe(t, state)
    # A row that is not due is written behind the last one, that is, dropped. A choice between the
    # rows before and after would copy all of them.
    i = jnp.where(is_due, course.num_saved, course.ts.size)

    def put(all_rows: Array, new: Array) -> Array:
        return all_rows.at[i].set(new, mode="drop")

    rows = jax.tree.map(put, course.rows, row)
    saved = (course.num_saved + is_due.astype(jnp.int32), put(course.ts, t), rows)
    return eqx.tree_at(lambda c: (c.num_saved, c.ts, c.rows), course, saved)


def _up_to_stop(integration: Integration, target: Scalar) -> Scalar:
    """Returns the end of the next step, moved to the end time if it lies next to it or behind."""
    stop = integration.stop
    close = stop - 100 * jnp.finfo(stop.dtype).eps * jnp.abs(stop)
    return jnp.where(jnp.isfinite(stop) & (target >= close), stop, target)


def _up_to_jump(integration: Integration, time: Scalar, target: Scalar) -> Scalar:
    """Returns `target`, or the last number before the next jump if that comes first."""
    if integration.jumps is None:
        return target
    return jnp.minimum(target, eqxi.prevbefore(_next_jump(integration, time)))


def _next_jump(integration: Integration, time: Scalar) -> Scalar:
    """Returns the first jump after `time`; infinity if none is to come."""
    jumps = cast(Array, integration.jumps)
    return jnp.min(jnp.where(jumps > time, jumps, jnp.inf), initial=jnp.inf)


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, bool | int | float)
