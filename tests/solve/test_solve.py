"""Solvers against exact answers and a hand-written loop; how a solve says that it ended."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.linalg
from tables.networks import as_tripartite, general, random_state, released, signs

import nam_jax as nam
from nam_jax.lagrangian import Softplus
from nam_jax.memory import PatternTensor
from nam_jax.network import Drive, NeuronAstrocyte, TwoLayerMemory
from nam_jax.solve import RESULTS, Flow, FullState, Implicit, Passes, Readout, Synchronous, residual
from nam_jax.solve._observe import AbstractObservable

X64 = jax.config.jax_enable_x64
N, K = 10, 3
TIGHT = {"rtol": 1e-6, "atol": 1e-7}


def linear_pairs():
    """Silent neurons (x = 0) over synapses and processes that obey a 2 x 2 linear system a pair."""
    return NeuronAstrocyte(
        PatternTensor(jnp.ones((1, 4)), strength=0.0),
        leaks=(1.0, 1.3, 2.1),
        time_constants=(1.0, 0.7, 0.4),
    )


MATRIX = np.array([[-1.3 / 0.7, 1 / 0.7], [1 / 0.4, -2.1 / 0.4]])


def silent_state():
    zeros = jnp.zeros((4, 4))
    return nam.network.TripartiteState(jnp.zeros(4), zeros + 0.8, zeros - 0.5)


def certified(key, **arguments):
    return NeuronAstrocyte.certified(signs(key, (K, N)), margin=0.3, **arguments)


def says(result, expected):
    return bool(jnp.all(result == expected))


TIMES = [0.0, 0.4, 1.1, 3.0]
FREQUENCY = 1.7


@jax.jit
def sinusoidal(size):
    drive = Drive(synaptic=lambda t: size * jnp.sin(FREQUENCY * t))
    save = {"state": FullState()}
    times = jnp.array(TIMES)
    net, state = linear_pairs(), silent_state()
    return nam.simulate(net, state, 3.0, drive=drive, times=times, save=save, how=Flow(**TIGHT))


@pytest.mark.parametrize("size", [0.0, 0.9])
def test_linear_network_follows_the_exact_solution(size):
    """u' = A u + e_s c sin(w t): the exponential of A t, and the forced part in complex form."""
    rows = sinusoidal(jnp.asarray(size)).observables["state"]
    force = np.array([size / 0.7, 0.0])
    phasor = np.linalg.solve(1j * FREQUENCY * np.eye(2) - MATRIX, force)
    for i, t in enumerate(TIMES):
        forced = (phasor * np.exp(1j * FREQUENCY * t)).imag
        expected = scipy.linalg.expm(MATRIX * t) @ (np.array([0.8, -0.5]) - phasor.imag) + forced
        np.testing.assert_allclose(rows.synapses[i], np.full((4, 4), expected[0]), atol=1e-5)
        np.testing.assert_allclose(rows.processes[i], np.full((4, 4), expected[1]), atol=1e-5)
        assert not rows.neurons.any()


def test_constant_drive_moves_the_equilibrium():
    drive = Drive(synaptic=0.9, process=jnp.full((4, 4), -0.4))
    how = Flow(rest=1e-5, **TIGHT)
    rest = nam.settle(linear_pairs(), silent_state(), drive=drive, how=how)
    expected = np.linalg.solve(-MATRIX, np.array([0.9 / 0.7, -0.4 / 0.4]))
    np.testing.assert_allclose(rest.state.synapses, np.full((4, 4), expected[0]), atol=1e-4)
    np.testing.assert_allclose(rest.state.processes, np.full((4, 4), expected[1]), atol=1e-4)
    assert says(rest.result, RESULTS.converged)


