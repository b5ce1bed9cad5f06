"""Drives that jump: the solvers land on each jump, so that no tone is stepped over."""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables.networks import general, random_state

import nam_jax as nam
from nam_jax.network import Drive, Pulse, Steps
from nam_jax.solve import ExponentialEuler, Flow, Unrolled

X64 = jax.config.jax_enable_x64
N = 10
TIGHT = Flow(rtol=1e-9, atol=1e-11, max_steps=20_000) if X64 else Flow(rtol=1e-6, atol=1e-7)
ATOL = 1e-8 if X64 else 2e-5


def neurons(net, state, drive, t1, t0=0.0, how=TIGHT, **options):
    run = nam.simulate(net, state, t1, t0=t0, how=how, drive=drive, save={}, times=2, **options)
    return run.state


def in_parts(net, state, parts):
    """Consecutive calls with constant drives: [(end, value), ...]."""
    t0 = 0.0
    for end, value in parts:
        state, t0 = neurons(net, state, Drive(neural=value), end, t0), end
    return state


def check_equal(actual, expected, atol=ATOL):
    for a, b in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=atol, atol=atol)


@pytest.fixture
def start(getkey):
    return general(getkey()), random_state(getkey())


DRIVES = {
    "pulse": (Pulse(2.0, 2.5, 1.5), [(2.0, 0.0), (2.5, 1.5), (6.0, 0.0)]),
    "steps": (Steps([1.0, 3.0], [0.7, -0.4]), [(1.0, 0.0), (3.0, 0.7), (6.0, -0.4)]),
    "sum": (
        Pulse(1.0, 3.0, 0.7) + Pulse(2.0, 4.0, 0.5),
        [(1.0, 0.0), (2.0, 0.7), (3.0, 1.2), (4.0, 0.5), (6.0, 0.0)],
    ),
    "from the start": (Pulse(0.0, 1.0, 1.0), [(1.0, 1.0), (6.0, 0.0)]),
}


@pytest.mark.parametrize("name", DRIVES)
def test_a_drive_that_jumps_equals_calls_with_constant_drives(name, start):
    drive, parts = DRIVES[name]
    check_equal(neurons(*start, Drive(neural=drive), 6.0), in_parts(*start, parts))


def test_jumps_of_any_function_can_be_given(start):
    tone = lambda t: jnp.where((t >= 2.0) & (t < 2.5), 1.5, 0.0)  # noqa: E731
    expected = in_parts(*start, DRIVES["pulse"][1])
    check_equal(neurons(*start, Drive(neural=tone), 6.0, jumps=[2.0, 2.5]), expected)


@pytest.mark.parametrize("length", [0.5, 0.05, 0.002])
def test_a_tone_shorter_than_a_step_is_not_missed(length, start):
    """With coarse tolerances the response is that of tight ones, to the coarse tolerance."""
    net, _ = start
    rested = nam.settle(net, net.initial_state(jnp.ones(N)), how=Flow(rest=1e-6)).state
    drive = Drive(neural=Pulse(30.0, 30.0 + length, 1.0 / length))
    coarse = neurons(net, rested, drive, 30.0 + 2 * length, how=Flow(rtol=1e-3, atol=1e-4))
    tight = neurons(net, rested, drive, 30.0 + 2 * length)
    response = float(jnp.max(jnp.abs(tight.neurons - rested.neurons)))
    assert response > 0.3
    check_equal(coarse, tight, 5e-3)


@pytest.mark.parametrize(
    "solver",
    [Unrolled(dfx.Tsit5()), dfx.Bosh3(), dfx.Kvaerno3(), dfx.Heun()],
    ids=lambda solver: type(getattr(solver, "method", solver)).__name__,
)
def test_every_solver_lands_on_jumps(solver, start):
    how = Flow(solver=solver, rtol=1e-5, atol=1e-6)
    actual = neurons(*start, Drive(neural=Pulse(2.0, 2.05, 15.0)), 6.0, how=how)
    check_equal(actual, in_parts(*start, [(2.0, 0.0), (2.05, 15.0), (6.0, 0.0)]), 2e-3)


def test_fixed_steps_land_on_jumps_and_go_on_from_the_grid(start):
    net, state = start
    how = Flow(solver=dfx.Heun(), step=0.25)
    drive = Drive(neural=Pulse(1.1, 1.15, 10.0))
    run = nam.simulate(net, state, 2.0, how=how, drive=drive, times=None, save={})
    ts = np.asarray(run.ts)[: int(run.stats["num_accepted_steps"]) + 1]
    grid = [0, 0.25, 0.5, 0.75, 1.0, 1.1, 1.15, 1.25, 1.5, 1.75, 2.0]
    np.testing.assert_allclose(ts, grid, atol=1e-6)


def test_exponential_steps_land_on_jumps(start):
    net, state = start
    how = Flow(solver=ExponentialEuler(net), step=0.01)
    actual = neurons(net, state, Drive(neural=Pulse(1.013, 1.027, 20.0)), 2.0, how=how)
    expected = in_parts(net, state, [(1.013, 0.0), (1.027, 20.0), (2.0, 0.0)])
    check_equal(actual, expected, 3e-2)


def test_rest_is_found_only_after_the_last_jump(start):
    net, _ = start
    drive = Drive(neural=Pulse(200.0, 201.0, 2.0))
    rest = nam.settle(net, net.initial_state(jnp.ones(N)), drive=drive)
    assert float(rest.time) > 201.0
    at_once = nam.settle(net, net.initial_state(jnp.ones(N)))
    assert float(at_once.time) < 200.0


def test_a_batch_of_pulses_is_each_of_them(start):
    net, state = start

    def end(begin, size):
        return neurons(net, state, Drive(neural=Pulse(begin, begin + 0.5, size)), 5.0)

    begins, sizes = jnp.array([0.5, 1.7, 3.2], net.dtype), jnp.array([1.0, -2.0, 0.5], net.dtype)
    batched = jax.vmap(end)(begins, sizes)
    for i in range(3):
        alone = end(begins[i], sizes[i])
        check_equal(jax.tree.map(lambda leaf, i=i: leaf[i], batched), alone)


def test_derivatives_by_size_are_right_and_by_time_zero(start):
    net, state = start

    def loss(size, begin, how=TIGHT):
        drive = Drive(neural=Pulse(begin, 2.5, size))
        return jnp.sum(neurons(net, state, drive, 4.0, how=how).neurons)

    size, begin = jnp.asarray(1.5, net.dtype), jnp.asarray(1.3, net.dtype)
    by_size, by_begin = jax.grad(loss, argnums=(0, 1))(size, begin)
    step = 1e-4 if X64 else 3e-2
    finite = (loss(size + step, begin) - loss(size - step, begin)) / (2 * step)
    np.testing.assert_allclose(by_size, finite, rtol=1e-5 if X64 else 1e-2)
    assert float(by_begin) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Pulse(2.0, 1.0, 1.0), "`stop` must be after start"),
        (lambda: Pulse(2.0, 3.0, float("nan")), "`value` must be finite"),
        (lambda: Steps([2.0, 1.0], [1.0, 2.0]), "`times` must ascend"),
        (lambda: Steps([1.0, 2.0], [1.0]), "`values` must have a row"),
        (lambda: Steps(1.0, [1.0]), "`times` must have shape"),
    ],
)
def test_bad_signals_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_steps_hold_arrays():
    signal = Steps([1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]])
    for t, value in ((0.5, [0, 0]), (1.0, [1, 2]), (1.9, [1, 2]), (2.0, [3, 4]), (9.0, [3, 4])):
        np.testing.assert_array_equal(signal(t), value)
