"""Process tensors against the dense tensor, the einsum of its definition, and each other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from refusals import REFUSED
from tables.tensors import TENSORS, K, N, identity, signs, weighted

import nam_jax as nam
from nam_jax._misc import symmetrise
from nam_jax.memory import (
    DenseTensor,
    DiffusionTensor,
    DistinctTensor,
    Hebbian,
    PatternTensor,
    Projection,
    Weighted,
    lattice_edges,
    lesion,
    pair_gram,
    resolvent,
)

TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}  # float32 sums of N^2 K terms of order one


@pytest.fixture(params=TENSORS)
def tensor(request, getkey):
    return TENSORS[request.param](getkey())


def test_call_and_form_agree_with_the_dense_tensor(tensor, getkey):
    psi = symmetrise(jr.normal(getkey(), (N, N)))
    dense = DenseTensor(tensor.to_dense())  # its constructor checks all three symmetries
    np.testing.assert_allclose(tensor(psi), dense(psi), **TOLERANCE)
    np.testing.assert_allclose(
        tensor.quadratic_form(psi), jnp.vdot(psi, dense(psi)), rtol=1e-3, atol=1e-4
    )


def on_symmetric_arrays(tensor):
    """T as a matrix in an orthonormal basis of symmetric arrays, from all its entries."""
    size = tensor.num_neurons
    units = np.eye(size * size).reshape(size, size, size, size)
    i, j = np.triu_indices(size)
    basis = (units + units.swapaxes(2, 3))[i, j].reshape(len(i), -1)
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    dense = np.asarray(tensor.to_dense(), float).reshape(size * size, size * size)
    return basis @ dense @ basis.T


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("factor", [-2.0, 2.0])
def test_eigenvalues_of_few_neurons(factor, size):
    """Of a dense tensor, and of a sum, which finds them from calls alone."""
    scaled = DenseTensor((factor * identity(size)).to_dense())
    for tensor in (scaled, scaled + scaled):
        expected = factor * (1 if tensor is scaled else 2)
        np.testing.assert_allclose(tensor.largest_eigenvalue(), expected, rtol=1e-4)
        np.testing.assert_allclose(tensor.smallest_eigenvalue(), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["pattern", "dense"])
def test_gradients_by_stored_numbers_keep_the_symmetries(kind, getkey):
    """Of a loss that has none, so that descent never leaves the tensors that have an energy."""
    made = PatternTensor(signs(getkey()), weighted(getkey()), strength=0.7)
    tensor = made if kind == "pattern" else DenseTensor(made.to_dense())
    left, psi = jr.normal(getkey(), (N, N)), symmetrise(jr.normal(getkey(), (N, N)))

    def loss(tensor):
        return jnp.vdot(left, tensor(psi)) + jnp.vdot(left, resolvent(tensor, 9.0 + psi[0, 0])(psi))

    gradient = jax.grad(lambda tensor: loss(tensor), allow_int=True)(tensor)
    numbers = gradient.couplings if kind == "pattern" else gradient.entries
    axes = [(1, 0)] if kind == "pattern" else [(2, 3, 0, 1), (1, 0, 2, 3), (0, 1, 3, 2)]
    assert float(jnp.linalg.norm(numbers)) > 0
    for order in axes:
        np.testing.assert_allclose(numbers, numbers.transpose(order), rtol=1e-4, atol=1e-6)


def test_only_the_symmetric_part_of_couplings_counts(getkey):
    """As after a step of an optimiser that knows nothing of symmetries."""
    tensor = PatternTensor(signs(getkey()), weighted(getkey()))
    twisted = tensor.couplings + jnp.triu(jnp.ones((K, K)), 1) - jnp.tril(jnp.ones((K, K)), -1)
    after = eqx.tree_at(lambda t: t.couplings, tensor, twisted)
    psi = symmetrise(jr.normal(getkey(), (N, N)))
    np.testing.assert_allclose(after(psi), tensor(psi), **TOLERANCE)
    np.testing.assert_allclose(after.eigenvalues(), tensor.eigenvalues(), rtol=1e-3, atol=1e-5)


def test_extreme_eigenvalues_are_those_of_the_dense_matrix(tensor):
    """On symmetric arrays: 0 counts only if one of them becomes 0, for tensors of all classes."""
    values = np.linalg.eigvalsh(on_symmetric_arrays(tensor))
    np.testing.assert_allclose(tensor.largest_eigenvalue(), values[-1], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(tensor.smallest_eigenvalue(), values[0], rtol=2e-3, atol=1e-4)


def test_vmap_equals_loop_and_jit(tensor, getkey):
    psis = jax.vmap(symmetrise)(jr.normal(getkey(), (3, N, N)))
    looped = jnp.stack([tensor(psi) for psi in psis])
    np.testing.assert_allclose(jax.jit(jax.vmap(tensor))(psis), looped, **TOLERANCE)


@pytest.mark.parametrize("autapses", [True, False])
def test_pattern_tensor_is_the_einsum_of_its_definition(autapses, getkey):
    patterns, couplings = signs(getkey()), weighted(getkey())
    kept = jnp.ones((N, N)) if autapses else 1 - jnp.eye(N)
    pairs = patterns[:, :, None] * patterns[:, None, :] * kept[None]
    size = N * N if autapses else N * (N - 1)
    expected = jnp.einsum("mij,mn,nkl->ijkl", pairs, couplings.couplings, pairs) * 1.7 / size
    tensor = PatternTensor(patterns, couplings, strength=1.7, autapses=autapses)
    np.testing.assert_allclose(tensor.to_dense(), expected, **TOLERANCE)


def test_distinct_tensor_is_zero_where_indices_coincide(getkey):
    patterns = signs(getkey())
    full = jnp.einsum("mi,mj,mk,ml->ijkl", patterns, patterns, patterns, patterns)
    i, j, k, l = np.indices((N, N, N, N))  # noqa: E741
    distinct = (i != j) & (i != k) & (i != l) & (j != k) & (j != l) & (k != l)
    expected = jnp.where(distinct, full, 0) * 3.0 / (N * (N - 1))
    np.testing.assert_allclose(
        DistinctTensor(patterns, strength=3.0).to_dense(), expected, **TOLERANCE
    )
    assert DistinctTensor(patterns).smallest_eigenvalue() < -0.1  # not positive semidefinite


def test_projection_eigenvalues_are_zero_and_strength(getkey):
    tensor = PatternTensor(signs(getkey(), (12, 20)), Projection(), strength=1.3)
    np.testing.assert_allclose(tensor.eigenvalues(), 1.3, rtol=1e-3)


@pytest.mark.parametrize("rule", [Hebbian(), Projection()])
def test_more_patterns_than_pairs_still_give_the_right_spectrum(rule, getkey):
    tensor = PatternTensor(signs(getkey(), (30, 4)), rule, autapses=True)
    values = np.linalg.eigvalsh(np.asarray(tensor.to_dense(), float).reshape(16, 16))
    np.testing.assert_allclose(tensor.largest_eigenvalue(), values[-1], rtol=2e-3)


def test_spectrum_of_two_neurons_is_found_though_too_small_for_krylov(getkey):
    tensor = PatternTensor(signs(getkey(), (1, 2)), autapses=True) + PatternTensor(
        signs(getkey(), (1, 2)), autapses=True
    )
    values = np.linalg.eigvalsh(np.asarray(tensor.to_dense(), float).reshape(4, 4))
    np.testing.assert_allclose(tensor.largest_eigenvalue(), values[-1], rtol=1e-4)


def test_gram_equals_inner_products_of_pairs(getkey):
    patterns = jr.normal(getkey(), (K, N))
    pairs = patterns[:, :, None] * patterns[:, None, :] * (1 - jnp.eye(N))[None]
    expected = jnp.einsum("mij,nij->mn", pairs, pairs) / (N * (N - 1))
    np.testing.assert_allclose(pair_gram(patterns, autapses=False), expected, **TOLERANCE)


def test_nothing_of_size_n3_or_kn2_is_made(getkey):
    """The compiled call holds O(N^2 + K N) numbers besides its argument and result."""
    neurons, patterns = 200, 100
    tensor = PatternTensor(signs(getkey(), (patterns, neurons)))
    psi = jnp.zeros((neurons, neurons))
    memory = jax.jit(lambda t, p: t(p)).lower(tensor, psi).compile().memory_analysis()
    limit = 4 * (neurons**2 + 4 * patterns * neurons) * psi.dtype.itemsize
    assert memory.temp_size_in_bytes < limit < patterns * neurons**2


def test_lesion_cuts_the_stated_fraction(getkey):
    dense = DenseTensor(jnp.ones((12,) * 4))
    cut = 1 - float(jnp.mean(lesion(dense, 0.3, key=getkey()).entries))
    families = 78 * 79 / 2  # independent fluxes between 78 processes
    assert abs(cut - 0.3) < 4 * np.sqrt(0.3 * 0.7 / families)
    isolated = lesion(PatternTensor(signs(getkey(), (3, 60))), 0.3, key=getkey())
    assert abs(1 - float(jnp.mean(isolated.kept)) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 1830)
    assert bool((isolated.kept == isolated.kept.T).all())


def test_whole_lesion_leaves_nothing_and_none_leaves_all(tensor, getkey):
    psi = symmetrise(jr.normal(getkey(), (N, N)))
    np.testing.assert_array_equal(lesion(tensor, 1.0, key=getkey())(psi), 0)
    np.testing.assert_allclose(lesion(tensor, 0.0, key=getkey())(psi), tensor(psi), **TOLERANCE)


def test_diffusion_conserves_calcium(getkey):
    psi = symmetrise(jr.normal(getkey(), (N, N)))
    flow = DiffusionTensor(lattice_edges(N), 0.3)(psi)
    assert abs(float(flow.sum())) < 1e-4 and float(jnp.abs(flow).max()) > 0.1


BAD = {
    "K = 0": (lambda: PatternTensor(jnp.zeros((0, 4))), r"`patterns` must have shape \(K, N\)"),
    "one axis": (lambda: PatternTensor(jnp.zeros(4)), "`patterns` must have shape"),
    "nan": (lambda: PatternTensor(jnp.full((2, 4), jnp.nan)), "`patterns` must be finite"),
    "rule": (
        lambda: PatternTensor(jnp.ones((2, 4)), "oja"),
        "`rule` must be .* but has 'oja'|parameter 'rule'",
    ),
    "couplings": (
        lambda: PatternTensor(jnp.ones((2, 4)), Weighted(jnp.ones(3))),
        r"`couplings` must have shape \(2,\)",
    ),
    "asymmetric couplings": (
        lambda: PatternTensor(jnp.ones((2, 4)), Weighted(jnp.array([[1.0, 0.5], [0, 1]]))),
        "`couplings` must be symmetric",
    ),
    "not signs": (lambda: DistinctTensor(jnp.full((2, 4), 0.5)), "must hold only -1 and"),
    "asymmetric": (
        lambda: DenseTensor(jnp.zeros((3,) * 4).at[0, 1, 2, 2].set(1)),
        "`entries` must satisfy T_ijkl",
    ),
    "not four": (lambda: DenseTensor(jnp.zeros((3, 3))), r"`entries` must have shape \(N, N, N"),
    "dense too large": (
        lambda: PatternTensor(jnp.ones((1, 65))).to_dense(),
        "at most 64 neurons",
    ),
    "negative conductance": (
        lambda: DiffusionTensor(lattice_edges(3), -1.0),
        "`conductance` must be at least 0",
    ),
    "edge outside": (
        lambda: DiffusionTensor(lattice_edges(3), num_neurons=2),
        "`edges` must hold neuron indices from 0 to 1",
    ),
    "mixed sizes": (
        lambda: PatternTensor(jnp.ones((1, 3))) + PatternTensor(jnp.ones((1, 4))),
        "same number of neurons",
    ),
    "fraction": (
        lambda: lesion(PatternTensor(jnp.ones((1, 3))), 1.5, key=jr.key(0)),
        r"`fraction` must lie in \[0, 1\]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    make, message = BAD[case]
    with pytest.raises(REFUSED, match=message):
        make()


def test_room_is_reachable_from_the_package():
    assert nam.memory.PatternTensor is PatternTensor
