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

from nam_jax.memory import DiffusionTensor, Hebbian, PatternTensor, lattice_edges
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte
from nam_jax.train import AbstractParameter, Positive, WhitenedCouplings, certify, resolve

X64 = jax.config.jax_enable_x64
CLOSE = {"rtol": 1e-9, "atol": 1e-9} if X64 else {"rtol": 1e-4, "atol": 1e-5}
MARGIN = 0.1
ROUNDING = 1e-12 if X64 else 1e-5


def eigenvalues(matrix):
    return np.linalg.eigvalsh(np.asarray(matrix, np.float64))


@pytest.mark.parametrize("scale", [0.1, 3.0, 100.0])
def test_values_keep_their_promise_for_any_numbers(scale, getkey):
    raw, whitener = scale * jr.normal(getkey(), (6, 6)), jr.normal(getkey(), (6, 6))
    couplings = WhitenedCouplings(whitener, raw).value()
    np.testing.assert_array_equal(couplings, couplings.T)
    assert eigenvalues(couplings).min() > -30 * ROUNDING * scale**2
    assert (Positive(raw, jnp.full_like(raw, 2.0)).value() >= 0).all()


def test_a_positive_node_has_the_value_that_it_was_made_of():
    values = jnp.array([0.01, 1.0, 50.0])
    node = Positive.of(values)
    np.testing.assert_array_equal(node.value(), values)
    moved = eqx.tree_at(lambda n: n.log, node, node.log - 1)
    np.testing.assert_allclose(moved.value(), values / np.e, rtol=1e-6)


class Reduction(AbstractParameter):
    """A node that holds a network, in which other nodes may stand."""

    full: NeuronAstrocyte

    def value(self):
        return EffectiveNeuronAstrocyte.from_full(self.full)


def test_resolve_replaces_nodes_inside_out_and_nothing_else(getkey):
    net = NeuronAstrocyte.certified(signs(getkey(), (K, N)), margin=0.3)
    assert eqx.tree_equal(resolve(net), net)
    node = WhitenedCouplings(jnp.eye(K), jnp.linalg.cholesky(net.tensor.couplings))
    leak = Positive.of(net.leaks.neural)
    with_nodes = eqx.tree_at(lambda n: (n.tensor.couplings, n.leaks.neural), net, (node, leak))
    assert eqx.tree_equal(resolve(with_nodes), net, rtol=1e-4, atol=1e-4)
    nested = resolve({"effective": Reduction(with_nodes), "number": 3})
    assert isinstance(nested["effective"], EffectiveNeuronAstrocyte) and nested["number"] == 3
    expected = EffectiveNeuronAstrocyte.from_full(net)
    assert eqx.tree_equal(nested["effective"], expected, rtol=1e-3, atol=1e-4)


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
    bound = mended.leaks.process - (1 + MARGIN) / mended.leaks.synaptic
    np.testing.assert_allclose(mended.tensor.largest_eigenvalue(), bound, rtol=1e-4)
    assert eqx.tree_equal(certify(mended, MARGIN), mended, rtol=1e-6)
    sound = NeuronAstrocyte.certified(correlated(), margin=0.3)
    kept = certify(sound, 0.2)
    assert eqx.tree_equal(kept.tensor.strength, sound.tensor.strength)
    np.testing.assert_allclose(kept.tensor.couplings, sound.tensor.couplings, **CLOSE)
    assert float(certify(broken(getkey(), strength=-1.0)).tensor.strength) == 0


def test_certify_takes_diagonal_couplings():
    net = NeuronAstrocyte.certified(correlated(), rule=Hebbian(), margin=0.3)
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
        fit = quick_fit(net, denoising(correlated(), 3), steps, **arguments)
        assert fit.metrics.taken.all()
        yield fit.network


def margins(networks):
    return [float(resolve(net).margin()) for net in networks]


def project(net):
    return certify(net, MARGIN)


def test_without_either_way_training_leaves_the_certified_regime():
    assert min(margins(trained_for(slow_network(correlated()), couplings_and_strength))) < 0


def test_projection_keeps_the_certificate_at_every_step():
    actual = list(trained_for(slow_network(correlated()), couplings_and_strength, project))
    moved = {float(net.tensor.couplings[0, 1]) for net in actual}
    assert len(moved) == len(actual)
    for net in actual:
        np.testing.assert_allclose(net.tensor.couplings, net.tensor.couplings.T, rtol=1e-6)
        assert eigenvalues(net.tensor.couplings).min() > -1e-4
    assert min(margins(actual)) > MARGIN - ROUNDING


BAD = {
    "other tensor": (
        lambda: certify(NeuronAstrocyte(DiffusionTensor(lattice_edges(4), 0.1))),
        "`network` must have a PatternTensor, but has a DiffusionTensor",
    ),
    "no room": (
        lambda: certify(NeuronAstrocyte(PatternTensor(jnp.ones((1, 4))))),
        "`network` must have leaks that are certified without memories, but has room for",
    ),
    "no margin": (
        lambda: certify(NeuronAstrocyte.certified(correlated()), -0.1),
        "`margin` must be above 0, but has -0.1",
    ),
    "not positive": (lambda: Positive.of(-1.0), "`value` must be above 0, but has -1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