@pytest.mark.parametrize(
    "solver", [dfx.Bosh3(), pytest.param(dfx.Kvaerno3(), marks=pytest.mark.slow)]
)
def test_any_solver_of_diffrax_reaches_the_same_state(solver):
    how = Flow(solver=solver, **TIGHT)
    run = nam.simulate(linear_pairs(), silent_state(), 1.0, times=2, how=how)
    expected = scipy.linalg.expm(MATRIX) @ np.array([0.8, -0.5])
    np.testing.assert_allclose(run.state.synapses[0, 0], expected[0], atol=2e-5)
    np.testing.assert_allclose(run.state.processes[0, 0], expected[1], atol=2e-5)


def test_fixed_euler_steps_equal_a_handwritten_loop(getkey):
    net, state = general(getkey()), random_state(getkey())
    how = Flow(solver=dfx.Euler(), step=0.05, max_steps=24)
    run = nam.simulate(net, state, 1.0, times=None, how=how)
    flow = eqx.filter_jit(net.vector_field)
    for _ in range(20):
        velocity = flow(0.0, state)
        state = jax.tree.map(lambda u, v: u + 0.05 * v, state, velocity)
    for actual, expected in zip(jax.tree.leaves(run.state), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=2e-5)
    assert int(run.stats["num_steps"]) in {20, 21}  # 20 float32 steps of 0.05 may not reach 1
    assert run.ts.shape == (25,) and run.energy.shape == (25,)
    saved = np.asarray(run.ts)[np.isfinite(run.ts)]
    np.testing.assert_allclose(saved[:20], 0.05 * np.arange(20), atol=1e-5)
    np.testing.assert_allclose(saved[-1], 1.0, atol=1e-6)
    assert np.isinf(run.ts[len(saved) :]).all()


class Extremes(AbstractObservable):
    """A custom observable with a structure of its own."""

    def __call__(self, network, t, state, drive):
        return {"low": jnp.min(state.synapses), "high": jnp.max(state.synapses), "time": t}


def test_times_and_observables_are_the_chosen_ones(getkey):
    net, state = general(getkey()), random_state(getkey())
    chosen = {"x": Readout(), "all": FullState(), "ends": Extremes()}
    times = jnp.array([0.5, 0.7, 2.0])
    run = nam.simulate(net, state, 2.0, times=times, save=chosen)
    np.testing.assert_array_equal(run.ts, times)
    assert set(run.observables) == set(chosen)
    rows = run.observables["all"]
    assert run.observables["x"].shape == (3, N) and rows.synapses.shape == (3, N, N)
    np.testing.assert_allclose(run.observables["ends"]["time"], times)
    np.testing.assert_allclose(run.observables["ends"]["high"], rows.synapses.max((1, 2)))
    np.testing.assert_allclose(run.observables["x"], net.neural.activation(rows.neurons), rtol=1e-6)
    np.testing.assert_allclose(run.state.processes, rows.processes[-1], rtol=1e-5, atol=1e-6)


def test_default_observables_are_energy_activity_and_overlap(getkey):
    net, state = general(getkey()), random_state(getkey())
    run = nam.simulate(net, state, 1.0, t0=0.5, times=6)
    np.testing.assert_allclose(run.ts, np.linspace(0.5, 1.0, 6), rtol=1e-6)
    assert {name: rows.shape for name, rows in run.observables.items()} == {
        "energy": (6,),
        "activity": (6,),
        "overlap": (6,),
    }
    cue, last = net.readout(state), net.readout(run.state)
    np.testing.assert_allclose(run.observables["overlap"][0], jnp.mean(cue**2), rtol=1e-5)
    np.testing.assert_allclose(run.observables["overlap"][-1], jnp.mean(cue * last), rtol=1e-4)
    np.testing.assert_allclose(run.observables["activity"][0], jnp.mean(jnp.abs(cue)), rtol=1e-5)
    np.testing.assert_allclose(run.energy[0], net.energy(state), rtol=1e-5)
    assert float(run.stop) == 1.0 and says(run.result, RESULTS.time_reached)


