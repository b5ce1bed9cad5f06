"""Derivatives of equilibria: against finite differences, both adjoints, and what fails."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import lineax as lx
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from tables.networks import NETWORKS, N, drive_of, signs

import nam_jax as nam
from nam_jax._newton import ConjugateGradients
from nam_jax.network import Drive, EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.solve import (
    RESULTS,
    Flow,
    Implicit,
    adjoint,
    force,
    residual,
)

X64 = jax.config.jax_enable_x64
only_x64 = pytest.mark.skipif(not X64, reason="finite differences to 1e-5 need float64")
QUICK = {
    "certified",
    "softmax-neurons",
    "effective-autapses",
    "two-layer-c",
    "tripartite-arbitrary",
}
each_network = pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS]
)
TIGHT = Flow(rest=1e-8, rtol=1e-9, atol=1e-11)


def polished(net, state, drive, steps=8):
    """The root next to `state`, by Newton's method with a dense Jacobian; held units stay."""
    flat, unravel = ravel_pytree(state)

    def flow(flat):
        return ravel_pytree(net.vector_field(0.0, unravel(flat), drive))[0]

    for _ in range(steps):
        jacobian = jax.jacfwd(flow)(flat)
        # The least-squares step would move held units, whose rows are 0, to shorten the step.
        held = jnp.all(jacobian == 0, axis=1)
        jacobian = jacobian + jnp.diag(held.astype(flat.dtype))
        flat = flat - jnp.linalg.lstsq(jacobian, flow(flat))[0]
    return unravel(flat)


def reading(net, state, weights):
    """A number that depends on every entry of the state, through activations of the neurons."""
    hidden = jax.tree.leaves(state)[1:]
    seen = [
        jnp.sum(jnp.sin(jnp.arange(h.size, dtype=h.dtype).reshape(h.shape)) * h) for h in hidden
    ]
    return jnp.vdot(weights, net.readout(state)) + 0.1 * sum(seen)


def problem(name, key):
    of_net, of_cue, of_drive, of_weights = jr.split(key, 4)
    net = NETWORKS[name](of_net)
    drive = jax.tree.map(lambda leaf: 0.1 * leaf, drive_of(net, of_drive))
    start = net.initial_state(0.3 * signs(of_cue, (N,)))
    # Newton's method alone may leave the basin, or end on a saddle.
    how = Flow(rest=1e-5, rtol=1e-6, atol=1e-8, max_steps=2**15)
    state = jax.jit(lambda: nam.settle(net, start, drive=drive, how=how).state)()
    state = jax.jit(lambda: polished(net, state, drive))()
    assert float(residual(net, state, drive=drive)) < 1e-9, f"`polished` failed on {name}"
    return net, drive, state, jr.normal(of_weights, (N,))


@only_x64
@each_network
def test_gradients_by_every_leaf_agree_with_finite_differences(name, getkey):
    net, drive, state, weights = problem(name, getkey())
    arrays, rest = eqx.partition((net, drive), eqx.is_inexact_array)
    flat, unravel = ravel_pytree(arrays)
    direction = jnp.where(flat != 0, jr.normal(getkey(), flat.shape), 0)
    direction = ravel_pytree(_symmetric(unravel(direction)))[0]

    @jax.jit
    def by_newton(flat):
        net, drive = eqx.combine(unravel(flat), rest)
        return reading(net, polished(net, state, drive, 4), weights)

    @jax.jit
    @jax.grad
    def gradient(flat):
        net, drive = eqx.combine(unravel(flat), rest)
        return reading(net, nam.settle(net, state, drive=drive, how=TIGHT).state, weights)

    step = 1e-5
    ahead, behind = by_newton(flat + step * direction), by_newton(flat - step * direction)
    expected = (ahead - behind) / (2 * step)
    actual = jnp.vdot(gradient(flat), direction)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-8)


def _symmetric(tree):
    """Directions that keep couplings and drives of pairs symmetric."""

    def of(leaf):
        square = leaf.ndim == 2 and leaf.shape[0] == leaf.shape[1]
        return (leaf + leaf.T) / 2 if square else leaf

    return jax.tree.map(of, tree)


