"""Reductions: effective and quasi-static networks, continuous dense memories."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import certified_nonlinear, signs, state_of

import nam_jax as nam
from nam_jax._misc import symmetrise
from nam_jax.lagrangian import LogCosh, Quadratic
from nam_jax.memory import (
    DenseTensor,
    DiffusionTensor,
    DistinctTensor,
    PatternTensor,
    Projection,
    Weighted,
    contract,
    lattice_edges,
    resolvent,
)
from nam_jax.network import (
    ContinuousDenseMemory,
    DenseAssociativeMemory,
    Drive,
    EffectiveNeuronAstrocyte,
    NeuronAstrocyte,
    QuasiStatic,
    TripartiteState,
    TwoLayerMemory,
    settle_fast,
)
from nam_jax.solve import Flow

X64 = jax.config.jax_enable_x64
EXACT = {"rtol": 1e-10, "atol": 1e-10} if X64 else {"rtol": 2e-4, "atol": 2e-4}
N, K = 9, 3


def weighted(key, patterns):
    root = jr.normal(key, (len(patterns), len(patterns)))
    return PatternTensor(patterns, Weighted(root @ root.T), strength=0.2)


TENSORS = {
    "hebbian": lambda key, xi: PatternTensor(xi, strength=0.6),
    "projection": lambda key, xi: PatternTensor(xi, Projection(), autapses=True),
    "weighted": weighted,
    "real-valued": lambda key, xi: PatternTensor(xi * jr.uniform(key, xi.shape)),
    "dense": lambda key, xi: DenseTensor(PatternTensor(xi, strength=0.7).to_dense()),
    "scaled": lambda key, xi: 0.5 * PatternTensor(xi, Projection()),
    "sum": lambda key, xi: (
        0.7 * (PatternTensor(xi) + weighted(key, xi[::-1])) + -0.2 * PatternTensor(xi[:1])
    ),
    "sum-autapses": lambda key, xi: PatternTensor(xi) + PatternTensor(xi[:2], autapses=True),
    "sum-dense": lambda key, xi: (
        PatternTensor(xi, Projection()) + 0.4 * DenseTensor(PatternTensor(xi).to_dense())
    ),
}
each_tensor = pytest.mark.parametrize("name", TENSORS)


def certified(name, key):
    """Linear fast layers with random gains and leaks, and a random margin above 0."""
    of_patterns, of_tensor, of_numbers = jr.split(key, 3)
    tensor = TENSORS[name](of_tensor, signs(of_patterns, (K, N)))
    l_s, l_p, alpha, margin, leak = jr.uniform(of_numbers, (5,), minval=0.3, maxval=2.0)
    # (alpha / l_s) (gamma / l_p - largest) = 1 + margin
    gamma = l_p * (tensor.largest_eigenvalue() + l_s * (1 + margin) / alpha)
    return NeuronAstrocyte(
        tensor,
        neural=LogCosh(1.4),
        synaptic=Quadratic(l_s),
        process=Quadratic(l_p),
        leaks=(leak, alpha, gamma),
        time_constants=(0.7, 0.2, 0.3),
    )


def drive(key):
    return Drive(None, 0.2, symmetrise(jr.normal(key, (N, N))))


@pytest.mark.parametrize("with_drive", [False, True])
@each_tensor
def test_lifted_states_are_at_rest_with_the_same_flow_and_energy(name, with_drive, getkey):
    full, inputs = certified(name, getkey()), drive(getkey()) if with_drive else None
    effective = EffectiveNeuronAstrocyte.from_full(full, drive=inputs)
    x = jr.normal(getkey(), (N,))
    lifted = effective.lift(x)
    flow = full.vector_field(0.0, lifted, inputs)
    np.testing.assert_allclose(flow.synapses, 0, atol=EXACT["atol"])
    np.testing.assert_allclose(flow.processes, 0, atol=EXACT["atol"])
    np.testing.assert_allclose(flow.neurons, effective.vector_field(0.0, x), **EXACT)
    np.testing.assert_allclose(full.energy(lifted, inputs), effective.energy(x), **EXACT)
    gradient = jax.grad(effective.energy)(x)
    slope = jax.vmap(jax.grad(effective.neural.activation))(x)
    np.testing.assert_allclose(gradient, -0.7 * slope * effective.vector_field(0.0, x), **EXACT)


@pytest.mark.skipif(not X64, reason="equilibria to 1e-8 need float64")
@each_tensor
def test_full_and_effective_equilibria_agree(name, getkey):
    full = certified(name, getkey())
    effective = EffectiveNeuronAstrocyte.from_full(full)
    tight = {"rtol": 1e-10, "atol": 1e-12, "max_steps": 100_000}
    cue = signs(getkey(), (N,))
    neurons = nam.settle(effective, effective.initial_state(cue), how=Flow(rest=1e-11, **tight))
    lifted = effective.lift(neurons.state)
    settled = nam.settle(full, full.initial_state(cue), how=Flow(rest=1e-9, **tight))
    assert settled.result == nam.solve.RESULTS.converged
    for one, other in zip(jax.tree.leaves(settled.state), jax.tree.leaves(lifted), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


@pytest.mark.parametrize("autapses", [False, True])
def test_a_dense_memory_is_the_exact_reduction_of_a_certified_network(autapses, getkey):
    patterns = signs(getkey(), (K, N))
    dense = EffectiveNeuronAstrocyte.dense(patterns, memory_gain=4.0, beta=1.3, autapses=autapses)
    full = dense.to_full()
    assert nam.measure.certificate(full).certified
    again = EffectiveNeuronAstrocyte.from_full(full)
    x = jr.normal(getkey(), (N,))
    for made in (dense, again):
        np.testing.assert_allclose(made.force(x), dense.force(x), **EXACT)
        lifted = made.lift(x)
        flow = full.vector_field(0.0, lifted)
        np.testing.assert_allclose(flow.synapses, 0, atol=EXACT["atol"])
        np.testing.assert_allclose(flow.processes, 0, atol=EXACT["atol"])
        np.testing.assert_allclose(flow.neurons, dense.vector_field(0.0, x), **EXACT)


def test_the_dense_network_has_the_force_of_the_continuous_dense_memory(getkey):
    patterns, gain = signs(getkey(), (K, N)), 4.0
    dense = EffectiveNeuronAstrocyte.dense(patterns, memory_gain=gain, autapses=True)
    other = ContinuousDenseMemory(patterns, strength=2 * gain / N**2, leak=dense.leak)
    x = jr.normal(getkey(), (N,))
    phi = jnp.tanh(x)
    support = 2 * jnp.vdot(phi, phi) * phi
    np.testing.assert_allclose(dense.force(x), other.force(x) + support, **EXACT)


@each_tensor
def test_resolvent_is_that_of_the_dense_matrix(name, getkey):
    tensor = TENSORS[name](getkey(), signs(getkey(), (K, N)))
    shift = tensor.largest_eigenvalue() + 0.4
    matrix = np.asarray(tensor.to_dense(), float).reshape(N * N, N * N)
    expected = matrix @ np.linalg.inv(float(shift) * np.eye(N * N) - matrix)
    psi = symmetrise(jr.normal(getkey(), (N, N)))
    product = resolvent(tensor, shift)(psi)
    np.testing.assert_allclose(product.ravel(), expected @ np.asarray(psi).ravel(), **EXACT)


@pytest.mark.parametrize("autapses", [False, True])
@pytest.mark.parametrize("binary", [False, True])
def test_contract_and_its_gradient_are_those_of_the_flux(binary, autapses, getkey):
    xi = signs(getkey(), (K, N)) if binary else jr.normal(getkey(), (K, N))
    tensor, phi = PatternTensor(xi, strength=0.7, autapses=autapses), jr.normal(getkey(), (N,))

    def by_flux(tensor, phi):
        flux = jnp.einsum("ijkl,j,k,l->i", tensor.to_dense(), phi, phi, phi)
        return jnp.vdot(phi**2, flux)

    def by_overlaps(tensor, phi):
        return jnp.vdot(phi**2, contract(tensor, phi))

    np.testing.assert_allclose(by_overlaps(tensor, phi), by_flux(tensor, phi), **EXACT)
    gradient, expected = (eqx.filter_grad(f)(tensor, phi) for f in (by_overlaps, by_flux))
    np.testing.assert_allclose(gradient.patterns, expected.patterns, **EXACT)


@pytest.mark.parametrize("name", [*TENSORS, "distinct"])
def test_contract_of_every_tensor_is_that_of_its_flux(name, getkey):
    xi, phi = signs(getkey(), (K, N)), jr.normal(getkey(), (N,))
    made = DistinctTensor(xi) if name == "distinct" else TENSORS[name](getkey(), xi)
    np.testing.assert_allclose(contract(made, phi), made(jnp.outer(phi, phi)) @ phi, **EXACT)


@pytest.mark.slow
def test_settle_fast_ends_where_a_long_run_with_held_neurons_ends(getkey):
    net = certified_nonlinear(getkey())
    held = eqx.tree_at(lambda n: n.time_constants.neural, net, jnp.asarray(1e9))
    inputs = Drive(None, 0.3, -0.2)
    start = state_of(net, getkey())
    settled = settle_fast(net, start.neurons, drive=inputs)
    how = Flow(rtol=1e-6, atol=1e-7)
    run = nam.simulate(held, start, 60.0, drive=inputs, times=2, how=how, save={})
    np.testing.assert_allclose(run.state.synapses, settled.synapses, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(run.state.processes, settled.processes, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("voltage", [0.0, 1.0, 100.0])
def test_settle_fast_converges_however_saturated(voltage):
    """Steep activations at a small margin, where undamped Newton steps overshoot."""
    net = NeuronAstrocyte(
        PatternTensor(signs(jr.key(0), (K, N)), Projection()),
        synaptic=LogCosh(5.0),
        process=LogCosh(5.0),
        leaks=(1.0, 5.0, 5 * 2.1),
    )
    assert float(net.margin()) > 0
    state = settle_fast(net, voltage * signs(jr.key(1), (N,)), drive=Drive(None, 2.0, -1.0))
    flow = net.vector_field(0.0, state, Drive(None, 2.0, -1.0))
    assert max(float(jnp.abs(layer).max()) for layer in (flow.synapses, flow.processes)) < 2e-3


def test_settle_fast_is_nan_where_the_memory_mode_is_singular(getkey):
    """alpha (gamma - t) = 1 at t = 1, and neurons at a memory push along that mode."""
    tensor = PatternTensor(signs(getkey(), (K, N)), Projection())
    net = NeuronAstrocyte(tensor, leaks=(1.0, 1.0, 2.0))
    state = settle_fast(net, tensor.patterns[0])
    assert bool(jnp.isnan(state.synapses).all()) and bool(jnp.isnan(state.processes).all())
    assert bool(jnp.isfinite(state.neurons).all())


def test_quasi_static_is_the_effective_network_where_layers_are_linear(getkey):
    full = certified("hebbian", getkey())
    quasi = QuasiStatic(full, tolerance=1e-12 if X64 else 1e-6)
    effective, x = EffectiveNeuronAstrocyte.from_full(full), jr.normal(getkey(), (N,))
    close = {"rtol": 1e-8, "atol": 1e-8} if X64 else {"rtol": 1e-3, "atol": 1e-3}
    np.testing.assert_allclose(quasi.vector_field(0.0, x), effective.vector_field(0.0, x), **close)
    np.testing.assert_allclose(quasi.energy(x), effective.energy(x), **close)


REFUSED = {
    "nonlinear": (certified_nonlinear, "`network` must have linear synapses and processes"),
    "not certified": (
        lambda key: NeuronAstrocyte(PatternTensor(signs(key, (K, N)), Projection())),
        "`network` must be certified, .*but has a margin of -1",
    ),
    "diffusion": (
        lambda key: NeuronAstrocyte(DiffusionTensor(lattice_edges(N)), leaks=(1.0, 1.0, 2.0)),
        "`tensor` must be made of PatternTensors .*but has the type DiffusionTensor",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_networks_without_a_closed_form_are_refused(case, getkey):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        EffectiveNeuronAstrocyte.from_full(make(getkey()))


def test_under_jit_an_uncertified_network_gives_failed_recalls_not_errors(getkey):
    patterns = signs(getkey(), (K, N))

    @jax.jit
    @jax.vmap
    def recall(margin):
        full = NeuronAstrocyte.certified(patterns, margin=margin)
        return nam.retrieve(EffectiveNeuronAstrocyte.from_full(full), patterns[0]).result

    said = nam.solve.sentences(recall(jnp.array([-0.5, 0.2])))
    assert said == [nam.solve.RESULTS[getattr(nam.solve.RESULTS, name)] for name in
                    ("non_finite", "converged")]  # fmt: skip


def test_continuous_dense_memory_is_the_papers_reduction(getkey):
    """Eq 14: the force g phi at g = T phi phi^T, with T Hebbian and autapses; and eq 17's signs."""
    tensor = PatternTensor(signs(getkey(), (K, N)), strength=0.3, autapses=True)
    full = NeuronAstrocyte(tensor, leaks=(0.8, 0.0, 0.0), time_constants=(0.5, 1.0, 1.0))
    dense, x = ContinuousDenseMemory.from_full(full), jr.normal(getkey(), (N,))
    phi = jnp.tanh(x)
    algebraic = TripartiteState(x, tensor(jnp.outer(phi, phi)), -jnp.outer(phi, phi))
    expected = full.vector_field(0.0, algebraic).neurons
    np.testing.assert_allclose(dense.vector_field(0.0, x), expected, **EXACT)
    sigma = signs(getkey(), (N,))
    single = DenseAssociativeMemory(tensor.patterns, self_coupling=True).local_field(sigma)
    np.testing.assert_array_equal(jnp.sign(dense.force(50 * sigma)), jnp.sign(single))


BAD = {
    "strength": (lambda: ContinuousDenseMemory(jnp.ones((1, 3)), strength=-1.0), "`strength`"),
    "times": (
        lambda: TwoLayerMemory.model_a(jnp.ones((1, 3)), time_constants=(1.0,)),
        "`time_constants` must hold two numbers",
    ),
    "drive": (
        lambda: ContinuousDenseMemory(jnp.ones((1, 3))).vector_field(
            0.0, jnp.ones(3), Drive(None, 1.0)
        ),
        "`drive` must drive neurons only",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
