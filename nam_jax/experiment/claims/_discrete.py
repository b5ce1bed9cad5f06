"""Claims about discrete networks: Hopfield's network, the dense memory, Minerva 2, correlations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

from nam_jax import measure, solve
from nam_jax._types import Patterns
from nam_jax.experiment.claims._finding import Finding
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import HOPFIELD, PROSPECTUS
from nam_jax.experiment.common import patterns_of
from nam_jax.memory import (
    Cosine,
    Polynomial,
    Power,
)
from nam_jax.network import (
    CorrelationMatrix,
    DenseAssociativeMemory,
    Hopfield,
    Minerva2,
    UniversalHopfield,
)

N = 64


@claim(
    "flip-test",
    "Flipping what lowers E = -sum F_2 is taking the signs of W s",
    f"{PROSPECTUS}, Theorem 2.3.1",
)
def flip_test(fast: bool) -> Finding:
    """Bits of random states by energy differences of z^2 / 2 and by sgn(W s): all at K of 5 to 300.

    Ties keep their state in both.
    """
    num_states = 100 if fast else 2000
    same, kept = [], []
    for place, num_patterns in enumerate((5, 64, 300)):
        of_patterns, of_states = jr.split(jr.fold_in(jr.key(0), place))
        xi = patterns_of(num_patterns, N, key=of_patterns)
        states = patterns_of(num_states, N, key=of_states)
        by_energy = _next(DenseAssociativeMemory(xi, Power(2)), states)
        without = _next(Hopfield.from_patterns(xi), states)
        whole = _next(Hopfield.from_patterns(xi, self_coupling=True), states)
        same.append(float(jnp.mean(by_energy == without)))
        kept.append(float(jnp.mean(by_energy == whole)))
    text = ", ".join(f"{share:.2f}" for share in kept)
    meaning = f"share of equal bits without the diagonal of W; with it {text} at K = 5, 64, 300"
    fine = {"W without its diagonal": min(same) == 1, "W with its diagonal": min(kept) == 1}
    return Finding(min(same), min(same), min(same), meaning, fine)


@claim(
    "quadratic", "The dense memory of n = 2 is Hopfield's network", f"{PROSPECTUS}, Corollary 2.5.1"
)
def pairwise_is_quadratic(fast: bool) -> Finding:
    """Runs of a dense memory of n = 2 and of a Hopfield network: same cues, same order."""
    of_patterns, of_cues, of_order = jr.split(jr.key(1), 3)
    xi = patterns_of(8, N, key=of_patterns)
    cues = patterns_of(20 if fast else 200, N, key=of_cues)
    updates = solve.Asynchronous(order=jr.permutation(of_order, N))
    dense, pairs = DenseAssociativeMemory(xi, Power(2)), Hopfield.from_patterns(xi)

    @eqx.filter_jit
    def ends_of(net: DenseAssociativeMemory | Hopfield) -> Patterns:
        return jax.vmap(lambda cue: solve.retrieve(net, cue, how=updates).state)(cues)

    ends = ends_of(dense), ends_of(pairs)
    same = float(jnp.mean(jnp.all(ends[0] == ends[1], axis=1)))
    # E of the dense memory is in units of F(N) = N^2 / 2, and holds the diagonal, K / N of them.
    energies = [jax.vmap(net.energy)(ends[0]) for net in (dense, pairs)]
    gap = float(jnp.max(jnp.abs(energies[0] * N / 2 - (energies[1] - 8 / 2))))
    overlaps = jnp.arange(-N, N + 1.0)
    slope = float(jnp.max(jnp.abs(Power(2).slope(overlaps) - overlaps)))
    meaning = (
        f"share of runs that end in the same state; energies differ by {gap:.1g} at most, and the "
        f"slope of F from its argument by {slope:.1g}"
    )
    return Finding(same, same, same, meaning, {"n = 2": same == 1 and gap < 1e-3 and slope < 1e-3})


@claim(
    "minerva",
    "Minerva 2 is the dense memory's pass of n = 4 (activations cubed)",
    f"{PROSPECTUS}, Corollary 2.5.2",
)
def minerva_is_cubic(fast: bool) -> Finding:
    """Signs of echoes with the similarity cubed against those of the pass Xi^T (Xi s)^3."""
    of_patterns, of_cues, of_lost, of_unknown = jr.split(jr.key(2), 4)
    xi = patterns_of(20, N, key=of_patterns)
    cues = patterns_of(100 if fast else 2000, N, key=of_cues)
    traces = jnp.where(jr.bernoulli(of_lost, 0.7, xi.shape), xi, 0)
    lengths = jnp.where(jnp.arange(20)[:, None] % 2 == 0, 2.0, 1.0)

    probes = jnp.where(jr.bernoulli(of_unknown, 0.7, cues.shape), cues, 0)

    def agreement(memory: Array, echo: Array, cues: Array = cues) -> float:
        plain = (cues @ memory.T) ** 3 @ memory
        return float(jnp.mean(jnp.sign(echo) == jnp.sign(plain)))

    def by_cosine(memory: Patterns) -> Array:
        return jax.vmap(UniversalHopfield(memory, Cosine(), Polynomial(3)).respond)(cues)

    equal = agreement(xi, by_cosine(xi))
    unequal = agreement(xi * lengths, by_cosine(xi * lengths))
    hintzman = agreement(traces, jax.vmap(Minerva2(traces).respond)(probes), probes)
    meaning = (
        f"share of equal signs with traces of one length; {unequal:.2f} where half are twice as "
        f"long, {hintzman:.3f} with Hintzman's similarity, 30 % of features unknown"
    )
    fine = {
        "cosine, traces of one length": equal > 0.999,
        "cosine, two lengths": unequal > 0.999,
        "Hintzman's similarity, unknown features": hintzman > 0.999,
    }
    return Finding(equal, equal, equal, meaning, fine)


@claim(
    "pairwise-only",
    "A matrix of pairwise weights holds all that a dense memory stores",
    f"{PROSPECTUS}, Theorem 2.5.1 (denies it for n > 2)",
)
def not_pairwise(fast: bool) -> Finding:
    """Two sets of patterns with one W (Hadamard rows of length 4 and their mirror), n = 2 and 4."""
    del fast
    one = jnp.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], float)
    other = one * jnp.array([[-1, 1, 1, 1]], float)
    gaps = []
    for n in (2, 4):
        energy = [DenseAssociativeMemory(xi, Power(n)).energy for xi in (one, other)]
        gaps.append(float(jnp.max(jnp.abs(jax.vmap(energy[0])(one) - jax.vmap(energy[1])(one)))))
    gap = float(jnp.max(jnp.abs(one.T @ one - other.T @ other)))
    fixed = [
        int(jnp.sum(jnp.all(_next(DenseAssociativeMemory(xi, Power(4)), one) == one, axis=1)))
        for xi in (one, other)
    ]
    meaning = (
        f"difference of energies, n = 4, in units of F(N), with one W (apart by {gap:.0g}); of the "
        f"first set {fixed[0]} of 4 are fixed in their own memory and {fixed[1]} in the other's"
    )
    fine = {"n = 2": gaps[0] < 1e-6, "n = 4": gaps[1] < 1e-6}
    return Finding(gaps[1], gaps[1], gaps[1], meaning, fine)


@claim(
    "hopfield-load",
    "A Hopfield network stores 0.15 N patterns",
    f"{PROSPECTUS}, section 2.4; {HOPFIELD}",
)
def share_of_neurons(fast: bool) -> Finding:
    """K / N of a Hopfield network at N = 256, 0.5 % wrong bits after one step."""
    size, sets = 256, 60 if fast else 400
    one_step = measure.capacity(
        lambda xi: DenseAssociativeMemory(xi, Power(2)), size, measure.OneStep(0.005),
        key=jr.key(5), guess=39, num_sets=sets,
    )  # fmt: skip
    value, low, high = (number / size for number in one_step[:3])
    meaning = "K / N at 0.5 % wrong bits after one step"
    near = low <= 0.155 and high >= 0.145
    return Finding(value, low, high, meaning, {"0.5 % wrong bits, to 0.005": near})


@claim(
    "superposition",
    "A correlation matrix answers a sum by the sum of its answers",
    f"{PROSPECTUS}, eq 1",
)
def superposition(fast: bool) -> Finding:
    """W (a s + b u) against a W s + b W u, N = 64, K = 40."""
    del fast
    of_patterns, of_states = jr.split(jr.key(4))
    xi = patterns_of(40, N, key=of_patterns)
    states = patterns_of(2, N, key=of_states)
    matrix = CorrelationMatrix(xi)
    mixed = matrix.respond(0.3 * states[0] - 2 * states[1])
    apart = 0.3 * matrix.respond(states[0]) - 2 * matrix.respond(states[1])
    gap = float(jnp.max(jnp.abs(mixed - apart)) / jnp.max(jnp.abs(apart)))
    return Finding(gap, gap, gap, "largest relative difference", {"linear": gap < 1e-5})


@eqx.filter_jit
def _next(net: DenseAssociativeMemory | Hopfield, states: Patterns) -> Patterns:
    """The states after all neurons took the signs of their fields; at field 0 a bit is kept."""
    fields = jax.vmap(net.local_field)(states)
    return jnp.where(fields == 0, states, jnp.sign(fields))