@pytest.fixture(scope="module")
def certified():
    """A network at rest, not saturated, and a cotangent with every entry."""
    patterns = signs(jr.key(0), (3, N))
    net = NeuronAstrocyte.certified(patterns, margin=0.4, gain=0.5)
    start = net.initial_state(0.5 * patterns[0])
    drive = Drive(0.1 * jnp.arange(N, dtype=float))
    how = TIGHT if X64 else Flow(rest=1e-5, rtol=1e-6, atol=1e-7)
    state = jax.jit(lambda: nam.settle(net, start, drive=drive, how=how).state)()
    keys = jr.split(jr.key(1), 3)
    leaves = jax.tree.leaves(state)
    made = [jr.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    return net, drive, state, jax.tree.unflatten(jax.tree.structure(state), made)


@pytest.mark.parametrize("general", [False, True])
def test_the_adjoint_solves_the_transposed_equation(general, certified):
    net, drive, state, cotangent = certified
    solution = adjoint(net, state, cotangent, drive=drive, implicit=Implicit(general=general))
    assert solution.result == RESULTS.converged
    assert 0 < int(solution.iterations) < 200
    assert float(solution.residual) < (1e-8 if X64 else 1e-2 if general else 1e-3)
    _, transposed = jax.vjp(lambda u: force(net, u, drive), state)
    (pulled,) = transposed(solution.force)
    gap = jnp.abs(pulled.neurons + cotangent.neurons)
    assert float(jnp.max(gap)) < (1e-7 if X64 else 2e-2)


def test_symmetric_and_general_adjoints_agree(certified):
    net, drive, state, cotangent = certified
    # Forces on pairs are symmetric: only that part of the general answer acts.
    one, other = (
        _symmetric(adjoint(net, state, cotangent, drive=drive, implicit=implicit).force)
        for implicit in (Implicit(), Implicit(general=True))
    )
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, atol=(1e-7 if X64 else 5e-3) * float(jnp.abs(a).max()))


def test_gradient_of_settle_is_the_adjoint_times_the_force(certified):
    net, drive, state, cotangent = certified
    how = TIGHT if X64 else Flow(rest=1e-4)

    def loss(patterns):
        changed = eqx.tree_at(lambda n: n.tensor.patterns, net, patterns)
        actual = nam.settle(changed, state, drive=drive, how=how).state
        return sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(actual), weights, strict=True))

    def work(patterns):
        changed = eqx.tree_at(lambda n: n.tensor.patterns, net, patterns)
        pairs = zip(jax.tree.leaves(force(changed, state, drive)), mu, strict=True)
        return sum(jnp.vdot(a, b) for a, b in pairs)

    weights = jax.tree.leaves(cotangent)
    mu = jax.tree.leaves(adjoint(net, state, cotangent, drive=drive).force)
    actual, expected = (jax.jit(jax.grad(f))(net.tensor.patterns) for f in (loss, work))
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(actual, expected, atol=(1e-7 if X64 else 1e-3) * scale)


def small(beta=1.0, gain=0.75):
    patterns = signs(jr.key(4), (2, 6))
    return EffectiveNeuronAstrocyte.dense(patterns, memory_gain=1.0, beta=beta, gain=gain)


def answer(gain, cue, drive=0.1, adjoint=None):
    net = eqx.tree_at(lambda n: n.neural.beta, small(), gain)
    if X64:
        how = Flow(rest=1e-9, rtol=1e-10, atol=1e-12, max_steps=50_000, adjoint=adjoint)
    else:
        how = Flow(rest=1e-5, adjoint=adjoint)
    inputs = Drive(jnp.full(6, drive))
    rest = nam.settle(net, net.initial_state(cue), drive=inputs, how=how)
    return jnp.vdot(jnp.arange(6.0), net.readout(rest.state))


