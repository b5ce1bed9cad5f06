"""The stepping loop: orders of convergence, Diffrax's answers, and courses that stop and go on."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import general, random_state, released, signs

import nam_jax as nam
from nam_jax.network import Cold, Drive, Hopfield, NeuronAstrocyte, Pulse
from nam_jax.solve import Asynchronous, Energy, ExponentialEuler, Flow, FullState, Unrolled
from nam_jax.solve._controller import Foresight
from nam_jax.solve._integrate import _controller, _with_tolerances
from nam_jax.solve._loop import Integration, advance, begin
from nam_jax.solve._unrolled import Hermite

X64 = jax.config.jax_enable_x64
N = 10
FINE = {"rtol": 1e-9, "atol": 1e-11, "max_steps": 20_000} if X64 else {"rtol": 1e-6, "atol": 1e-7}


def course_of(net, state, how, times, stop, rest=None):
    """An integration that saves whole states, and its course before the first step."""
    dtype = net.dtype
    integration = Integration(
        net, None, _with_tolerances(how, dtype), _controller(net, how, dtype),
        jnp.asarray(stop, dtype), rest, how.floor(dtype), jnp.asarray(4096, jnp.int32), None,
        lambda t, y: y, jnp.asarray(times, dtype),
    )  # fmt: skip
    step = None if how.step is None else jnp.asarray(how.step, dtype)
    start = begin(integration, state, jnp.zeros((), dtype), step=step, num_rows=len(times))
    return integration, start


@pytest.mark.parametrize(
    ("error", "before", "factor"),
    [
        (0.9, 0.3, 0.9 * 0.9**-0.2 * 0.3**0.04),  # shorter, though the step is accepted
        (1e-3, 1e-3, 0.9 * 1e3**0.16),  # longer, as Diffrax's controller has it
        (2.0, 0.5, 0.9 * 2**-0.2 * 0.5**0.04),  # rejected
    ],
)
def test_steps_shorten_before_one_is_rejected(error, before, factor):
    """Factors by hand: 0.9 e^(-1/5) e_before^(0.2/5)."""
    pid = dfx.PIDController(rtol=0.0, atol=1.0, pcoeff=0.2, icoeff=0.8, dtmin=1e-9)
    zero, earlier = jnp.zeros(()), jnp.asarray(1 / before)
    controller = (earlier, earlier, jnp.asarray(False))
    keep, start, end, *_ = Foresight(pid).adapt_step_size(
        0.0, 1.0, zero, zero, None, jnp.asarray(error), 5, controller
    )
    assert bool(keep) == (error < 1) and float(start) == (error < 1)
    np.testing.assert_allclose(end - start, factor, rtol=1e-5)


@pytest.mark.parametrize("burst", [1, 7, 100])
@pytest.mark.parametrize("solver", [Unrolled(dfx.Bosh3()), dfx.Tsit5(), dfx.Kvaerno3()], ids=str)
def test_a_course_that_stops_and_goes_on_has_the_bits_of_one_run(burst, solver, getkey):
    net, state = general(getkey()), random_state(getkey())
    integration, start = course_of(net, state, Flow(solver=solver), np.linspace(0, 9, 31), 9.0)

    @jax.jit
    def go_on(course, burst):
        return advance(integration, course, burst)

    whole, course, calls = go_on(start, 4096), start, 0
    while calls == 0 or int(course.num_steps) == calls * burst:
        course, calls = go_on(course, burst), calls + 1
    assert int(whole.num_steps) > 8 and calls >= int(whole.num_steps) // burst
    assert int(whole.num_saved) == 31
    for part, all_at_once in zip(jax.tree.leaves(course), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(part, all_at_once)


ORDERS = {
    "euler": (dfx.Euler(), 1),
    "heun": (dfx.Heun(), 2),
    "bosh3": (Unrolled(dfx.Bosh3()), 3),
    "dopri5": (Unrolled(dfx.Dopri5()), 5),
    "tsit5": (Unrolled(dfx.Tsit5()), 5),
    "diffrax-bosh3": (dfx.Bosh3(), 3),
    "dopri8": (dfx.Dopri8(), 8),
}


@pytest.mark.skipif(not X64, reason="the error of the fine steps is below the rounding of float32")
@pytest.mark.parametrize("name", ORDERS)
def test_orders_of_convergence(name):
    """The error of fixed steps falls as step^order, or faster while steps are long."""
    (solver, order), net, state = ORDERS[name], general(jr.key(1)), random_state(jr.key(2))

    def end(step, method=solver):
        how = Flow(solver=method, step=step)
        return nam.simulate(net, state, 1.0, how=how, times=2, save={}).state

    exact = end(1 / 512, dfx.Dopri8())
    coarse, fine = (8, 16) if order == 8 else (32, 64)
    errors = [
        max(
            float(jnp.max(jnp.abs(a - b))) for a, b in zip(*map(jax.tree.leaves, pair), strict=True)
        )
        for pair in ((end(1 / coarse), exact), (end(1 / fine), exact))
    ]
    measured = np.log2(errors[0] / errors[1])
    assert order - 0.4 < measured < order + 2, measured


@pytest.mark.parametrize("solver", [Unrolled(dfx.Tsit5()), dfx.Bosh3()], ids=str)
def test_the_loop_follows_diffrax(solver, getkey):
    """At tight tolerances states, rows and the end agree with `diffrax.diffeqsolve`."""
    net, state = general(getkey()), random_state(getkey())
    save = {"energy": Energy(), "state": FullState()}
    ours, theirs = (
        nam.simulate(net, state, 5.0, how=Flow(solver=solver, adjoint=adjoint, **FINE), save=save,
                     times=23)
        for adjoint in (None, dfx.ForwardMode())
    )  # fmt: skip
    atol = 1e-8 if X64 else 3e-6
    for a, b in zip(*map(jax.tree.leaves, (ours.observables, theirs.observables)), strict=True):
        np.testing.assert_allclose(a, b, rtol=10 * atol, atol=10 * atol)
    assert float(ours.stop) == float(theirs.stop) == 5.0
    steps = [int(run.stats["num_steps"]) for run in (ours, theirs)]
    assert 0.85 < steps[0] / steps[1] < 1.15


def test_rest_is_judged_by_the_state_that_is_returned(getkey):
    net = released(signs(getkey(), (2, 16)))
    cue = net.tensor.patterns[0].at[0].multiply(-1)
    for solver in (Unrolled(dfx.Bosh3()), dfx.Tsit5()):
        rest = nam.settle(net, net.initial_state(cue), how=Flow(solver=solver))
        np.testing.assert_allclose(
            rest.residual, nam.solve.residual(net, rest.state), rtol=1e-3, atol=1e-8
        )
        assert float(rest.residual) <= 1e-3


def test_rows_after_the_end_are_those_of_the_last_state(getkey):
    net = released(signs(getkey(), (2, 16)))
    state = net.initial_state(net.tensor.patterns[0])
    run = nam.simulate(net, state, 500.0, how=Flow(rest=1e-3), save={"x": lambda s: s.neurons})
    late = np.asarray(run.ts > run.stop)
    assert late.any() and not late.all()
    np.testing.assert_array_equal(
        np.asarray(run.observables["x"])[late],
        np.asarray(run.state.neurons)[None].repeat(late.sum(), 0),
    )


def test_every_step_can_be_saved(getkey):
    net, state = general(getkey()), random_state(getkey())
    run = nam.simulate(net, state, 2.0, times=None, how=Flow(max_steps=200))
    steps = int(run.stats["num_accepted_steps"])
    assert run.ts.shape == (201,) and float(run.ts[0]) == 0 and float(run.ts[steps]) == 2.0
    assert np.all(np.diff(run.ts[: steps + 1]) > 0) and np.all(np.isinf(run.ts[steps + 1 :]))
    np.testing.assert_allclose(run.energy[steps], net.energy(run.state), rtol=1e-5)


def test_forward_and_reverse_derivatives_agree(getkey):
    """Forward mode by Diffrax, and reverse mode by the rule of `simulate`, against differences."""
    net, state = general(getkey()), random_state(getkey())

    def loss(size, how):
        drive = nam.network.Drive(neural=size * jnp.ones(N, net.dtype))
        run = nam.simulate(net, state, 2.0, how=how, drive=drive, times=2, save={})
        return jnp.sum(run.state.neurons**2)

    size = jnp.asarray(0.3, net.dtype)
    reverse = jax.grad(lambda x: loss(x, Flow(**FINE)))(size)
    how = Flow(adjoint=dfx.ForwardMode(), **FINE)
    forward = jax.jvp(lambda x: loss(x, how), (size,), (jnp.ones_like(size),))[1]
    step = 1e-4 if X64 else 3e-2
    finite = (loss(size + step, Flow(**FINE)) - loss(size - step, Flow(**FINE))) / (2 * step)
    np.testing.assert_allclose(reverse, forward, rtol=1e-4)
    np.testing.assert_allclose(reverse, finite, rtol=1e-5 if X64 else 2e-2)


def lowered(name, key):
    """The text of the compiled part behind a door, as JAX lowers it."""
    net, state = general(key), random_state(key)
    cue = jnp.ones(N, net.dtype)
    pairs = Hopfield(jnp.ones((N, N), net.dtype))
    call = {
        "simulate": lambda: nam.simulate(net, state, 1.0),
        "settle": lambda: nam.settle(net, state),
        "retrieve": lambda: nam.retrieve(net, cue),
        "exponential": lambda: nam.settle(
            net, state, how=Flow(solver=ExponentialEuler(net), step=0.1)
        ),
        "discrete": lambda: nam.retrieve(pairs, cue, how=Asynchronous(key)),
        "retrieve_all": lambda: nam.retrieve_all(net, cue[None]),
    }[name]
    return jax.jit(lambda: eqx.filter(call(), eqx.is_array)).lower().as_text()


@pytest.mark.parametrize(
    "name", ["simulate", "settle", "retrieve", "exponential", "discrete", "retrieve_all"]
)
def test_no_program_calls_back_to_python(name, getkey):
    assert "callback" not in lowered(name, getkey())


def test_states_between_steps_have_order_four(getkey):
    """The cubic through both ends of a step is off by a share of step^4 of the state."""
    net, state = general(getkey()), random_state(getkey())
    flow = net.vector_field(0.0, state)

    def gap(size):
        end = nam.simulate(net, state, size, how=Flow(step=size / 16), times=2, save={}).state
        middle = nam.simulate(
            net, state, size / 2, how=Flow(step=size / 32), times=2, save={}
        ).state
        path = Hermite(0.0, size, state, end, flow, net.vector_field(0.0, end))
        assert_close(path.evaluate(0.0), state)
        assert_close(path.evaluate(size), end)
        halves = [path.evaluate(0.0, size / 2), path.evaluate(size / 2, size)]
        assert_close(jax.tree.map(jnp.add, *halves), path.evaluate(0.0, size))
        difference = jax.tree.map(jnp.subtract, path.evaluate(size / 2), middle)
        return max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(difference))

    sizes = (0.2, 0.1) if X64 else (0.8, 0.4)
    order = np.log2(gap(sizes[0]) / gap(sizes[1]))
    assert 3.4 < order < 4.6 if X64 else order > 2.5


def assert_close(one, other):
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_steps_grow_where_the_error_is_0(getkey):
    """Silence is exact: its steps have no error, and would shrink to nothing with 1 / e = 1."""
    net = released(signs(getkey(), (2, N)))
    silent = jax.tree.map(jnp.zeros_like, net.initial_state(jnp.zeros(N)))
    path = nam.simulate(net, silent, 100.0, times=2, save={})
    assert int(path.stats["num_steps"]) < 30 and float(path.ts[-1]) == 100.0
    pulse = Drive(neural=Pulse(50.0, 51.0, jnp.ones(N)))
    pushed = nam.simulate(net, silent, 52.0, drive=pulse, times=2)
    assert float(jnp.max(jnp.abs(pushed.state.neurons))) > 0.1


@pytest.mark.parametrize("how", [Flow(rtol=0.0, atol=1e-6), Flow(step=0.05, atol=0.0)])
def test_a_floor_of_0_is_no_failure_of_layers_that_start_at_0(how, getkey):
    net = NeuronAstrocyte.certified(signs(getkey(), (2, N)), start=Cold())
    recall = nam.retrieve(net, jnp.ones(N), how=how)
    assert bool(recall.result != nam.solve.RESULTS.non_finite)