def test_a_network_without_an_energy_is_followed_without_it(getkey):
    net, state = as_tripartite(general(getkey())), random_state(getkey())
    run = nam.simulate(net, state, 0.5, times=3)
    assert "energy" not in run.observables and says(run.result, RESULTS.time_reached)
    with pytest.raises(ValueError, match="`energy_tolerance` must be None where no `energy`"):
        nam.simulate(net, state, 0.5, times=3, energy_tolerance=0.1)


def test_a_stop_at_rest_holds_the_last_values(getkey):
    net = certified(getkey())
    state = net.initial_state(net.tensor.patterns[0])
    how = Flow(rest=1e-3)
    run = nam.simulate(net, state, 400.0, times=41, save={"x": Readout()}, how=how)
    assert says(run.result, RESULTS.converged) and 0 < float(run.stop) < 400
    np.testing.assert_allclose(run.ts, np.linspace(0, 400, 41), rtol=1e-5)
    after = np.asarray(run.ts) > float(run.stop)
    assert after.any()
    held = np.broadcast_to(net.readout(run.state), (after.sum(), N))
    np.testing.assert_allclose(run.observables["x"][after], held, rtol=1e-6)
    assert float(residual(net, run.state)) <= 1e-3


def test_step_limit(getkey):
    net, state = certified(getkey()), random_state(getkey())
    few = nam.settle(net, state, how=Flow(max_steps=3))
    assert says(few.result, RESULTS.step_limit) and int(few.steps) == 3
    cut = nam.simulate(net, state, 50.0, times=11, how=Flow(max_steps=3))
    assert says(cut.result, RESULTS.step_limit) and float(cut.stop) < 50
    assert bool(jnp.isfinite(cut.energy).all())


def test_residual_is_the_largest_scaled_speed_and_settle_recomputes_it(getkey):
    net = certified(getkey())
    state = net.initial_state(net.tensor.patterns[0])
    flow, scales = net.vector_field(0.0, state), net.time_scales()
    by_layer = [
        float(scale * jnp.abs(v).max() / (1e-3 + jnp.abs(u).max()))
        for scale, v, u in zip(*map(jax.tree.leaves, (scales, flow, state)), strict=True)
    ]
    np.testing.assert_allclose(residual(net, state), max(by_layer), rtol=1e-4)
    rest = nam.settle(net, state)
    assert says(rest.result, RESULTS.converged) and float(rest.residual) <= 1e-3
    np.testing.assert_allclose(rest.residual, residual(net, rest.state), rtol=1e-2)


def scaled_patterns(key, scale):
    xi = scale * signs(key, (3, 24))
    return xi, jnp.where(jnp.arange(24) < 2, -xi[0], xi[0])


@pytest.mark.parametrize("scale", [1.0, 24**-0.5, 1 / 24, 1e-4])
def test_rest_is_judged_by_the_size_of_the_state(scale, getkey):
    """Softplus layers on patterns of any scale; near rest the error is about the residual."""
    xi, cue = scaled_patterns(getkey(), scale)
    net = TwoLayerMemory(xi, features=Softplus(1.0), hidden=Softplus(4.0))
    exact = nam.settle(net, net.initial_state(cue), how=Flow(rest=1e-6, rtol=1e-6, atol=1e-12))
    rest = nam.retrieve(net, cue)
    assert says(rest.result, RESULTS.converged)
    for u, v in zip(*map(jax.tree.leaves, (rest.state, exact.state)), strict=True):
        # Layers smaller than the floor of 1e-3 are judged by it.
        assert float(jnp.abs(u - v).max()) <= 3e-3 * (1e-3 + float(jnp.abs(v).max()))


def test_a_spherical_memory_of_unit_patterns_comes_to_rest_where_it_should(getkey):
    xi, cue = scaled_patterns(getkey(), 24**-0.5)
    net = TwoLayerMemory.model_c(xi)
    exact = nam.retrieve(net, cue, how=Flow(rest=1e-6, rtol=1e-6, atol=1e-9))
    error = nam.retrieve(net, cue).state.features - exact.state.features
    assert float(jnp.abs(error).max() / jnp.abs(exact.state.features).max()) < 3e-3


