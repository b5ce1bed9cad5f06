"""Parameters that keep promises: for any numbers, and after every step of training."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from tables.networks import signs
from tables.training import (
    K,
    N,
    correlated,
    couplings_and_strength,
    denoising,
    quick_fit,
    slow_network,
)

from nam_jax.memory import DiffusionTensor, PatternTensor, Weighted, lattice_edges
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.train import (
    Bounded,
    BoundedTensor,
    Positive,
    PositiveSemidefinite,
    Reduced,
    SymmetricParameter,
    certified_bound,
    certify,
    resolve,
)

X64 = jax.config.jax_enable_x64
CLOSE = {"rtol": 1e-9, "atol": 1e-9} if X64 else {"rtol": 1e-4, "atol": 1e-5}
MARGIN = 0.1
ROUNDING = 1e-12 if X64 else 1e-5


def eigenvalues(matrix):
    return np.linalg.eigvalsh(np.asarray(matrix, np.float64))


@pytest.mark.parametrize("scale", [0.1, 3.0, 100.0])
def test_values_keep_their_promise_for_any_numbers(scale, getkey):
    raw = scale * jr.normal(getkey(), (6, 6))
    symmetric, definite = SymmetricParameter(raw).value(), PositiveSemidefinite(raw).value()
    for matrix in (symmetric, definite):
        np.testing.assert_array_equal(matrix, matrix.T)
    assert eigenvalues(definite).min() > -ROUNDING * scale**2
    assert (Positive(raw).value() >= 0).all()
    bounded = Bounded(raw, -0.5, 2.0).value()
    assert (bounded >= -0.5).all() and (bounded <= 2.0).all()


def test_nodes_made_from_a_value_have_it(getkey):
    raw = jr.normal(getkey(), (6, 4))
    matrix = raw @ raw.T
    np.testing.assert_allclose(PositiveSemidefinite.of(matrix).value(), matrix, **CLOSE)
    values = jnp.array([0.01, 1.0, 50.0])
    np.testing.assert_allclose(Positive.of(values).value(), values, rtol=1e-5)
    np.testing.assert_allclose(Bounded.of(values, 0.0, 51.0).value(), values, rtol=1e-4)


def test_resolve_replaces_nodes_inside_out_and_nothing_else(getkey):
    net = NeuronAstrocyte.certified(signs(getkey(), (K, N)), margin=0.3)
    assert eqx.tree_equal(resolve(net), net)
    node = SymmetricParameter(net.tensor.couplings)
    leak = Positive.of(net.leaks.neural)
    with_nodes = eqx.tree_at(lambda n: (n.tensor.couplings, n.leaks.neural), net, (node, leak))
    assert eqx.tree_equal(resolve(with_nodes), net, rtol=1e-4, atol=1e-4)
    nested = resolve({"effective": Reduced(with_nodes), "number": 3})
    assert isinstance(nested["effective"], EffectiveNeuronAstrocyte) and nested["number"] == 3
    expected = EffectiveNeuronAstrocyte.from_full(net)
    assert eqx.tree_equal(nested["effective"], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("autapses", [False, True])
def test_bounded_tensor_is_the_tensor_it_was_made_of(autapses, getkey):
    couplings = PositiveSemidefinite(jr.normal(getkey(), (K, K))).value()
    patterns = correlated()
    tensor = PatternTensor(patterns, Weighted(couplings), strength=0.2, autapses=autapses)
    bound = 1.5 * float(tensor.largest_eigenvalue())
    found = BoundedTensor.of(tensor, bound).value()
    psi = jr.normal(getkey(), (N, N))
    psi = psi + psi.T
    np.testing.assert_allclose(found(psi), tensor(psi), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="`tensor` must have a largest eigenvalue between 0 and"):
        BoundedTensor.of(tensor, bound / 2)


@pytest.mark.parametrize("raw", [-3.0, 0.0, 30.0])
def test_bounded_tensor_stays_below_its_bound(raw, getkey):
    root = jr.normal(getkey(), (K, K))
    node = BoundedTensor(correlated(), root, jnp.asarray(raw), 0.7, False)
    found = node.value()
    np.testing.assert_allclose(found.largest_eigenvalue(), 0.7 * jax.nn.sigmoid(raw), rtol=1e-4)
    assert float(found.smallest_eigenvalue()) > -ROUNDING


def test_bounded_tensor_is_differentiated_through_its_spectrum(getkey):
    """Against central differences in some direction; and finite where eigenvalues coincide."""
    patterns, psi = correlated(), jnp.ones((N, N))
    node = BoundedTensor(patterns, jr.normal(getkey(), (K, K)), jnp.asarray(0.3), 0.7, True)
    aside = jr.normal(getkey(), (K, K))

    @jax.jit
    def form(t):
        moved = eqx.tree_at(lambda n: n.root, node, node.root + t * aside)
        return moved.value().quadratic_form(psi)

    h = 1e-5 if X64 else 1e-2
    difference = (form(jnp.asarray(h)) - form(jnp.asarray(-h))) / (2 * h)
    np.testing.assert_allclose(jax.grad(form)(jnp.asarray(0.0)), difference, rtol=2e-2)
    orthogonal = jnp.asarray(np.kron(*[[[1.0, 1.0], [1.0, -1.0]]] * 2))
    degenerate = BoundedTensor.of(PatternTensor(orthogonal, strength=0.1, autapses=True), 2.0)
    gradient = eqx.filter_grad(lambda n: n.value().quadratic_form(jnp.ones((4, 4))))(degenerate)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


def broken(key, strength=5.0):
    """A network whose couplings are neither symmetric nor definite, and too strong."""
    net = NeuronAstrocyte.certified(correlated(), margin=0.3)
    where = (jr.normal(key, (K, K)), jnp.asarray(strength))
    return eqx.tree_at(couplings_and_strength, net, where)


def test_certify_mends_what_is_broken_and_nothing_else(getkey):
    mended = certify(broken(getkey()), MARGIN)
    np.testing.assert_array_equal(mended.tensor.couplings, mended.tensor.couplings.T)
    assert eigenvalues(mended.tensor.couplings).min() > -ROUNDING
    np.testing.assert_allclose(mended.margin(), MARGIN, rtol=1e-4)
    np.testing.assert_allclose(
        mended.tensor.largest_eigenvalue(), certified_bound(mended, MARGIN), rtol=1e-4
    )
    assert eqx.tree_equal(certify(mended, MARGIN), mended, rtol=1e-6)
    sound = NeuronAstrocyte.certified(correlated(), margin=0.3)
    kept = certify(sound, 0.2)
    assert eqx.tree_equal(kept.tensor.strength, sound.tensor.strength)
    np.testing.assert_allclose(kept.tensor.couplings, sound.tensor.couplings, **CLOSE)
    assert float(certify(broken(getkey(), strength=-1.0)).tensor.strength) == 0


def test_certify_takes_diagonal_couplings():
    net = NeuronAstrocyte.certified(correlated(), rule="hebbian", margin=0.3)
    net = eqx.tree_at(lambda n: n.tensor.couplings, net, jnp.arange(-1.0, K - 1))
    mended = certify(net, MARGIN)
    np.testing.assert_array_equal(mended.tensor.couplings, [0, 0, 1, 2, 3])
    assert float(mended.margin()) > MARGIN - ROUNDING


# Plain gradient steps so large that some would leave the certified regime at once.
STRIDE = optax.sgd(20.0)
STEPS = range(1, 7)


def trained_for(net, trainable, project=None):
    """The network after each number of steps; a shorter run is the beginning of a longer one."""
    for steps in STEPS:
        arguments = {"trainable": trainable, "project": project, "optimizer": STRIDE, "chunk": 6}
        found = quick_fit(net, denoising(correlated(), 3), steps, **arguments)
        assert found.metrics.taken.all()
        yield found.network


def margins(networks):
    return [float(resolve(net).margin()) for net in networks]


def project(net):
    return certify(net, MARGIN)


def test_without_either_way_training_leaves_the_certified_regime():
    assert min(margins(trained_for(slow_network(correlated()), couplings_and_strength))) < 0


def test_projection_keeps_the_certificate_at_every_step():
    found = list(trained_for(slow_network(correlated()), couplings_and_strength, project))
    moved = {float(net.tensor.couplings[0, 1]) for net in found}
    assert len(moved) == len(found)
    for net in found:
        np.testing.assert_array_equal(net.tensor.couplings, net.tensor.couplings.T)
        assert eigenvalues(net.tensor.couplings).min() > -1e-4
    assert min(margins(found)) > MARGIN - ROUNDING


def root_and_raw(net):
    return [net.tensor.root, net.tensor.raw]


def test_bounded_tensor_keeps_the_certificate_at_every_step():
    net = slow_network(correlated())
    bound = float(certified_bound(net, 0.09))
    node = BoundedTensor.of(net.tensor, bound)
    found = list(trained_for(eqx.tree_at(lambda n: n.tensor, net, node), root_and_raw))
    assert len({float(net.tensor.root[0, 1]) for net in found}) == len(found)
    for net in map(resolve, found):
        np.testing.assert_array_equal(net.tensor.couplings, net.tensor.couplings.T)
        assert float(net.tensor.smallest_eigenvalue()) > -1e-4
    assert min(margins(found)) > 0.09 - ROUNDING


BAD = {
    "other tensor": (
        lambda: certify(NeuronAstrocyte(DiffusionTensor(lattice_edges(4), 0.1))),
        "`network` must have a PatternTensor, but has a DiffusionTensor",
    ),
    "no room": (
        lambda: certify(NeuronAstrocyte(PatternTensor(jnp.ones((1, 4))))),
        "`network` must have leaks that are certified without memories, but has room for",
    ),
    "not positive": (lambda: Positive.of(-1.0), "`value` must be above 0, but has -1"),
    "outside": (lambda: Bounded.of(3.0, 0.0, 2.0), "`value` must lie between 0 and 2, but has 3"),
    "ends": (lambda: Bounded(jnp.ones(1), 2.0, 1.0), "`high` must be above low = 2, but has 1"),
    "bound": (
        lambda: BoundedTensor(correlated(), jnp.eye(K), jnp.asarray(0.0), -1.0, False),
        "`bound` must be above 0 and finite, but has -1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