@pytest.mark.slow
def test_batched_gradients_equal_those_of_a_loop():
    cues = signs(jr.key(5), (3, 6))
    gains = jnp.array([0.8, 1.0, 1.3])
    batched = jax.jit(jax.vmap(jax.grad(answer)))(gains, cues)
    summed = jax.jit(jax.grad(lambda g: jnp.sum(jax.vmap(answer)(g, cues))))(gains)
    single = [jax.jit(jax.grad(answer))(*gain) for gain in zip(gains, cues, strict=True)]
    np.testing.assert_allclose(batched, jnp.stack(single), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(summed, batched, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_forward_reverse_and_checkpointed_derivatives_agree():
    import diffrax as dfx

    gain, cue = jnp.asarray(0.9), signs(jr.key(6), (6,))
    reverse = jax.jit(jax.grad(answer))(gain, cue)
    forward = jax.jit(jax.jacfwd(answer))(gain, cue)
    steps = jax.jit(jax.grad(lambda g: answer(g, cue, adjoint=dfx.RecursiveCheckpointAdjoint())))(
        gain
    )
    np.testing.assert_allclose(forward, reverse, rtol=1e-4)
    np.testing.assert_allclose(steps, reverse, rtol=1e-5 if X64 else 2e-2)


@only_x64
def test_second_derivatives_agree_with_finite_differences_of_the_first():
    gain, cue = jnp.asarray(0.9), signs(jr.key(6), (6,))
    first = jax.jit(jax.grad(answer))
    expected = (first(gain + 1e-3, cue) - first(gain - 1e-3, cue)) / 2e-3
    # Equilibria at rest to 1e-9 make differences over 2e-3 good to some 1e-6.
    for second in (jax.jacfwd(jax.grad(answer)), jax.jacrev(jax.grad(answer))):
        np.testing.assert_allclose(jax.jit(second)(gain, cue), expected, rtol=1e-3, atol=1e-6)


def test_an_adjoint_without_enough_iterations_is_reported(certified):
    net, drive, state, cotangent = certified
    solution = adjoint(net, state, cotangent, drive=drive, implicit=Implicit(max_steps=1))
    assert solution.result == RESULTS.adjoint_limit
    assert bool(jnp.isnan(solution.force.neurons).all())


def test_saturated_neurons_pass_their_cotangent_straight_on():
    """Where phi' is rounding only, mu = v / leak, and nothing is divided by phi'."""
    patterns = signs(jr.key(7), (2, 40))
    net = EffectiveNeuronAstrocyte.dense(patterns, beta=1.0, gain=0.01)
    how = Flow(rest=1e-5, rtol=1e-6, atol=1e-7)
    rested = nam.settle(net, net.initial_state(patterns[0]), how=how)
    v = jr.normal(jr.key(8), (40,))
    solution = adjoint(net, rested.state, v)
    assert solution.result == RESULTS.converged
    np.testing.assert_allclose(solution.force, v / net.leak, rtol=1e-4)


def test_a_state_that_is_not_at_rest_has_no_gradient():
    def loss(gain, max_steps):
        net = eqx.tree_at(lambda n: n.neural.beta, small(), gain)
        state = net.initial_state(signs(jr.key(6), (6,)))
        return jnp.sum(nam.settle(net, state, how=Flow(max_steps=max_steps)).state)

    slope = jax.jit(jax.grad(loss), static_argnums=1)
    assert bool(jnp.isnan(slope(jnp.asarray(1.0), 2)))
    assert bool(jnp.isfinite(slope(jnp.asarray(1.0), 4096)))


def test_conjugate_gradients_refuse_an_operator_without_the_tag():
    operator = lx.MatrixLinearOperator(jnp.eye(3))
    with pytest.raises(ValueError, match="operator"):
        lx.linear_solve(operator, jnp.ones(3), ConjugateGradients(1e-5, 10))


def test_another_lineax_solver_can_be_given(certified):
    net, drive, state, cotangent = certified
    other = Implicit(solver=lx.GMRES(1e-4, 1e-4, restart=30, max_steps=200))
    one = adjoint(net, state, cotangent, drive=drive).force.neurons
    two = adjoint(net, state, cotangent, drive=drive, implicit=other).force.neurons
    np.testing.assert_allclose(one, two, atol=1e-2 * float(jnp.abs(one).max()))