def test_a_state_that_decays_comes_to_rest_below_the_floor():
    """Layers that decay to 0 are at rest once they are about `rest` times the floor, 1e-2 here."""
    rest = nam.settle(linear_pairs(), silent_state(), how=Flow(rest=1e-3, rtol=1e-4, atol=1e-6))
    assert says(rest.result, RESULTS.converged)
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(rest.state))
    assert 1e-7 < largest < 1e-4
    judged = residual(linear_pairs(), rest.state, floor=1e-2)
    np.testing.assert_allclose(rest.residual, judged, rtol=1e-3)


@eqx.filter_jit
def path_and_rest(net, cue):
    state = net.initial_state(cue)
    path = nam.simulate(net, state, 0.1, times=2, save={})
    return path.state, nam.settle(net, state, how=Flow(rest=1e-4, rtol=1e-5, atol=1e-6))


def test_time_constants_change_the_path_but_not_the_equilibrium():
    """A residual of 1e-4 leaves an error of it over the slowest rate, 0.3 / 2: below 1e-3."""
    actual = []
    for taus in [(1.0, 1.0, 1.0), (0.3, 1.0, 1.0), (3.0, 0.2, 0.5), (2.0, 0.5, 0.05)]:
        net = certified(jr.key(2), gain=0.5, time_constants=taus)
        actual.append(path_and_rest(net, net.tensor.patterns[0].at[0].multiply(-1)))
    (first_path, first), *others = actual
    for path, rest in others:
        assert says(rest.result, RESULTS.converged)
        assert float(jnp.abs(path.neurons - first_path.neurons).max()) > 0.05
        states = map(jax.tree.leaves, (rest.state, first.state))
        for a, b in zip(*states, strict=True):
            np.testing.assert_allclose(a, b, atol=5e-3 * float(jnp.abs(b).max()))


def test_saving_observables_keeps_no_state_per_time(getkey):
    """Memory grows with the number of times by the saved numbers, far less than N^2 each."""
    neurons = 60
    net = released(signs(getkey(), (K, neurons)))
    state = net.initial_state(signs(getkey(), (neurons,)))

    def memory(times):
        # Only what was saved is returned; unused outputs are dropped by the compiler.
        program = jax.jit(lambda s: nam.simulate(net, s, 1.0, times=times).observables)
        actual = program.lower(state).compile().memory_analysis()
        return actual.temp_size_in_bytes + actual.output_size_in_bytes

    itemsize = state.neurons.dtype.itemsize
    growth = (memory(1010) - memory(10)) / 1000
    assert growth < 20 * itemsize < neurons**2 * itemsize


BAD = {
    "no span": (lambda net, s: nam.simulate(net, s, 0.0), "`t1` must be after t0 = 0, but has 0"),
    "backwards": (lambda net, s: nam.simulate(net, s, 1.0, t0=2.0), "`t1` must be after t0 = 2"),
    "nan end": (lambda net, s: nam.simulate(net, s, float("nan")), "`t1` must be after"),
    "one time": (
        lambda net, s: nam.simulate(net, s, 1.0, times=1),
        "`times` must be at least 2, but has 1",
    ),
    "how to update": (
        lambda net, s: nam.settle(net, s, how=Synchronous()),
        "`how` must",
    ),
    "how often to pass": (lambda net, s: nam.settle(net, s, how=Passes()), "`how` must"),
    "two ends": (lambda net, s: nam.simulate(net, s, 1.0, how=Flow(max_time=2.0)), "max_time"),
    "no rest": (
        lambda net, s: nam.simulate(net, s, 1.0, how=Flow(adjoint=Implicit())),
        "adjoint",
    ),
    "nan cue": (
        lambda net, s: nam.retrieve(net, s.neurons.at[0].set(jnp.nan)),
        "`cue` must be finite",
    ),
    "short cue": (lambda net, s: nam.retrieve(net, s.neurons[:-1]), r"`cue` must have shape \(10,"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case, getkey):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act(general(getkey()), random_state(getkey()))
