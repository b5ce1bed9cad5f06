"""Every closed form of `nam_jax.theory` against simulation, at two sizes, with its tolerance.

Those of recall by the effective network are tested in `test_gating.py`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import signs
from test_gating import damaged, half_recall, recall_rate

import nam_jax as nam
from nam_jax import theory
from nam_jax.lagrangian import LogCosh, Softplus
from nam_jax.memory import DenseTensor, PatternTensor, Power, Projection, lesion
from nam_jax.network import DenseAssociativeMemory, NeuronAstrocyte, TripartiteState

SMALL = pytest.mark.parametrize("size", [6, 10])
MEDIUM = pytest.mark.parametrize("size", [64, 128])


def dense(tensor):
    """T as a symmetric N^2 x N^2 matrix in float64."""
    size = tensor.num_neurons**2
    return np.asarray(tensor.to_dense(), float).reshape(size, size)


def hebbian(size):
    """Three memories with three different eigenvalues between 0 and 2."""
    return PatternTensor(signs(jr.key(size), (3, size)), strength=0.8, autapses=True)


@SMALL
@pytest.mark.parametrize("change", [-0.1, 0.1])
def test_certificate_margin_tells_where_the_energy_is_convex(size, change):
    """The margin changes sign with the smallest eigenvalue of the dense energy of (s, p)."""
    tensor, slopes = hebbian(size), (0.2, 0.6)
    largest = np.linalg.eigvalsh(dense(tensor))[-1]
    alpha, gamma = 0.3, 0.6 * (largest + 0.2 / 0.3 + change)
    net = NeuronAstrocyte(
        tensor, synaptic=Softplus(0.8), process=LogCosh(0.6), leaks=(1.0, alpha, gamma)
    )
    margin = theory.certificate_margin(largest, alpha, gamma, *slopes)
    np.testing.assert_allclose(nam.measure.certificate(net).margin, margin, atol=1e-5)
    np.testing.assert_allclose(margin, 1.5 * change, atol=1e-5)
    one = np.eye(size**2)
    hessian = np.block([[alpha / 0.2 * one, -one], [-one, gamma / 0.6 * one - dense(tensor)]])
    assert (np.linalg.eigvalsh(hessian)[0] > 0) == (float(margin) > 0)


@SMALL
def test_transfer_is_the_dense_resolvent(size):
    tensor = hebbian(size)
    matrix = dense(tensor)
    gamma, one = np.linalg.eigvalsh(matrix)[-1] + 2, np.eye(size**2)
    passed = np.linalg.inv(0.7 * one - np.linalg.inv(gamma * one - matrix))
    expected = theory.transfer(jnp.asarray(np.linalg.eigvalsh(matrix)), 0.7, gamma)
    np.testing.assert_allclose(np.linalg.eigvalsh(passed), expected, rtol=1e-4)


@SMALL
@pytest.mark.parametrize("margin", [0.2, 0.02])
def test_memory_gain_and_recall_threshold_are_those_of_the_certificate(size, margin):
    tensor = PatternTensor(signs(jr.key(0), (2, size)), Projection(), strength=0.8)
    alpha, gamma = 1.3, 0.8 + (1 + margin) / 1.3
    certificate = nam.measure.certificate(NeuronAstrocyte(tensor, leaks=(1.0, alpha, gamma)))
    gain = theory.memory_gain(0.8, alpha, gamma)
    np.testing.assert_allclose(certificate.memory_gain, gain, rtol=1e-3)
    np.testing.assert_allclose(
        certificate.recall_threshold, theory.recall_threshold(gain), rtol=1e-3
    )
    threshold = certificate.recall_threshold
    assert bool(theory.wrong_bit_flips(gain, 1.01 * threshold))
    assert not bool(theory.wrong_bit_flips(gain, 0.99 * threshold))


@SMALL
@pytest.mark.parametrize("margin", [0.3, 0.05])
def test_relaxation_time_is_that_of_the_dense_jacobian(size, margin):
    tensor = PatternTensor(signs(jr.key(size), (2, size)), Projection(), autapses=True)
    net = NeuronAstrocyte(tensor, leaks=(1.0, 1.0, 2 + margin), time_constants=(1.0, 0.1, 0.25))
    rates = np.linalg.eigvals(fast_jacobian(net, state_of(jnp.zeros(size)))).real
    time = theory.relaxation_time(1.0, 1.0, 2 + margin, 0.1, 0.25)
    np.testing.assert_allclose(-1 / rates.max(), time, rtol=1e-3)
    np.testing.assert_allclose(nam.measure.certificate(net).relaxation_time, time, rtol=1e-3)
    same = theory.relaxation_time(1.0, 1.0, 2 + margin, 0.1, 0.1)
    rough = theory.relaxation_time_asymptotic(margin, 0.1)
    np.testing.assert_allclose(same, rough, rtol=margin / 3)


def state_of(neurons):
    zeros = jnp.zeros((len(neurons), len(neurons)))
    return TripartiteState(neurons, zeros, zeros)


def full_jacobian(net, state):
    flat, rebuild = jax.flatten_util.ravel_pytree(state)

    def flow(flat):
        return jax.flatten_util.ravel_pytree(net.vector_field(0.0, rebuild(flat)))[0]

    return np.asarray(jax.jacfwd(flow)(flat), float)


def fast_jacobian(net, state):
    """The Jacobian of (s, p) with the neurons held."""
    size = len(state.neurons)
    return full_jacobian(net, state)[size:, size:]


@pytest.mark.parametrize("size", [4, 6])
def test_without_leaks_synapses_and_processes_are_at_a_saddle(size):
    """alpha = gamma = 0, psi = -phi phi^T, g = T phi phi^T, with one memory and phi on it."""
    memory = signs(jr.key(size), (1, size))
    tensor = PatternTensor(memory, Projection(), strength=0.8, autapses=True)
    net = NeuronAstrocyte(
        tensor, synaptic=LogCosh(1.5), process=LogCosh(0.7), leaks=(1.0, 0.0, 0.0)
    )
    phi = 0.6 * memory[0]
    pairs = phi[:, None] * phi[None, :]
    state = TripartiteState(
        jnp.arctanh(phi), jnp.arctanh(0.8 * pairs) / 1.5, jnp.arctanh(-pairs) / 0.7
    )
    flow = net.vector_field(0.0, state)
    np.testing.assert_allclose(flow.synapses, 0, atol=1e-5)
    np.testing.assert_allclose(flow.processes, 0, atol=1e-5)

    slopes = 1.5 * (1 - (0.8 * 0.36) ** 2), 0.7 * (1 - 0.36**2)
    on_memory, off_memory = theory.saddle_eigenvalues(*slopes, jnp.array([0.8, 0.0]))
    assert float(on_memory[1]) > float(off_memory[1]) > 0 > float(off_memory[0])
    expected = np.sort(np.concatenate([on_memory, *[off_memory] * (size**2 - 1)]))
    eigenvalues = np.sort(np.linalg.eigvals(fast_jacobian(net, state)).real)
    np.testing.assert_allclose(eigenvalues, expected, atol=1e-4)
    # Neurons that move keep the modes that they do not feel, and the saddle.
    whole = np.linalg.eigvals(full_jacobian(net, state))
    assert np.abs(whole - float(off_memory[1])).min() < 1e-4
    assert whole.real.max() > 0


@SMALL
@pytest.mark.parametrize("fraction", [0.2, 0.6])
def test_a_lesion_leaves_the_mean_mode_one_minus_the_fraction(size, fraction):
    """Over 300 lesions, within 5 standard errors."""
    memory = signs(jr.key(size), (1, size))
    tensor = DenseTensor(PatternTensor(memory, Projection(), autapses=True).to_dense())
    mode = jnp.outer(memory[0], memory[0]) / size

    def strength(key):
        return lesion(tensor, jnp.asarray(fraction), key=key).quadratic_form(mode)

    strengths = jax.jit(jax.vmap(strength))(jr.split(jr.key(1), 300))
    error = float(strengths.std()) / 300**0.5
    assert abs(float(strengths.mean() - theory.mode_eigenvalue_of_lesion(fraction))) < 5 * error


@SMALL
@pytest.mark.parametrize("coupling", [0.0, 0.3, 1.0])
def test_gap_junctions_join_the_halves_of_a_memory(size, coupling):
    """Exact for one memory of -1 and +1: its share of a territory is that of the processes."""
    matrix = dense(PatternTensor(signs(jr.key(size), (1, size)), Projection(), autapses=True))
    upper = np.triu(np.random.default_rng(size).random((size, size)) < 0.4)
    first = (upper | upper.T).reshape(-1)
    within = first[:, None] == first[None, :]
    largest = np.linalg.eigvalsh(np.where(within, matrix, coupling * matrix))[-1]
    eigenvalue = theory.mode_eigenvalue_of_gap_junction(coupling, first.mean())
    np.testing.assert_allclose(eigenvalue, largest, rtol=1e-5)
    np.testing.assert_allclose(
        theory.mode_eigenvalue_of_gap_junction(coupling), (1 + coupling) / 2, rtol=1e-5
    )


@eqx.filter_jit
def bit_error(num_patterns, size, n, sets):
    """Wrong bits one update after a stored pattern; ties count half."""

    def one_set(key):
        patterns = signs(key, (num_patterns, size))
        net = DenseAssociativeMemory(patterns, Power(n))
        aligned = patterns * jax.vmap(net.local_field)(patterns)
        return jnp.mean((1 - jnp.sign(aligned)) / 2)

    return jnp.mean(jax.lax.map(one_set, jr.split(jr.key(0), sets)))


@MEDIUM
@pytest.mark.parametrize(("n", "sets"), [(2, 1000), (3, 8)])
def test_capacity_of_the_dense_memory_at_half_a_percent(size, n, sets):
    """Within a quarter of the error asked for."""
    num_patterns = round(float(theory.capacity_at_error(size, n, 0.005)))
    assert float(bit_error(num_patterns, size, n, sets)) == pytest.approx(0.005, rel=0.25)


@MEDIUM
@pytest.mark.parametrize(("n", "sets"), [(2, 1000), (3, 8)])
def test_capacity_without_errors_has_less_than_one_wrong_bit_a_pattern(size, n, sets):
    """0.02 to 0.2 wrong bits; the page has .073 and .129 at N = 128. Three times more has many."""
    num_patterns = round(float(theory.capacity_without_errors(size, n)))
    assert 0.02 < size * float(bit_error(num_patterns, size, n, sets)) < 0.2
    assert size * float(bit_error(3 * num_patterns, size, n, sets)) > 1


@pytest.mark.parametrize("n", [2, 3, 4])
def test_capacity_of_all_patterns_is_that_of_one_over_n(n):
    """Wrong bits of all patterns by the exact law: few at it, and more at that of one pattern."""
    for size in (32, 128):
        for everyone, (low, high) in ((True, (0, 0.03)), (False, (0.3, np.inf))):
            count = round(float(theory.capacity_without_errors(size, n, all_patterns=everyone)))
            error = theory.one_step_error(size, count, theory.power_difference(n))
            assert low < size * count * error < high


@eqx.filter_jit
def self_coupled_rate(num_patterns, size, most):
    def one_set(key):
        pattern_key, flip_key = jr.split(key)
        patterns = signs(pattern_key, (most, size))
        stored = jnp.where(jnp.arange(most, dtype=float)[:, None] < num_patterns, patterns, 0.0)
        net = DenseAssociativeMemory(stored, self_coupling=True)
        targets = patterns[:20]
        return recall_rate(net, damaged(targets, round(0.1 * size), flip_key), targets)

    return jnp.mean(jax.lax.map(one_set, jr.split(jr.key(0), 10)))


@pytest.mark.parametrize(("size", "page"), [(32, 183), (64, 832)])
def test_capacity_with_self_coupling_grows_as_the_square(size, page):
    """K where half of the cues (10 % flips) are recalled: within 1.6 of the scale."""
    scale = float(theory.self_coupled_capacity(size, 4, 0.1))
    most = int(2 * scale)
    capacity = half_recall(lambda k: self_coupled_rate(k, size, most), scale / 2, most, 6)
    assert scale / 1.6 < capacity < 1.6 * scale
    assert capacity == pytest.approx(page, rel=0.1)


@pytest.mark.parametrize(
    ("size", "astrocyte", "two_layer"),
    [(128, 0.64, 0.994), (256, 1.28, 0.998), (512, 2.57, 1.00), (1000, 5.02, 1.00)],
)
def test_memories_per_compute_unit(size, astrocyte, two_layer):
    """The table of section 2.6 of the classical page, to its digits."""
    stored = theory.capacity_at_error(float(size), 4, 0.005)
    of_astrocyte = theory.memories_per_unit_astrocyte(stored, float(size))
    np.testing.assert_allclose(of_astrocyte, astrocyte, atol=0.006)
    of_two_layer = theory.memories_per_unit_two_layer(stored, float(size))
    np.testing.assert_allclose(of_two_layer, two_layer, atol=1e-3)
    assert theory.compute_units_astrocyte(size) == size + 2 * size**2
    assert theory.compute_units_two_layer(size, 7) == size + 7
    most = theory.rank_limit(size)
    assert theory.memories_per_unit_astrocyte(most, size) == pytest.approx(1 / 4, abs=1 / size)


@SMALL
@pytest.mark.parametrize("autapses", [False, True])
def test_rank_limit_is_the_rank_of_many_pair_products(size, autapses):
    patterns = np.asarray(jr.normal(jr.key(0), (2 * size**2, size)), float)
    pairs = np.einsum("ki,kj->kij", patterns, patterns)
    if not autapses:
        pairs[:, np.arange(size), np.arange(size)] = 0
    rank = np.linalg.matrix_rank(pairs.reshape(len(pairs), -1))
    assert rank == theory.rank_limit(size, autapses=autapses)
