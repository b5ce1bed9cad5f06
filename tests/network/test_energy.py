"""Energy never rises, over random parameters: hypothesis picks them, one compiled run each family.

How large a rise is allowed: a step goes down by about h |dE/dy . u'|, the square of the speed, and
its error e moves the energy by speed times e plus a curvature times e^2. Together they can end
above zero only where the speed is below e / h, and then by order e^2: second order in the solver's
tolerance. To this comes the rounding of a sum of N^2 terms. Both are relative to the largest of
the six terms: these may cancel, so that the energy itself is much smaller than its parts.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
from hypothesis import given, settings
from hypothesis import strategies as st
from tables.networks import signs

import nam_jax as nam
from nam_jax.lagrangian import LogCosh
from nam_jax.memory import PatternTensor
from nam_jax.network import Algebraic, NeuronAstrocyte
from nam_jax.solve import Energy, Flow
from nam_jax.solve._observe import AbstractObservable

N, K = 12, 8
RTOL = 1e-4
LIMIT = 10 * RTOL**2 + 100 * float(jnp.finfo(jnp.result_type(float)).eps)

few = settings(deadline=None, max_examples=25, derandomize=True)
seeds = st.integers(0, 2**31 - 1)
counts = st.integers(1, K)


def between(low, high):
    return st.floats(low, high)


def triple(low, high):
    return st.tuples(*[between(low, high)] * 3)


def first_patterns(seed, count):
    """`count` of K random patterns, the others zero: stored nowhere, in one compiled program."""
    return jnp.where((jnp.arange(K) < count)[:, None], signs(jr.key(seed), (K, N)), 0.0)


def damaged(seed):
    """The first pattern with each bit flipped with probability 0.2."""
    flips = jr.bernoulli(jr.key(seed + 1), 0.2, (N,))
    return jnp.where(flips, -1.0, 1.0) * signs(jr.key(seed), (K, N))[0]


class LargestTerm(AbstractObservable):
    def __call__(self, network, t, state, drive):
        return jnp.max(jnp.abs(jnp.stack(network.energy_terms(state, drive, t))))


def follow(net, seed):
    """Whether all energies are finite, and their largest rise over the largest term."""
    start = net.initial_state(damaged(seed))
    save = {"energy": Energy(), "term": LargestTerm()}
    how = Flow(rtol=RTOL, atol=RTOL / 10)
    run = nam.simulate(net, start, 10.0, times=101, save=save, how=how)
    rise = jnp.max(jnp.diff(run.energy)) / jnp.max(run.observables["term"])
    return jnp.isfinite(run.energy).all(), rise


@jax.jit
def released_run(seed, count, strength, betas, leaks, taus):
    net = NeuronAstrocyte(
        PatternTensor(first_patterns(seed, count), strength=strength, autapses=True),
        neural=LogCosh(betas[0]),
        synaptic=LogCosh(betas[1]),
        process=LogCosh(betas[2]),
        leaks=leaks,
        time_constants=taus,
        start=Algebraic(),
    )
    return follow(net, seed)


@jax.jit
def certified_run(seed, count, margin, gain, beta, taus):
    patterns = first_patterns(seed, count)
    net = NeuronAstrocyte.certified(
        patterns, margin=margin, gain=gain, beta=beta, time_constants=taus
    )
    return follow(net, seed)


def as_arrays(*values):
    return jax.tree.map(lambda value: jnp.asarray(value, float), values)


@few
@given(
    seed=seeds,
    count=counts,
    strength=between(0.01, 1 / K),  # T phi phi^T must be a possible g = tanh: see `Algebraic`
    betas=triple(0.5, 8.0),
    leaks=triple(0.01, 3.0),
    taus=triple(0.1, 5.0),
)
def test_energy_does_not_rise_in_the_released_family(seed, count, strength, betas, leaks, taus):
    finite, rise = released_run(seed, count, *as_arrays(strength, betas, leaks, taus))
    assert bool(finite) and float(rise) <= LIMIT


@few
@given(
    seed=seeds,
    count=counts,
    margin=between(0.1, 2.0),  # smaller ones: see the solver of `Conditional` in test_start.py
    gain=between(0.1, 3.0),
    beta=between(0.5, 4.0),
    taus=triple(0.1, 5.0),
)
def test_energy_does_not_rise_in_the_certified_family(seed, count, margin, gain, beta, taus):
    finite, rise = certified_run(seed, count, *as_arrays(margin, gain, beta, taus))
    assert bool(finite) and float(rise) <= LIMIT
