"""Claims about learning rules: Hebb's rule online, Oja's rules, local rules, coefficients."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from nam_jax import data, measure
from nam_jax.experiment.claims._discrete import N
from nam_jax.experiment.claims._finding import Finding, of_rate
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import DERIVED_HEBBIAN, OJA, PROSPECTUS
from nam_jax.experiment.common import patterns_of, random_problem, recall_all
from nam_jax.memory import (
    ActivityProduct,
    ClampedOja,
    ExpandedHebbian,
    FreeOja,
    OjaSubspace,
    Power,
    PseudoInverse,
    learn,
)
from nam_jax.network import DenseAssociativeMemory, Hopfield


@claim(
    "online",
    "Hebb's rule gives the same weights online, in any order, as in one batch",
    f"{PROSPECTUS}, eqs 2-4 and Corollary 2.8.1",
)
def online_is_batch(fast: bool) -> Finding:
    """Weights by patterns one after another, in two orders, against Xi^T Xi."""
    del fast
    xi = patterns_of(30, N, key=jr.key(3))
    batch = N * learn(ActivityProduct(), xi)
    online = [learn(ExpandedHebbian(), patterns) for patterns in (xi, xi[::-1])]
    gap = max(float(jnp.max(jnp.abs(weights - batch))) for weights in online)
    return Finding(gap, gap, gap, "largest difference of a weight", {"any order": gap == 0})


@claim(
    "oja",
    "Oja's rule turns weights into the first principal component",
    f"{PROSPECTUS}, Corollary 2.8.2; {OJA}",
)
def oja_averages(fast: bool) -> Finding:
    """Clamped Oja against the leaky average; free units against the first component, K = 3."""
    of_patterns, of_units = jr.split(jr.key(6))
    xi = patterns_of(12, N, key=of_patterns)
    shares = 0.1 * 0.9 ** jnp.arange(11.0, -1, -1)
    clamped = learn(ClampedOja(0.1), xi)
    average = jnp.einsum("k,ki,kj->ij", shares, xi, xi)
    gap = float(jnp.max(jnp.abs(clamped - average)))
    few = xi[:3] * jnp.array([1.5, 1.0, 0.7])[:, None]
    rule = FreeOja(0.05, passes=200 if fast else 2000)
    units = learn(rule, few, key=of_units)
    first = jnp.linalg.svd(few, full_matrices=False)[2][0]
    cosine = float(jnp.min(jnp.abs(units @ first) / jnp.linalg.norm(units, axis=1)))
    both = learn(ClampedOja(0.01), few, passes=200)
    share = float(jnp.linalg.norm(both @ first) / jnp.linalg.norm(both))
    meaning = (
        f"least |cosine| of a free unit with the first component; of clamped weights a share of "
        f"{share:.2f} lies along it, and they are a leaky average to {gap:.1g}"
    )
    fine = {"free units": cosine > 0.99, "clamped units": share > 0.99}
    return Finding(cosine, cosine, cosine, meaning, fine)


@claim(
    "subspace",
    "Oja's subspace rule with a tied decoder ends at the pseudo-inverse",
    DERIVED_HEBBIAN,
)
def subspace(fast: bool) -> Finding:
    """Weights by Oja's subspace rule, K = 16 outputs, against the pseudo-inverse, N = 64."""
    del fast
    of_patterns, of_units = jr.split(jr.key(7))
    xi = patterns_of(16, N, key=of_patterns)
    expected = learn(PseudoInverse(), xi)
    weights = learn(OjaSubspace(), xi, key=of_units)
    gap = float(jnp.linalg.norm(weights - expected) / jnp.linalg.norm(expected))
    return Finding(gap, gap, gap, "relative difference of the weights", {"K = 16": gap < 1e-4})


@claim(
    "local",
    "No local rule stores what a dense memory of n > 2 does",
    f"{PROSPECTUS}, Theorem 2.5.1, taken at its word",
)
def learned_locally(fast: bool) -> Finding:
    """Patterns of n = 4 by rules that see two units and their weight: in one layer and in two."""
    count, rate, passes = 300, 0.3, 60 if fast else 200
    xi, _, cues = random_problem(count, N, 0.1, count, key=jr.key(10))
    one_layer = Hopfield.from_patterns(xi)

    def present(weights: Array, mu: Array) -> tuple[Array, None]:
        hidden = jax.nn.one_hot(mu, count, dtype=xi.dtype)  # clamped: the unit for this pattern
        return weights + rate * hidden[:, None] * (xi[mu][None] - weights), None

    order = jnp.tile(jnp.arange(count), passes)
    weights = jax.lax.scan(present, jnp.zeros_like(xi), order)[0]
    gap = float(jnp.max(jnp.abs(weights - xi)))
    two_layers = DenseAssociativeMemory(jnp.sign(weights), Power(4))
    rates = [
        measure.rate(recall_all(net, cues, xi).overlap >= 0.95) for net in (two_layers, one_layer)
    ]
    meaning = (
        f"share of K = {count} patterns recalled from 10 % flips, N = 64, in two layers learned by "
        f"eta y (x - w), which end {gap:.0g} from the patterns; in one layer {rates[1].value:.2f}"
    )
    fine = {"one layer": rates[1].high < 0.05, "two layers": rates[0].high < 0.05}
    return Finding(*of_rate(rates[0]), meaning, fine)


@claim(
    "only-correlation",
    "For random patterns of -1 and +1 no coefficient but c2corr helps",
    DERIVED_HEBBIAN,
)
def only_correlation(fast: bool) -> Finding:
    """One-step errors of random coefficients, c2corr = 1, beside those of c2corr alone, K = 12."""
    num_rules, sets = (40, 50) if fast else (300, 200)
    of_rules, of_sets = jr.split(jr.key(8))
    coefficients = 0.5 * jr.normal(of_rules, (num_rules, 5))

    def wrong(key: Array, c: Array) -> Array:
        xi = data.random_patterns(12, N, key=key)
        weights = learn(ExpandedHebbian(c[0], c[1], c[2], c[3], c[4]), xi)
        weights = weights - jnp.diag(jnp.diag(weights))
        return jnp.mean(1 - jnp.sign(xi @ weights.T) * xi) / 2

    of_all = jax.jit(jax.vmap(jax.vmap(wrong, (0, None)), (None, 0)))
    keys = jr.split(of_sets, sets)
    others = np.asarray(jax.lax.map(lambda c: jax.vmap(lambda k: wrong(k, c))(keys), coefficients))
    alone = np.asarray(of_all(keys, jnp.zeros((1, 5))))[0]
    worse = (others - alone).mean(axis=1)
    error = (others - alone).std(axis=1, ddof=1) / sets**0.5
    rate = measure.rate(jnp.asarray(worse > -2 * error))
    meaning = (
        f"share of {num_rules} random rules that are no better, by two standard errors, than the "
        f"product alone, {alone.mean():.3f} wrong bits; the best has {others.mean(1).min():.3f}"
    )
    return Finding(*of_rate(rate), meaning, {"patterns of -1 and +1": bool(rate.value == 1)})
