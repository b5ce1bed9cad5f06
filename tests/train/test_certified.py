"""The certified family: training changes its numbers, and the certificate holds at every step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from tables.training import correlated, denoising, quick_fit

from nam_jax.memory import Hebbian, PatternTensor, Projection
from nam_jax.network import EffectiveNeuronAstrocyte, NeuronAstrocyte, PerLayer
from nam_jax.train import certified_reduction, keep_margin, parametrise, resolve

X64 = jax.config.jax_enable_x64
# Float32, and the inverse of a Gram matrix of correlated patterns.
CLOSE = {"rtol": 1e-7, "atol": 1e-6} if X64 else {"rtol": 1e-3, "atol": 0.05}
MARGIN = 0.1


@pytest.mark.parametrize("rule", [Hebbian(), Projection()], ids=["hebbian", "projection"])
def test_the_parametrised_form_starts_as_the_network_itself(rule, getkey):
    patterns = correlated(num_patterns=12, num_neurons=48)
    start = certified_reduction(patterns, rule, margin=MARGIN, gain=0.8)
    full = NeuronAstrocyte.certified(patterns, margin=MARGIN, gain=0.8, rule=rule)
    exact = EffectiveNeuronAstrocyte.from_full(full)
    free = resolve(parametrise(start))
    state = jr.normal(getkey(), (48,))
    expected = exact.force(state)
    np.testing.assert_allclose(start.force(state), expected, **CLOSE)
    np.testing.assert_allclose(free.force(state), expected, **CLOSE)
    np.testing.assert_allclose(free.leak, exact.leak, rtol=1e-5)
    np.testing.assert_allclose(free.to_full().margin(), MARGIN, rtol=2e-2)


def test_keep_margin_cuts_the_largest_eigenvalues_alone():
    patterns = correlated(num_patterns=12, num_neurons=48)
    free = parametrise(certified_reduction(patterns, Hebbian(), margin=MARGIN))
    kept = resolve(keep_margin(free, 0.5))
    np.testing.assert_allclose(float(kept.to_full().margin()), 0.5, rtol=1e-2)
    before, after = (n.excess.eigenvalues() for n in (resolve(free), kept))
    np.testing.assert_allclose(after[:-1], before[:-1], rtol=2e-2, atol=1e-3)
    same = resolve(keep_margin(free, 0.05))
    np.testing.assert_allclose(same.excess.eigenvalues(), before, rtol=2e-2, atol=1e-3)


def test_keep_margin_counts_the_leak_of_synapses():
    """alpha = 2 and not 1, in both the margin and what the memories may add to it."""
    full = NeuronAstrocyte.certified(correlated(), margin=MARGIN)
    leaks = PerLayer(full.leaks.neural, jnp.asarray(2.0), jnp.asarray(1.7))
    reduced = EffectiveNeuronAstrocyte.from_full(eqx.tree_at(lambda n: n.leaks, full, leaks))
    excess = PatternTensor(correlated(), Projection(), strength=5.0)
    free = parametrise(eqx.tree_at(lambda n: n.excess, reduced, excess))
    assert float(resolve(free).to_full().margin()) < 0.4
    kept = resolve(keep_margin(free, 0.4))
    np.testing.assert_allclose(float(kept.to_full().margin()), 0.4, rtol=1e-2)
    # 2 x 1.7 - 1 = 2.4 is left without any memory.
    with pytest.raises(ValueError, match=r"`margin` must be below 2\.4, the margin without"):
        keep_margin(free, 2.5)
    jitted = eqx.filter_jit(keep_margin)(free, 2.5)
    assert bool(jnp.isnan(jitted.excess.couplings.root).all())


# Plain gradient steps, so large that the first two would leave the margin far behind.
STRIDE = optax.sgd(30.0)


def root(net):
    return [net.excess.couplings.root]


def after_steps(project):
    """The network after each number of steps; a shorter run is the beginning of a longer one."""
    free = parametrise(certified_reduction(correlated(), Projection(), margin=0.3, gain=1.0))
    arguments = {"trainable": root, "project": project, "optimizer": STRIDE, "chunk": 6}
    fits = [quick_fit(free, denoising(correlated(), 3), n, **arguments) for n in range(1, 7)]
    assert all(fit.metrics.taken.all() for fit in fits)
    return [fit.network for fit in fits]


def test_any_numbers_are_certified():
    margins = [float(resolve(net).to_full().margin()) for net in after_steps(None)]
    assert 0 < min(margins) < MARGIN / 2


def test_the_margin_is_kept_at_every_step():
    networks = after_steps(jax.tree_util.Partial(keep_margin, margin=MARGIN))
    assert len({float(net.excess.couplings.root[0, 1]) for net in networks}) == len(networks)
    for net in map(resolve, networks):
        np.testing.assert_array_equal(net.excess.couplings, net.excess.couplings.T)
        assert float(net.excess.smallest_eigenvalue()) > -1e-4
        assert float(net.to_full().margin()) > MARGIN * (1 - 1e-3)


def test_networks_of_another_form_are_refused():
    full = NeuronAstrocyte.certified(correlated(), margin=MARGIN)
    reduced = EffectiveNeuronAstrocyte.from_full(full)
    with pytest.raises(ValueError, match="`network` must have a PatternTensor as excess; see"):
        parametrise(reduced)
    plain = certified_reduction(correlated(), Projection())
    with pytest.raises(ValueError, match="`network` must have the nodes of `parametrise`"):
        keep_margin(plain, 0.2)
    with pytest.raises(ValueError, match=r"`margin` must be above 0, but has -0\.2"):
        keep_margin(parametrise(plain), -0.2)
    autapses = PatternTensor(correlated(), Projection(), autapses=True)
    with pytest.raises(ValueError, match="`network` must have an excess without autapses"):
        parametrise(eqx.tree_at(lambda n: n.excess, plain, autapses))
